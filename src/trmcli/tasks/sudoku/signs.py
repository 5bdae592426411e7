"""The signs that people write for the cells of a Sudoku.

A blank is any of :data:`BLANKS`. The digits of 16x16 are 1-9 and A-G, or A-P where no other digit is there.
Where a 16x16 puzzle has a ``0``, another sign for the blank and no G, its digits are hexadecimal, and 0-F
mean the values 1 to 16.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from trmcli.tasks.base import Cells
from trmcli.tasks.sudoku.grid import HEXADECIMAL, LETTERS, SIZES, SYMBOLS

BLANKS = ".0*_-?xX·"
CELL_SIGNS = frozenset(BLANKS + "123456789ABCDEFGabcdefg")
BARS = frozenset("|│┃║‖¦!┆┊╎┇┋╏")
BORDER_SIGNS = BARS | frozenset(":+=#,'`\"/\\" + "".join(map(chr, range(0x2500, 0x2580))))
WORD = re.compile(r"[0-9A-Pa-pxX.*_?·-]+")
"""Cells without anything between them; letters after G are cells in 16x16 only."""
LARGE = re.compile("[5-9A-Pa-p]")
"""Digits that a 4x4 puzzle does not have."""

_ANY_WORD = re.compile(r"[^\s,;:=|/\\#\"'()\[\]{}<>]+")
_EMPTY = frozenset(".?·*")
"""What an empty puzzle may be drawn with inside a longer line; dashes would be a border."""
_STRAY = 0.1
"""A word with a higher share of letters is a name or a hash, and not a damaged puzzle."""


def _table(symbols: str) -> bytes:
    """For ``bytes.translate``: signs to values, 255 for what is not a sign."""
    table = bytearray([255] * 256)
    for blank in BLANKS:
        table[ord(blank)] = 0
    for value, symbol in enumerate(symbols[1:], start=1):
        table[ord(symbol)] = table[ord(symbol.lower())] = value
    return bytes(table)


_TABLES = {symbols: _table(symbols) for symbols in (SYMBOLS, HEXADECIMAL, LETTERS)}


def symbols_of(signs: str) -> str:
    """The symbols that a puzzle with these cells is written in."""
    if len(signs) != 256:
        return SYMBOLS
    upper = signs.upper()
    if re.search("[H-P]", upper) and not re.search("[1-9]", upper):
        return LETTERS
    if "0" not in upper or "G" in upper:
        return SYMBOLS
    several = any(blank in signs for blank in BLANKS.replace("0", ""))
    return HEXADECIMAL if several or all(upper.count(c) == 16 for c in HEXADECIMAL[1:]) else SYMBOLS


def values_of(signs: str, symbols: str) -> bytes:
    """The value of each sign, 255 for what is not one."""
    return signs.encode("latin-1", "replace").translate(_TABLES[symbols])


def cells_of(signs: str, size: int, symbols: str) -> Cells:
    """``[size, size]`` of ``size * size`` signs."""
    cells: Cells = np.frombuffer(values_of(signs, symbols), dtype=np.uint8).reshape(size, size).copy()
    return cells


def first_wrong(signs: str, size: int, symbols: str) -> int | None:
    """The index of the first sign that is not a digit or a blank of this size."""
    values = values_of(signs, symbols)
    if max(values, default=0) <= size:
        return None
    return next(index for index, value in enumerate(values) if value > size)


def not_a_digit(sign: str, size: int) -> str:
    digits = {4: "1-4", 6: "1-6", 9: "1-9", 16: "1-9 and A-G (or 0-F, or A-P)"}[size]
    blank = "." if size == 16 else ". or 0"
    return f"{sign!r} is not a digit of a {size}x{size} Sudoku: use {digits}, and {blank} for a blank"


def is_comment(line: str) -> bool:
    """``line`` is stripped. A ``#`` at both ends draws a border; at the beginning alone it is a comment."""
    if line.startswith("#"):
        drawn = len(line) > 1 and line.endswith("#")
        return not (drawn and all(c in CELL_SIGNS or c in BORDER_SIGNS or c == " " for c in line))
    return line.startswith((";", "//"))


def runs(text: str) -> list[re.Match[str]]:
    """The words of a line that are whole puzzles, whatever else stands on it."""
    lone = text.strip()
    words = (word for word in WORD.finditer(text) if len(word[0]) in SIZES)
    return [word for word in words if _is_apart(text, word) and _is_puzzle(word[0], word[0] == lone)]


def _is_apart(text: str, word: re.Match[str]) -> bool:
    """Whether no foreign letter or digit touches a word."""
    around = text[: word.start()][-1:] + text[word.end() :][:1]
    return not any(sign.isalnum() for sign in around)


def _is_puzzle(word: str, lone: bool) -> bool:
    size = SIZES[len(word)]
    if first_wrong(word, size, symbols_of(word)) is not None:
        return False
    if any(sign.isalnum() for sign in word):
        return True
    same = len(set(word)) == 1
    return same and (word[0] in _EMPTY or (lone and size > 6))


def damaged(text: str, whole: Sequence[re.Match[str]]) -> re.Match[str] | None:
    """A word that is meant as a puzzle and is none, besides those that are.

    Where there are others, only what could hardly be a name, a number or a hash is meant as a puzzle.
    """
    taken = {run.start() for run in whole}
    alike = {len(run[0]) for run in whole}
    for word in _ANY_WORD.finditer(text):
        signs = word[0]
        cells = sum(sign in CELL_SIGNS for sign in signs)
        if word.start() in taken or len(signs) <= 16 or 2 * cells <= len(signs):
            continue
        if whole:
            letters = sum(sign.isalpha() and sign not in BLANKS for sign in signs)
            if len(signs) <= 40 and len(signs) not in alike:
                continue
            if len(signs) <= 128 and letters > _STRAY * len(signs):
                continue
        if not any(sign in BORDER_SIGNS for sign in signs) and not set(signs) <= set("-_.*") - (
            set() if "--" in signs else {"."}
        ):
            return word
    return None


def is_candidates(text: str) -> bool:
    """Whether a line has several digits in a cell, in ascending order: what is still possible there."""
    words = WORD.findall(text)
    lengths = {len(word) for word in words}
    if len(words) not in (4, 6, 9) or lengths == {1} or (len(lengths) == 1 and len("".join(words)) in SIZES):
        return False
    if not all(sign in BORDER_SIGNS or sign.isspace() for sign in WORD.sub("", text)):
        return False
    digits = "123456789"[: len(words)]
    return all(word in BLANKS or (word == "".join(d for d in digits if d in word)) for word in words)
