"""``trm demo``: a few puzzles, solved one after another before your eyes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trmcli.cli.options import Pace
from trmcli.errors import InputError
from trmcli.solving.blas import import_numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trmcli.cli.outcome import Outcome
    from trmcli.solving.answers import Answer, Frame
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task

EXAMPLES = """
Examples:
  trm demo                # space pauses, arrows step, n goes on, q quits
  trm demo --fps 2        # more slowly
"""

REEL = (
    ("a hard Sudoku: 24 givens, none of which can be spared", ("hard.txt",)),
    ("a perfect maze: one way between any two cells", ("maze-63.txt", "maze-39.txt", "maze-25.txt")),
    ("a Sudoku with 17 givens, the fewest possible", ("fewest.txt",)),
    ("Sudokus side by side: nine, or as many as there is room for", ("nine.txt",)),
    ("AI Escargot, by Arto Inkala, 2006: newspapers called it the hardest", ("escargot.txt",)),
)
"""What is shown, and the files of it, of which the first for which there is room is taken."""

FOLDER = Path(__file__).parents[1] / "ui" / "reel"


def demo(pace: Pace = Pace()) -> None:
    """Watch the bundled models solve a few puzzles.

    Nothing is recorded: the models that come with trm solve them as you watch.
    It needs a terminal. What there is no room for is left out, and said.

    Exit status: 0, or 2 where there is nothing to draw on.
    """
    from trmcli.cli.watching import draws

    if not draws():
        raise InputError("trm demo draws, and stdout is not a terminal; trm solve FILE prints an answer")
    for number, (what, files) in enumerate(REEL, start=1):
        print(f"{number} of {len(REEL)}: {what}", flush=True)  # at once: imports take their time
        import_numpy()
        if _show(files, pace) == "quit":
            return


def _show(files: tuple[str, ...], pace: Pace) -> str | None:
    """Show one puzzle; the key that ended it, if one did."""
    from rich.console import Console

    from trmcli.cli.outcome import conclude
    from trmcli.cli.together import fitting, watched_together
    from trmcli.cli.watching import filmed, sign_of_life, watched
    from trmcli.loading import load_engine
    from trmcli.solving.choices import SearchConfig
    from trmcli.solving.solver import Solver
    from trmcli.ui.grid import Grid
    from trmcli.ui.live import fits, no_room
    from trmcli.weights.registry import find_weights

    console = Console()
    candidates = [_read(file) for file in files]
    task, puzzles = next((one for one in candidates if fits(console, one[0], one[1][0])), candidates[-1])
    puzzle = puzzles[0]
    if not fits(console, task, puzzle):
        print(no_room(console, Grid(task.of(puzzle), puzzle.cells, puzzle.cells)), file=sys.stderr)
        return None
    with sign_of_life(True, "loading the model"):
        engine, card = load_engine(find_weights(None, task.name), task, few=True)
    solver, config = Solver(engine), SearchConfig(tries=64)

    def judged(answer: Answer, _: Sequence[Frame]) -> Outcome:
        return conclude(task, answer, False)

    shown = puzzles[: max(1, fitting(task, puzzle))]
    films = [filmed(solver, card.name, puzzle, config, "") for puzzle in shown]
    if len(films) > 1:
        return watched_together(solver, films, config, pace, judged)
    return watched(solver, films[0], 0, config, pace, judged)


def _read(file: str) -> tuple[Task, list[Puzzle]]:
    from trmcli.tasks import read_puzzles

    pairs = list(read_puzzles([str(FOLDER / file)]))
    return pairs[0][0], [puzzle for _, puzzle in pairs]
