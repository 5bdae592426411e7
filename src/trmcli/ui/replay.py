"""One puzzle being solved, to be kept: every step as JSON, or the last grid as SVG.

JSON, format version 1: one object (or a list of them, for several puzzles) with ``format``, ``version``,
``task``, ``shape``, ``origin``, ``puzzle``, ``answer``, ``verdict``, ``verified``, ``method``, ``unique`` and
``frames``, each with ``attempt``, ``step``, ``cells`` (the grid as one line), ``confidence`` (a list, cell by
cell), ``halt``, ``checked``, ``seconds`` and ``supposed`` (the cells that the try takes as given from its
start, numbered line by line from 0). A line has ``/`` between rows and ``|`` between boxes where these are
not the usual ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import numpy as np

from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.task import Task
from trmcli.ui.grid import Color, box_of, conflicts, draws_pictures, ramp_color, rgb

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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, as the module's note lists them."""
        puzzle, answer = self.answer.puzzle, self.answer
        return {
            "format": FORMAT,
            "version": VERSION,
            "task": self.task.name,
            "shape": list(puzzle.shape),
            "origin": str(puzzle.origin),
            "puzzle": as_line(self.task, puzzle, puzzle.cells),
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


def as_line(task: Task, puzzle: Puzzle, cells: Cells) -> str:
    """A grid on one line, whatever form the puzzle came in."""
    return task.text.write(replace(puzzle, layout="line"), cells)


_SIDE, _AREA = 48, 960  # of a cell, and of a grid of so many that they have to be smaller
_MARGIN = 28
_CAPTION = 56
_PAPER_RAMP: tuple[Color, ...] = ((150, 156, 168), (206, 110, 40), (176, 136, 16), (16, 132, 84))
"""Confidence from low to high, dark enough for white paper."""


def svg(replay: Replay) -> str:
    """The final grid as an SVG document, with the verdict below it and as its title."""
    task, answer = replay.task.of(replay.answer.puzzle), replay.answer
    question, cells = answer.puzzle.cells, answer.cells
    height, width = answer.puzzle.shape
    wrong, undecided = conflicts(task, question, cells), task.codec.undecided(question)
    side = min(_SIDE, _AREA // max(height, width))
    picture = draws_pictures(task)
    parts: list[str] = []
    for row, column in np.ndindex(height, width):
        left, top = _MARGIN + column * side, _MARGIN + row * side
        given = 0 if undecided[row, column] else int(question[row, column])
        value = given or int(cells[row, column])
        look = task.paint.look(value)
        color = rgb(ramp_color(float(answer.confidence[row, column]), _PAPER_RAMP))
        if row * width + column in wrong:
            fill = "#fbd5d5" if not picture else "#be303e"
        elif look == "symbol":
            fill = "#dbe6fb" if picture else "#f1f3f7" if given else "#ffffff"
        else:
            fill = {"solid": "#39404f", "trail": color}.get(look, "#ffffff")
        parts.append(f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="{fill}"/>')
        if look != "symbol":
            continue
        if not value:
            parts.append(f'<circle cx="{left + side // 2}" cy="{top + side // 2}" r="2" fill="#b6bcc8"/>')
            continue
        ink = 'font-weight="700" fill="#161a22"' if given else f'fill="{color}"'
        parts.append(
            f'<text x="{left + side // 2}" y="{top + side * 0.68:g}" {ink}>'
            f"{escape(task.paint.symbol(value, answer.puzzle.shape))}</text>"
        )
    thin, thick = _lines(box_of(task, answer.puzzle.shape), side)
    across, down = width * side + 2 * _MARGIN, height * side + 2 * _MARGIN + _CAPTION
    verdict = escape(replay.verdict)
    head, _, tail = verdict.partition(": ")
    caption = f'x="{across // 2}" font-family="{_SANS}" text-anchor="middle"'
    below = down - _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" width="{across}" '
            f'height="{down}" role="img">',
            f"<title>{escape(task.name)}: {verdict}</title>",
            f'<rect width="{across}" height="{down}" rx="12" fill="#ffffff"/>',
            f'<g font-family="{_SANS}" font-size="{side * 0.54:g}" text-anchor="middle">',
            *parts,
            "</g>",
            f'<path d="{thin}" stroke="#cfd4de" stroke-width="1" fill="none"/>',
            f'<path d="{thick}" stroke="#2b3140" stroke-width="2.5" stroke-linecap="square" fill="none"/>',
            f'<text {caption} y="{below - 22}" font-size="15" font-weight="600" fill="#2b3140">{head}</text>',
            f'<text {caption} y="{below}" font-size="12" fill="#6b7280">{tail}</text>',
            "</svg>",
        ]
    )


_SANS = "ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


def _lines(boxes: np.ndarray[Any, Any], side: int) -> tuple[str, str]:
    """Path data of the lines between cells of one box, and of those between boxes and around the grid."""
    thin: list[str] = []
    thick: list[str] = []
    around = np.pad(boxes, 1, constant_values=-1)
    height, width = boxes.shape
    for row, column in np.ndindex(height + 1, width + 1):
        here, above, before = around[row + 1, column + 1], around[row, column + 1], around[row + 1, column]
        x, y = _MARGIN + column * side, _MARGIN + row * side
        if column < width:
            (thick if here != above else thin).append(f"M{x} {y}h{side}")
        if row < height:
            (thick if here != before else thin).append(f"M{x} {y}v{side}")
    return "".join(thin), "".join(thick)
