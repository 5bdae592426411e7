"""Folders that ``trm data build`` and the reference make, read as tables of questions and answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trmcli.errors import InputError

_MAZE, _SUDOKU = "# SGo", ".123456789ABCDEFG"
"""The signs of the tokens from 1 on."""


def table_of(folder: Path) -> Iterator[str]:
    """The lines of a table of the puzzles of one split: of the ``test`` split, if the folder holds splits.

    Raises:
        InputError: it holds no such split, is damaged, or has other puzzles than Sudoku and mazes.
    """
    place = folder if (folder / "dataset.json").is_file() else folder / "test"
    if not (place / "dataset.json").is_file():
        message = "holds no test puzzles (trm data build makes them of --test-csv FILE)"
        raise InputError(f"{message}; to take those of training, name {folder / 'train'}", str(folder))
    try:
        about = json.loads((place / "dataset.json").read_text(encoding="utf-8"))
        cells, tokens = int(about["seq_len"]), int(about["vocab_size"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise InputError("does not describe a data set", str(place / "dataset.json")) from None
    side = math.isqrt(max(cells, 0))
    signs = _MAZE if tokens == len(_MAZE) + 1 else _SUDOKU[: side + 1]
    if side * side != cells or tokens != len(signs) + 1:
        message = "holds neither Sudoku nor mazes: name the files that it was made from"
        raise InputError(message, str(place))
    return _lines(place, cells, signs)


def _lines(place: Path, cells: int, signs: str) -> Iterator[str]:
    questions, answers = (_array(place / f"all__{name}.npy", cells) for name in ("inputs", "labels"))
    if len(questions) != len(answers):
        raise InputError(f"holds {len(questions)} questions and {len(answers)} answers", str(place))
    yield "question,answer\n"
    known = dict(enumerate(signs, start=1))
    for rows in zip(questions, answers, strict=True):
        # What is no token becomes a sign that no reader takes.
        yield ",".join("".join(known.get(token, "!") for token in row.tolist()) for row in rows) + "\n"


def _array(path: Path, cells: int) -> Any:
    import numpy as np

    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"is no array that can be read: {error}", str(path)) from None
    if found.ndim != 2 or found.shape[1] != cells or found.dtype.kind not in "iu":
        what = f"holds {found.dtype} of shape {list(found.shape)}, not rows of {cells} tokens"
        raise InputError(what, str(path))
    return found
