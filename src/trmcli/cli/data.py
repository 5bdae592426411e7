"""``trm data``: make puzzles and data sets."""

from __future__ import annotations

import sys
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.tasks.base import Cells

EXAMPLES = """
Examples:

  trm data generate sudoku                          # one puzzle

  trm data generate sudoku --count 20 | trm solve -
"""

BUILD_EXAMPLES = """
Examples:

  trm data build sudoku --csv train.csv --test-csv test.csv --out data/all

  trm data build sudoku --csv train.csv --subsample 1000 --augment 9 --out few

  trm train paper-sudoku-extreme --data few
"""

app = typer.Typer(help="Make puzzles and data sets.", epilog=EXAMPLES, no_args_is_help=True)
generate_app = typer.Typer(
    help="Make new puzzles with one solution each.", epilog=EXAMPLES, no_args_is_help=True
)
app.add_typer(generate_app, name="generate")
build_app = typer.Typer(
    help="Make data sets as the reference lays them out.", epilog=BUILD_EXAMPLES, no_args_is_help=True
)
app.add_typer(build_app, name="build")


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
    from trmcli.files import writing
    from trmcli.tasks.sudoku import BOX_SHAPES, Sudoku
    from trmcli.tasks.sudoku_search import generate_many, parse_clues, processors
    from trmcli.ui.progress import progress

    if size not in BOX_SHAPES:
        raise InputError(f"there is no {size}x{size} Sudoku here: --size is 4, 6, 9 or 16")
    clue_range = None if clues is None else parse_clues(clues)
    if processes is None:
        processes = processors() if count > 50 or size == 16 else 1
    task = Sudoku()

    def line(cells: Cells) -> str:
        return "".join(task.symbol(value, (size, size)) for value in cells.ravel().tolist())

    puzzles = generate_many(size, count, clue_range, minimal, seed, processes, unique)
    with closing(puzzles), writing(output) as whole, progress("generating", count) as advance:
        file = whole or sys.stdout
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


@build_app.command("sudoku", epilog=BUILD_EXAMPLES)
def build_sudoku(
    csv: Annotated[Path, typer.Option(metavar="FILE", help="Training puzzles with answers.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to make.")],
    test_csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Test puzzles with answers.", show_default=False)
    ] = None,
    subsample: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Take so many training puzzles at random.", show_default=False),
    ] = None,
    augment: Annotated[
        int, typer.Option(min=0, metavar="N", help="Rearranged copies of each training puzzle.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same data set.")] = 0,
) -> None:
    """Make a folder of Sudoku that trm and the reference train on."""
    from trmcli.tasks.sudoku import Sudoku
    from trmcli.training.reference_data import build_sudoku

    counts = build_sudoku(
        out,
        str(csv),
        None if test_csv is None else str(test_csv),
        subsample=subsample,
        augment=augment,
        seed=seed,
        task=Sudoku(),
    )
    typer.echo("\n".join(f"{out / split}\t{count} examples" for split, count in counts.items()))
