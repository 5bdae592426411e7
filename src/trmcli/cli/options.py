"""Options as data: a dataclass is a group of options, each of its fields is one, and commands share them.

:func:`spread` gives typer a command with one parameter an option, and gives the command its dataclasses.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args, get_type_hints

import typer

from trmcli import checks
from trmcli.cli import complete
from trmcli.errors import InputError, did_you_mean, shown
from trmcli.solving.choices import (
    LEAST,
    MANY_TRIES,
    CompileName,
    EngineName,
    Halt,
    SearchConfig,
    Select,
    Strategy,
)

if TYPE_CHECKING:
    from trmcli.solving.engine import Engine

SHOW = "What to show"

Theme = Literal["auto", "dark", "light"]
"""What colours are made for; see :mod:`trmcli.ui.palette`, which is imported when something is drawn."""


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


def limit(name: str) -> Callable[[str | int], int]:
    """What reads an option that is a number of a search."""
    return whole(LEAST[name])


def real(least: float) -> Callable[[str | float], float]:
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


def fps(text: str | float) -> float:
    """What reads steps a second: slower than one in 100 s nobody waits for, nor sees more than 1,000."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value != 0 and not 0.01 <= value <= 1000:  # nan neither
        raise typer.BadParameter(f"{text!r} is not 0, and not a number from 0.01 to 1000")
    return value


def choice(choices: Any) -> dict[str, Any]:
    """What an option needs whose value is one of a Literal: ``typer.Option(**choice(Halt), help=…)``."""
    known: tuple[str, ...] = get_args(choices)

    def read(text: str) -> str:
        if text not in known:
            raise typer.BadParameter(f"{text!r} is not one of {', '.join(known)}{did_you_mean(text, known)}")
        return text

    return {"parser": read, "autocompletion": lambda: known}


def device(name: str) -> str:
    """What reads the name of a device."""
    try:
        return checks.device(name)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


def threads(text: str) -> int:
    """What reads a number of threads, from the command line or the environment.

    Raises:
        InputError: for anything but a whole number from 1 to 1024.
    """
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= 1024:
        message = f"{text!r} is not a number of threads: give a whole number from 1 to 1024"
        raise InputError(message, "--threads (TRM_THREADS)")
    return int(text)


@dataclass(frozen=True)
class Puzzles:
    """What the puzzles are."""

    panel: ClassVar[str] = "What to solve"

    task: Annotated[
        str,
        typer.Option(
            autocompletion=complete.tasks, metavar="NAME", help="Kind of the puzzles; auto looks at them."
        ),
    ] = "auto"
    legend: Annotated[
        str | None,
        typer.Option(
            metavar="SIGNS", help="What the signs of mazes mean, such as '#=wall,.=open,A=start,B=goal'."
        ),
    ] = None
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Name bad records, count them, and go on with the next.")
    ] = False


@dataclass(frozen=True)
class Model:
    """What solves them."""

    panel: ClassVar[str] = "The model"

    weights: Annotated[
        str | None,
        typer.Option(
            autocompletion=complete.weights,
            metavar="NAME|FILE",
            help="Trained model; without it, the task's own.",
        ),
    ] = None
    rounds: Annotated[
        int | None,
        typer.Option(
            parser=whole(1),
            metavar="T",
            help="Rounds of a supervision step; without it, as many as the weights are meant for.",
        ),
    ] = None


@dataclass(frozen=True)
class Effort:
    """How hard, and in which ways, a puzzle is tried."""

    panel: ClassVar[str] = "How hard to try"

    steps: Annotated[
        int | None,
        typer.Option(
            parser=limit("max_steps"),
            metavar="N",
            help="Most supervision steps of a try. Without it 16; of a maze rows and columns, if more.",
        ),
    ] = None
    until_solved: Annotated[
        bool,
        typer.Option("--until-solved", help="Try until the rules accept an answer, at most 10,000 times."),
    ] = False
    budget: Annotated[
        float | None,
        typer.Option(
            parser=real(0),
            metavar="SECONDS",
            help="Most computing time of a puzzle; puzzles that are worked on together share the clock. "
            "An ARC task has 60 without it.",
        ),
    ] = None
    strategy: Annotated[
        Strategy,
        typer.Option(
            **choice(Strategy),
            metavar="HOW",
            help="How a further try differs. guess: it supposes doubtful cells, and sees digits and lines "
            "rearranged. symmetry: the latter alone. noise: noise on the latent. restart: random states. "
            "mixed: these three in turn.",
        ),
    ] = "guess"
    halt: Annotated[
        Halt,
        typer.Option(
            **choice(Halt),
            metavar="WHEN",
            help="When a try ends. checked: as soon as its answer is checked. head: when the halting head "
            "says so. never: after all steps.",
        ),
    ] = "checked"
    commit: Annotated[
        bool,
        typer.Option(
            "--commit/--no-commit",
            help="Whether later steps take the surest doubtful cell as given; by default they do.",
        ),
    ] = True
    select: Annotated[
        Select,
        typer.Option(
            **choice(Select),
            metavar="WHICH",
            help="Which answer is shown if none is right. halt: the one that the halting head trusts most. "
            "vote: the most frequent.",
        ),
    ] = "halt"
    seed: Annotated[
        int,
        typer.Option(parser=limit("seed"), metavar="N", help="Seed of everything random in the tries."),
    ] = 0

    def check(self, tries: object) -> None:
        """Raise InputError if ``tries`` were given besides --until-solved."""
        if self.until_solved and tries is not None:
            raise InputError("--until-solved sets the number of tries: leave --tries out")

    def config(self, tries: int, batch_size: int) -> SearchConfig:
        """The same for a search: with ``tries``, unless --until-solved says otherwise."""
        return SearchConfig(
            max_steps=self.steps,
            tries=MANY_TRIES if self.until_solved else tries,
            halt=self.halt,
            commit=self.commit,
            batch_size=batch_size,
            seed=self.seed,
            strategy=self.strategy,
            select=self.select,
            budget=inf if self.budget is None else self.budget,
        )


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
class Batches(Machine):
    """Where batches of puzzles are solved."""

    engine: Annotated[
        EngineName,
        typer.Option(
            **choice(EngineName),
            metavar="NAME",
            help="What runs the network. numpy: starts at once. torch: has GPUs and bfloat16. auto: numpy, "
            "but for many puzzles where torch has one of these, and where a device is named.",
        ),
    ] = "auto"
    compile: Annotated[
        CompileName,
        typer.Option(
            **choice(CompileName),
            metavar="WHEN",
            help="When the network is compiled, which takes a C compiler (torch's engine: C++). on: at once. "
            "off: never. auto: on a CPU, after seconds of work with numpy, a minute of it with torch.",
        ),
    ] = "auto"
    batch_size: Annotated[
        int | None,
        typer.Option(
            parser=limit("batch_size"),
            metavar="N",
            help="Tries worked on at once; by default 64, and 512 on a GPU.",
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(
            parser=threads,
            envvar="TRM_THREADS",
            metavar="N",
            help="CPU threads that share a batch; one puzzle gets one. Without it, as many as TRM_THREADS "
            "says, or as there are processors that may be used.",
        ),
    ] = None

    def at_once(self, engine: Engine[Any]) -> int:
        """Tries that are worked on together."""
        return self.batch_size or engine.batch


PaperTheme = Annotated[
    Theme,
    typer.Option(
        **choice(Theme),
        metavar="PAPER",
        help="Colours for a dark or a light terminal; auto asks COLORFGBG and the terminal.",
    ),
]


@dataclass(frozen=True)
class Pace:
    """How puzzles are drawn, and how long what is drawn stays."""

    panel: ClassVar[str] = SHOW

    fps: Annotated[
        float,
        typer.Option(
            parser=fps, metavar="N", help="Steps shown a second, 0.01 to 1000; 0 is as fast as it goes."
        ),
    ] = 4.0
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Whether each end stays for a few seconds, or until a key."),
    ] = True
    theme: PaperTheme = "auto"


@dataclass(frozen=True)
class Show:
    """What a command says of itself."""

    panel: ClassVar[str] = SHOW

    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no summary on stderr; errors still.")
    ] = False

    def say(self, text: str) -> None:
        """Print a line to stderr, unless all is to be quiet."""
        if not self.quiet:
            print(shown(text), file=sys.stderr)
