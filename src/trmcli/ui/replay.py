"""One puzzle being solved, to be kept: every step as JSON.

JSON, format version 1: one object (or a list of them, for several puzzles) with ``format``, ``version``,
``task``, ``shape``, ``origin``, ``puzzle``, ``answer``, ``verdict``, ``verified``, ``method``, ``unique`` and
``frames``, each with ``attempt``, ``step``, ``cells`` (the grid as one line), ``confidence`` (a list, cell by
cell), ``halt``, ``checked``, ``seconds`` and ``supposed`` (the cells that the try takes as given from its
start, numbered line by line from 0). A line has ``/`` between rows and ``|`` between boxes where these are
not the usual ones. Of a puzzle that came in several lines, ``drawn`` has it in these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trmcli.errors import InputError, one_line
from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.task import Task

if TYPE_CHECKING:
    from trmcli.solving.answers import Answer, Frame

FORMAT = "trmcli-replay"
VERSION = 1


@dataclass(frozen=True)
class Replay:
    """One puzzle, every step that was made on it, and what came out.

    Attributes:
        verdict: the outcome as a sentence.
        unique: whether the puzzle has one solution only; None if unknown.
    """

    task: Task
    frames: Sequence[Frame]
    answer: Answer
    verdict: str
    unique: bool | None = None

    @property
    def origin(self) -> str:
        """Where the puzzle came from."""
        return one_line(str(self.answer.puzzle.origin))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as the module's note lists them."""
        puzzle, answer = self.answer.puzzle, self.answer
        return {
            "format": FORMAT,
            "version": VERSION,
            "task": self.task.name,
            "shape": list(puzzle.shape),
            "origin": self.origin,
            "puzzle": as_line(self.task, puzzle, puzzle.cells),
            **({"drawn": drawn} if (drawn := _drawn(self.task, puzzle)) else {}),
            "answer": as_line(self.task, puzzle, answer.cells),
            "verdict": self.verdict,
            "verified": answer.verified,
            "method": answer.method,
            "unique": self.unique,
            "frames": [
                {
                    "attempt": frame.attempt,
                    "step": frame.step,
                    "cells": as_line(self.task, puzzle, frame.cells),
                    "confidence": [round(float(value), 3) for value in frame.confidence.flat],
                    "halt": round(frame.halt, 3),
                    "checked": frame.checked,
                    "seconds": round(frame.seconds, 4),
                    "supposed": list(frame.supposed),
                }
                for frame in self.frames
            ],
        }


def _drawn(task: Task, puzzle: Puzzle) -> str:
    """A puzzle in its lines; empty where it came in one, or cannot be read again as it stands."""
    text = task.text.write(puzzle, puzzle.cells)
    return text if "\n" in text and read_drawn(task, puzzle, text) else ""


def read_drawn(task: Task, puzzle: Puzzle, text: str) -> Puzzle | None:
    """The same puzzle in the form that a text has; None where this is another one, or none."""
    try:
        found = list(task.text.read(text.splitlines(keepends=True), "drawn"))
    except InputError:
        return None
    if len(found) != 1 or not np.array_equal(found[0].cells, puzzle.cells):
        return None
    return replace(puzzle, layout=found[0].layout)


def as_line(task: Task, puzzle: Puzzle, cells: Cells) -> str:
    """A grid on one line, whatever form the puzzle came in."""
    return task.text.write(replace(puzzle, layout="line"), cells)
