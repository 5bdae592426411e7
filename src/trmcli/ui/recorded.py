"""Reads what ``trm solve --save x.json`` has written, to be played without a model.

A file may come from anywhere, so nothing in it is believed: grids must be grids of their kind, and an answer
that is called solved must be accepted by the rules. Where something is wrong, the error names the place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from trmcli.errors import InputError, Origin
from trmcli.solving.answers import Answer, Frame, settle
from trmcli.strict_json import load
from trmcli.tasks.base import Cells, Puzzle, Shape
from trmcli.tasks.kinds import TASKS, get_task
from trmcli.tasks.task import Task
from trmcli.ui.replay import FORMAT, VERSION, Replay

METHODS = ("model", "search", "count")


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

    def real(self, most: float = math.inf) -> float:
        fits = type(self.value) in (int, float) and 0 <= self.value <= most and self.value < math.inf
        if not fits:
            self.fail("is not a number from 0 on" + (f" to {most:g}" * (most < math.inf)))
        return float(self.value)


def _replay(record: _Place) -> Replay:
    if record.get("format").value != FORMAT or record.get("version").value != VERSION:
        record.fail(f"is not a replay of version {VERSION}")
    name = record.get("task")
    task = _task(name)
    puzzle = _puzzle(task, record)
    task_of = task.of(puzzle)
    frames = [_frame(task_of, puzzle, one) for one in record.get("frames").all()]
    place = record.get("answer")
    cells = _cells(task_of, puzzle.shape, place)
    checked = bool(task_of.accepts(puzzle.cells[None], cells[None])[0])
    verified = record.get("verified")
    if verified.value is True and task_of.rules is not None and not checked:
        verified.fail("says that the answer is right, and the rules do not accept it")
    method = record.get("method").text()
    if method not in METHODS:
        record.get("method").fail(f"is not one of {', '.join(METHODS)}")
    unique = record.get("unique")
    if unique.value is not None:
        unique.flag()
    answer = _answer(puzzle, frames, cells, checked, method, task_of)
    return Replay(task, frames, answer, record.get("verdict").text(), unique.value)


def _answer(
    puzzle: Puzzle, frames: list[Frame], cells: Cells, checked: bool, method: str, task: Task
) -> Answer:
    """The answer, with the confidence of the frame that it comes from."""
    same = [frame for frame in frames if np.array_equal(frame.cells, cells)]
    confidence = same[-1].confidence if same else np.ones(puzzle.shape, dtype=np.float32)
    settled = settle(puzzle, frames)
    return replace(
        settled,
        cells=cells,
        confidence=confidence,
        checked=checked,
        method=method,
        ruled=task.rules is not None,
    )


def _task(name: _Place) -> Task:
    try:
        task = get_task(name.text())
    except InputError as error:
        name.fail(f"cannot be played: {error}")
    if task.name == "grid" and task.name not in TASKS:
        name.fail("cannot be played: problems of your own need their weights")
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
    return replace(found[0], cells=cells, answer=None, layout="line", origin=Origin(origin))


def _shape(place: _Place) -> Shape:
    sides = place.all()
    if len(sides) != 2:
        place.fail("is not a height and a width")
    height, width = (side.whole(1, 1025) for side in sides)
    return height, width


def _frame(task: Task, puzzle: Puzzle, place: _Place) -> Frame:
    confidence, size = place.get("confidence"), puzzle.cells.size
    values = [one.real(1.0) for one in confidence.all()]
    if len(values) != size:
        confidence.fail(f"has {len(values)} numbers for {size} cells")
    cells = _cells(task, puzzle.shape, place.get("cells"))
    place.get("checked").flag()
    return Frame(
        place.get("attempt").whole(1),
        place.get("step").whole(1),
        cells,
        np.array(values, dtype=np.float32).reshape(puzzle.shape),
        place.get("halt").real(1.0),
        bool(task.accepts(puzzle.cells[None], cells[None])[0]),
        place.get("seconds").real(),
        tuple(one.whole(0, size) for one in place.get("supposed").all()),
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
