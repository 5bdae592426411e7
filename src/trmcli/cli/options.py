"""Options as data: a dataclass is a group of options, each of its fields is one, and commands share them.

:func:`spread` gives typer a command with one parameter an option, and gives the command its dataclasses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import typer

from trmcli.cli import complete
from trmcli.errors import did_you_mean

SHOW = "What to show"


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is a dataclass replaced by one option for each of its fields.

    The class says in ``panel`` under which heading the help lists them.
    """
    flat: list[Parameter] = []
    groups: dict[str, type[Any]] = {}
    for name, parameter in signature(command, eval_str=True).parameters.items():
        if is_dataclass(group := parameter.annotation) and isinstance(group, type):
            groups[name] = group
            flat += _options(group)
        else:
            flat.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__dict__["__signature__"] = Signature(flat)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in flat}
    return run


def _options(group: type[Any]) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    options = []
    for field in fields(group):
        for option in get_args(hints[field.name])[1:]:
            option.rich_help_panel = group.panel
        # A field without a default has MISSING for one, which typer would take as a value.
        default = Parameter.empty if field.default is field.default_factory else field.default
        kind = Parameter.KEYWORD_ONLY
        options.append(Parameter(field.name, kind, default=default, annotation=hints[field.name]))
    return options


def whole(least: int) -> Callable[[str | int], int]:
    """What reads an option that is a whole number, ``least`` or more."""

    def read(text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise typer.BadParameter(f"{text!r} is not a whole number of {least} or more")
        return number

    return read


def number(least: float) -> Callable[[str | float], float]:
    """What reads an option that is a number, ``least`` or more."""

    def read(text: str | float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not value >= least:  # nan neither
            raise typer.BadParameter(f"{text!r} is not a number of {least:g} or more")
        return value

    return read


def choice(choices: Any) -> dict[str, Any]:
    """What an option needs whose value is one of a Literal: ``typer.Option(**choice(Halt), help=…)``."""
    known: tuple[str, ...] = get_args(choices)

    def read(text: str) -> str:
        if text not in known:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(known)}{did_you_mean(text, known)}")
        return text

    return {"parser": read, "autocompletion": lambda: known}


def device(name: str) -> str:
    """What reads the name of a device; whether the machine has it, torch alone can say."""
    if not re.fullmatch(r"cuda:\d+", name) and name not in complete.DEVICES:
        hint = did_you_mean(name, complete.DEVICES)
        raise typer.BadParameter(f"there is no device {name!r}: choose auto, cpu, cuda, cuda:N or mps{hint}")
    return name


@dataclass(frozen=True)
class Machine:
    """Where a command computes."""

    panel: ClassVar[str] = "The machine"

    device: Annotated[
        str,
        typer.Option(
            parser=device,
            autocompletion=complete.devices,
            metavar="NAME",
            help="What computes: cpu, cuda, cuda:N or mps; auto takes the fastest.",
        ),
    ] = "auto"


@dataclass(frozen=True)
class Show:
    """What a command says of itself."""

    panel: ClassVar[str] = SHOW

    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no summary on stderr; errors still.")
    ] = False
