"""Reads what ``trm solve --save x.json`` has written, to be played without a model.

A file may come from anywhere, so nothing in it is believed: grids must be grids of their kind, steps must
come in order, and what the file says of an answer must be what the rules say. Where something is wrong, the
error names the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from trmcli.errors import InputError, Origin, one_line
from trmcli.solving.answers import Answer, Frame, choose, settle
from trmcli.strict_json import load
from trmcli.tasks.base import Cells, Puzzle, Shape
from trmcli.tasks.kinds import get_task
from trmcli.tasks.task import Task
from trmcli.ui.replay import FORMAT, VERSION, Replay, read_drawn

METHODS = ("model", "search", "count")
MOST_SECONDS = 1e9
"""Nobody computes for thirty years."""


def read_replays(path: Path) -> list[Replay]:
    """The replays of a file, in order.

    Raises:
        InputError: it cannot be read, or is not what ``--save`` writes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", str(path)) from None
    except UnicodeDecodeError:
        raise InputError("is not a replay: it is not UTF-8 text", str(path)) from None
    content = load(text, str(path))
    many = isinstance(content, list)
    records = content if many else [content]
    if not records:
        raise InputError("holds no replay", str(path))
    return [
        _replay(_Place(str(path), f"[{number}]" if many else "", one)) for number, one in enumerate(records)
    ]


@dataclass(frozen=True)
class _Place:
    """A value in the file, and where it stands."""

    file: str
    where: str
    value: Any

    def fail(self, message: str) -> NoReturn:
        raise InputError(f"{self.where.lstrip('.') or 'the file'} {message}", self.file)

    def get(self, name: str) -> _Place:
        if not isinstance(self.value, dict):
            self.fail("is not an object, so it is not a replay")
        if name not in self.value:
            self.fail(f"has no {name!r}, so it is not a replay of this version")
        return _Place(self.file, f"{self.where}.{name}", self.value[name])

    def all(self) -> list[_Place]:
        if not isinstance(self.value, list):
            self.fail("is not a list")
        return [
            _Place(self.file, f"{self.where}[{number}]", value) for number, value in enumerate(self.value)
        ]

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail("is not text")
        return self.value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail("is not true or false")
        return self.value

    def whole(self, least: int, below: float = math.inf) -> int:
        if type(self.value) is not int or not least <= self.value < below:
            self.fail(f"is not a whole number from {least} on" + (f" below {below}" * (below < math.inf)))
        return self.value

    def real(self, most: float) -> float:
        if type(self.value) not in (int, float) or not 0 <= self.value <= most:  # nan neither
            self.fail(f"is not a number from 0 to {most:,.0f}")
        return float(self.value)


def _replay(record: _Place) -> Replay:
    if record.get("format").value != FORMAT or record.get("version").value != VERSION:
        record.fail(f"is not a replay of version {VERSION}")
    name = record.get("task")
    task = _task(name)
    puzzle = _puzzle(task, record)
    task_of = task.of(puzzle)
    frames = _frames(task_of, puzzle, record.get("frames"))
    cells = _cells(task_of, puzzle.shape, record.get("answer"))
    checked = bool(task_of.accepts(puzzle.cells[None], cells[None])[0])
    verified = record.get("verified")
    if verified.value is not None:
        verified.flag()
    if task_of.rules is not None:
        _agree(verified, checked, "answer")
    answer = _answer(task_of, puzzle, frames, cells, checked, record)
    unique = record.get("unique")
    if unique.value is not None:
        unique.flag()
    return Replay(task, frames, answer, one_line(record.get("verdict").text()), unique.value)


def _answer(
    task: Task, puzzle: Puzzle, frames: list[Frame], cells: Cells, checked: bool, record: _Place
) -> Answer:
    """The answer, which must be what its method can come to."""
    place, answer = record.get("method"), record.get("answer")
    method = place.text()
    if method not in METHODS:
        place.fail(f"is not one of {', '.join(METHODS)}")
    settled = replace(settle(puzzle, frames), method=method, ruled=task.rules is not None)
    if method == "count":
        if frames or not np.array_equal(cells, puzzle.cells):
            place.fail("is count, and yet there are frames, or an answer that is not the puzzle")
        return replace(settled, checked=checked)
    if method == "search":
        if not checked:
            place.fail("is search, and the rules do not accept the answer")
        sure = np.ones(puzzle.shape, dtype=np.float32)
        return replace(settled, cells=cells, confidence=sure, checked=True)
    ends = {frame.attempt: frame for frame in frames}.values()
    same = [frame for frame in ends if np.array_equal(frame.cells, cells)]
    if not same:
        answer.fail("is not what any of the tries in the frames came to")
    if settled.checked and not checked:
        answer.fail("is not right, and one of the tries came to an answer that the rules accept")
    best = choose(same)
    return replace(settled, cells=cells, confidence=best.confidence, halt=best.halt, checked=checked)


def _task(name: _Place) -> Task:
    try:
        task = get_task(name.text())
    except InputError as error:
        name.fail(f"cannot be played: {error}")
    if task.name == "grid":
        name.fail("cannot be played: problems of your own need their weights")
    if task.name == "arc":
        name.fail("cannot be played: of tasks of ARC no steps are saved")
    return task


def _puzzle(task: Task, record: _Place) -> Puzzle:
    height, width = _shape(record.get("shape"))
    place = record.get("puzzle")
    line, origin = place.text(), record.get("origin").text()
    try:
        found = list(task.text.read([line + "\n"], origin))
    except InputError as error:
        place.fail(f"is not a {task.name}: {error}")
    if len(found) != 1 or found[0].shape != (height, width):
        place.fail(f"is not one {task.name} of {height}x{width}")
    cells = _cells(task, (height, width), place)
    puzzle = replace(found[0], cells=cells, answer=None, layout="line", origin=Origin(origin))
    if "drawn" not in record.value:
        return puzzle
    drawn = record.get("drawn")
    return read_drawn(task, puzzle, drawn.text()) or drawn.fail("is not the puzzle")


def _agree(place: _Place, right: bool, what: str) -> None:
    """Raise InputError unless the file says what the rules say."""
    if place.value is not right:
        said = "the rules accept" if right else "no rules accept"
        place.fail(f"is {json.dumps(place.value)}, and {said} the {what}")


def _shape(place: _Place) -> Shape:
    sides = place.all()
    if len(sides) != 2:
        place.fail("is not a height and a width")
    height, width = (side.whole(1, 1025) for side in sides)
    return height, width


def _frames(task: Task, puzzle: Puzzle, place: _Place) -> list[Frame]:
    """The steps, each of which must be the next one of its try, and no earlier than the one before."""
    frames: list[Frame] = []
    last: dict[int, Frame] = {}
    for one in place.all():
        frame = _frame(task, puzzle, one)
        if frame.attempt > len(last) + 1:
            one.get("attempt").fail(f"is not {len(last) + 1} or less: tries begin one after another")
        before = last.get(frame.attempt)
        following = 1 if before is None else before.step + 1
        if frame.step != following:
            one.get("step").fail(f"is not {following}, the next step of try {frame.attempt}")
        if frames and frame.seconds < frames[-1].seconds:
            one.get("seconds").fail(f"is less than the {frames[-1].seconds:g} of the step before")
        if before is not None and frame.supposed != before.supposed:
            one.get("supposed").fail(f"is not what try {frame.attempt} takes as given from its start")
        frames.append(frame)
        last[frame.attempt] = frame
    return frames


def _frame(task: Task, puzzle: Puzzle, place: _Place) -> Frame:
    confidence, size = place.get("confidence"), puzzle.cells.size
    values = [one.real(1.0) for one in confidence.all()]
    if len(values) != size:
        confidence.fail(f"has {len(values)} numbers for {size} cells")
    cells = _cells(task, puzzle.shape, place.get("cells"))
    checked = bool(task.accepts(puzzle.cells[None], cells[None])[0])
    place.get("checked").flag()
    _agree(place.get("checked"), checked, "cells")
    supposed = tuple(one.whole(0, size) for one in place.get("supposed").all())
    if list(supposed) != sorted(set(supposed)):
        place.get("supposed").fail("does not number each cell once, in order")
    return Frame(
        place.get("attempt").whole(1),
        place.get("step").whole(1),
        cells,
        np.array(values, dtype=np.float32).reshape(puzzle.shape),
        place.get("halt").real(1.0),
        checked,
        place.get("seconds").real(MOST_SECONDS),
        supposed,
        task.rules is not None,
    )


def _cells(task: Task, shape: Shape, place: _Place) -> Cells:
    """A grid of one line, as :func:`trmcli.ui.replay.as_line` writes it."""
    height, width = shape
    signs = _signs(task, shape)
    text = [sign for sign in place.text() if sign not in "/|"]
    if len(text) != height * width:
        place.fail(f"has {len(text)} cells, and {height}x{width} are {height * width}")
    strange = next((number for number, sign in enumerate(text) if sign not in signs), None)
    if strange is not None:
        place.fail(f"holds {text[strange]!r} as cell {strange + 1}, which means nothing here")
    return np.array([signs[sign] for sign in text], dtype=np.uint8).reshape(shape)


def _signs(task: Task, shape: Shape) -> dict[str, int]:
    """What the signs of a line mean."""
    symbol: Callable[[int, Shape], str] = task.paint.symbol
    signs = {".": 0, " ": 0}
    tokens = np.repeat(np.arange(task.codec.vocab_size)[:, None], shape[0] * shape[1], axis=1)
    for value in task.codec.decode(tokens, shape)[:, 0, 0].tolist():
        if value:
            signs.setdefault(symbol(value, shape), value)
    return signs
