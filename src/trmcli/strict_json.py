"""JSON as people write it: no key twice in one object, and numbers of any length.

All JSON that is not of our own making is read here, so that whatever is wrong with it is said in one way.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any, cast

from trmcli.errors import InputError, Origin, shown

_DIGITS = 640
"""Digits that are left of a whole number that has more than Python takes: its limit is never less. No number
that is read here may be nearly as large, so they tell as much."""


class RepeatedKeyError(json.JSONDecodeError):
    """An object has a key twice. The place is that of the second."""


def decode(text: str) -> Any:
    """The value that a text is.

    Raises:
        json.JSONDecodeError: it is not JSON, or a :class:`RepeatedKeyError`.
        RecursionError: it is nested too deeply.
    """
    return _values(text, alone=True)[0]


def load(text: str, name: str) -> Any:
    """The value that a text is, which may begin with a byte order mark.

    Raises:
        InputError: with the line and column where it ceases to be JSON, or has a key twice.
    """
    return _read(text, name, alone=True)[0]


def load_all(text: str, name: str) -> list[Any]:
    """The values in a text, one after another; none where it is empty.

    Raises:
        InputError: as :func:`load` does.
    """
    return _read(text, name, alone=False)


def _read(text: str, name: str, alone: bool) -> list[Any]:
    try:
        return _values(text.lstrip("\ufeff"), alone)
    except json.JSONDecodeError as error:
        raise InputError(said(error), Origin(name, error.lineno), error.colno) from None
    except RecursionError:
        raise InputError("is nested too deeply", name) from None


def _values(text: str, alone: bool) -> list[Any]:
    values, at = list[Any](), _skip_space(text, 0)
    while at < len(text) or (alone and not values):
        if alone and values:
            raise json.JSONDecodeError("Extra data", text, at)
        try:
            value, end = _decoded(text, at)
        except _RepeatedError:
            refuse_repeated(text, at)
            raise
        values.append(value)
        at = _skip_space(text, end)
    return values


def _decoded(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python takes no number of so many digits
        return _SHORTENING.raw_decode(text, at)


def _skip_space(text: str, at: int) -> int:
    return cast("re.Match[str]", _SPACE.match(text, at)).end()


def said(error: json.JSONDecodeError) -> str:
    """What is wrong, as a message begins after the place."""
    if isinstance(error, RepeatedKeyError):
        return error.msg
    return f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"


def refuse_repeated(text: str, at: int = 0) -> None:
    """Look through a value in a text, JSON or as Python writes it, for a key that an object has twice.

    Raises:
        RepeatedKeyError: at the second.
    """
    path: list[_Open] = []
    for token in _TOKEN.finditer(text, at):
        sign = token[0]
        if sign in "{[(":
            path.append(_Open(sign == "{"))
        elif sign in "}])":
            if len(path) < 2:
                return
            path.pop()
        elif sign == "," and path:
            path[-1].number += 1
        elif token["string"] and path and path[-1].is_object:
            key = _string(token["string"])
            if key in path[-1].seen:
                where = _place(path[:-1])
                message = f'has the key "{shown(key)}" twice in one object{where}: leave one of them'
                raise RepeatedKeyError(message, text, token.start())
            path[-1].key = key
            path[-1].seen.add(key)


def refuse_halves(text: str, name: str) -> None:
    """Refuse JSON with half of a character in it, which no output can hold: ``\\ud800`` alone.

    Raises:
        InputError: with the line and column of the half.
    """
    text = text.lstrip("\ufeff")
    for escape in _ESCAPE.finditer(text):
        if escape["lone"]:
            place = json.JSONDecodeError("", text, escape.start())
            message = f"{escape[0]} is half of a character: write the character itself, or both halves"
            raise InputError(message, Origin(name, place.lineno), place.colno)


class _RepeatedError(Exception):
    """An object has a key twice; where, the decoder does not say."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedError
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
_SHORTENING = json.JSONDecoder(object_pairs_hook=_object, parse_int=lambda digits: int(digits[:_DIGITS]))
"""Half as fast."""
_SPACE = re.compile(r"\s*")
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(?=\s*:)|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[][(){},]""",
    re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class _Open:
    """An object or a list that is open: its keys so far and the last, or how many values have ended in it."""

    def __init__(self, is_object: bool) -> None:
        self.is_object, self.number, self.key = is_object, 0, ""
        self.seen: set[str] = set()


def _string(token: str) -> str:
    try:
        return str(json.loads(token, strict=False))
    except ValueError:  # Python's
        return str(ast.literal_eval(token))


def _place(path: Sequence[_Open]) -> str:
    """``, in 00d62c1b, train 2``, as places in ARC tasks are told; empty where it is all of the value."""
    parts = ""
    for one in path:
        if one.is_object:
            parts += f", {shown(one.key)}"
        else:
            parts += f" {one.number + 1}" if parts else f", value {one.number + 1}"
    return f", in {parts[2:]}" if parts else ""
