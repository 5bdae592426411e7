"""``trm data``: make puzzles."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.tasks.base import Cells

app = typer.Typer(help="Make puzzles and data sets.", no_args_is_help=True)
generate_app = typer.Typer(help="Make new puzzles with one solution each.", no_args_is_help=True)
app.add_typer(generate_app, name="generate")


class Format(str, Enum):
    """How generated puzzles are written."""

    line = "line"
    csv = "csv"


_SUDOKU_EXAMPLES = """
Examples:

  trm data generate sudoku

  trm data generate sudoku --count 1000 --clues 22-35 --minimal --output puzzles.txt

  trm data generate sudoku --size 16 --count 5 --format csv --seed 7

  trm data generate sudoku --count 20 | trm solve -
"""


@generate_app.command(epilog=_SUDOKU_EXAMPLES)
def sudoku(
    size: Annotated[int, typer.Option(help="Cells in a row: 4, 6, 9 or 16.")] = 9,
    count: Annotated[int, typer.Option(min=1, help="How many puzzles.")] = 1,
    clues: Annotated[
        str | None, typer.Option(metavar="LOW-HIGH", help="How many givens, such as 22-35 or 30.")
    ] = None,
    minimal: Annotated[
        bool, typer.Option("--minimal", help="Only puzzles in which no given can be spared.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same puzzles.")] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes at work; without it, one for each processor.")
    ] = None,
    format: Annotated[
        Format, typer.Option(help="One question a line, or CSV: source,question,answer,rating.")
    ] = Format.line,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output.")
    ] = None,
    unique: Annotated[
        bool, typer.Option("--unique/--allow-duplicates", help="Whether all puzzles must differ.")
    ] = True,
) -> None:
    """Make random Sudoku puzzles, each with one solution.

    The rating in a CSV is the number of guesses that a plain search with singles needs, 0 for easy puzzles.
    """
    from trmcli.tasks.sudoku import BOX_SHAPES, Sudoku
    from trmcli.tasks.sudoku_search import generate_many, parse_clues, processors

    if size not in BOX_SHAPES:
        raise InputError(f"there is no {size}x{size} Sudoku here: --size is 4, 6, 9 or 16")
    clue_range = None if clues is None else parse_clues(clues)
    if processes is None:
        processes = processors() if count > 50 or size == 16 else 1
    task = Sudoku()

    def line(cells: Cells) -> str:
        return "".join(task.symbol(value, (size, size)) for value in cells.ravel().tolist())

    puzzles = generate_many(size, count, clue_range, minimal, seed, processes, unique)
    with closing(puzzles), _output(output) as file, _progress(count) as advance:
        if format is Format.csv:
            file.write("source,question,answer,rating\n")
        for question, answer, rating in puzzles:
            if format is Format.csv:
                file.write(f"generated,{line(question)},{line(answer)},{rating}\n")
            else:
                file.write(line(question) + "\n")
            if output is None:
                file.flush()
            advance()


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears under its name once it is whole."""
    if path is None:
        yield sys.stdout
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise InputError(error.strerror or str(error), str(path)) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error if that is a terminal; call what it gives once a puzzle."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("generating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("generating", total=total)
        yield lambda: progress.advance(bar)
