"""From sources to puzzles: files, standard input, or puzzles as text."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from trmcli.errors import InputError, Origin
from trmcli.tasks.base import Puzzle, Task
from trmcli.tasks.kinds import TASKS, get_task
from trmcli.tasks.lines import Item, Line, Skip, items
from trmcli.tasks.maze.picture import picture_lines
from trmcli.tasks.maze.signs import parse_legend
from trmcli.tasks.maze.text import MazeReader

_LONGEST_LINE = 1 << 26
_MOST_PEEKED_LINES = 64


def read_puzzles(
    sources: Sequence[str], task: str | None = None, skip: Skip | None = None, legend: str | None = None
) -> Iterator[tuple[Task, Puzzle]]:
    """Puzzles from one source after another, as their lines arrive.

    Args:
        sources: paths (plain or gzip), ``-`` for standard input, or puzzles themselves as text.
        task: a task's name; without it the text decides.
        skip: hears of every bad record; without it the first one is raised.
        legend: what signs of mazes mean, such as ``#=wall,.=open,A=start,B=goal``.

    Raises:
        InputError: a source cannot be read, or holds something else than puzzles.
    """
    chosen = None if task is None else get_task(task)
    signs = None if legend is None else parse_legend(legend)
    if signs is not None:
        chosen = chosen or get_task("maze")
        if chosen.name != "maze":
            raise InputError(f"a legend says what the signs of mazes mean, not of {chosen.name}", "--legend")
    for source in sources:
        name, lines = _open(source)
        found: Iterator[Item] = items(lines, name, skip)
        kind = chosen
        if kind is None:
            kind, found = _guess(found)
        reader = kind.reader(name) if signs is None else MazeReader(name, signs)
        for puzzle in reader.read(found, skip):
            yield kind, puzzle


def _guess(found: Iterator[Item]) -> tuple[Task, Iterator[Item]]:
    """The task that recognises the first lines, and all of them."""
    head: list[Item] = []
    for item in chain(found, [None]):
        whole = item is None or len(head) == _MOST_PEEKED_LINES or not isinstance(item, Line)
        if item is not None:
            head.append(item)
        text = "\n".join(one.text if isinstance(one, Line) else one.question for one in head)
        for task in TASKS.values():
            known = task.recognises(text, whole)
            if known:
                return task, chain(head, found)
            if known is None:
                break  # the tasks after this one have to wait
        if whole:
            break
    return TASKS["sudoku"], chain(head, found)  # its messages say what is wrong


def _open(source: str) -> tuple[str, Iterator[str]]:
    """What a source is called in messages, and its lines."""
    if source == "-":
        return "<stdin>", _lines(sys.stdin.buffer, "<stdin>")
    if not source.strip():
        raise InputError("an empty argument is neither a file nor a puzzle")
    try:
        path = Path(source)
        exists = path.exists()
    except (OSError, ValueError):  # too long or odd for a path
        exists = False
    if exists:
        if path.is_dir():
            raise InputError("is a directory: name the files in it", source)
        return source, _file_lines(path)
    if _is_text(source):
        return "<argument>", iter(source.splitlines(keepends=True))
    raise InputError("no such file", source)


def _is_text(source: str) -> bool:
    """Whether an argument that is no file looks like a puzzle."""
    return "\n" in source or any(task.is_argument(source) for task in TASKS.values())


def _file_lines(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as file:
            yield from _lines(file, str(path))
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from error


def _lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """The lines of UTF-8 text, unpacked if it is gzip. A PNG file is a maze, and gives the lines of one."""
    if isinstance(stream, io.BufferedReader) and stream.peek(8)[:8] == b"\x89PNG\r\n\x1a\n":
        yield from picture_lines(stream, name)
        return
    if isinstance(stream, io.BufferedReader) and stream.peek(2)[:2] == b"\x1f\x8b":
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    number = 0
    try:
        while line := stream.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise InputError("is not text: a line is longer than 64 MiB", Origin(name, number + 1))
            for part in line.splitlines(keepends=True):  # a lone carriage return ends a line, too
                number += 1
                yield _decoded(part, Origin(name, number))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"is no whole gzip file: {error}", name) from error


def _decoded(line: bytes, origin: Origin) -> str:
    try:
        return line.decode("utf-8-sig" if origin.line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        message = f"is not text: byte {line[error.start]:#04x} is not UTF-8"
        raise InputError(message, origin, error.start + 1) from error
