"""What arguments of the Python interface may be: each is checked where it is given, by a function of these.

What is shared with the command line speaks of its options; :func:`in_python` says the same of arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import nan
from operator import index
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from trmcli.errors import InputError, Origin, did_you_mean

T = TypeVar("T")

DEVICES = ("auto", "cpu", "cuda", "mps")


def whole(name: str, value: Any, least: int) -> int:
    """A whole number from ``least``, of Python or of NumPy.

    Raises:
        InputError: it is something else. So do all functions here.
    """
    try:
        number = least - 1 if isinstance(value, bool) else index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise InputError(f"{name} must be a whole number from {least}, not {value!r}")
    return number


def seconds(name: str, value: Any) -> float:
    """A length of time from 0, which may be endless."""
    from numbers import Real

    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else nan
    if not number >= 0:  # nan neither
        raise InputError(f"{name} must be a number of seconds from 0, not {value!r}")
    return number


def truth(name: str, value: Any) -> None:
    """True or False."""
    if not isinstance(value, bool):
        raise InputError(f"{name} must be True or False, not {value!r}")


def choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """One of a few words."""
    if not isinstance(value, str) or value not in choices:
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {value!r}{hint}")


def device(name: Any) -> str:
    """The name of a device; whether the machine has it, torch alone can say."""
    if isinstance(name, str) and (name in DEVICES or re.fullmatch(r"cuda:[0-9]+", name)):
        return name
    hint = did_you_mean(name, DEVICES) if isinstance(name, str) else ""
    raise InputError(f"there is no device {name!r}: choose auto, cpu, cuda, cuda:N or mps{hint}")


def path(name: str, value: Any, what: str = "a path") -> Path:
    """A path, as text or as ``Path``. ``what`` says what it would be right to give."""
    if not isinstance(value, (str, PathLike)) or not str(value):
        raise InputError(f"{name} must be {what}, not {value!r}")
    return Path(value)


def instance(name: str, value: Any, kind: type[Any] | tuple[type[Any], ...], what: str) -> Any:
    """An object of a class. ``what`` says what it would be right to give."""
    if not isinstance(value, kind):
        raise InputError(f"{name} must be {what}, not {_of_type(value)}")
    return value


def function(name: str, value: Any, what: str) -> None:
    """What can be called. ``what`` says what it would be right to give."""
    if not callable(value):
        raise InputError(f"{name} must be {what}, not {_of_type(value)}")


def _of_type(value: Any) -> str:
    """``'sudoku'``, ``3``, or ``an object of type dict``."""
    short = value is None or isinstance(value, (str, int, float))
    return repr(value) if short else f"an object of type {type(value).__name__}"


def has_torch() -> bool:
    """Whether PyTorch is installed. It is not imported."""
    from importlib.util import find_spec

    return find_spec("torch") is not None


def need_torch(what: str) -> None:
    """Raise InputError, which says what to install, where PyTorch is not installed."""
    if not has_torch():
        raise InputError(f"{what} needs PyTorch, which is not installed: pip install torch")


_OPTIONS = (
    (r"--task arc\b", "trmcli.adapt"),
    (r"--weights FILE", "solver=trmcli.load(FILE)"),
    (r"--weights\b", "trmcli.load(FILE)"),
    (r"--set\b", "settings"),
    (r"--(engine|device) ([a-z0-9:]+)", r'\1="\2"'),
    (r"--(?!resume)([a-z]+)\b", r"\1"),
    (r"--resume\b", "trm train --resume"),
)
"""Options as messages have them, and what to say of each to those who write Python."""


@contextmanager
def in_python() -> Iterator[None]:
    """Errors that come out of it speak of arguments where they spoke of options."""
    try:
        yield
    except InputError as error:
        message, origin = error.message, error.origin
        for option, argument in _OPTIONS:
            message = re.sub(rf"(?<!\S){option}", argument, message)
        if origin is not None and origin.name.startswith("--"):
            origin = Origin("settings" if origin.name.startswith("--set") else origin.name[2:])
        if (message, origin) == (error.message, error.origin):
            raise
        raise InputError(message, origin, error.column) from error


def each(found: Iterator[T]) -> Iterator[T]:
    """The same, :func:`in_python`."""
    with in_python():
        yield from found
