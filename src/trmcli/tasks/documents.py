"""Values in text: JSON, and lists as Python or NumPy print them."""

from __future__ import annotations

import ast
import json
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from trmcli import strict_json
from trmcli.errors import InputError, Origin
from trmcli.tasks.nested import Reading
from trmcli.tasks.records import Item, Line, Lines, Place, Skip

_DEEPEST = 100
"""Brackets that may be open at once, however deep Python itself could go."""

_BEGINS = re.compile(
    r"\s*(?:\w+\s*=\s*)?(?:[\w.]+\()?(\{\s*(?:[\"'}]|$)|\(\s*[\[(]|\[\s*(?:[\[{(\"'\]]|-?\d|None|null|NaN|$))"
)
_SECTION = re.compile(r"\s*\[\w+\]\s*$")
_PRINTED = re.compile(r"\s*\[+\s*['\dA-Ga-g._?-]+(?:\s+['\dA-Ga-g._?-]+)+\s*\]*\s*$")
_BRACKET = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[\[\](){}]")
_SCALAR = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s\[\](){},:\"']+")
_AFTER = re.compile(r"[\s,;)]*(?:dtype=[\w.'<]+)?[\s,;)]*")


def begins(text: str) -> bool:
    """Whether a list or an object begins in this line."""
    if "[" not in text and "{" not in text and "((" not in text:
        return False
    return _BEGINS.match(text) is not None and not _SECTION.match(text) and unprinted(text) is None


def unprinted(text: str) -> str | None:
    """A row of an array as NumPy prints it (``[[5 3 0]``), without the brackets; None for anything else."""
    if "[" not in text or not _PRINTED.match(text) or _SECTION.match(text):
        return None
    return re.sub(r"[\[\]']|(?<=\d)\.", " ", text)


def take(line: Line, more: Lines, alone: bool, skip: Skip | None) -> tuple[Iterator[Item], bool]:
    """What the value holds that begins in this line and may take more of them.

    Args:
        alone: whether it must end in this line, for those before it did.

    Returns:
        Its items, and whether it did end in this line.

    Raises:
        InputError: it is neither JSON nor a list as Python writes it.
    """
    begin = _BEGINS.match(line.text)
    start = begin.start(1) if begin else 0
    taken, pieces = [line], [line.text[start:]]
    alone = alone and pieces[0].strip() not in ("[", "{")
    depth, end = _nesting(pieces[0], 0, line.origin)
    while end is None and not alone and (following := next(more, None)) is not None:
        if following.text.startswith('{"') and pieces[0].startswith(
            '{"'
        ):  # the next one: this one is cut off
            more.back([following])
            break
        taken.append(following)
        pieces.append(following.text)
        depth, end = _nesting(following.text, depth, line.origin)
    if end is not None:
        last, rest = taken[-1], pieces[-1][end:]
        pieces[-1] = pieces[-1][:end]
        after = _AFTER.match(rest)
        rest = rest[after.end() :] if after else rest
        if rest:  # another one in the same line
            more.back([Line(" " * (len(last.text) - len(rest)) + rest, last.origin)])
    document = _Document("\n".join(pieces), line.origin, start)
    value = document.parse()
    reading = Reading(line.origin.name, skip, document.place)
    return reading.items(value), len(taken) == 1


def _nesting(text: str, depth: int, origin: Origin) -> tuple[int, int | None]:
    """How many brackets are open after a line, and where in it the last one is closed."""
    for bracket in _BRACKET.finditer(text):
        if bracket[0] in "[({":
            depth += 1
            if depth > _DEEPEST:
                raise InputError("is nested too deeply for a puzzle", origin)
        elif bracket[0] in "])}":
            depth -= 1
            if depth <= 0:
                return 0, bracket.end()
    return depth, None


@dataclass(frozen=True)
class _Document:
    """A value as text, which begins in a column (from 0) of a line."""

    text: str
    origin: Origin
    start: int

    def parse(self) -> Any:
        try:
            return strict_json.decode(self.text)
        except json.JSONDecodeError as error:
            wrong = error
        if not isinstance(wrong, strict_json.RepeatedKeyError):
            try:
                return self._python()
            except strict_json.RepeatedKeyError as error:
                wrong = error
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                pass
        line, column = self._at(wrong.pos)
        open_end = wrong.msg.startswith("Unterminated string")
        message = (
            "is not JSON: the string that begins here does not end" if open_end else strict_json.said(wrong)
        )
        raise InputError(message, Origin(self.origin.name, line), column)

    def _python(self) -> Any:
        """The value as Python writes it, with None and 'strings'."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(self.text)
        strict_json.refuse_repeated(self.text)
        return value

    def place(self, index: int) -> Place:
        """Where the scalar with this number stands, names of an object counted as well."""
        return self._at(self._scalars[min(index, len(self._scalars) - 1)] if self._scalars else 0)

    def _at(self, offset: int) -> tuple[int, int]:
        row = bisect_right(self._rows, offset) - 1
        column = offset - self._rows[row] + 1 + (self.start if row == 0 else 0)
        return (self.origin.line or 1) + row, column

    @cached_property
    def _rows(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    @cached_property
    def _scalars(self) -> list[int]:
        return [match.start() for match in _SCALAR.finditer(self.text)]
