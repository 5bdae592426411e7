"""The command line: joins the commands, and turns failures into one line and a status.

Statuses: 0 done, 1 some puzzles not solved, 2 bad usage or input, 130 Ctrl-C, 141 a pipe that was closed.
Command modules import torch and NumPy inside their functions, so that ``trm --help`` answers at once.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trmcli.cli import convert, data, download, eval, info, solve, standard, train
from trmcli.errors import InputError

EXAMPLES = """
Examples:

  trm solve puzzle.txt                     # watch one puzzle being solved

  cat puzzles.txt | trm solve > answers.txt

  trm eval puzzles.csv                     # how many does the model solve?

  trm train sudoku                         # train it yourself

  trm solve --help                         # more, and more examples
"""


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


def _exit(status: int, message: str = "") -> None:
    if message:
        try:
            print("trm: error:", " ".join(message.split()), file=sys.stderr)
        except BrokenPipeError:
            standard.drop(sys.stderr)
    raise SystemExit(status) from None


class Commands(TyperGroup):
    """The group of all commands; reads options and runs commands under :func:`failures`."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        with failures():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        with failures():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    epilog=EXAMPLES,
    no_args_is_help=True,
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Solve puzzles with Tiny Recursive Models, and watch them think."""


app.command(epilog=solve.EXAMPLES)(solve.solve)
app.command("eval", epilog=eval.EXAMPLES)(eval.evaluate)
app.command(epilog=train.EXAMPLES)(train.train)
app.command(epilog=download.EXAMPLES)(download.download)
app.command(epilog=info.EXAMPLES)(info.info)
app.command(epilog=convert.EXAMPLES)(convert.convert)
app.add_typer(data.app, name="data")


def main() -> None:
    """Run ``trm``."""
    standard.prepare()
    app(prog_name="trm")
