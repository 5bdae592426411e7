"""Mazes whose walls are drawn as lines between the cells::

    o---o---o        ┌───┬───┐
    | S |   |        │ S │   │
    o   o   o        │   ╵   │
    |     G |        │     G │
    o---o---o        └───────┘

Such a maze of h x w cells is one of (2h + 1) x (2w + 1): posts and walls have cells of their own, and so have
the passages between two cells. A path is marked in the cells alone. A passage is on it if both of its cells
are, which is so for shortest paths: with such a passage apart from the path there would be a shorter one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from math import gcd

import numpy as np

from trmcli.tasks.base import Bools, Cells
from trmcli.tasks.maze.drawn import Row, Sheet, Span
from trmcli.tasks.maze.grid import OPEN, PATH, START
from trmcli.tasks.maze.signs import BORDER, PASSAGE

_LINES = "\u2500-\u257f"
_FLAT = "-=_─━═╌╍┄┅┈┉"
_UPRIGHT = "|│┃║╎╏┆┇┊┋╵╷╹╻╽╿"
_TOP = re.compile(rf" *(?:[+o](?: +|[-=]+)(?:[+o](?: +|[-=]+))*[+o]|[┌╔┏╭][ {_LINES}]*[┐╗┓╮]) *")
_POST = re.compile(rf"[+o {_FLAT}{_UPRIGHT}{_LINES}]")


def is_top(text: str) -> bool:
    """Whether a line is the upper border of such a maze, or of a grid."""
    return _TOP.fullmatch(text) is not None and any(sign in _FLAT for sign in text)


def cells_between(rows: Sequence[Row]) -> Sheet:
    """The sheet of a maze whose first row is an upper border.

    Raises:
        InputError: the lines do not make a grid of cells.
    """
    first = min(len(row.text) - len(row.text.lstrip(" ")) for row in rows if row.text.strip(" "))
    step = _step([row.text[first:] for row in rows])
    width = max(len(row.text.rstrip(" ")) for row in rows) - first
    if step < 2 or width % step != 1:
        rows[0].fail("the lines of this maze are not set as far apart everywhere as here", first)
    if len(rows) % 2 == 0:
        rows[-1].fail(
            "below this row a row of walls is missing: rows of cells and of walls take turns", first
        )
    padded = [row._replace(text=row.text.rstrip(" ").ljust(first + width)) for row in rows]
    columns = range(2 * (width // step) + 1)
    middle = step % 2 == 0 and rows[0].text[first] not in "+o"  # else the posts tell for certain
    spans = {
        (y, x): _room(row, y, first + x // 2 * step, step, middle)
        if x % 2
        else _post(row, y, first + x // 2 * step)
        for (y, row), x in product(enumerate(padded), columns)
    }
    signs = ["".join(spans[y, x][0] for x in columns) for y in range(len(rows))]
    trimmed = any(len(row.text.rstrip(" ")) < first + width for row in rows)
    return Sheet(padded, signs, lambda y, x: spans[y, x][1], between=True, trimmed=trimmed)


def _step(texts: Sequence[str]) -> int:
    """Columns from one post to the next."""
    if texts[0][:1] in ("+", "o"):
        posts = [column for column, sign in enumerate(texts[0]) if sign in "+o"]
    else:
        posts = [
            column
            for number, text in enumerate(texts)
            for column, sign in enumerate(text)
            if sign in _UPRIGHT or (number % 2 == 0 and "\u2500" <= sign <= "\u257f" and sign not in _FLAT)
        ]
    return gcd(*posts)


def _post(row: Row, number: int, at: int) -> tuple[str, Span]:
    """A post, or in a row of cells what stands between two of them."""
    sign, span = row.text[at], Span(number, at, at + 1)
    if number % 2 == 0:
        if not _POST.match(sign):
            row.fail(f"{sign!r} stands where walls meet", at)
        return BORDER, span
    if sign in " o":
        return PASSAGE if sign == " " else sign, span
    if sign not in _UPRIGHT:
        row.fail(f"{sign!r} stands between two cells: use | for a wall and a blank for an open way", at)
    return BORDER, span


def _room(row: Row, number: int, post: int, step: int, in_middle: bool) -> tuple[str, Span]:
    """A cell, or in a row of walls what stands between two of them."""
    text = row.text[post + 1 : post + step]
    middle = post + step // 2
    span = Span(number, middle, middle + 1)
    if number % 2 == 0:
        if all(one in _FLAT for one in text):
            return BORDER, span
        if text.strip(" ") not in ("", "o"):
            row.fail("this wall is neither whole nor open between its two posts", post + 1)
        return PASSAGE if text.isspace() else "o", span
    there = text.strip(" ")
    if not there:
        return " ", span
    at = post + 1 + text.index(there)
    if len(there) > 1 or there in _FLAT + _UPRIGHT or (in_middle and at != middle):
        row.fail(f"{there!r} is not one sign in the middle of its cell", at)
    return there, Span(number, at, at + 1)


def mark_passages(cells: Cells) -> Cells:
    """The cells with the passages between two marked ones marked as well."""
    return np.where(_on_path(cells) & (cells == OPEN), PATH, cells).astype(np.uint8)


def unmark_passages(cells: Cells) -> Cells:
    """The cells without the marks that :func:`mark_passages` puts back."""
    return np.where(_on_path(cells) & (cells == PATH), OPEN, cells).astype(np.uint8)


def _on_path(cells: Cells) -> Bools:
    """``[height, width]``: the passages between two cells of the path, not S and G alone."""
    found = np.zeros(cells.shape, dtype=np.bool_)
    rooms = cells[1::2, 1::2]
    for here, there, passages in (
        (rooms[:, :-1], rooms[:, 1:], found[1::2, 2:-1:2]),
        (rooms[:-1], rooms[1:], found[2:-1:2, 1::2]),
    ):
        passages[...] = (here >= START) & (there >= START) & ((here == PATH) | (there == PATH))
    return found
