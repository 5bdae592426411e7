"""What somebody sees: the screen after all that a program has written to its terminal, by pyte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pyte
from support import Session, plain, resize

ATTRIBUTES = ("bold", "italics", "underscore", "reverse")


def seen(text: str, rows: int = 24, columns: int = 80) -> list[str]:
    """The lines of the screen, without what is blank at their ends and below them."""
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(text)
    return _trimmed(line.rstrip() for line in screen.display)


def _trimmed(lines: Iterator[str]) -> list[str]:
    kept = list(lines)
    while kept and not kept[-1]:
        kept.pop()
    return kept


class Watched(Session):
    """A session whose screen is looked at."""

    def __init__(self, *arguments: object, rows: int = 24, columns: int = 80, **options: Any) -> None:
        super().__init__(*arguments, rows=rows, columns=columns, **options)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self._fed = 0

    def resize(self, rows: int, columns: int) -> None:
        """Change the size in the middle; what was there stays where it is, as far as there is room."""
        self.look()
        self._screen.resize(rows, columns)
        resize(self.ours, rows, columns)

    def at(self, place: int, of: int) -> str:
        """Read on until this moment is drawn, and the last line, that of the keys, is whole."""
        whole = re.compile(rf"paused {place}/{of} [^\n]*(quits?|…)$")
        return self.until_all(lambda new: whole.search(plain(new)) is not None, f"paused {place}/{of}")

    def look(self) -> pyte.Screen:
        self._stream.feed(self.text[self._fed :])
        self._fed = len(self.text)
        return self._screen

    def lines(self) -> list[str]:
        """The text of the screen."""
        return _trimmed(line.rstrip() for line in self.look().display)

    def picture(self) -> str:
        """The screen as text, and below it how it looks: for each line, runs of columns and their style."""
        lines, screen = self.lines(), self.look()
        styles = []
        for number in range(len(lines)):
            row = [screen.buffer[number][column] for column in range(screen.columns)]
            runs = []
            for style, cells in groupby(range(len(row)), key=lambda column: _style(row[column])):
                columns = list(cells)
                if style:
                    runs.append(f"{columns[0]}-{columns[-1]} {style}")
            if runs:
                styles.append(f"{number}: " + "; ".join(runs))
        return "\n".join([*lines, "", *styles, ""])


def _style(cell: Any) -> str:
    """Colours and attributes of a cell; blank ones have paper alone."""
    said = [] if cell.bg == "default" else [f"on {cell.bg}"]
    if cell.data != " " or cell.reverse or cell.underscore:
        said += [] if cell.fg == "default" else [str(cell.fg)]
        said += [name for name in ATTRIBUTES if getattr(cell, name)]
    return " ".join(said)
