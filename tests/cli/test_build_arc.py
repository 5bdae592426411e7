"""``trm data build arc``: what it says first, what it writes, and what it warns of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples" / "arc"
Trm = Callable[..., Any]


def challenges(folder: Path, name: str, tasks: list[str], solved: bool = True) -> Path:
    """Some of the examples as Kaggle lays them out."""
    values = {task: json.loads((EXAMPLES / f"{task}.json").read_text()) for task in tasks}
    answers = {task: [pair.pop("output") for pair in value["test"]] for task, value in values.items()}
    (folder / f"{name}_challenges.json").write_text(json.dumps(values))
    if solved:
        (folder / f"{name}_solutions.json").write_text(json.dumps(answers))
    return folder / f"{name}_challenges.json"


def test_the_size_is_said_before_anything_is_written(trm: Trm, tmp_path: Path) -> None:
    train = challenges(tmp_path, "train", ["beam", "fill"])
    test = challenges(tmp_path, "test", ["unfold"], solved=False)
    options = ("--train", train, "--test", test, "--views", 4, "--out", tmp_path / "data")
    sized = trm("data", "build", "arc", *options, "--dry-run")
    assert (sized.returncode, sized.stderr) == (0, "")
    assert sized.stdout.startswith("3 tasks, at most 15 views: ") and not (tmp_path / "data").exists()
    done = trm("data", "build", "arc", *options)
    assert done.returncode == 0 and done.stderr.startswith(sized.stdout)
    words = [line.split("\t") for line in done.stdout.splitlines()]
    assert [place for place, _ in words] == [str(tmp_path / "data" / split) for split in ("train", "test")]
    learned, tested = (int(count.split()[0]) for _, count in words)
    assert f"{learned} examples to learn, {tested} to test" in sized.stdout
    assert json.loads((tmp_path / "data" / "identifiers.json").read_text())[1] == "unfold"


def test_a_task_that_is_learned_and_tested_is_named(trm: Trm, tmp_path: Path) -> None:
    train, test = (challenges(tmp_path, name, ["beam"]) for name in ("train", "test"))
    done = trm(
        "data", "build", "arc", "--train", train, "--test", test, "--views", 1, "--out", tmp_path / "data"
    )
    assert done.returncode == 0
    assert "1 task of --test has a test input that --train shows with its output: beam" in done.stderr
    names = json.loads((tmp_path / "data" / "identifiers.json").read_text())
    assert [name for name in names if "|||" not in name] == ["<blank>", "beam", "beam (2)"]


def test_a_bad_task_ends_it_before_anything_is_written(trm: Trm, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"train": [], "test": []}')
    done = trm("data", "build", "arc", "--train", tmp_path / "bad.json", "--out", tmp_path / "data")
    assert done.returncode == 2 and "has no demonstrations" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_line_that_is_longer_than_the_canvas_is_refused(trm: Trm, tmp_path: Path) -> None:
    line = [[1] * 31]
    task = {"train": [{"input": line, "output": line}], "test": [{"input": line}]}
    (tmp_path / "line.json").write_text(json.dumps(task))
    done = trm("data", "build", "arc", "--train", tmp_path / "line.json", "--out", tmp_path / "data")
    assert done.returncode == 2
    assert "line.json: task line: has a grid of 1x31: the paper's canvas has 30x30" in done.stderr
    assert not (tmp_path / "data").exists()
