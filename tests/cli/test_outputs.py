"""Outputs that are refused before anything is read: inputs, two of one name, and names of packed files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import Run, environment
from warm import Warm

QUESTION, ANSWER = "1..4.4.22.4..3.1", "1234341221434321"
CSV = f"source,question,answer,rating\ntest,{QUESTION},{ANSWER},0\n"
MAZES = "source,question,answer,rating\n"
PAIR = {"input": [[1, 2]], "output": [[2, 1]]}
TASK = json.dumps({"train": [PAIR, PAIR], "test": [{"input": [[3, 4]]}]})
CHALLENGES = json.dumps({"aa": json.loads(TASK)})
SOLUTIONS = json.dumps({"aa": [[[4, 3]]]})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inputs of every sort, where commands run."""
    texts = {
        "q.json": json.dumps({"question": QUESTION}),
        "p.csv": CSV,
        "one.txt": f"{QUESTION}\n",
        "x_challenges.json": CHALLENGES,
        "x_solutions.json": SOLUTIONS,
        "mazes.csv": MAZES,
        "step_1": "weights",
        "identifiers.json": "[]",
        "all_config.yaml": "arch: {}\n",
    }
    (tmp_path / "tasks").mkdir()
    for name, text in {**texts, "tasks/a.json": TASK}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "link.json").symlink_to("q.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("command", "named", "option"),
    [
        ("solve q.json --save q.json", "q.json", "--save"),
        ("solve q.json --save ./tasks/../q.json", "tasks/../q.json", "--save"),
        ("solve q.json --save link.json", "link.json", "--save"),
        ("solve link.json --save q.json", "q.json", "--save"),
        ("solve --replay q.json --save q.json", "q.json", "--save"),
        ("solve one.txt --weights q.json --save q.json", "q.json", "--save"),
        ("solve x_challenges.json -o x_challenges.json", "x_challenges.json", "-o"),
        ("solve tasks -o tasks/a.json", "tasks/a.json", "-o"),
        ("eval q.json --save q.json", "q.json", "--save"),
        ("eval p.csv --predictions p.csv", "p.csv", "--predictions"),
        ("eval one.txt --answers p.csv --predictions p.csv", "p.csv", "--predictions"),
        ("eval x_challenges.json --predictions x_challenges.json", "x_challenges.json", "--predictions"),
        ("eval x_challenges.json --save x_solutions.json", "x_solutions.json", "--save"),
        ("eval tasks --weights w --submission tasks/a.json", "tasks/a.json", "--submission"),
        ("data generate maze --exclude mazes.csv -o mazes.csv", "mazes.csv", "-o"),
        ("convert step_1 -o step_1", "step_1", "-o"),
        ("convert step_1 -o all_config.yaml", "all_config.yaml", "-o"),
        ("convert step_1 -o one.txt --identifiers one.txt", "one.txt", "-o"),
    ],
)
def test_an_output_that_is_an_input_is_refused(
    trm: Run, folder: Path, command: str, named: str, option: str
) -> None:
    before = contents(folder)
    done = trm(*command.split(" "))
    assert done.stderr == f"trm: error: {named}: is read here: name another file for {option}\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert contents(folder) == before


def test_standard_input_is_an_input_as_well(folder: Path) -> None:
    for command in (("solve", "--save", "q.json"), ("eval", "-", "--predictions", "q.json")):
        with Path("q.json").open() as stdin:
            done = subprocess.run(
                [sys.executable, "-m", "trmcli", *command],
                stdin=stdin,
                capture_output=True,
                text=True,
                env=environment(),
            )
        assert done.returncode == 2
        assert done.stderr == f"trm: error: q.json: is read here: name another file for {command[-2]}\n"
    assert json.loads(Path("q.json").read_text()) == {"question": QUESTION}


def test_a_run_does_not_begin_where_it_would_write_over_what_it_reads(warm: Warm, folder: Path) -> None:
    run = folder / "run"
    run.mkdir()
    tiny = run / "config.toml"
    tiny.write_text(
        'name = "tiny"\ntask = "sudoku"\n[model]\nmixer = "relation"\n[[data]]\nsource = "p.csv"\n'
    )
    (run / "log.jsonl").write_text(CSV)
    (run / "best.safetensors").write_text("weights")
    before = contents(run)
    for options, name in (
        ((tiny,), "config.toml"),
        (("sudoku", "--data", run / "log.jsonl"), "log.jsonl"),
        (("sudoku", "--init-from", run / "best.safetensors", "--resume"), "best.safetensors"),
    ):
        done = warm.run("train", *options, "--out", run)
        assert done.stderr == f"trm: error: {run / name}: is read here: name another folder for --out\n"
        assert done.returncode == 2
        assert warm.run("train", *options, "--out", run, "--dry-run").stderr == done.stderr
        assert contents(run) == before


def test_two_outputs_are_two_files(trm: Run, folder: Path) -> None:
    done = trm("eval", "p.csv", "--save", "new.json", "--predictions", "./new.json")
    assert done.returncode == 2
    assert done.stderr == "trm: error: new.json: is named by --save and by --predictions: name two files\n"
    assert not (folder / "new.json").exists()


def test_other_files_are_replaced_also_in_a_folder_that_is_read(trm: Run, folder: Path) -> None:
    figures = folder / "tasks" / "figures.json"
    figures.write_text("{}")
    done = trm("eval", "p.csv", "--save", figures, "--predictions", "one.txt")
    assert done.returncode in (0, 1), done.stderr
    assert json.loads(figures.read_text())["puzzles"] == 1
    assert Path("one.txt").read_text().startswith("source,question")
    done = trm("eval", "tasks", "--save", figures, "--steps", 1)  # refused for another reason
    assert "is read here" not in done.stderr and "--steps" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "solve one.txt --save new.json.gz",
        "solve x_challenges.json -o new.json.xz",
        "eval p.csv --predictions new.csv.gz",
        "eval p.csv --save new.json.bz2",
        "eval p.csv --chart new.svg.gz",
        "eval x_challenges.json --weights w --submission new.json.zst",
        "data generate sudoku -o new.txt.gz",
        "data generate maze -o new.txt.GZ",
        "convert step_1 -o new.gz",
        "download sudoku-small -o new.safetensors.gz",
    ],
)
def test_nothing_is_written_under_the_name_of_a_packed_file(trm: Run, folder: Path, command: str) -> None:
    *_, option, name = command.split(" ")
    done = trm(*command.split(" "))
    said = f"would not be packed: name a file that does not end in {Path(name).suffix} for {option}"
    assert done.stderr == f"trm: error: {name}: {said}\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert not (folder / name).exists()
