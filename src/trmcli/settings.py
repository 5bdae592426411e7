"""Settings: dataclasses from TOML, checked, and back to TOML.

What a field may hold is said once, by its annotation: its Literal names the choices, its :class:`Limits` the
numbers. Nothing here knows what settings are for.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from trmcli.errors import InputError, Origin, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TYPES: Mapping[Any, tuple[Any, str]] = {
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
    bool: (bool, "true or false"),
    str: (str, "text"),
    Literal: (str, "text"),
    Mapping: (Mapping, "a table"),
    tuple: ((list, tuple), "a list"),
}
"""What may stand for a field's type, and what it is called."""


@dataclass(frozen=True)
class Limits:
    """The least and the most that a number may be: ``Annotated[int, Limits(1, 9)]``."""

    least: float
    most: float


class SettingError(InputError):
    """A setting is no good, or several do not go together.

    ``keys`` lead to them through the tables: ``lr``, ``model.rounds``, ``data.2.weight`` in the second data.
    """

    def __init__(self, message: str, *keys: str, origin: Origin | str | None = None) -> None:
        super().__init__(message, origin)
        self.keys = keys


def check(
    cls: type,
    values: Mapping[str, Any],
    origin: Origin | str | None = None,
    called: str = "setting",
    table: str = "",
    whole: bool = True,
    inner: Iterable[str] = (),
    listed: str = "",
) -> None:
    """Every setting is a field of the dataclass, of its type and within its limits, and none is missing.

    Args:
        called: what a setting is to be called.
        table: what leads to the settings in a larger file, such as ``model.``.
        whole: whether these are all of the settings, so that none may be missing.
        inner: keys that stand in a table among these settings, and may have been meant: ``model.rounds``.
        listed: the command that shows all settings.

    Raises:
        SettingError: with ``origin`` as the file.
    """
    known = {entry.name: entry for entry in fields(cls)}
    hints = _hints(cls)
    for key, value in values.items():
        if key not in known:
            others = did_you_mean(key, [*known, *inner], f"{called.rpartition(' ')[2]}s")
            if listed and not others.endswith("?"):
                others += f"; all are shown by: {listed}"
            raise SettingError(f"unknown {called} {key!r}{others}", table + key, origin=origin)
        if wanted := _wanted(hints[key], value):
            message = f"{key} must be {wanted}{_example(known[key])}, not {_shown(value)}"
            raise SettingError(message, table + key, origin=origin)
    for key, entry in known.items():
        if whole and entry.default is entry.default_factory and key not in values:  # both MISSING
            raise SettingError(f"{key} is missing", table + key, origin=origin)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _wanted(hint: Any, value: object) -> str:
    """What a setting with this annotation must be; empty where the value is that."""
    limits = None
    if get_origin(hint) is Annotated:
        hint, limits = get_args(hint)
    kind = get_origin(hint) or hint
    allowed, said = _TYPES[kind]
    fits = isinstance(value, allowed) and (kind is bool or not isinstance(value, bool))
    if kind is Literal:
        said = f"one of {', '.join(get_args(hint))}"
        fits = value in get_args(hint)
    if limits is not None:
        said = f"{said} from {limits.least} to {limits.most}"
        fits = fits and limits.least <= value <= limits.most  # not so for nan
    return "" if fits else said


def _example(entry: Field[Any]) -> str:
    """A number that is right, for those who do not know the setting's size."""
    number = isinstance(entry.default, (int, float)) and not isinstance(entry.default, bool)
    return f", such as {entry.default}" if number else ""


def _shown(value: object) -> str:
    """A value that is wrong, cut short where it would fill the line."""
    if isinstance(value, int) and abs(value) >= 10**50:  # Python does not write the longest
        return f"a number of about {int(value.bit_length() * math.log10(2)) + 1} digits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}..."


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        InputError: it cannot be read, or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", str(path)) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError("is not valid TOML: this is not text in UTF-8", Origin(str(path), line)) from None
    except (ValueError, RecursionError) as error:  # plain ones are of numbers with thousands of digits
        what, line, column = str(error), text.count("\n") + 1, None
        if place := re.search(r" \(at line (\d+), column (\d+)\)$", what):
            what, line, column = what[: place.start()], int(place[1]), int(place[2])
        raise InputError(f"is not valid TOML: {what}", Origin(str(path), line), column) from None


_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*=")


def lines_of(path: Path) -> dict[str, Origin]:
    """Where in a valid TOML file each setting stands that has a line of its own, by its key.

    Quoted keys are left out: no setting needs any.
    """
    found: dict[str, Origin] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if header := _HEADER.match(line):
            *outer, last = header[2].split(".")
            if outer and outer[0] in counts:
                outer.insert(1, str(counts[outer[0]]))
            table = ".".join([*outer, last])
            if header[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table = f"{table}.{counts[table]}"
            found[table] = Origin(str(path), number)
            table += "."
        elif key := _KEY.match(line):
            found[table + re.sub(r"\s", "", key[1])] = Origin(str(path), number)
    return found


def apply_override(values: dict[str, Any], override: str) -> str:
    """Set ``key=value`` or ``table.key=value`` in place; the value is TOML, or a bare word for text.

    Returns:
        The key.
    """
    key, equals, text = (part.strip() for part in override.partition("="))
    if not equals:
        raise InputError(f"{override!r} is not a setting: write key=value", "--set")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text
    *tables, last = key.split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            message = f"{table!r} holds no settings of its own: write all of it, as {table}=VALUE"
            raise InputError(message, f"--set {override}")
    values[last] = value
    return key


def to_toml(values: Mapping[str, Any]) -> str:
    """TOML of a config: plain values first, then its tables."""
    lines = [f"{key} = {toml_value(v)}" for key, v in values.items() if not _is_table(v)]
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += ["", f"[{key}]", *(f"{k} = {toml_value(v)}" for k, v in value.items())]
        elif _is_table(value):
            for entry in value:
                lines += ["", f"[[{key}]]", *(f"{k} = {toml_value(v)}" for k, v in entry.items())]
    return "\n".join(lines) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], Mapping)
    )


def toml_value(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)
