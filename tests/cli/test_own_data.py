"""Problems of one's own on the command line: learned, solved, measured, watched, refused."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Screen
from warm import Warm

Run = Callable[..., subprocess.CompletedProcess[str]]

SMALL = [
    *("--set", "max_steps=300", "--set", "supervision_steps=2", "--set", "eval_every=300"),
    *(
        "--set",
        "warmup_steps=10",
        "--set",
        "ema=0.95",
        "--set",
        "model.hidden_size=32",
        "--set",
        "model.rounds=1",
    ),
]


def swapped(grid: list[list[int]]) -> list[list[int]]:
    return [[(0, 2, 1)[cell] for cell in row] for row in grid]


def pairs_of(seed: int, count: int) -> str:
    rng = random.Random(seed)
    grids = [[[rng.randint(0, 2) for _ in range(3)] for _ in range(2)] for _ in range(count)]
    return "".join(json.dumps({"input": grid, "output": swapped(grid)}) + "\n" for grid in grids)


@pytest.fixture(scope="module")
def weights(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model that has learned to exchange 1 and 2."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "swap.jsonl").write_text(pairs_of(0, 400))
    done = warm.run("train", "grid", "--data", folder / "swap.jsonl", "--out", folder / "run", "-q", *SMALL)
    assert done.returncode == 0, done.stderr
    return folder / "run" / "best.safetensors"


def test_the_weights_say_what_a_grid_is(warm: Warm, weights: Path) -> None:
    card = json.loads(warm.run("info", weights, "--json").stdout)
    assert (card["name"], card["task"], card["config"]["mixer"]) == ("swap", "grid", "relation")
    assert card["kind"]["symbols"] == ["0", "1", "2"] and card["kind"]["canvas"] == [2, 3]
    assert card["kind"]["sizes"] == "fixed"


def test_pairs_are_measured_against_their_answers(warm: Warm, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text(pairs_of(1, 50))
    table = tmp_path / "rows.csv"
    done = warm.run("eval", tmp_path / "new.jsonl", "--weights", weights, "--json", "--predictions", table)
    figures = json.loads(done.stdout)
    assert (done.returncode, figures["exact_accuracy"], figures["puzzles"]) == (0, 1.0, 50), done.stderr
    assert "unchecked" not in figures and figures["halting"]["bins"]
    row = table.read_text().splitlines()[1].split(",")
    assert row[2] == row[3] and row[4] == "1"


def test_without_answers_nothing_is_called_right(warm: Warm, weights: Path) -> None:
    done = warm.run("solve", "-", "--weights", weights, "--json", stdin="[[0,1,2],[2,2,1]]\n")
    answer = json.loads(done.stdout)
    assert (answer["puzzle"], answer["answer"], answer["verified"]) == ("012/221", "021/112", None)
    assert done.returncode == 0
    done = warm.run("solve", "-", "--weights", weights, stdin="[[0,1,2],[2,2,1]]\n")
    assert json.loads(done.stdout) == [[0, 2, 1], [1, 1, 2]]
    assert done.stderr.startswith("answered, unchecked: ")
    done = warm.run("eval", "-", "--weights", weights, "--json", stdin="[[0,1,2],[2,2,1]]\n")
    figures = json.loads(done.stdout)
    assert (figures["solved"], figures["unchecked"], figures["halting"]["bins"]) == (0, 1, [])
    assert figures["exact_accuracy"] is None and figures["interval_95"] is None
    done = warm.run("eval", "-", "--weights", weights, stdin="[[0,1,2],[2,2,1]]\n")
    assert done.stdout.splitlines()[1].split("\t")[:5] == ["all", "1", "-", "-", "-"]
    assert "1 unchecked" in done.stdout and "halting" not in done.stdout


def test_accuracy_is_that_of_answers_that_can_be_judged(warm: Warm, weights: Path) -> None:
    text = "[[0,1,2],[2,2,1]]\n" + pairs_of(2, 1)
    figures = json.loads(warm.run("eval", "-", "--weights", weights, "--json", stdin=text).stdout)
    assert (figures["puzzles"], figures["unchecked"], figures["exact_accuracy"]) == (2, 1, 1.0)


def test_a_grid_is_typed_as_it_stands_in_a_table(warm: Warm, weights: Path, tmp_path: Path) -> None:
    done = warm.run("solve", "012/221", "--weights", weights)
    assert (done.returncode, done.stdout) == (0, "021/112\n"), done.stderr
    done = warm.run("solve", "-", "--weights", weights, stdin="012/221\n210/000\n")  # as answers are written
    assert (done.returncode, done.stdout) == (0, "021/112\n120/000\n"), done.stderr
    done = warm.run("solve", "012/223", "--weights", weights)
    assert done.returncode == 2 and done.stderr == "trm: error: 012/223: no such file\n"


def test_a_wrong_answer_is_one_that_is_not_the_known_one(warm: Warm, weights: Path) -> None:
    text = '{"input": [[0, 1, 2], [2, 2, 1]], "output": [[0, 1, 2], [2, 2, 1]]}\n'
    done = warm.run("solve", "-", "--weights", weights, stdin=text)
    assert done.returncode == 1 and done.stderr.startswith("answered, not as the known answer: ")


def test_an_answer_is_watched(terminal: Callable[..., Screen], weights: Path, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("012\n221\n")
    screen = terminal("solve", tmp_path / "one.txt", "--weights", weights, "--fps", "0")
    assert screen.status == 0
    assert "grid 2x3, swap" in screen.text and "answered, unchecked" in screen.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("012\n223\n", "<stdin>:1: row 2, column 3 is '3', which is not among 0, 1, 2"),
        ("0121\n2210\n", "<stdin>:1: has a grid of 2x4, larger than the canvas of 2x3"),
        ("012\n22\n", "<stdin>:2: the grid is ragged: row 2 has 2 cells, row 1 has 3"),
    ],
)
def test_what_was_not_learned_is_refused(warm: Warm, weights: Path, text: str, message: str) -> None:
    done = warm.run("solve", "-", "--weights", weights, stdin=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("question,answer\nab,ba\nab,aa\n", "own.csv:3: disagrees with "),
        ("question,answer\nab,ba\nab/a,aa\n", "own.csv:3: the question is ragged"),
        ("question,answer\nab,\n", "own.csv:2: has no answer: training needs pairs"),
    ],
)
def test_bad_pairs_are_refused_before_training(warm: Warm, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.csv").write_text(text)
    done = warm.run("train", "grid", "--data", tmp_path / "own.csv", "--out", tmp_path / "run")
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_without_data_the_preset_says_what_it_needs(warm: Warm) -> None:
    done = warm.run("train", "grid")
    assert done.returncode == 2 and "name them with --data FILE" in done.stderr
    done = warm.run("solve", "-", "--task", "grid", stdin="ab\n")
    assert done.returncode == 2 and "name them with --weights" in done.stderr
    done = warm.run("data", "generate", "grid")
    assert (done.returncode, done.stderr) == (
        2,
        "trm: error: grid: makes no puzzles: they are pairs of your own\n",
    )


def test_pairs_in_place_of_a_preset_are_told_where_they_go(warm: Warm, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("question,answer\nab,ba\n")
    for arguments in (["train", file], ["train", "--data", file]):
        done = warm.run(*arguments)
        assert done.returncode == 2 and f"trm train grid --data {file}" in done.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.csv", "question,answer\n1 2 3 0,1 2 3 4\n"),
        ("own.jsonl", '{"input": [[1, 0], [0, 2]], "output": [[1, 1], [2, 2]]}\n'),
    ],
)
def test_pairs_without_their_weights_are_told_of_them(
    warm: Warm, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    for command in ("solve", "eval"):
        done = warm.run(command, tmp_path / name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith("to answer a problem of your own, name its weights: --weights FILE\n")


PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"

QUICKLY = (
    "max_steps=2",
    "validation_count=2",
    "model.hidden_size=16",
    "data=[{source='generated',count=6,options={size=6}}]",
)
"""Settings of Takuzu with which training takes seconds."""

CLUMSY = """\
from dataclasses import replace

from trmcli_takuzu import TakuzuMaker, TakuzuRules, takuzu


class Rules(TakuzuRules):
    def verify(self, question, answer):
        return [][0]


class Maker(TakuzuMaker):
    def make(self, count, seed, options, made=print):
        return super().make(count, seed, {"size": 6 // options.get("half", 1)}, made)


task = replace(takuzu, name="clumsy", rules=Rules(), maker=Maker())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip fills it: Takuzu, and a kind whose package is broken."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "trmcli_takuzu.py").write_text((PLUGIN / "trmcli_takuzu.py").read_text())
    (folder / "broken_kind.py").write_text("raise RuntimeError('no such luck')\n")
    (folder / "quits_kind.py").write_text("raise SystemExit(3)\n")
    (folder / "number_kind.py").write_text("task = 5\n")
    (folder / "clumsy_kind.py").write_text(CLUMSY)
    about = folder / "others-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    entries: tuple[str, ...] = (
        "takuzu = trmcli_takuzu:takuzu",
        "broken = broken_kind:task",
        "maze = broken_kind:task",
    )
    entries += ("quits = quits_kind:task", "number = number_kind:task", "clumsy = clumsy_kind:task")
    (about / "entry_points.txt").write_text("\n".join(("[trmcli.tasks]", *entries)))
    return folder


@pytest.fixture
def with_plugins(trm: Run, site: Path) -> Run:
    import os

    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))

    def run(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return trm(*arguments, stdin=stdin, PYTHONPATH=path)

    return run


def test_a_kind_of_another_package_makes_puzzles(with_plugins: Run) -> None:
    done = with_plugins("data", "generate", "takuzu", "--count", "3", "--set", "size=6", "--format", "csv")
    header, *rows = done.stdout.splitlines()
    assert (done.returncode, header, len(rows)) == (0, "source,question,answer,rating", 3), done.stderr
    for row in rows:
        _, question, answer, _ = row.split(",")
        assert len(question) == len(answer) == 36 and set(answer) == {"0", "1"}
        assert all(given in (".", value) for given, value in zip(question, answer, strict=True))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("broken", "the task 'broken' cannot be loaded from broken_kind:task: RuntimeError: no such luck"),
        ("quits", "the task 'quits' cannot be loaded from quits_kind:task: SystemExit: 3"),
        ("number", "the task 'number' of number_kind:task turns out to be int"),
    ],
)
def test_a_broken_package_is_named_where_it_is_asked_for(with_plugins: Run, kind: str, message: str) -> None:
    done = with_plugins("data", "generate", kind)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trm: error: {message}\n")


def test_a_maker_that_fails_is_named_in_one_line(with_plugins: Run) -> None:
    done = with_plugins("data", "generate", "clumsy", "--set", "half=0")
    assert (done.returncode, done.stdout) == (2, "")
    said = "the task 'clumsy' failed in clumsy_kind.py, line 13: ZeroDivisionError: "
    assert done.stderr.startswith(f"trm: error: {said}") and len(done.stderr.splitlines()) == 1


def test_rules_that_fail_are_named_in_one_line(with_plugins: Run, tmp_path: Path) -> None:
    """Here in another thread than the command's own, within training."""
    options = (part for setting in QUICKLY for part in ("--set", setting))
    done = with_plugins(
        "train", PLUGIN / "takuzu.toml", "--out", tmp_path / "run", "-q", *options, "--set", "task=clumsy"
    )
    assert (done.returncode, done.stdout) == (2, "")
    said = (
        "trm: error: the task 'clumsy' failed in clumsy_kind.py, line 8: IndexError: list index out of range"
    )
    assert done.stderr.splitlines() == [said]


def test_a_broken_package_is_in_nobodys_way(with_plugins: Run) -> None:
    assert with_plugins("data", "generate", "sudoku", "--size", "4").returncode == 0


def test_a_kind_that_nobody_has_is_refused(with_plugins: Run) -> None:
    done = with_plugins("data", "generate", "takuzo")
    assert done.returncode == 2 and "there is no kind 'takuzo'; did you mean takuzu?" in done.stderr


def test_the_example_of_a_package_is_short() -> None:
    assert len((PLUGIN / "trmcli_takuzu.py").read_text().splitlines()) <= 150


def test_a_kind_of_another_package_is_trained_and_solves(with_plugins: Run, tmp_path: Path) -> None:
    """The whole way, with a model that has learned nothing yet."""
    options = [part for setting in QUICKLY for part in ("--set", setting)]
    done = with_plugins("train", PLUGIN / "takuzu.toml", "--out", tmp_path / "run", "-q", *options)
    assert done.returncode == 0, done.stderr
    made = with_plugins("data", "generate", "takuzu", "--set", "size=6", "--seed", "9").stdout
    weights = tmp_path / "run" / "best.safetensors"
    done = with_plugins(
        "solve", "-", "--weights", weights, "--tries", "1", "--fallback", "search", stdin=made
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 36 and "solved and checked: by plain search" in done.stderr
    again = with_plugins("solve", made.strip(), "--weights", weights, "--fallback", "search")
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr
