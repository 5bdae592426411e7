"""``trm data``: make puzzles and data sets."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from inspect import cleandoc
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import typer

from trmcli.cli import build, build_arc, complete
from trmcli.cli.help import Command, Group
from trmcli.cli.options import Show, choice, spread, whole
from trmcli.cli.outputs import check_outputs
from trmcli.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from trmcli.tasks.base import Cells

EXAMPLES = """
Examples:
  trm data generate sudoku                      # one puzzle
  trm data generate sudoku --count 20 | trm solve
  trm data generate maze --kind perfect --size 21
  trm data build sudoku --csv train.csv --out data/sudoku
"""

SUDOKU_EXAMPLES = """
Examples:
  trm data generate sudoku
  trm data generate sudoku --count 20 | trm solve
  trm data generate sudoku --count 1000 --clues 22-35 --minimal -o puzzles.txt
  trm data generate sudoku --size 16 --count 5 --format csv --seed 7
"""

MAZE_EXAMPLES = """
Examples:
  trm data generate maze
  trm data generate maze --kind perfect --size 21x41
  trm data generate maze --count 1000 --min-path 110 --format csv -o a.csv
  trm data generate maze --count 100 --format csv --exclude a.csv -o b.csv
"""

app = typer.Typer(cls=Group, help="Make puzzles and data sets.", epilog=EXAMPLES)


class Kinds(Group):
    """Commands of this package's kinds; what kinds of other packages make goes by :func:`of_package`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in self.commands or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from trmcli.tasks import get_task, task_names

        if args[0] not in task_names():
            hint = did_you_mean(args[0], task_names(), "kinds")
            raise InputError(f"there is no kind {args[0]!r}{hint}", args[0])
        if args[0] == "grid":
            raise InputError("makes no puzzles: they are pairs of your own", "grid")
        maker = get_task(args[0]).maker
        if maker is None:
            raise InputError("makes no puzzles", args[0])
        single = typer.Typer(add_completion=False)
        single.command(cls=Command, help=f"Make {args[0]}. {cleandoc(maker.__doc__ or '')}")(
            spread(of_package(args[0]))
        )
        return args[0], typer.main.get_command(single), args[1:]


generate_app = typer.Typer(cls=Kinds, help="Make new puzzles.", epilog=SUDOKU_EXAMPLES)
app.add_typer(generate_app, name="generate")
build_app = typer.Typer(
    cls=Group, help="Make data sets as the reference lays them out.", epilog=build.SUDOKU_EXAMPLES
)
app.add_typer(build_app, name="build")


@dataclass(frozen=True)
class Sudokus:
    """Which Sudokus are made."""

    panel: ClassVar[str] = "Which puzzles"

    size: Annotated[
        int, typer.Option(parser=whole(1), metavar="N", help="Cells in a row: 4, 6, 9 or 16.")
    ] = 9
    clues: Annotated[
        str | None, typer.Option(metavar="LOW-HIGH", help="How many givens, such as 22-35 or 30.")
    ] = None
    minimal: Annotated[
        bool, typer.Option("--minimal", help="Only puzzles in which no given can be spared.")
    ] = False
    unique: Annotated[
        bool,
        typer.Option("--unique/--allow-duplicates", help="Whether all must differ; by default they do."),
    ] = True


@dataclass(frozen=True)
class Mazes:
    """Which mazes are made."""

    panel: ClassVar[str] = "Which mazes"

    kind: Annotated[
        str,
        typer.Option(
            autocompletion=complete.maze_kinds,
            metavar="KIND",
            help="open: walls strewn at random. perfect: corridors that join all cells in one way. "
            "braided: corridors without dead ends. cavern: walls that have grown together.",
        ),
    ] = "open"
    size: Annotated[
        str, typer.Option(metavar="N|HxW", help="Rows and columns; odd numbers where there are corridors.")
    ] = "30"
    walls: Annotated[
        str | None,
        typer.Option(
            metavar="LOW-HIGH",
            help="Share of walls in open mazes (0.3-0.5), or in caverns at first (0.42-0.5).",
        ),
    ] = None
    min_path: Annotated[
        int,
        typer.Option(parser=whole(3), metavar="N", help="Least cells of the path, S and G among them."),
    ] = 3
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Make no maze of this file again, however turned; repeatable."),
    ] = None


@dataclass(frozen=True)
class Making:
    """How many puzzles are made, and where they go."""

    panel: ClassVar[str] = "How many, and where to"

    count: Annotated[int, typer.Option(parser=whole(1), metavar="N", help="How many to make.")] = 1
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of standard output."),
    ] = None
    seed: Annotated[
        int, typer.Option(parser=whole(0), metavar="N", help="The same seed makes the same puzzles.")
    ] = 0

    def check(self, read: Iterable[str] = ()) -> None:
        """Raise InputError if they cannot go there, or are made of what is ``read`` there."""
        check_outputs(read, ("-o", self.output))

    def write(
        self,
        puzzles: Generator[tuple[Cells, Cells, int], None, None],
        line: Callable[[Cells], str],
        draw: Callable[[Cells], str] | None,
        apart: str = "",
        quiet: bool = False,
    ) -> None:
        """Write (question, answer, rating) as they come.

        Args:
            line: writes a grid in a CSV.
            draw: writes a question alone; None for CSV.
            apart: what stands between two drawn questions.
        """
        from trmcli.files import writing
        from trmcli.ui.progress import progress

        bar = progress("generating", self.count, prints=self.output is None, hidden=quiet)
        with closing(puzzles), writing(self.output) as whole, bar as advance:
            file = whole or sys.stdout
            if draw is None:
                file.write("source,question,answer,rating\n")
            for number, (question, answer, rating) in enumerate(puzzles):
                if draw is None:
                    file.write(f"generated,{line(question)},{line(answer)},{rating}\n")
                else:
                    file.write(apart * (number > 0) + draw(question) + "\n")
                if self.output is None:
                    file.flush()
                advance()


@dataclass(frozen=True)
class MakingTogether(Making):
    """The same by several processes."""

    processes: Annotated[
        int | None,
        typer.Option(
            parser=whole(1),
            metavar="N",
            help="Processes at work. Without it one, and for many puzzles one for each processor.",
        ),
    ] = None


SudokuFormat = Literal["line", "csv"]
MazeFormat = Literal["text", "csv"]


@dataclass(frozen=True)
class MakingSudokus(MakingTogether):
    """How many Sudokus are made, and where they go."""

    format: Annotated[
        SudokuFormat,
        typer.Option(
            **choice(SudokuFormat),
            metavar="NAME",
            help="line: one puzzle a line. csv: source,question,answer,rating.",
        ),
    ] = "line"


@dataclass(frozen=True)
class MakingMazes(MakingTogether):
    """How many mazes are made, and where they go."""

    format: Annotated[
        MazeFormat,
        typer.Option(
            **choice(MazeFormat), metavar="NAME", help="text: drawn. csv: source,question,answer,rating."
        ),
    ] = "text"


def sudoku(which: Sudokus = Sudokus(), making: MakingSudokus = MakingSudokus(), show: Show = Show()) -> None:
    """Make random Sudoku puzzles, each with one solution.

    The rating in a CSV is the number of guesses that a plain search with singles needs, 0 for easy puzzles.
    """
    from trmcli.tasks.sudoku.generate import generate_many, parse_clues
    from trmcli.tasks.sudoku.kind import sudoku_task
    from trmcli.tasks.workers import processors

    making.check()
    size, count = which.size, making.count
    clues = None if which.clues is None else parse_clues(which.clues)
    processes = making.processes or (processors() if count > 50 or size == 16 else 1)
    task = sudoku_task()

    def line(cells: Cells) -> str:
        return "".join(task.paint.symbol(value, (size, size)) for value in cells.ravel().tolist())

    puzzles = generate_many(size, count, clues, which.minimal, making.seed, processes, which.unique)
    making.write(puzzles, line, None if making.format == "csv" else line, quiet=show.quiet)


def maze(which: Mazes = Mazes(), making: MakingMazes = MakingMazes(), show: Show = Show()) -> None:
    """Make random mazes, no two of them equal up to rotation and reflection.

    Hard ones, such as those of Maze-Hard, have long paths: --min-path 110. The rating in a CSV is the number
    of cells of the shortest path.
    """
    from trmcli.errors import Origin
    from trmcli.tasks import read_puzzles
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.maze.generate import canonical, generate_many, parse_options
    from trmcli.tasks.maze.kind import maze_task
    from trmcli.tasks.maze.text import draw
    from trmcli.tasks.workers import processors

    making.check(which.exclude or ())
    wanted = parse_options(which.kind, which.size, which.walls, which.min_path)
    processes = making.processes or (processors() if making.count > 100 else 1)
    task = maze_task()
    known = read_puzzles(which.exclude, task.name) if which.exclude else ()
    others = {canonical(puzzle.cells) for _, puzzle in known}

    def line(cells: Cells) -> str:
        return task.text.write(Puzzle(cells, Origin("generated")), cells)

    mazes = generate_many(wanted, making.count, making.seed, processes, others)
    making.write(mazes, line, None if making.format == "csv" else draw, apart="\n", quiet=show.quiet)


@dataclass(frozen=True)
class MakingOthers(Making):
    """How many puzzles of another package's kind are made, and where they go."""

    format: Annotated[
        SudokuFormat,
        typer.Option(**choice(SudokuFormat), metavar="NAME", help="line: one a line. csv: with answers."),
    ] = "line"


def of_package(name: str) -> Callable[..., None]:
    """The command that makes puzzles of a kind that another package has."""

    def make(
        options: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="KEY=VALUE", help="One option of the kind; repeatable."),
        ] = None,
        making: MakingOthers = MakingOthers(),
        show: Show = Show(),
    ) -> None:
        from trmcli.errors import Origin
        from trmcli.settings import apply_override
        from trmcli.tasks import get_task
        from trmcli.tasks.base import Puzzle

        making.check()
        task, values = get_task(name), dict[str, Any]()
        for option in options or ():
            apply_override(values, option)
        if (maker := task.maker) is None:
            raise InputError("makes no puzzles", name)

        def line(cells: Cells) -> str:
            return task.text.write(Puzzle(cells, Origin("generated")), cells)

        def puzzles() -> Generator[tuple[Cells, Cells, int], None, None]:
            questions, answers = maker.make(making.count, making.seed, values)
            yield from zip(questions, answers, repeat(0), strict=False)

        making.write(puzzles(), line, None if making.format == "csv" else line, quiet=show.quiet)

    return make


generate_app.command("sudoku", cls=Command, epilog=SUDOKU_EXAMPLES)(spread(sudoku))
generate_app.command("maze", cls=Command, epilog=MAZE_EXAMPLES)(spread(maze))
build_app.command("sudoku", cls=Command, epilog=build.SUDOKU_EXAMPLES)(spread(build.build_sudoku))
build_app.command("maze", cls=Command, epilog=build.MAZE_EXAMPLES)(spread(build.build_maze))
build_app.command("arc", cls=Command, epilog=build_arc.EXAMPLES)(spread(build_arc.build_arc))
