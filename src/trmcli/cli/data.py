"""``trm data``: make puzzles and data sets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from trmcli.tasks.base import Cells, Task

EXAMPLES = """
Examples:

  trm data generate sudoku                          # one puzzle

  trm data generate sudoku --count 20 | trm solve -

  trm data generate maze --kind perfect --size 21
"""

BUILD_EXAMPLES = """
Examples:

  trm data build sudoku --csv train.csv --test-csv test.csv --out data/all

  trm data build sudoku --csv train.csv --subsample 1000 --augment 9 --out few

  trm train paper-sudoku-extreme --data few

  trm data build maze --csv mazes.csv --augment --out data/mazes
"""

app = typer.Typer(help="Make puzzles and data sets.", epilog=EXAMPLES, no_args_is_help=True)
generate_app = typer.Typer(help="Make new puzzles.", epilog=EXAMPLES, no_args_is_help=True)
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
    from trmcli.tasks.sudoku.generate import generate_many, parse_clues
    from trmcli.tasks.sudoku.kind import Sudoku
    from trmcli.tasks.workers import processors
    from trmcli.ui.progress import progress

    clue_range = None if clues is None else parse_clues(clues)
    if processes is None:
        processes = processors() if count > 50 or size == 16 else 1
    task = Sudoku()

    def line(cells: Cells) -> str:
        return "".join(task.symbol(value, (size, size)) for value in cells.ravel().tolist())

    puzzles = generate_many(size, count, clue_range, minimal, seed, processes, unique)
    bar = progress("generating", count, prints=output is None)
    with closing(puzzles), writing(output) as whole, bar as advance:
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


class MazeKind(str, Enum):
    """Kinds of generated mazes."""

    open = "open"
    perfect = "perfect"


class MazeFormat(str, Enum):
    """How generated mazes are written."""

    text = "text"
    csv = "csv"


_MAZE_EXAMPLES = """
Examples:

  trm data generate maze

  trm data generate maze --kind perfect --size 21x41

  trm data generate maze --count 1000 --min-path 110 --format csv -o train.csv

  trm data generate maze --count 1000 --min-path 110 --format csv --seed 1 --exclude train.csv -o test.csv
"""


@generate_app.command(epilog=_MAZE_EXAMPLES)
def maze(
    kind: Annotated[
        MazeKind, typer.Option(help="Walls strewn at random, or corridors that join all cells in one way.")
    ] = MazeKind.open,
    size: Annotated[
        str, typer.Option(metavar="N|HxW", help="Rows and columns; odd in perfect mazes.")
    ] = "30",
    count: Annotated[int, typer.Option(min=1, help="How many mazes.")] = 1,
    walls: Annotated[str, typer.Option(metavar="LOW-HIGH", help="Share of walls in open mazes.")] = "0.3-0.5",
    min_path: Annotated[
        int, typer.Option(min=3, metavar="N", help="Cells of the path at least, S and G among them.")
    ] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same mazes.")] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes at work; without it, one for each processor.")
    ] = None,
    format: Annotated[
        MazeFormat, typer.Option(help="Drawn, or CSV: source,question,answer,rating.")
    ] = MazeFormat.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Make no maze of this file again, however turned; repeatable."),
    ] = None,
) -> None:
    """Make random mazes, no two of them equal up to rotation and reflection.

    Hard ones, such as those of Maze-Hard, have long paths: --min-path 110. The rating in a CSV is the number
    of cells of the shortest path.
    """
    from trmcli.errors import Origin
    from trmcli.files import writing
    from trmcli.tasks import read_puzzles
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.maze.generate import canonical, generate_many, parse_options
    from trmcli.tasks.maze.kind import Maze
    from trmcli.tasks.maze.text import draw
    from trmcli.tasks.workers import processors
    from trmcli.ui.progress import progress

    wanted = parse_options(kind.value, size, walls, min_path)
    if processes is None:
        processes = processors() if count > 100 else 1
    task = Maze()
    others = {canonical(puzzle.cells) for _, puzzle in read_puzzles(exclude or [], task.name)}
    mazes = generate_many(wanted, count, seed, processes, others)
    bar = progress("generating", count, prints=output is None)
    with closing(mazes), writing(output) as whole, bar as advance:
        file = whole or sys.stdout
        if format is MazeFormat.csv:
            file.write("source,question,answer,rating\n")
        for number, (question, answer, path) in enumerate(mazes):
            line = Puzzle(question, Origin("generated"))
            if format is MazeFormat.csv:
                file.write(f"generated,{task.write(line, question)},{task.write(line, answer)},{path}\n")
            else:
                file.write("\n" * (number > 0) + draw(question) + "\n")
            if output is None:
                file.flush()
            advance()


OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Folder to make.")]
DataSeedOption = Annotated[int, typer.Option(min=0, help="The same seed makes the same data set.")]


def _build(
    build: Callable[..., dict[str, int]],
    task: Task,
    csv: Path,
    out: Path,
    test_csv: Path | None,
    **options: int | bool | None,
) -> None:
    """Make the folder, and say how many examples each split has."""
    test = None if test_csv is None else str(test_csv)
    counts = build(out, str(csv), test, task=task, **options)
    typer.echo("\n".join(f"{out / split}\t{count} examples" for split, count in counts.items()))


@build_app.command("sudoku", epilog=BUILD_EXAMPLES)
def build_sudoku(
    csv: Annotated[Path, typer.Option(metavar="FILE", help="Training puzzles with answers.")],
    out: OutOption,
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
    seed: DataSeedOption = 0,
) -> None:
    """Make a folder of Sudoku that trm and the reference train on."""
    from trmcli.tasks.sudoku.kind import Sudoku
    from trmcli.training.reference_data import build_sudoku

    _build(build_sudoku, Sudoku(), csv, out, test_csv, subsample=subsample, augment=augment, seed=seed)


@build_app.command("maze", epilog=BUILD_EXAMPLES)
def build_maze(
    csv: Annotated[Path, typer.Option(metavar="FILE", help="Training mazes with answers.")],
    out: OutOption,
    test_csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Test mazes with answers.", show_default=False)
    ] = None,
    subsample: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Take so many training mazes at random.", show_default=False),
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Add the seven other rotations and reflections of each.")
    ] = False,
    seed: DataSeedOption = 0,
) -> None:
    """Make a folder of square mazes of one size that trm and the reference train on."""
    from trmcli.tasks.maze.kind import Maze
    from trmcli.training.reference_data import build_maze

    _build(build_maze, Maze(), csv, out, test_csv, subsample=subsample, augment=augment, seed=seed)
