"""A replay as pictures on white paper, one for each moment that the player shows: what SVG and GIF draw.

What a cell looks like, where it lies, what stands below the board and for how long is settled here, so the
files differ in nothing but their format. Lengths are in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.tasks.base import SURE, Cells, Ints
from trmcli.ui.grid import box_of, conflicts, draws_pictures
from trmcli.ui.palette import RAMP, Color, ramp_color
from trmcli.ui.player import Playing

if TYPE_CHECKING:
    from trmcli.tasks.task import Task
    from trmcli.ui.replay import Replay

Point = tuple[int, int]
Line = tuple[int, int, int, int]
"""From x and y on, so far to the right, so far down."""

FASTEST = 20.0
"""Moments a second where the pace is "as fast as it goes"."""
_TICK = 1 / 128
"""Seconds; moments last whole numbers of these. A power of two adds up exactly."""
_LEVELS = 20
"""Confidence is drawn in so many steps from 0 to 1: cells share their colours, and files stay small."""

WHITE: Color = (255, 255, 255)
INK: Color = (22, 26, 34)
DIM: Color = (107, 114, 128)
THIN: Color = (207, 212, 222)
THICK: Color = (43, 49, 64)
_SOLID: Color = (57, 64, 79)
_GIVEN: Color = (241, 243, 247)
_NEW: Color = (226, 233, 250)
_WRONG: Color = (190, 48, 62)
_ENDS: tuple[Color, ...] = ((37, 99, 201), (134, 55, 196))
"""Of signs in pictures, by their value: blue where a path starts, violet where it goes."""
_UNSURE: Color = (168, 174, 188)
"""Of cells in pictures that hold nothing, where the model is least sure of that; the surest are white."""
PAPER_RAMP: tuple[Color, ...] = ((100, 107, 120), (168, 80, 20), (128, 98, 8), (12, 112, 70))
"""Confidence of symbols from low to high, dark enough for white paper."""

_SIDE, _AREA = 48, 960  # of a cell, and of a board of so many that they have to be smaller
_MARGIN, _BELOW = 28, 56
_NARROWEST = 380  # what is said has to fit
_USUAL = 488  # across a Sudoku; under wider boards letters are larger, for wide pictures are shown smaller
_HEAD, _TAIL = 15, 12  # letters


@dataclass(frozen=True)
class Tile:
    """What one cell looks like.

    Attributes:
        text: its symbol; empty for none.
        blank: whether a dot stands for a value that is missing.
        doubt: whether a dot in the corner says that the symbol is not to be trusted.
        supposed: whether a line under the symbol says that it is taken as given.
        wrong: whether a corner is cut off, for the cell breaks a rule.
        changed: whether a hook at the left says that something else stood here a moment ago.
    """

    paper: Color
    text: str = ""
    ink: Color = INK
    bold: bool = False
    blank: bool = False
    doubt: bool = False
    supposed: bool = False
    wrong: bool = False
    changed: bool = False


@dataclass(frozen=True)
class Moment:
    """One picture: the cells line by line, what stands below in bold and plain, and how many seconds."""

    tiles: tuple[Tile, ...]
    head: str
    tail: str
    seconds: float


@dataclass(frozen=True)
class Storyboard:
    """Everything that is drawn of one replay.

    Attributes:
        title: what it shows, for those who do not see it.
        boxes: ``[height, width]`` the box that each cell belongs to.
        plain: whether there are no lines between cells of one box.
    """

    title: str
    boxes: Ints
    plain: bool
    moments: Sequence[Moment]

    @cached_property
    def shape(self) -> tuple[int, int]:
        height, width = self.boxes.shape
        return height, width

    @cached_property
    def side(self) -> int:
        """Of a cell."""
        return min(_SIDE, max(2, _AREA // max(self.shape)))

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        height, width = self.shape
        across = max(width * self.side + 2 * _MARGIN, _NARROWEST)
        return across, height * self.side + 2 * _MARGIN + round(_BELOW * self._enlarged(across))

    @cached_property
    def corner(self) -> tuple[int, int]:
        """Left and top of the first cell."""
        return (self.size[0] - self.shape[1] * self.side) // 2, _MARGIN

    def place(self, cell: int) -> tuple[int, int]:
        """Left and top of a cell, numbered line by line."""
        row, column = divmod(cell, self.shape[1])
        return self.corner[0] + column * self.side, self.corner[1] + row * self.side

    def cut(self, cell: int) -> tuple[Point, Point, Point]:
        """The corner that a wrong cell lacks."""
        (x, y), long = self.place(cell), min(self.side, max(3, self.side // 4))
        return (x, y), (x + long, y), (x, y + long)

    def hook(self, cell: int) -> tuple[Point, Point, Point]:
        """What a changed cell has at its left: down to the right, and back."""
        (x, y), long = self.place(cell), self.side // 12
        x, y = x + long, y + self.side // 2
        return (x, y - long), (x + long, y), (x, y + long)

    @staticmethod
    def _enlarged(across: int) -> float:
        return max(1.0, across / _USUAL)

    @property
    def letters(self) -> tuple[int, int]:
        """How large what is said is, bold and plain."""
        much = self._enlarged(self.size[0])
        return round(_HEAD * much), round(_TAIL * much)

    @property
    def baselines(self) -> tuple[int, int]:
        """Where what is said stands, bold and plain."""
        lowest = self.size[1] - _MARGIN
        return lowest - round(22 * self._enlarged(self.size[0])), lowest

    @cached_property
    def lines(self) -> tuple[list[Line], list[Line]]:
        """Thin ones between cells of a box, thick ones between boxes and around the board."""
        thin: list[Line] = []
        thick: list[Line] = []
        around = np.pad(self.boxes, 1, constant_values=-1)
        (height, width), (left, top), side = self.shape, self.corner, self.side
        for row, column in np.ndindex(height + 1, width + 1):
            here, above, before = (
                around[row + 1, column + 1],
                around[row, column + 1],
                around[row + 1, column],
            )
            x, y = left + column * side, top + row * side
            if column < width:
                (thick if here != above else thin).append((x, y, side, 0))
            if row < height:
                (thick if here != before else thin).append((x, y, 0, side))
        return [] if self.plain else thin, thick


def storyboard(replay: Replay, fps: float, still: int | None = None) -> Storyboard:
    """The moments of a replay at the player's pace.

    Args:
        fps: steps of the first try a second; 0 for as fast as is sensible.
        still: the only step to show, from 1; 0 for the question, -1 for the end. None for all.

    Raises:
        InputError: there is no such step.
    """
    puzzle = replay.answer.puzzle
    task = replay.task.of(puzzle)
    if still is None:
        shown = pace(replay, fps)
    else:
        count = len(replay.frames)
        if still > count:
            raise InputError(f"there is no step {still}: it took {count}", "--frame")
        shown = [(count if still < 0 else still - 1, 1.0)]
    moments = [_moment(replay, task, place, seconds) for place, seconds in shown]
    boxes = box_of(task, puzzle.shape)
    return Storyboard(f"{task.name}: {replay.verdict}", boxes, draws_pictures(task), moments)


def pace(replay: Replay, fps: float) -> list[tuple[int, float]]:
    """What the player shows, and for how many seconds: -1 is the question, then come frames, then the end."""
    playing = Playing(fps or FASTEST, True, 0.0)
    playing.frames.extend(replay.frames)
    playing.ending = replay.answer, replay.verdict
    shown: list[tuple[int, float]] = []
    tick = since = 0
    while not playing.over(tick * _TICK):
        before = playing.place
        playing.advance(tick * _TICK)
        if playing.place != before:
            shown.append((before, (tick - since) * _TICK))
            since = tick
        tick = max(tick + 1, math.ceil(playing.due / _TICK))
    return [*shown, (playing.place, (tick - since) * _TICK)]


def _moment(replay: Replay, task: Task, place: int, seconds: float) -> Moment:
    frames, answer = replay.frames, replay.answer
    question = answer.puzzle.cells
    if place < 0:
        height, width = answer.puzzle.shape
        tiles = _tiles(task, question, question, question, None)
        return Moment(tiles, f"{task.name} {height}x{width}", "the question", seconds)
    if place == len(frames):
        tiles = _tiles(task, question, answer.cells, answer.cells, answer.confidence)
        head, _, tail = replay.verdict.partition(": ")
        return Moment(tiles, head, tail, seconds)
    frame, before = frames[place], frames[place - 1].cells if place else question
    tiles = _tiles(task, question, frame.cells, before, frame.confidence, frame.supposed)
    tries = f", try {frame.attempt}" if frames[-1].attempt > 1 else ""
    return Moment(tiles, f"step {frame.step}{tries}", f"halting {frame.halt:.0%}", seconds)


def _tiles(
    task: Task,
    question: Cells,
    cells: Cells,
    before: Cells,
    confidence: npt.NDArray[np.floating] | None,
    supposed: Sequence[int] = (),
) -> tuple[Tile, ...]:
    """``before`` is what stood there a moment ago, to mark what is new."""
    undecided = task.codec.undecided(question)
    wrong = conflicts(task, question, cells)
    if confidence is None:
        confidence = np.ones(cells.shape)
    values = np.where(undecided, cells, question)
    sure = (np.rint(confidence * _LEVELS) / _LEVELS).ravel().tolist()
    if draws_pictures(task):
        return tuple(
            _part(task, cells, value, share, cell in wrong)
            for cell, (value, share) in enumerate(zip(values.ravel().tolist(), sure, strict=True))
        )
    new, doubt = ((values != before) & undecided).ravel(), (confidence < SURE).ravel()
    tiles = []
    for cell, value in enumerate(values.ravel().tolist()):
        given, symbol = not undecided.flat[cell], ""
        if value:
            symbol = task.paint.symbol(value, (cells.shape[0], cells.shape[1]))
        paper = _WRONG if cell in wrong else _GIVEN if given else _NEW if new[cell] else WHITE
        ink = WHITE if cell in wrong else INK if given else ramp_color(sure[cell], PAPER_RAMP)
        doubtful = bool(value) and not given and bool(doubt[cell])
        signs = doubtful, cell in supposed, cell in wrong, bool(new[cell])
        tiles.append(Tile(paper, symbol, ink, given, not value, *signs))
    return tuple(tiles)


def _part(task: Task, cells: Cells, value: int, share: float, wrong: bool) -> Tile:
    """One cell of a picture."""
    look = task.paint.look(value)
    if look == "symbol":
        symbol = task.paint.symbol(value, (cells.shape[0], cells.shape[1]))
        return Tile(_WRONG if wrong else _ENDS[value % len(_ENDS)], symbol, WHITE, True, wrong=wrong)
    if wrong:
        return Tile(_WRONG, wrong=True)
    if look == "solid":
        return Tile(_SOLID)
    return Tile(ramp_color(share, RAMP) if look == "trail" else _mixed(share))


def _mixed(share: float) -> Color:
    """Of a cell that holds nothing, by the probability that this is right."""
    return ramp_color(share, (_UNSURE, WHITE))
