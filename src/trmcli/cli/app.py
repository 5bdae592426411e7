"""The command line: joins the commands, and turns failures into one line and a status.

Statuses: 0 done, 1 some puzzles not solved, 2 bad usage or input, 130 Ctrl-C, 141 a pipe that was closed.
Only the command that is asked for is loaded, and commands import torch and NumPy inside their functions, so
that every answer comes at once.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command, get_group

from trmcli.cli import standard
from trmcli.cli.common import undashed
from trmcli.cli.help import Command, Group
from trmcli.cli.options import spread
from trmcli.errors import InputError, did_you_mean, one_line

EXAMPLES = """
Examples:
  trm demo                                  # watch some puzzles being solved
  trm solve puzzle.txt                      # watch one of yours
  cat puzzles.txt | trm solve > answers.txt
  trm eval puzzles.csv                      # how many does the model solve?
  trm train sudoku                          # train it yourself
  trm solve --help                          # more, and more examples
"""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that it cannot read. It names the class nowhere."""


@contextmanager
def failures() -> Iterator[None]:
    """End the process with one line and a status where a user, not a bug, is the cause.

    Raises:
        SystemExit: with the status.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except InputError as error:
        _exit(2, str(error))
    except UsageError as error:
        _exit(2, _usage(error))
    except KeyboardInterrupt:
        _exit(130)
    except BrokenPipeError:
        standard.drop(sys.stdout, sys.stderr)
        _exit(141)
    except UnicodeEncodeError as error:
        _exit(2, f"cannot be written as {error.encoding}: {error.object[error.start]!r}")
    except OSError as error:
        standard.drop(sys.stdout)
        reason = "stdout is closed" if error.errno == errno.EBADF else error.strerror or str(error)
        _exit(2, reason if error.filename is None else f"{error.filename}: {reason}")
    except Exception as error:
        kinds = sys.modules.get("trmcli.tasks.kinds")
        if kinds is None or (theirs := kinds.failure_of_another(error)) is None:
            raise
        _exit(2, str(theirs))


def _exit(status: int, message: str = "") -> None:
    if message:
        try:
            print("trm: error:", one_line(message), file=sys.stderr)
        except BrokenPipeError:
            standard.drop(sys.stderr)
    raise SystemExit(status) from None


def _usage(error: Any) -> str:
    """What is wrong with a command line, the option first, as files come first in other errors."""
    where = "" if error.ctx is None else f"; see {error.ctx.command_path} --help"
    if hasattr(error, "possibilities"):
        hint = did_you_mean(error.option_name, error.possibilities or ())
        return f"{error.option_name}: no such option{hint or where}"
    parameter = getattr(error, "param", None)
    if parameter is not None and error.message:
        return f"{max(parameter.opts, key=len)}: {error.message}"
    message: str = error.format_message().removesuffix(".")
    return message[:1].lower() + message[1:] + where


FUNCTIONS = {
    "solve": "solve",
    "demo": "demo",
    "eval": "evaluate",
    "train": "train",
    "download": "download",
    "info": "info",
    "convert": "convert",
    "data": None,
}
"""For each command the function in the module of its name; None where the module has a group of commands."""

SUMMARIES = {
    "solve": "Solve puzzles and check every answer against the rules.",
    "demo": "Watch the bundled models solve a few puzzles.",
    "eval": "Measure a model on many puzzles. Every answer is checked against the rules.",
    "train": "Train a model, with live progress, checkpoints and resuming.",
    "download": "Download weights, check them, and print where they lie.",
    "info": "Print the card of a weights file, or the state of a training run.",
    "convert": "Make a weights file of a checkpoint of TinyRecursiveModels (TRM or HRM).",
    "data": "Make puzzles and data sets.",
}
"""How the help of each command begins: here as well, so that ``trm --help`` need not load all of them."""


class Late(MutableMapping[str, Any]):
    """The commands by name. Each is made, and its module imported, when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = dict.fromkeys(FUNCTIONS)

    def __getitem__(self, name: str) -> Any:
        if self._made[name] is None:
            self._made[name] = _made(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def _made(name: str) -> Any:
    module, function = import_module(f"trmcli.cli.{name}"), FUNCTIONS[name]
    if function is None:
        command: Any = get_group(module.app)
        command.name = name
        return command
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name, cls=Command, epilog=module.EXAMPLES)(spread(getattr(module, function)))
    return get_command(alone)


class Commands(Group):
    """The group of all commands; reads options and runs commands under :func:`failures`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = Late()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(SUMMARIES)

    def summary(self, name: str) -> str:
        return SUMMARIES[name]

    def make_context(self, *args: Any, **options: Any) -> Any:
        with failures():
            return super().make_context(*args, **options)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [undashed(one) for one in args])

    def invoke(self, ctx: Any) -> Any:
        with failures():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    epilog=EXAMPLES,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from trmcli import __version__

        print(f"trm {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Solve puzzles with Tiny Recursive Models, and watch them think."""


def main() -> None:
    """Run ``trm``, under the name by which it was called."""
    standard.prepare()
    app(prog_name="trmcli" if Path(sys.argv[0]).stem == "trmcli" else "trm")
