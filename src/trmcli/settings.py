"""Settings: dataclasses from TOML, checked, and back to TOML.

What a field may hold is said once: by its annotation, whose Literal names the choices, and by the limits of
numbers. Nothing here knows what settings are for.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from trmcli.errors import InputError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TYPES: Mapping[Any, tuple[Any, str]] = {
    int: (int, "int"),
    float: ((int, float), "float"),
    bool: (bool, "true or false"),
    str: (str, "str"),
    Literal: (str, "str"),
    Mapping: (Mapping, "a table"),
    tuple: ((list, tuple), "a list"),
}
"""What may stand for a field's type, and what it is called."""


def check(
    cls: type,
    values: Mapping[str, Any],
    origin: str,
    limits: Mapping[str, tuple[float, float]] | None = None,
    called: str = "setting",
) -> None:
    """Every setting is a field of the dataclass, of its type and within its limits, and none is missing.

    Args:
        limits: the least and the most that a number may be, by its name.
        called: what a setting is to be called.

    Raises:
        InputError: with ``origin`` as the file.
    """
    limits = limits or {}
    known = {entry.name: entry for entry in fields(cls)}
    hints = get_type_hints(cls)
    for key, value in values.items():
        if key not in known:
            others = did_you_mean(key, known, f"{called.rpartition(' ')[2]}s")
            raise InputError(f"unknown {called} {key!r}{others}", origin)
        kind = get_origin(hints[key]) or hints[key]
        wanted, said = _TYPES[kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{key} must be {said}, not {value!r}", origin)
        choices = get_args(hints[key]) if kind is Literal else ()
        if choices and value not in choices:
            raise InputError(f"{key} must be one of {', '.join(choices)}, not {value!r}", origin)
        if key in limits:
            least, most = limits[key]
            if not (least <= value <= most and value < math.inf):
                said = f"at least {least}" if most == math.inf else f"from {least} to {most}"
                raise InputError(f"{key} must be {said}, not {value!r}", origin)
    for key, entry in known.items():
        if entry.default is entry.default_factory and key not in values:  # both MISSING
            raise InputError(f"{key} is missing", origin)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        InputError: it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"is not valid TOML: {error}", str(path)) from None


def apply_override(values: dict[str, Any], override: str) -> None:
    """Set ``key=value`` or ``table.key=value`` in place; the value is TOML, or a bare word for text."""
    key, equals, text = override.partition("=")
    if not equals:
        raise InputError(f"{override!r} is not a setting: write key=value", "--set")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, last = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise InputError(f"{table!r} holds no settings of its own", "--set")
    values[last] = value


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
