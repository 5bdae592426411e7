"""The kind ``arc`` as the paper's network sees it: one grid of a task on a canvas of 30x30.

Cells of the canvas are its tokens (:mod:`trmcli.tasks.arc.tokens`), so that nothing is lost between them. The
rule is known to the network by the row of a view of the task in its table of puzzle embeddings, and to nobody
else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.tasks.arc.tokens import SIDE, VOCAB_SIZE
from trmcli.tasks.base import Bools, Cells, Ints, Look, Puzzle, Shape
from trmcli.tasks.lines import Reader
from trmcli.tasks.task import Codec, Paint, Task, Text, Views

CANVAS = (SIDE, SIDE)


class ArcText(Text):
    def reader(self, name: str) -> Reader:
        """Tasks are not puzzles that follow one another: see :mod:`trmcli.tasks.arc.files`."""
        raise InputError("is not a folder of ARC for this: trm data build arc makes one of tasks", name)

    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        return "\n".join("".join(ArcPaint.SIGNS[value] for value in row) for row in cells.tolist())


class ArcCodec(Codec):
    vocab_size = VOCAB_SIZE

    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        return cells.reshape(len(cells), -1).astype(np.int64)

    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        return tokens.astype(np.uint8).reshape(-1, *shape)

    def undecided(self, question: Cells) -> Bools:
        return np.ones(question.shape, dtype=np.bool_)


class ArcPaint(Paint):
    SIGNS = " +0123456789"

    def symbol(self, value: int, shape: Shape) -> str:
        return self.SIGNS[value]

    def look(self, value: int) -> Look:
        return "symbol" if value else "empty"


def arc_task() -> Task:
    return Task("arc", ArcText(), ArcCodec(), Views(VOCAB_SIZE), ArcPaint())
