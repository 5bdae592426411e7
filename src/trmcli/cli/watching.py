"""What commands that draw share: whether there is anything to draw on, and the player of one puzzle."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trmcli.cli.options import Show
    from trmcli.cli.outcome import Outcome
    from trmcli.solving.answers import Answer, Frame
    from trmcli.solving.choices import SearchConfig
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task
    from trmcli.ui.player import Player


def can_draw(task: Task, puzzle: Puzzle, show: Show) -> bool:
    """Whether stdout is a terminal with room for the puzzle; what is too large is said to be so."""
    if not draws():
        return False
    from rich.console import Console

    from trmcli.ui.grid import Grid
    from trmcli.ui.live import fits, no_room

    console = Console()
    if fits(console, task, puzzle):
        return True
    show.say(no_room(console, Grid(task.of(puzzle), puzzle.cells, puzzle.cells)))
    return False


def draws() -> bool:
    """Whether stdout is a terminal on which the cursor can be moved."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


@contextmanager
def sign_of_life(wanted: bool, text: str) -> Iterator[None]:
    """A line on the terminal while something is loaded, which is gone afterwards."""
    if not wanted:
        yield
        return
    columns = os.get_terminal_size(sys.stdout.fileno()).columns
    sys.stdout.write(f"{text} …"[: max(1, columns - 1)])
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write("\r\x1b[2K")
        sys.stdout.flush()


def player(task: Task, puzzle: Puzzle, title: str, steps: int, tries: int, fps: float, stays: bool) -> Player:
    """What shows one puzzle being solved within these limits."""
    from rich.console import Console

    from trmcli.ui.live import Film
    from trmcli.ui.player import Player

    film = Film(task.of(puzzle), puzzle, title, steps, tries)
    return Player(Console(), film, fps, stays)


def watched(
    solver: Solver,
    model: str,
    puzzle: Puzzle,
    number: int,
    config: SearchConfig,
    fps: float,
    stays: bool,
    conclude: Callable[[Answer, Sequence[Frame]], Outcome],
) -> str | None:
    """Solve one puzzle before somebody's eyes.

    Args:
        model: its name, for the title.
        number: of the puzzle, for the random numbers.
        conclude: settles what becomes of the answer.

    Returns:
        ``next`` or ``quit``, if a key asked for it.
    """
    from trmcli.solving.answers import Answer, settle
    from trmcli.solving.search import Search

    title = f"{solver.task.name} {puzzle.shape[0]}x{puzzle.shape[1]}, {model}"
    frames: list[Frame] = []
    answer: Answer | None = None
    search = Search(solver, [puzzle], replace(config, batch_size=1), numbers=[number], shown=True)
    steps = config.steps(solver.task, puzzle.shape)
    with player(solver.task, puzzle, title, steps, config.tries, fps, stays) as show:
        for found in search.run():
            if isinstance(found, Answer):
                answer = found
            else:
                frames.append(found)
                show.add(found)
            if show.asked:
                break
        outcome = conclude(answer or settle(puzzle, frames, config.select), frames)
        show.finish(outcome.answer, outcome.verdict)
    return show.asked
