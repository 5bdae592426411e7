"""What in a text is a maze, and what only stands around one: comments, titles and sizes.

A text may as well hold Sudoku, which uses digits, dots, letters and borders, too. So a maze is known by what
no Sudoku has: an S, walls of blocks, walls between cells with gaps in them, more ones in a row of digits than
its length allows; or by a whole maze, up to an empty line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isqrt

from trmcli.tasks.maze.between import is_top
from trmcli.tasks.maze.grid import GOAL, OPEN, START, WALL
from trmcli.tasks.maze.signs import BORDER, DIGITS, MARKS, PAIRS, PASSAGE, VALUES, WALLS, meanings

_SUDOKU = re.compile(r"[0-9+*\-\u2500-\u257f]")
_MOST_STRANGE = 3
"""Different signs without a meaning that a maze may show; more of them are the letters of a Sudoku."""
_APART = re.compile(r"[\s,;/'\"\[\]]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SIZE = re.compile(r"\s*(\d{1,3})(?:\s*(?:[x×X,*]|\s)\s*(\d{1,3}))?\s*")
_ENDS = "G".join(PAIRS)
_GAP = re.compile(r"[╴╵╶╷╸╹╺╻]|[\u2500-\u257f] +[\u2500-\u257f]")


def recognises(head: str, whole: bool) -> bool | None:
    """See :meth:`trmcli.tasks.task.Text.recognises`."""
    lines = head.splitlines()
    rows = [line for line in lines if line.strip() and not is_note(line, VALUES)]
    if rows and size_of(rows[0]) and not (len(rows) > 1 and re.fullmatch(r"[\d\s]*", rows[1])):
        rows.pop(0)
    if not rows:
        return False if whole else None
    if is_top(rows[0]):
        return _is_between(rows, whole)
    if all(set(_APART.sub("", row)) <= set(DIGITS) for row in rows):
        return _is_of_digits([_APART.sub("", row) for row in rows], whole)
    for row in rows:
        text = _APART.sub("", row)
        if is_line(row) or any(sign in WALLS[1:] for sign in row):
            return True
        if "S" in text and len(text) > 2 and 4 * _foreign(text, VALUES) <= len(row):
            return True
        marked = "#" in row and not _foreign(text, {**VALUES, **dict.fromkeys(MARKS + _ENDS, 0)})
        if not marked and (_SUDOKU.search(row) or len(set(text) - set(VALUES)) > _MOST_STRANGE):
            return _is_strange(rows) if whole else False
    if not whole and not _is_complete(lines):
        return None
    if any(2 * _foreign(_APART.sub("", row), VALUES) > len(_APART.sub("", row)) for row in rows):
        return _is_strange(rows)
    return any(sign in WALLS + "Ss" for row in rows for sign in row)


def is_line(text: str) -> bool:
    """Whether a text is a whole maze on one line."""
    return {"S", "G"} <= set(text) <= {*VALUES, "/"} or (
        any(sign in WALLS for sign in text)
        and any(set(pair) <= set(text) <= {*VALUES, *pair, "/"} for pair in PAIRS)
    )


def is_note(text: str, values: Mapping[str, int]) -> bool:
    """Whether a line is a comment, or a title, which has a word in it that is not made of signs.

    Args:
        values: of the signs that are known.
    """
    line = text.strip()
    if line.startswith("//"):
        return "/" not in values
    if line.startswith(";"):
        fields = line.split(";")
        return ";" not in values and (len(fields) < 3 or any(len(field.strip()) > 1 for field in fields))
    words = [set(word) for word in _WORD.findall(line) if not set(word) <= {*values, *_ENDS}]
    if line.startswith("#"):
        return any(len(word) > 1 for word in words)
    known = {*values, "/", ","}
    foreign = 2 * sum(sign not in known for sign in line) > len(line.replace(" ", ""))
    return foreign and any(len(word) > 2 for word in words)


def size_of(text: str) -> tuple[int, ...]:
    """The numbers of a line such as ``7 9``, ``9x9``, or ``9``; none of any other line."""
    found = _SIZE.fullmatch(text)
    return () if found is None else tuple(int(number) for number in found.groups() if number)


def _foreign(text: str, values: Mapping[str, int]) -> int:
    """How many signs of a text have no meaning in a maze."""
    return sum(sign not in values or sign in (BORDER, PASSAGE) for sign in text)


def _is_complete(lines: Sequence[str]) -> bool:
    """Whether an empty line follows rows."""
    text = [bool(line.strip()) for line in lines]
    return True in text and False in text[text.index(True) :]


def _is_between(rows: Sequence[str], whole: bool) -> bool | None:
    """Whether a drawing with borders is a maze: its rows take turns with rows of walls that have gaps."""
    if rows[0].lstrip()[0] == "o" or _has_gap(rows[0]):
        return True
    boxes = rows[0].lstrip()[0] != "+"  # where posts may look like walls, and walls like posts
    for number, row in enumerate(rows[1:], start=1):
        signs = set(re.sub(r"[\s|+\-=\u2500-\u257f]", "", row))
        if not signs <= {*_ENDS, "o"}:
            return False
        if signs & {"S", "s", "o"} or (number % 2 == 0 and _has_gap(row)):
            return True
        if number % 2 == 0 and not boxes and not set(row) & set("-="):
            return False  # a second row without walls between: a box of a Sudoku
    return False if whole else None


def _has_gap(row: str) -> bool:
    walls = re.search(r"[─━═╴╵╶╷╸╹╺╻]", row) is not None  # without them, a row of a Sudoku looks so
    return re.search(r"[+o] +[+o]", row) is not None or (walls and _GAP.search(row) is not None)


def _is_of_digits(rows: Sequence[str], whole: bool) -> bool | None:
    """Whether digits 0 to 3 alone are a maze: no Sudoku has as many ones, on one line or in a row."""
    if any(row.count("1") > max(1, isqrt(len(row))) for row in rows):
        return True
    counts = Counter("".join(rows))
    square = len(rows[0]) in (4, 6, 9, 16, 36, 81, 256)  # a row of a Sudoku, or a whole one
    if whole or (square and len(rows) >= isqrt(len(rows[0]))):
        return not square and counts["2"] == counts["3"] == 1
    return None


def _is_strange(rows: Sequence[str]) -> bool:
    """Whether a text looks like a maze in signs that have no meaning without a legend."""
    counts = Counter("".join(rows))
    values = meanings(counts, {})
    ends = [sum(counts[sign] for sign in counts if values.get(sign) == value) for value in (START, GOAL)]
    return (
        len(rows) > 2
        and ends == [1, 1]
        and len(counts) < 7
        and not set(counts) & set("456789")
        and any(sign not in values or values[sign] in (WALL, OPEN) for sign in counts)
    )
