"""Where the cells of a line stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trmcli.errors import Origin
from trmcli.tasks.sudoku.grid import BOX_SHAPES, SIZES, SYMBOLS
from trmcli.tasks.sudoku.layout import Span
from trmcli.tasks.sudoku.signs import BARS, BLANKS, BORDER_SIGNS, CELL_SIGNS, LARGE, WORD

_NUMBER = re.compile(r"0?[1-9]|1[0-6]")
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Row:
    """A line with cells, and where they stand: not those that are blank places in a drawing."""

    origin: Origin
    text: str
    spans: tuple[Span, ...]

    @property
    def bars(self) -> tuple[int, ...]:
        return tuple(index for index, sign in enumerate(self.text) if sign in BARS)

    def signs(self) -> str:
        """One for each cell."""
        return "".join(_sign(self.text[start:end]) for start, end in self.spans)


def _sign(cell: str) -> str:
    cell = cell.strip(' "')
    if len(cell) == 2:
        return SYMBOLS[int(cell)] if _NUMBER.fullmatch(cell) else "."
    return cell or "."


def spans_of(text: str, size: int) -> tuple[Span, ...]:
    """Where the cells of a row stand. Letters after G are cells in 16x16 only, and numbers of two digits."""
    words = [word.span() for word in WORD.finditer(text)]
    if len(words) == 16 and all(_is_number(text[start:end]) for start, end in words):
        return tuple(words)
    spans = [(i, i + 1) for start, end in words for i in range(start, end)]
    if size != 16 and len(spans) != 16:
        spans = [(i, j) for i, j in spans if text[i] in CELL_SIGNS]
    return tuple(spans)


def _is_number(word: str) -> bool:
    return len(word) == 1 or bool(_NUMBER.fullmatch(word)) or (word[0] in BLANKS and word == 2 * word[0])


def fields_of(text: str, size: int) -> tuple[Span, ...] | None:
    """Where the cells of a row stand that is a line of CSV with empty fields; None for any other line."""
    for delimiter in _DELIMITERS:
        fields = text.split(delimiter)
        if len(fields) not in BOX_SHAPES and not fields[-1].strip():
            fields.pop()  # a delimiter at the end
        if len(fields) not in ((size,) if size else BOX_SHAPES):
            continue
        plain = [field.strip(' "') for field in fields]
        if all(plain) or not all(not one or _is_cell(one) for one in plain):
            continue
        if not any(plain) and not size and len(fields) == 4:
            continue  # rather a comment, or nothing at all
        start, spans = 0, []
        for part, one in zip(fields, plain, strict=True):
            first = start + (part.index(one) if one else 0)
            spans.append((first, first + len(one)) if one else (start, start + len(part)))
            start += len(part) + 1
        return tuple(spans)
    return None


def _is_cell(text: str) -> bool:
    return (len(text) == 1 and WORD.fullmatch(text) is not None) or _NUMBER.fullmatch(text) is not None


def one_line(text: str) -> list[list[Span]]:
    """The cells of each puzzle whose rows stand on one line, in words of equal length; nothing if there is no
    such puzzle."""
    words = [word.span() for word in WORD.finditer(text)]
    beside = WORD.sub("", text)
    if len(words) < 2 or not all(sign in BORDER_SIGNS or sign == ";" or sign.isspace() for sign in beside):
        return []
    without = [span for span in words if not _is_rule(text[slice(*span)])]
    return _equal_words(text, words) or (_equal_words(text, without, True) if without != words else [])


def _is_rule(word: str) -> bool:
    return set(word) <= set("-_.*") and "-" in word and len(word) > 1


def _equal_words(text: str, words: Sequence[Span], drawn: bool = False) -> list[list[Span]]:
    """The puzzles that words of equal length are; a row of 16x16 is one of 4x4 only if it is ``drawn``."""
    if len(words) == 256 and all(_is_number(text[start:end]) for start, end in words):
        return [list(words)]
    lengths = {end - start for start, end in words}
    signs = "".join(text[start:end] for start, end in words)
    if len(lengths) != 1 or len(words) < 2 or set(signs) <= set("-_"):
        return []
    [length], total = lengths, len(signs)
    large = LARGE.search(signs) is not None
    if length == 16:
        area = 256 if large and total % 256 == 0 else 0
    elif length in SIZES:
        area = 0
    elif length in (6, 9) and len(words) % length == 0:
        area = length * length
    elif total == 16:
        area = 16 if drawn or (length == 4 and re.search("[/;]", text)) else 0
    elif length == 4 and total % 16 == 0 and not large:
        area = 16
    else:
        area = total if total in SIZES else 0
    spans = [(i, i + 1) for start, end in words for i in range(start, end)]
    return [spans[i : i + area] for i in range(0, total, area)] if area else []
