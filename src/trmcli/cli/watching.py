"""What commands that draw share: whether there is anything to draw on, and the player of one puzzle."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trmcli import starting
from trmcli.errors import InputError, shown

if TYPE_CHECKING:
    from trmcli.cli.options import Pace, Show
    from trmcli.cli.outcome import Outcome
    from trmcli.solving.answers import Answer, Frame
    from trmcli.solving.choices import SearchConfig, Select
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task
    from trmcli.ui.live import Film
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
    sys.stdout.flush()
    starting.put(f"{shown(text)} …"[: max(1, columns - 1)])
    try:
        yield
    finally:
        starting.erase()


def called(puzzle: Puzzle, number: int, count: int | None) -> str:
    """Which puzzle it is: its file, and where it stands among all that were given.

    Args:
        number: from 0.
        count: how many there are; None if that is not known.
    """
    file = {"<stdin>": "standard input", "<argument>": ""}.get(
        puzzle.origin.name, Path(puzzle.origin.name).name
    )
    among = "" if count == 1 else f"{number + 1}" if count is None else f"{number + 1} of {count}"
    return ", ".join(filter(None, (shown(file), among)))


def player(film: Film, pace: Pace, select: Select = "halt") -> Player:
    """What shows one puzzle being solved."""
    from trmcli.ui.palette import Terminal
    from trmcli.ui.player import Player

    def save(frames: Sequence[Frame], ending: tuple[Answer, str] | None) -> str:
        return _kept(film, [frame for frame in frames if frame.inner is None], ending, select)

    return Player(Terminal(pace.theme), film, pace.fps, pace.wait, save)


def _kept(film: Film, frames: Sequence[Frame], ending: tuple[Answer, str] | None, select: Select) -> str:
    """Save a page of what there is so far, under a name that is free; says which."""
    from trmcli.cli.outcome import judged
    from trmcli.files import writing
    from trmcli.solving.answers import settle
    from trmcli.ui.page import page
    from trmcli.ui.replay import Replay

    answer = ending[0] if ending else judged(film.task, settle(film.puzzle, frames, select))
    last = f"step {frames[-1].step} of try {frames[-1].attempt}" if frames else "the question"
    verdict = ending[1] if ending else f"not finished: saved after {last}"
    names = (Path(f"trm-{number}.html") for number in itertools.count(1))
    path = next(name for name in names if not name.exists())
    try:
        with writing(path) as file:
            assert file is not None
            file.write(page(Replay(film.task, frames, answer, verdict)))
    except (InputError, OSError) as error:
        return f"not saved: {error}"
    return f"saved {path}"


def watched(
    solver: Solver,
    film: Film,
    number: int,
    config: SearchConfig,
    pace: Pace,
    conclude: Callable[[Answer, Sequence[Frame]], Outcome],
    inner: bool = False,
) -> str | None:
    """Solve one puzzle before somebody's eyes.

    Args:
        number: of the puzzle, for the random numbers.
        conclude: settles what becomes of the answer.
        inner: whether the updates within the rounds of a step are shown, too.

    Returns:
        ``next`` or ``quit``, if a key asked for it.
    """
    from trmcli.solving.answers import Answer, settle
    from trmcli.solving.search import Search

    frames: list[Frame] = []
    answer: Answer | None = None
    config = replace(config, batch_size=1)
    search = Search(
        solver,
        [film.puzzle],
        config,
        numbers=[number],
        shown=True,
        within="updates" if inner else "rounds",
    )
    with player(film, pace, config.select) as show:
        for found in search.run():
            if isinstance(found, Answer):
                answer = found
            else:
                if found.inner is None:
                    frames.append(found)
                show.add(found)
            if show.asked:
                break
        outcome = conclude(answer or settle(film.puzzle, frames, config.select), frames)
        show.finish(outcome.answer, outcome.verdict)
    return show.asked


def filmed(solver: Solver, model: str, puzzle: Puzzle, config: SearchConfig, name: str) -> Film:
    """What does not change while a puzzle is solved by the model of this name."""
    from trmcli.ui.live import Film

    title = f"{solver.task.name} {puzzle.shape[0]}x{puzzle.shape[1]}, {model}"
    steps = config.steps(solver.task, puzzle.shape)
    return Film(solver.task.of(puzzle), puzzle, title, steps, config.tries, name)
