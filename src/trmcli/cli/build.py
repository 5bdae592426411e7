"""``trm data build``: Sudoku and mazes in the folders that the reference trains on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from trmcli.cli.options import whole

if TYPE_CHECKING:
    from trmcli.tasks.task import Task

SUDOKU_EXAMPLES = """
Examples:
  trm data build sudoku --csv train.csv --test-csv test.csv --out data/all
  trm data build sudoku --csv train.csv --subsample 1000 --augment 9 --out few
  trm train paper-sudoku-extreme --data few
"""

MAZE_EXAMPLES = """
Examples:
  trm data build maze --csv mazes.csv --augment --out data/mazes
  trm train paper-maze-hard --data data/mazes
"""


@dataclass(frozen=True)
class Building:
    """What a data set is made of, and where it goes."""

    panel: ClassVar[str] = "What to build"

    csv: Annotated[Path, typer.Option(metavar="FILE", help="Training puzzles with answers.")]
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to make.")]
    test_csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Test puzzles with answers.")] = None
    subsample: Annotated[
        int | None,
        typer.Option(parser=whole(1), metavar="N", help="Take so many training puzzles at random."),
    ] = None
    seed: Annotated[
        int, typer.Option(parser=whole(0), metavar="N", help="The same seed makes the same data set.")
    ] = 0

    def build(self, build: Callable[..., dict[str, int]], task: Task, augment: int | bool) -> None:
        """Make the folder, and say how many examples each split has."""
        test = None if self.test_csv is None else str(self.test_csv)
        options = {"subsample": self.subsample, "augment": augment, "seed": self.seed}
        counts = build(self.out, str(self.csv), test, task=task, **options)
        typer.echo("\n".join(f"{self.out / split}\t{count} examples" for split, count in counts.items()))


@dataclass(frozen=True)
class BuildingSudoku(Building):
    """What a data set of Sudoku is made of."""

    augment: Annotated[
        int, typer.Option(parser=whole(0), metavar="N", help="Rearranged copies of each training puzzle.")
    ] = 0


@dataclass(frozen=True)
class BuildingMazes(Building):
    """What a data set of mazes is made of."""

    augment: Annotated[
        bool, typer.Option("--augment", help="Add the seven other rotations and reflections of each.")
    ] = False


def build_sudoku(building: BuildingSudoku) -> None:
    """Make a folder of Sudoku that trm and the reference train on."""
    from trmcli.tasks.sudoku.kind import sudoku_task
    from trmcli.training.reference_data import build_sudoku

    building.build(build_sudoku, sudoku_task(), building.augment)


def build_maze(building: BuildingMazes) -> None:
    """Make a folder of square mazes of one size that trm and the reference train on."""
    from trmcli.tasks.maze.kind import maze_task
    from trmcli.training.reference_data import build_maze

    building.build(build_maze, maze_task(), building.augment)
