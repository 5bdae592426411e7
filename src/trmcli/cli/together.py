"""Several puzzles solved side by side before somebody's eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trmcli.cli.watching import draws

if TYPE_CHECKING:
    from trmcli.cli.options import Pace
    from trmcli.cli.outcome import Outcome
    from trmcli.solving.answers import Answer, Frame
    from trmcli.solving.choices import SearchConfig
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task
    from trmcli.ui.live import Film
    from trmcli.ui.wall import Together

HINT = "space pause  ←→ step  +- pace  r again  n next  q quit"
HINT_SHORT = "space ←→ + - r n  q quits"


def fitting(task: Task, puzzle: Puzzle) -> int:
    """How many puzzles like this there is room for side by side; 0 where stdout is not a terminal."""
    if not draws():
        return 0
    from rich.console import Console

    from trmcli.ui.wall import room

    across, down, _ = room(Console(), task, puzzle)
    return across * down


def fit(task: Task, puzzles: Sequence[Puzzle]) -> bool:
    """Whether there are several puzzles of one shape, and room for all of them side by side."""
    same = len({(puzzle.shape, puzzle.boxes) for puzzle in puzzles}) == 1
    return same and 1 < len(puzzles) <= fitting(task, puzzles[0])


def watched_together(
    solver: Solver,
    films: Sequence[Film],
    config: SearchConfig,
    pace: Pace,
    conclude: Callable[[Answer, Sequence[Frame]], Outcome],
) -> str | None:
    """Solve puzzles of one shape together.

    Args:
        conclude: settles what becomes of an answer; called for one puzzle after another, in order.

    Returns:
        ``next`` or ``quit``, if a key asked for it.
    """
    from trmcli.solving.answers import Answer, settle
    from trmcli.solving.search import Search
    from trmcli.ui.palette import Terminal
    from trmcli.ui.player import Player
    from trmcli.ui.wall import Wall

    puzzles, answers = [film.puzzle for film in films], list[Answer]()
    frames: list[list[Frame]] = [[] for _ in films]
    config = replace(config, batch_size=max(len(films), config.batch_size))
    search = Search(solver, puzzles, config, shown=True)
    player = Player(Terminal(pace.theme), Wall(films), pace.fps, pace.wait, hints=(HINT, HINT_SHORT))
    with player as show:
        for step in _steps(search.run()):
            made = [found for found in step if not isinstance(found, Answer)]
            answers += [found for found in step if isinstance(found, Answer)]
            for frame in made:
                frames[frame.number].append(frame)
            if made:
                show.add(_moment(frames, made))
            if show.asked:
                break
        answers += [
            settle(puzzle, seen, config.select)
            for puzzle, seen in zip(puzzles[len(answers) :], frames[len(answers) :], strict=True)
        ]
        outcomes = [conclude(answer, seen) for answer, seen in zip(answers, frames, strict=True)]
        solved = sum(outcome.answer.judgement == "right" for outcome in outcomes)
        seconds = max(outcome.answer.seconds for outcome in outcomes)
        verdict = f"{solved} of {len(outcomes)} solved and checked, {seconds:.2f} s"
        show.finish([outcome.answer for outcome in outcomes], verdict)
    return show.asked


def _steps(found: Iterator[Frame | Answer]) -> Iterator[list[Frame | Answer]]:
    """What belongs to one step of all puzzles; those of one step bear one time, for all began together."""
    from trmcli.solving.answers import Answer

    step: list[Frame | Answer] = []
    seconds: float | None = None
    for one in found:
        if not isinstance(one, Answer):
            if seconds is not None and one.seconds != seconds:
                yield step
                step = []
            seconds = one.seconds
        step.append(one)
    if step:
        yield step


def _moment(frames: Sequence[Sequence[Frame]], made: Sequence[Frame]) -> Together:
    """The last frame of each puzzle; of several tries in one step the right one, or else the first."""
    from trmcli.ui.wall import Together

    shown = []
    for seen in frames:
        latest = [frame for frame in seen if frame.seconds == seen[-1].seconds]
        shown.append(min(latest, key=lambda frame: (not frame.checked, frame.attempt), default=None))
    return Together(tuple(shown), min(frame.attempt for frame in made))
