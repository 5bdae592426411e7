"""The one exception that users cause and the command line turns into a single line and status 2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Origin:
    """Where a piece of input stood: a file (or ``<stdin>``, ``<argument>``) and a 1-based line."""

    name: str
    line: int | None = None

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name}:{self.line}"


class InputError(Exception):
    """Bad usage or bad input: says where it is and what would be right.

    ``str()`` gives ``file:line:column: message``, the parts that are unknown left out.
    """

    def __init__(self, message: str, origin: Origin | str | None = None, column: int | None = None) -> None:
        self.message = message
        self.origin = Origin(origin) if isinstance(origin, str) else origin
        self.column = column
        super().__init__(str(self))

    def __str__(self) -> str:
        if self.origin is None:
            return self.message
        place = str(self.origin) if self.column is None else f"{self.origin}:{self.column}"
        return f"{place}: {self.message}"


_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What moves the cursor of a terminal, colours what follows, ends a line or turns it around, and halves."""


def shown(text: str) -> str:
    """Text that others have written, such as a name, safe within a line: ``a\\nb`` of two lines."""
    return _CONTROLS.sub(
        lambda sign: repr(sign[0])[1:-1] if ord(sign[0]) < 256 else f"\\u{ord(sign[0]):x}", text
    )


def one_line(text: str) -> str:
    """A message in one line, safe to show."""
    return shown(" ".join(text.split()))


_FEW = 32
"""Names that can be read in one line."""


def did_you_mean(word: str, known: Iterable[str], called: str = "") -> str:
    """What ends a message about a word that is not known: ``; did you mean sudoku?``

    Args:
        word: what was written.
        known: what could have been meant.
        called: what all of them are called; if none is near, and they are few, they are listed under it,
            ``; presets are a, b``.
    """
    names = list(known)
    if close := get_close_matches(word, names, n=1):
        return f"; did you mean {close[0]}?"
    return f"; {called} are {', '.join(names)}" if called and 0 < len(names) <= _FEW else ""
