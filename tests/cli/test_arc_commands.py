"""``trm solve`` and ``trm eval`` with ARC tasks, around a stand-in for the fit of networks.

``fake_arc.py`` says what the stand-in knows: outputs that are turned inputs.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Run, Screen, environment, runner

from trmcli.tasks.arc.views import View

Terminal = Callable[..., Screen]
FAKE = Path(__file__).parent / "fake_arc.py"


@pytest.fixture
def trm() -> Run:
    """Run ``trm ARGUMENTS`` with the stand-in, and capture everything."""
    return runner(str(FAKE))


def task(
    turn: int, rule: Callable[[Any], Any] | None = None, tests: int = 1, known: bool = True
) -> dict[str, Any]:
    """A task whose outputs are turned inputs, or follow another rule."""
    rng = np.random.default_rng(turn)

    def pair(known: bool = True) -> dict[str, Any]:
        grid = rng.integers(0, 10, (2, 3)).astype(np.uint8)
        answer = View(turn).see(grid) if rule is None else rule(grid)
        return {"input": grid.tolist(), "output": answer.tolist()} if known else {"input": grid.tolist()}

    return {"train": [pair(), pair(), pair()], "test": [pair(known) for _ in range(tests)]}


def other(grid: Any) -> Any:
    return (grid + 1) % 10


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


@pytest.fixture
def challenges(tmp_path: Path) -> Path:
    """Kaggle's two files of four tasks, one of which the stand-in answers wrongly."""
    tasks = {"t1": task(1), "t2": task(2, tests=2), "t4": task(4), "odd": task(0, other)}
    hidden = {
        name: {"train": one["train"], "test": [{"input": pair["input"]} for pair in one["test"]]}
        for name, one in tasks.items()
    }
    outputs = {name: [pair["output"] for pair in one["test"]] for name, one in tasks.items()}
    write(tmp_path / "x_solutions.json", outputs)
    return write(tmp_path / "x_challenges.json", hidden)


def test_a_task_gives_two_attempts_in_a_pipe(trm: Run, tmp_path: Path) -> None:
    one = task(1, known=False)
    done = trm("solve", write(tmp_path / "a.json", one))
    question = np.array(one["test"][0]["input"], np.uint8)
    first, second = (
        "\n".join("".join(map(str, row)) for row in grid) for grid in (np.rot90(question), question)
    )
    assert done.stdout == f"# a, test 1, attempt 1\n{first}\n\n# a, test 1, attempt 2\n{second}\n\n"
    assert done.stderr == "a: fits 3 of 3 demonstrations, 3 of 3 members agree, unchecked, 0.5 s\n"
    assert done.returncode == 0


def test_where_members_do_not_agree_the_status_says_so(trm: Run, tmp_path: Path) -> None:
    done = trm("solve", write(tmp_path / "a.json", {**task(0, other), "test": [{"input": [[1, 2]]}]}))
    assert done.returncode == 1


def test_a_known_output_tells_right_from_wrong(trm: Run, tmp_path: Path) -> None:
    right, wrong = write(tmp_path / "a.json", task(1)), write(tmp_path / "b.json", task(0, other))
    assert "agree, attempt 1 is right, 0.5 s" in trm("solve", right).stderr
    assert "agree, no attempt is right, 0.5 s" in trm("solve", wrong).stderr
    assert not any("solved" in trm("solve", one).stderr for one in (right, wrong))


def test_tasks_come_from_a_pipe_and_from_an_argument(trm: Run) -> None:
    text = json.dumps(task(2, known=False))
    assert trm("solve", stdin=text).stderr.startswith("stdin: fits 3 of 3")
    assert trm("solve", text).stderr.startswith("argument: fits 3 of 3")
    assert trm("solve", "--task", "arc", "-", stdin=text).returncode == 0


def test_json_has_one_object_a_test(trm: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", task(1, tests=2, known=False))
    done = trm("solve", path, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["test"] for line in lines] == [1, 2]
    first = lines[0]
    assert np.array(first.pop("attempts")[0]).shape == (3, 2)
    assert first == {
        "task": "a",
        "test": 1,
        "votes": [1.0, 0.0],
        "agreement": 3,
        "members": 3,
        "fits_demonstrations": 3,
        "demonstrations": 3,
        "verified": None,
        "seconds": 0.5,
        "cpu_seconds": 1.0,
        "origin": str(path),
    }


def test_challenges_give_a_submission(trm: Run, challenges: Path, tmp_path: Path) -> None:
    done = trm("solve", challenges, "-o", tmp_path / "submission.json")
    assert done.returncode == 1
    assert "members agree in 3 of 4 tasks, all unchecked" in done.stderr
    submission = json.loads((tmp_path / "submission.json").read_text())
    solutions = json.loads((tmp_path / "x_solutions.json").read_text())
    assert {name: len(tests) for name, tests in submission.items()} == {"t1": 1, "t2": 2, "t4": 1, "odd": 1}
    assert [entry["attempt_1"] for entry in submission["t2"]] == solutions["t2"]
    assert submission["odd"][0]["attempt_1"] != solutions["odd"][0]
    assert all(set(entry) == {"attempt_1", "attempt_2"} for tests in submission.values() for entry in tests)


def test_of_challenges_with_a_bad_task_the_others_are_answered(trm: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"aa": task(1), "bad": {"train": [], "test": []}, "cc": task(2)})
    done = trm("solve", path)
    assert done.returncode == 2
    assert f"trm: skipped: {path}: task bad: has no demonstrations" in done.stderr
    assert done.stdout.count("attempt 1") == 2
    assert done.stderr.endswith("1 bad task skipped\n")
    assert trm("solve", path, "--skip-bad").returncode == 1


def test_a_packed_file_is_recognised(trm: Run, tmp_path: Path) -> None:
    path = tmp_path / "turn.json.gz"
    path.write_bytes(gzip.compress(json.dumps(task(1)).encode()))
    assert trm("solve", path).stdout.startswith("# turn, test 1, attempt 1\n")
    assert trm("solve", tmp_path).returncode == 0
    with path.open("rb") as file:
        done = subprocess.run(
            [sys.executable, FAKE, "solve", "-"], stdin=file, capture_output=True, text=True
        )
    assert done.stdout.startswith("# stdin, test 1, attempt 1\n")


def test_in_a_folder_one_file_with_a_long_number_is_named(trm: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.json", task(1))
    write(tmp_path / "b.json", json.dumps(task(2)).replace("[[", f"[[{'1' * 5000}, ", 1))
    done = trm("solve", tmp_path)
    assert done.returncode == 2
    skipped = f"trm: skipped: {tmp_path / 'b.json'}: task b, train 1, input, row 1: cell 1 is 1111"
    assert done.stderr.startswith(skipped)
    assert done.stdout.startswith("# a, test 1, attempt 1\n")


def test_a_name_reaches_no_terminal_raw_and_json_as_it_is(trm: Run, tmp_path: Path) -> None:
    name = "a\nb\x1b[31m"
    path = write(tmp_path / "c.json", {name: task(1), "c\x1b[0m": {"train": [], "test": []}})
    done = trm("solve", path)
    assert done.stdout.startswith("# a\\nb\\x1b[31m, test 1, attempt 1\n")
    assert "\na\\nb\\x1b[31m: fits 3 of 3" in done.stderr and "task c\\x1b[0m: has no" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert json.loads(trm("solve", path, "--json").stdout)["task"] == name


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_bad_input_is_one_line_and_status_2(trm: Run, tmp_path: Path, command: str) -> None:
    path = write(tmp_path / "a.json", '{"train": [{"input": [[1]],\n "output": [[1] [2]]}]}')
    done = trm(command, path, "-q")
    assert done.stderr == f"trm: error: {path}:2:17: is not JSON: expecting ',' delimiter\n"
    assert (done.returncode, done.stdout) == (2, "")


NEVER = (
    ("--tries", "3"),
    ("--until-solved",),
    ("--strategy", "noise"),
    ("--halt", "never"),
    ("--no-commit",),
    ("--select", "vote"),
    ("--legend", "#=wall"),
)
WITH_WEIGHTS = (
    ("--rounds", "2"),
    ("--steps", "2"),
    ("--device", "cuda:7"),
    ("--engine", "numpy"),
    ("--compile", "on"),
    ("--batch-size", "2"),
)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        *(("solve", options) for options in NEVER),
        *(("eval", options) for options in NEVER[::2]),
        *(("solve", options) for options in (("--save", "x.json"), ("--fallback", "search"))),
        *(("eval", options) for options in (("--per-step",), ("--calibration",), ("--chart", "x.svg"))),
        *(("solve", options) for options in WITH_WEIGHTS),
        *(("eval", options) for options in WITH_WEIGHTS[::2]),
    ],
)
def test_options_that_mean_nothing_for_arc_are_refused(
    trm: Run, tmp_path: Path, command: str, options: tuple[str, ...]
) -> None:
    done = trm(command, write(tmp_path / "a.json", task(1)), *options)
    without = " without --weights" if options in WITH_WEIGHTS else ""
    assert done.stderr == f"trm: error: {options[0]}: does not apply to ARC tasks{without}\n"
    assert (done.returncode, done.stdout) == (2, "")


def test_what_is_so_for_arc_in_any_case_may_be_asked_for(trm: Run, tmp_path: Path) -> None:
    options = ("--no-live", "--no-wait", "--device", "cpu", "--engine", "torch", "--compile", "off")
    done = trm("solve", write(tmp_path / "a.json", task(1)), *options)
    assert done.returncode == 0, done.stderr


def test_what_is_of_trained_weights_asks_for_them(trm: Run, tmp_path: Path) -> None:
    for options in (("--submission", tmp_path / "x.json"), ("--votes", "all")):
        done = trm("eval", write(tmp_path / "a.json", task(1)), *options)
        assert done.returncode == 2 and done.stderr.startswith(f"trm: error: {options[0]}: needs --weights")
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_other_puzzles_and_tasks_are_given_apart(trm: Run, tmp_path: Path, command: str) -> None:
    puzzle = "..12...4....1.23"
    arc, other = write(tmp_path / "a.json", task(1)), write(tmp_path / "p.txt", f"{puzzle}\n")
    said = f"is a puzzle of the task sudoku, and {arc} is of ARC: give them apart"
    for sources, place, stdin in (
        ((other, arc), f"{other}:1", ""),
        ((arc, other), f"{other}:1", ""),
        ((arc, puzzle), "<argument>:1", ""),
        ((arc, "-"), "<stdin>", f"{puzzle}\n"),
    ):
        done = trm(command, *sources, stdin=stdin)
        assert done.stderr == f"trm: error: {place}: {said}\n"
        assert (done.returncode, done.stdout) == (2, "")
    broken = write(tmp_path / "b.json", '{"train": [')
    done = trm(command, arc, broken)
    assert done.returncode == 2 and f"trm: skipped: {broken}:1:" in done.stderr


def test_options_of_arc_are_refused_for_other_puzzles(trm: Run, tmp_path: Path) -> None:
    puzzle = "..12...4....1.23"
    assert trm("solve", puzzle, "-o", tmp_path / "s.json").stderr.startswith(
        "trm: error: --output: a submission"
    )
    assert "are for ARC tasks" in trm("eval", write(tmp_path / "p.txt", puzzle), "--blind").stderr


def test_ctrl_c_gives_the_attempts_so_far(trm: Run, challenges: Path, tmp_path: Path) -> None:
    done = trm("solve", challenges, "-o", tmp_path / "s.json", FAKE_ARC="interrupt t2")
    assert done.returncode == 130
    assert done.stdout.count("attempt 1") == 3
    assert "interrupted: 2 of 4 tasks answered so far" in done.stderr
    assert list(json.loads((tmp_path / "s.json").read_text())) == ["t1", "t2"]


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_a_process_that_was_killed_is_told_of_once(trm: Run, challenges: Path, command: str) -> None:
    done = trm(command, challenges, FAKE_ARC="lose")
    assert done.stderr.count("trm: a process was killed: its network is lost, the others go on") == 1
    assert done.returncode == 1 and done.stdout


def test_a_terminal_shows_the_task_and_then_its_attempts(terminal: Terminal, tmp_path: Path) -> None:
    screen = terminal(
        "solve",
        write(tmp_path / "turn.json", task(1)),
        rows=24,
        columns=80,
        program=FAKE,
        on=("learning", lambda number: os.write(number, b"\x03")),
        FAKE_ARC="wait turn",
    )
    assert screen.status == 130
    assert "48;2;0;116;217" in screen.text  # blue, as the official site has it
    before, _, after = screen.text.rpartition("attempt 1, 100% of the votes")
    assert "learning the demonstrations: member 1, 3 of 3 right" in before
    assert "fits 3 of 3 demonstrations, 3 of 3 members agree, attempt 1 is right" in after
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")


def test_a_terminal_shows_several_tasks_one_after_another(terminal: Terminal, tmp_path: Path) -> None:
    tasks = write(tmp_path / "c.json", {"one": task(1, known=False), "two": task(2, known=False)})
    screen = terminal("solve", tasks, program=FAKE, FAKE_ARC="interrupt two")
    assert screen.status == 130
    assert ["one, 1 of 2" in screen.text, "two, 2 of 2" in screen.text] == [True, True]
    assert screen.text.count("members agree, unchecked") == 2
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")


def test_progress_is_on_the_terminal_while_attempts_go_to_a_file(terminal: Terminal, tmp_path: Path) -> None:
    attempts = tmp_path / "attempts.txt"
    redirecting = f"""
import os, runpy
os.dup2(os.open({str(attempts)!r}, os.O_WRONLY | os.O_CREAT), 1)
runpy.run_path({str(FAKE)!r}, run_name="__main__")
"""
    screen = terminal(
        "solve",
        write(tmp_path / "turn.json", task(1, known=False)),
        program=write(tmp_path / "redirecting.py", redirecting),
        on=("turn: member 1: 3 of 3 demonstrations right", lambda number: os.write(number, b"\x03")),
        FAKE_ARC="wait turn",
    )
    assert screen.status == 130
    assert "turn: fits 3 of 3 demonstrations, 3 of 3 members agree, unchecked" in screen.text
    assert attempts.read_text().startswith("# turn, test 1, attempt 1\n")
    assert "\x1b" not in attempts.read_text()


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"NO_COLOR": "1"}, "▏"),
        ({"TERM": "xterm", "COLORTERM": ""}, "\x1b[97;44m"),
        ({"TERM": "dumb"}, "# turn, test 1, attempt 1"),
    ],
)
def test_terminals_with_fewer_colours_show_what_they_can(
    terminal: Terminal, tmp_path: Path, variables: dict[str, str], shown: str
) -> None:
    one = {"train": [{"input": [[1, 1]], "output": [[1], [1]]}], "test": [{"input": [[1, 1]]}]}
    screen = terminal("solve", write(tmp_path / "turn.json", one), program=FAKE, **variables)
    assert screen.status == 0
    assert shown in screen.text or shown.replace("97;", "37;") in screen.text
    assert "48;2" not in screen.text


def test_ctrl_c_is_heard_while_networks_are_really_fitted(terminal: Terminal, tmp_path: Path) -> None:
    path = write(tmp_path / "turn.json", task(0, other, known=False))
    screen = terminal(
        "solve",
        path,
        "--budget",
        600,
        "--threads",
        1,
        on=("learning", lambda number: os.write(number, b"\x03")),
    )
    assert screen.status == 130
    assert "of the votes" in screen.text and "unchecked" in screen.text
    assert "interrupted: 1 of 1 task answered so far" in screen.text


def test_networks_are_really_fitted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", task(2, known=False))
    command = [
        sys.executable,
        "-m",
        "trmcli",
        "solve",
        str(path),
        "--budget",
        "3",
        "--threads",
        "1",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    (line,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode in (0, 1)
    assert 1 <= len(line["attempts"]) <= 2
    assert line["members"] >= 1
    assert 0 <= line["fits_demonstrations"] <= line["demonstrations"] == 3
    assert all(1 <= len(grid) <= 30 for grid in line["attempts"])


def test_an_evaluation_tells_shares_with_intervals(trm: Run, challenges: Path) -> None:
    done = trm("eval", challenges)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0][:6] == ["tasks", "count", "pass@1", "95% interval", "pass@2", "95% interval"]
    assert [(row[0], row[1], row[4]) for row in rows[1:5]] == [
        ("same shape", "3", "66.7%"),
        ("other shape", "1", "100.0%"),
        ("up to 10", "4", "75.0%"),
        ("all", "4", "75.0%"),
    ]
    assert "3 of 4 tasks right at every test" in done.stdout
    assert done.returncode == 1


def test_the_file_of_figures_is_what_json_prints(trm: Run, challenges: Path, tmp_path: Path) -> None:
    done = trm("eval", challenges, "--json", "--save", tmp_path / "f.json")
    figures = json.loads(done.stdout)
    assert json.loads((tmp_path / "f.json").read_text()) == figures
    assert (figures["tasks"], figures["pass@1"], figures["pass@2"], figures["complete"]) == (
        4,
        0.75,
        0.75,
        True,
    )
    assert figures["pass@2_interval"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    assert figures["agreement"][0] == {
        "agreement": 3,
        "members": 3,
        "tests": 5,
        "right": 4,
        "interval": pytest.approx([0.3755, 0.9638], abs=1e-4),
    }


def figures_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def test_a_killed_evaluation_goes_on_where_it_was(trm: Run, challenges: Path, tmp_path: Path) -> None:
    kept = tmp_path / "done.jsonl"
    killed = trm("eval", challenges, "--predictions", kept, FAKE_ARC="die t4")
    assert killed.returncode == 9
    lines = kept.read_text().splitlines()
    assert [json.loads(line).get("task") for line in lines] == [None, "t1", "t2"]
    with kept.open("a") as file:
        file.write('{"task": "t4", "tes')  # the line that was being written
    resumed = trm("eval", challenges, "--predictions", kept, "--resume", "--json", FAKE_ARC="die t1")
    whole = trm("eval", challenges, "--predictions", tmp_path / "whole.jsonl", "--json")
    assert figures_of(resumed) == figures_of(whole)
    assert kept.read_text() == (tmp_path / "whole.jsonl").read_text()  # attempts, votes and all
    assert [json.loads(line).get("task") for line in kept.read_text().splitlines()] == [
        None,
        "t1",
        "t2",
        "t4",
        "odd",
    ]


def test_several_workers_give_the_figures_of_one(trm: Run, challenges: Path, tmp_path: Path) -> None:
    kept = tmp_path / "done.jsonl"
    several = trm("eval", challenges, "--workers", 2, "--predictions", kept, "--json")
    assert figures_of(several) == figures_of(trm("eval", challenges, "--json"))
    assert len(kept.read_text().splitlines()) == 5


def test_a_file_of_finished_tasks_is_never_overwritten_or_mixed(
    trm: Run, challenges: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "done.jsonl"
    trm("eval", challenges, "--predictions", kept)
    before = kept.read_text()
    for options, said in (
        ((), "is there already: --resume goes on with it"),
        (("--resume", "--seed", "1"), "done.jsonl:1: was made with --seed 0, and this is 1"),
        (("--resume", "--budget", "9"), "done.jsonl:1: was made with --budget 60.0, and this is 9.0"),
    ):
        done = trm("eval", challenges, "--predictions", kept, *options)
        assert done.returncode == 2
        assert said in done.stderr
    renamed = write(tmp_path / "y_challenges.json", {"t1": task(3)})
    done = trm("eval", renamed, "--predictions", kept, "--resume")
    assert "done.jsonl: has another task t1 than" in done.stderr
    assert kept.read_text() == before
    foreign = write(tmp_path / "notes.txt", "something of mine\n")
    assert (
        "is not a file of finished ARC tasks"
        in trm("eval", challenges, "--predictions", foreign, "--resume").stderr
    )
    assert foreign.read_text() == "something of mine\n"


def test_a_blind_evaluation_opens_the_solutions_when_all_is_answered(trm: Run, challenges: Path) -> None:
    solutions = challenges.with_name("x_solutions.json")
    text = solutions.read_text()
    expected = figures_of(trm("eval", challenges, "--json"))
    solutions.unlink()
    appearing = {"FAKE_ARC_APPEARS": str(solutions), "FAKE_ARC_TEXT": text}
    assert trm("eval", challenges, "--json", **appearing).returncode == 2
    assert not solutions.exists()
    assert figures_of(trm("eval", challenges, "--json", "--blind", **appearing)) == expected


def test_a_blind_evaluation_reads_outputs_that_stand_in_the_tasks_anew(trm: Run, tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    for turn in (1, 2):
        write(folder / f"t{turn}.json", task(turn))
    assert figures_of(trm("eval", folder, "--blind", "--json"))["pass@1"] == 1.0


def test_a_sample_is_drawn_by_the_names_and_the_seed(trm: Run, challenges: Path, tmp_path: Path) -> None:
    def drawn(name: str, *options: object) -> list[str]:
        trm("eval", challenges, "--sample", 2, "--predictions", tmp_path / name, *options)
        return [json.loads(line)["task"] for line in (tmp_path / name).read_text().splitlines()[1:]]

    first = drawn("a")
    assert len(first) == 2
    assert drawn("b") == first
    reordered = dict(reversed(json.loads(challenges.read_text()).items()))
    write(challenges, reordered)
    assert sorted(drawn("c")) == sorted(first)
    assert any(sorted(drawn(f"s{seed}", "--seed", seed)) != sorted(first) for seed in range(1, 6))


def test_a_limit_takes_the_first_tasks(trm: Run, challenges: Path) -> None:
    assert figures_of(trm("eval", challenges, "--limit", 2, "--json"))["tasks"] == 2


def test_an_evaluation_without_answers_says_how_to_name_them(trm: Run, challenges: Path) -> None:
    solutions = challenges.with_name("x_solutions.json")
    elsewhere = solutions.rename(solutions.with_name("elsewhere.json"))
    done = trm("eval", challenges)
    assert done.returncode == 2
    assert "task t1: its output is not known; name a file of solutions by --answers" in done.stderr
    assert trm("eval", challenges, "--solutions", elsewhere).returncode == 1
    assert trm("eval", challenges, "--answers", elsewhere).returncode == 1


def test_an_evaluation_of_a_set_with_a_bad_task_measures_the_others(trm: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"aa": task(1), "bad": {"train": [], "test": []}})
    done = trm("eval", path, "--json")
    assert done.returncode == 2
    assert figures_of(done)["tasks"] == 1
    assert "task bad: has no demonstrations" in done.stderr


@pytest.mark.parametrize(
    "module",
    ["trmcli.tasks.arc.files", "trmcli.cli.solve_arc", "trmcli.cli.eval_arc", "trmcli.training.members"],
)
def test_arc_does_not_import_torch_in_the_process_that_waits(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ)).returncode == 0
