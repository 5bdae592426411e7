"""From sources to puzzles: files, standard input, puzzles as text, and Python's own values."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from trmcli.errors import InputError
from trmcli.tasks import documents, foreign
from trmcli.tasks.arc.looks import is_arc, looks
from trmcli.tasks.base import Puzzle
from trmcli.tasks.decoding import byte_lines
from trmcli.tasks.folders import table_of
from trmcli.tasks.kinds import TASKS, get_task
from trmcli.tasks.lines import Item, Line, Reader, Record, Skip
from trmcli.tasks.maze.signs import parse_legend
from trmcli.tasks.maze.text import MazeReader
from trmcli.tasks.task import Task, Text

_MOST_PEEKED = 64
"""Lines, at most, that tell the kind."""
_NOTHING = "no puzzle given: name a file, the puzzle itself, or - for standard input"
_USUAL = TASKS["sudoku"]
_FEWEST_CELLS = 16
_ROW = re.compile(r"[\d.*_?XxA-GSosE#█▓▒ -]+")


@dataclass(frozen=True)
class _Input:
    """What a source is called in messages, and what it holds: lines of text, or a value of Python.

    ``path`` is the file or the folder that it is, ``text`` what was given instead of one.
    """

    name: str
    lines: Callable[[Skip | None], Iterable[str]] | None = None
    value: Any = None
    path: Path | None = None
    text: str = ""

    def items(self, text: Text, skip: Skip | None) -> Iterator[Item]:
        """What a kind's reader takes."""
        if self.lines is None:
            return text.items_of(self.value, self.name, skip)
        return text.items(self.lines(skip), self.name, skip)

    def is_arc(self) -> bool:
        """Whether it shows pairs of an ARC task. What can be read but once is not looked at."""
        if self.value is not None:
            return is_arc(self.value)
        if self.path is not None:
            return not self.path.is_dir() and looks(str(self.path))
        return bool(self.text) and looks(self.text)

    def stored(self, text: Text) -> Iterator[Puzzle] | None:
        """The puzzles, where the kind keeps them in files or folders that are not text.

        Raises:
            InputError: it is a folder that the kind does not know.
        """
        found = None if self.path is None else text.stored(self.path)
        ours = any(text is task.text for task in TASKS.values())  # whose folders are read as tables
        if found is None and self.path is not None and self.path.is_dir() and not ours:
            raise InputError("is a directory: name the files in it", self.name)
        return found


def read_puzzles(
    sources: Any, task: str | Task | None = None, skip: Skip | None = None, legend: str | None = None
) -> Iterator[tuple[Task, Puzzle]]:
    """Puzzles, all of one kind, from one source after another, as their lines arrive.

    Args:
        sources: one of these, or a list or an iterator of them: a path (``str`` or ``Path``), ``-`` for
            standard input, puzzles as text, an open file, a puzzle as a list of rows or as an array
            ``[h, w]``, several as an array ``[n, h, w]``. Files are plain, or packed with gzip, bz2 or xz.
        task: a task or its name; without it each source tells its own.
        skip: hears of every bad record; without it the first one is raised.
        legend: what signs of mazes mean, such as ``#=wall,.=open,A=start,B=goal``.

    Raises:
        InputError: in this call, if there is no source, no such file or no such task. While iterating, when
            the puzzles before it have been taken, if a source cannot be read, holds something else than
            puzzles, or is of another kind.
    """
    chosen = get_task(task) if isinstance(task, str) else task
    if legend is None:
        return _of_one_kind(
            _read(_inputs(sources, chosen), chosen, skip, lambda kind, name: kind.text.reader(name))
        )
    signs = parse_legend(legend)
    chosen = chosen or get_task("maze")
    if chosen.name != "maze":
        raise InputError(f"a legend says what the signs of mazes mean, not of {chosen.name}", "--legend")
    return _of_one_kind(
        _read(_inputs(sources, chosen), chosen, skip, lambda _, name: MazeReader(name, signs))
    )


def _of_one_kind(puzzles: Iterable[tuple[Task, Puzzle]]) -> Iterator[tuple[Task, Puzzle]]:
    first: Task | None = None
    for task, puzzle in puzzles:
        first = first or task
        if task is not first:
            message = f"is a puzzle of the task {task.name}, those before are {first.name}: give them apart"
            raise InputError(message, puzzle.origin)
        yield task, puzzle


def _read(
    inputs: Iterable[_Input],
    chosen: Task | None,
    skip: Skip | None,
    reader: Callable[[Task, str], Reader],
) -> Iterator[tuple[Task, Puzzle]]:
    for source in inputs:
        kind, head = chosen, list[Item]()
        stored = source.stored((kind or _USUAL).text)
        if stored is not None and kind is not None:
            yield from ((kind, puzzle) for puzzle in stored)
            continue
        if kind is None and source.is_arc():
            raise InputError("is an ARC task: use --task arc", source.name)
        found = source.items((kind or _USUAL).text, skip)
        if kind is None:
            kind, found = _guess(found)
        found = _noted(found, head)
        try:
            for puzzle in reader(kind, source.name).read(found, skip):
                head = []
                yield kind, puzzle
        except InputError as error:
            if kind in TASKS.values() and source.is_arc():
                raise InputError(f"is an ARC task, not {kind.name}: use --task arc", source.name) from error
            raise _explained(error, kind, chosen is None, head) from error


def _explained(error: InputError, kind: Task, guessed: bool, head: Sequence[Item]) -> InputError:
    """What to say where the first items of a source, ``head``, are not puzzles of a kind."""
    if guessed:
        if not any(isinstance(one, Record) and one.answer for one in head):
            return error
        hint = "; to answer a problem of your own, name its weights: --weights FILE"
        return InputError(error.message + hint, error.origin, error.column)
    other = next((task for task in TASKS.values() if task is not kind and _reads(task, head)), None)
    if other is None:
        return error
    return InputError(f"is a puzzle of the task {other.name}, not {kind.name}", head[0].origin)


def _reads(task: Task, head: Sequence[Item]) -> bool:
    """Whether a puzzle of this task is among the first items."""
    try:
        return next(task.text.reader("").read(head), None) is not None
    except InputError:
        return False


def _noted(found: Iterator[Item], head: list[Item]) -> Iterator[Item]:
    """The same items; the first of them are kept in ``head`` as well."""
    for item in found:
        if len(head) < _MOST_PEEKED:
            head.append(item)
        yield item


def _guess(found: Iterator[Item]) -> tuple[Task, Iterator[Item]]:
    """The task that recognises the first items, and all of them. No more are read than it takes.

    Raises:
        InputError: no task does, for they are something else.
    """
    head: list[Item] = []
    for item in found:
        head.append(item)
        task = _kind(head, isinstance(item, Record) or len(head) == _MOST_PEEKED)
        if task is not None or len(head) == _MOST_PEEKED:
            break
    else:
        task = _kind(head, whole=True)
    if task is None:
        foreign.refuse([one for one in head if isinstance(one, Line)])
    return task or _USUAL, chain(head, found)


def _kind(head: Sequence[Item], whole: bool) -> Task | None:
    """The task of these items; None if that is not known, or not yet."""
    text = "\n".join(
        one.text if isinstance(one, Line) else "\n".join(one.rows) or one.question for one in head
    )
    for task in TASKS.values():
        known = task.text.recognises(text, whole)
        if known:
            return task
        if known is None:
            return None  # the tasks after this one have to wait
    return None


def _inputs(source: Any, task: Task | None) -> Iterable[_Input]:
    """What a source, or several, are read from. Only an iterator is not looked through at once.

    Args:
        task: of the puzzles, if that is known: it may have forms of its own that are puzzles, not file names.

    Raises:
        InputError: there is no such file, or the value is not a source.
    """
    if isinstance(source, str):
        return [_named(source, task)]
    if isinstance(source, os.PathLike):
        return [_file(Path(source))]
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "<stream>"))
        return [_Input(name, lambda skip: _stream_lines(source, name, skip))]
    if hasattr(source, "tolist"):  # of NumPy, of torch
        return _inputs_of_list(source.tolist(), "<array>", task)
    if isinstance(source, Mapping):
        return [_value(source, "<dict>")]
    if isinstance(source, (list, tuple)):
        return _inputs_of_list(source, "<list>", task)
    if isinstance(source, Iterator):
        return chain.from_iterable(_inputs(one, task) for one in source)
    raise InputError(
        f"{type(source).__name__} is not a source: give a path, a puzzle as text, a list or an array"
    )


def _inputs_of_list(source: Any, name: str, task: Task | None) -> Iterable[_Input]:
    """A list is a puzzle, or one source after another."""
    if not isinstance(source, (list, tuple)):
        raise InputError(f"{source!r} is not a source: give a path, a puzzle as text, a list or an array")
    if not source:
        raise InputError(_NOTHING)
    values = [_plain(one) for one in source]
    if all(isinstance(one, str) for one in values):
        if _are_rows(values):
            return [_Input(name, lambda skip: values)]
        if len(values) >= _FEWEST_CELLS and all(len(one) <= 1 for one in values):
            return [_value(values, name)]
    elif all(_is_value(one) for one in values):
        return [_value(values, name)]
    return chain.from_iterable([_inputs(one, task) for one in source])


def _plain(value: Any) -> Any:
    """A value with lists and numbers of Python in place of those of NumPy."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _is_value(one: Any) -> bool:
    """Whether it is a cell, or holds cells, and does not name something to read."""
    if isinstance(one, (list, tuple)):
        return len(one) > 0 and all(_is_value(inner) for inner in one)
    return one is None or isinstance(one, (int, float, Mapping)) or (isinstance(one, str) and len(one) <= 2)


def _are_rows(strings: Sequence[str]) -> bool:
    """Whether strings are lines, of one puzzle or of several, and do not name files."""
    width = len(strings[0])
    rows = len(strings) > 1 < width and all(len(row) == width and _ROW.fullmatch(row) for row in strings)
    return rows and not any(_exists(row) for row in strings)


def _value(value: Any, name: str) -> _Input:
    return _Input(name, value=value)


def _named(source: str, task: Task | None) -> _Input:
    """What a string names: a file, standard input, or a puzzle as it is."""
    if source == "-":
        return _Input("<stdin>", _stdin_lines)
    if not source.strip():
        raise InputError("an empty argument is neither a file nor a puzzle")
    if _exists(source):
        return _file(Path(source))
    if _is_text(source, task):
        return _Input("<argument>", lambda skip: [source], text=source)
    raise InputError("no such file", source)


def _file(path: Path) -> _Input:
    name = str(path)
    if not _exists(name):
        raise InputError("no such file", name)
    if path.is_dir():
        if not any(path.glob("*/dataset.json")) and not (path / "dataset.json").is_file():
            raise InputError("is a directory: name the files in it", name)
        return _Input(name, lambda skip: table_of(path), path=path)
    return _Input(name, lambda skip: _file_lines(path, skip), path=path)


def _exists(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):  # too long or odd for a path
        return False


def _is_text(source: str, task: Task | None) -> bool:
    """Whether an argument that is not a file looks like a puzzle."""
    if "\n" in source or documents.begins(source):
        return True
    return any(kind.text.is_argument(source) for kind in (*TASKS.values(), *filter(None, [task])))


def _file_lines(path: Path, skip: Skip | None) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            yield from byte_lines(file, str(path), skip)
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from error


def _stdin_lines(skip: Skip | None) -> Iterator[str]:
    if sys.stdin is None:
        raise InputError("is closed", "<stdin>")
    return _stream_lines(getattr(sys.stdin, "buffer", sys.stdin), "<stdin>", skip)


def _stream_lines(stream: Any, name: str, skip: Skip | None) -> Iterator[str]:
    """The lines of an open file, of text or of bytes."""
    if isinstance(stream, io.TextIOBase):
        return iter(cast(Iterable[str], stream))
    return byte_lines(cast(BinaryIO, stream), name, skip)
