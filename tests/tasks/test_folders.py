"""Folders of ``trm data build`` are read as files of puzzles are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trmcli.errors import InputError
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.training.config import DataConfig
from trmcli.training.reference_data import build_maze, build_sudoku
from trmcli.training.sources import load_examples

CSV = str(Path(__file__).parents[1] / "data" / "sudoku_hard.csv")
MAZES = "question,answer\n######S  #### ##G  ######,######Soo####o##Goo######\n"


def read(source: object, task: str | None = None) -> list[Puzzle]:
    return [puzzle for _, puzzle in read_puzzles([str(source)], task)]


def folder(kind: str, place: Path, test: bool = True) -> Path:
    """A data set of this kind, whose two splits are the same puzzles."""
    source = CSV
    if kind == "maze":
        source = str(place / "mazes.csv")
        Path(source).write_text(MAZES)
    build = build_sudoku if kind == "sudoku" else build_maze
    build(place / "data", source, source if test else None, task=get_task(kind))
    return place / "data"


@pytest.mark.parametrize("kind", ["sudoku", "maze"])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("split", ["", "train"])
def test_a_folder_is_its_test_puzzles(kind: str, named: bool, split: str, tmp_path: Path) -> None:
    data = folder(kind, tmp_path)
    wanted = read(CSV if kind == "sudoku" else tmp_path / "mazes.csv")
    found = read(data / split, kind if named else None)
    assert len(found) == len(wanted) > 0
    for one, other in zip(found, wanted, strict=True):
        assert one.answer is not None and other.answer is not None
        assert np.array_equal(one.cells, other.cells) and np.array_equal(one.answer, other.answer)


def fails(source: Path, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read(source)


def test_training_puzzles_are_never_measured_unasked(tmp_path: Path) -> None:
    fails(folder("sudoku", tmp_path, test=False), "data: holds no test puzzles .* name .*data/train")


def test_what_is_wrong_in_a_folder_is_one_line(tmp_path: Path) -> None:
    test = folder("sudoku", tmp_path) / "test"
    inputs = np.load(test / "all__inputs.npy")
    inputs[1, 4] = 77
    np.save(test / "all__inputs.npy", inputs)
    fails(test, "test:3:5: .*'!'")
    np.save(test / "all__inputs.npy", inputs[:, 1:])
    fails(test, "not rows of 81 tokens")
    (test / "all__inputs.npy").write_text("nothing")
    fails(test, "is no array that can be read")
    for about, message in (
        ('{"seq_len": 900, "vocab_size": 12}', "holds neither Sudoku nor mazes"),
        ('{"seq_len": "many"}', "does not describe a data set"),
    ):
        (test / "dataset.json").write_text(about)
        fails(test, message)


def test_nothing_trains_on_a_test_split(tmp_path: Path) -> None:
    data = folder("sudoku", tmp_path)
    (data / "train").rename(tmp_path / "train")
    with pytest.raises(InputError, match="is a folder without a train split"):
        load_examples(get_task("sudoku"), DataConfig(str(data)), 0)
