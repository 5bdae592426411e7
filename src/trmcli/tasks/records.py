"""What kinds read: plain lines, and records, each with the place where it stands."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from trmcli.errors import InputError, Origin

Place = tuple[int | None, int | None]
"""A 1-based line and column; None where there is none."""

Skip = Callable[[InputError], None]
"""Hears of a bad record, so that reading can go on with the next one."""


@dataclass(frozen=True)
class Line:
    """One line of text, without its end.

    Attributes:
        place: of the sign in a 1-based column, where the text is not a line of the input itself.
    """

    text: str
    origin: Origin
    place: Callable[[int], Place] | None = None


@dataclass(frozen=True)
class Record:
    """One puzzle of a table or of JSON.

    Attributes:
        question, answer: as they stand (a space may be a cell); empty where there is none. They may be drawn,
            with the ends of lines in them. A list of lists becomes one sign for each cell: row after row if
            it is a square, and with ``/`` between its rows if not.
        source: what the input says of its origin.
        origin: its first line.
        line: all of its text, to tell in which column something stands.
        rows: the rows of a list of lists.
        place: of the sign in a 1-based column of ``line``, where that is not a line of the input itself.
    """

    question: str
    origin: Origin
    answer: str = ""
    source: str = ""
    line: str = ""
    rows: tuple[str, ...] = ()
    place: Callable[[int], Place] | None = None

    def column(self, text: str, last: bool = False) -> int:
        """The 1-based column of ``line`` in which a field begins."""
        return (self.line.rfind(text) if last else self.line.find(text)) + 1


Item = Line | Record


def located(item: Item, error: InputError) -> InputError:
    """The error with the line and column of the input, where a kind told those of ``item`` itself."""
    if error.column is None or item.place is None or error.origin != item.origin:
        return error
    line, column = item.place(error.column)
    return InputError(error.message, Origin(item.origin.name, line), column)


class Lines(Iterator[Line]):
    """The lines of a text, of which some may be put back.

    Every end of a line that Unicode knows is one. Byte order marks and other signs without width are dropped,
    the colours of a terminal as well, and a space of any kind becomes a plain one.
    """

    def __init__(self, texts: Iterable[str], name: str) -> None:
        self._new = (Line(text, Origin(name, number)) for number, text in enumerate(_plain(texts), start=1))
        self._again: deque[Line] = deque()

    def __next__(self) -> Line:
        return self._again.popleft() if self._again else next(self._new)

    def back(self, lines: Sequence[Line]) -> None:
        """Put lines back: they come next."""
        self._again.extendleft(reversed(lines))


_WITHOUT_WIDTH = dict.fromkeys((0xFEFF, *range(0x200B, 0x2010), 0x2060))
_SPACES = dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
_PLAIN = {**_WITHOUT_WIDTH, **_SPACES}
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def _plain(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if not text.isascii():
            text = text.translate(_PLAIN)
        if "\x1b" in text:
            text = _COLOUR.sub("", text)
        yield from text.splitlines() or [""]
