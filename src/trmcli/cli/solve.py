"""``trm solve``: puzzles in, answers out, each one checked against the rules."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain, islice
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trmcli.cli.common import (
    BatchSizeOption,
    BudgetOption,
    CommitOption,
    DeviceOption,
    HaltOption,
    HaltRule,
    PuzzleStream,
    RoundsOption,
    SeedOption,
    SelectOption,
    SelectRule,
    StepsOption,
    StrategyOption,
    StrategyRule,
    TaskOption,
    UntilSolvedOption,
    WeightsOption,
    check_device,
    load_solver,
    puzzle_sources,
)
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.solving.search import Answer, Frame, SearchConfig
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Cells, Puzzle, Task
    from trmcli.ui.replay import Replay
    from trmcli.weights.files import Card

EXAMPLES = """
Examples:

  trm solve puzzle.txt                       # watch one puzzle being solved

  trm solve 53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79

  trm solve puzzles.txt > answers.txt        # many puzzles: one answer a line, in order

  trm data generate sudoku --count 100 | trm solve --json

  trm solve puzzle.txt --save steps.json     # every step; a name that ends in .svg saves the grid

  trm solve hard.txt --until-solved --budget 60 --fallback search
"""


class Fallback(str, Enum):
    """What may solve the puzzles that the model leaves open."""

    search = "search"


@dataclass(frozen=True)
class Outcome:
    """One answer, and what is to be said of it.

    Attributes:
        cells: ``[height, width]`` the answer; where it is not checked, with the cells in doubt blank.
        unique: whether the puzzle has one solution only; None if unknown or not solved.
        problems: what is wrong with an answer that is not checked, as sentences.
        doubtful: cells in doubt.
    """

    answer: Answer
    cells: Cells
    unique: bool | None
    problems: tuple[str, ...]
    doubtful: int = 0

    @property
    def verdict(self) -> str:
        answer, seconds = self.answer, f"{self.answer.seconds:.2f} s"
        if answer.method == "search":
            spent = f"by plain search, after {_count(answer.tries, 'try', 'tries')} of the model"
        elif answer.tries == 1:
            spent = f"step {answer.steps}, try 1"
        else:
            spent = f"try {answer.tries}, {answer.steps} steps in all"
        if answer.checked:
            several = ", one of several solutions" if self.unique is False else ""
            return f"solved and checked: {spent}, {seconds}{several}"
        question = answer.puzzle.cells
        doubt = f"{self.doubtful} of {int((question == 0).sum())} cells in doubt"
        spent = f"{_count(answer.tries, 'try', 'tries')}, {_count(answer.steps, 'step', 'steps')}, {seconds}"
        return f"not solved: {doubt} after {spent}"


def solve(
    puzzles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PUZZLE]...",
            help="Files, - for standard input, or puzzles as text. Without any, standard input.",
            show_default=False,
        ),
    ] = None,
    task: TaskOption = "auto",
    weights: WeightsOption = None,
    steps: StepsOption = 16,
    rounds: RoundsOption = None,
    tries: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Most tries of a puzzle; the first checked answer ends them.",
            show_default="32",
        ),
    ] = None,
    until_solved: UntilSolvedOption = False,
    budget: BudgetOption = None,
    strategy: StrategyOption = StrategyRule.guess,
    halt: HaltOption = HaltRule.checked,
    commit: CommitOption = True,
    select: SelectOption = SelectRule.halt,
    fallback: Annotated[
        Fallback | None,
        typer.Option(help="Let plain search solve what the model does not.", show_default=False),
    ] = None,
    batch_size: BatchSizeOption = 64,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live",
            help="Draw every step; by default for one puzzle on a terminal.",
            show_default=False,
        ),
    ] = None,
    fps: Annotated[
        float, typer.Option(min=0, metavar="N", help="Steps shown a second; 0 is as fast as it goes.")
    ] = 4.0,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Save every step (.json) or the last grid (.svg).", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object a puzzle.")] = False,
) -> None:
    """Solve puzzles and check every answer against the rules.

    One puzzle on a terminal is solved before your eyes. Many puzzles, or a
    pipe, give one answer after another, in the form and order in which the
    puzzles came. What is not solved keeps its doubtful cells blank.

    Exit status: 0 all solved, 1 some not, 2 bad usage or input.
    """
    check_device(device)
    if live and json:
        raise InputError("--live draws and --json writes: choose one")
    if live and not sys.stdout.isatty():
        raise InputError("--live needs a terminal to draw on, and stdout is none")
    if until_solved and tries is not None:
        raise InputError("--until-solved sets the number of tries: leave --tries out")
    from trmcli.tasks import read_puzzles

    stream = PuzzleStream(read_puzzles(puzzle_sources(puzzles), None if task == "auto" else task))
    first = list(islice(stream, 2))
    if not first:
        stream.fail()
        raise InputError("there is no puzzle in the input")
    if len(first) < 2 and stream.error:
        stream.fail()
    kind, many = stream.task, len(first) > 1

    with ExitStack() as files:
        saved = None
        if save is not None:
            from trmcli.ui.replay import saving

            saved = files.enter_context(saving(save, many))
        solver, card = load_solver(kind, weights, device, first[0], rounds)
        stream.config = card.config
        from trmcli.solving.search import MANY_TRIES, SearchConfig

        config = SearchConfig(
            max_steps=steps,
            tries=MANY_TRIES if until_solved else tries or 32,
            halt=halt.value,
            commit=commit,
            batch_size=batch_size,
            seed=seed,
            strategy=strategy.value,
            select=select.value,
            budget=inf if budget is None else budget,
        )
        run = _Run(solver, card, config, fallback, saved, json, fps)
        watching = live if live is not None else not (many or json)
        if watching and _can_draw(kind, first[0]):
            solved = run.watch_all(chain(first, stream))
        else:
            solved = run.print_all(chain(first, stream), many)
        stream.fail()
    raise typer.Exit(0 if solved else 1)


def _can_draw(task: Task, puzzle: Puzzle) -> bool:
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    from rich.console import Console

    from trmcli.ui.live import fits

    return fits(Console(), task, puzzle)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


@dataclass
class _Run:
    """Solves a stream of puzzles and shows the answers, in one way or another."""

    solver: Solver
    card: Card
    config: SearchConfig
    fallback: Fallback | None
    saved: Callable[[Replay], None] | None
    json: bool
    fps: float

    def watch_all(self, puzzles: Iterator[Puzzle]) -> bool:
        """Draw the puzzles one after another; returns whether all were solved."""
        from rich.console import Console

        from trmcli.solving.search import settle, watch
        from trmcli.ui.live import LiveView

        task, console, solved = self.solver.task, Console(), True
        for number, puzzle in enumerate(puzzles):
            height, width = puzzle.shape
            view = LiveView(
                console,
                task,
                puzzle,
                title=f"{task.name} {height}x{width}, {self.card.name}",
                max_steps=self.config.max_steps,
                tries=self.config.tries,
                fps=self.fps,
            )
            frames = []
            with view:
                for frame in watch(self.solver, puzzle, self.config, number):
                    frames.append(frame)
                    view.update(frame)
                outcome = self._conclude(settle(puzzle, frames, self.config.select))
                view.finish(outcome.answer, outcome.verdict)
            self._keep(frames, outcome)
            solved &= outcome.answer.checked
        return solved

    def print_all(self, puzzles: Iterator[Puzzle], many: bool) -> bool:
        """Write the answers to stdout and a summary to stderr; returns whether all were solved."""
        from trmcli.ui.progress import progress

        start = time.perf_counter()
        count = solved = searched = 0
        answers = self._outcomes(puzzles)
        # A bar would be torn apart by answers on the same terminal.
        bar = many and not sys.stdout.isatty()
        with ExitStack() as stack:
            advance = stack.enter_context(progress("solving")) if bar else lambda: None
            for outcome in answers:
                count += 1
                solved += outcome.answer.checked
                searched += outcome.answer.method == "search"
                print(self._text(outcome), flush=True)
                if outcome.unique is False and not self.json:
                    origin = outcome.answer.puzzle.origin
                    print(f"{origin}: has several solutions; this is one of them", file=sys.stderr)
                advance()
        if not many:
            print(outcome.verdict, file=sys.stderr)
        else:
            by_search = f", {searched} of them by plain search" if searched else ""
            seconds = time.perf_counter() - start
            print(f"{solved} of {count} solved and checked{by_search}, {seconds:.1f} s", file=sys.stderr)
        return solved == count

    def _outcomes(self, puzzles: Iterator[Puzzle]) -> Iterator[Outcome]:
        from trmcli.solving.search import settle, solve_many, watch

        if self.saved is None:
            for answer in solve_many(self.solver, puzzles, self.config):
                yield self._conclude(answer)
            return
        for number, puzzle in enumerate(puzzles):
            frames = list(watch(self.solver, puzzle, self.config, number))
            outcome = self._conclude(settle(puzzle, frames, self.config.select))
            self._keep(frames, outcome)
            yield outcome

    def _conclude(self, answer: Answer) -> Outcome:
        """Let the fallback try what is not solved, and say what there is to say."""
        import numpy as np

        task, question = self.solver.task.of(answer.puzzle), answer.puzzle.cells
        if not answer.checked and self.fallback is Fallback.search:
            start = time.perf_counter()
            found = task.search(question)
            if found is not None and task.verify(question, found).ok:
                answer = replace(
                    answer,
                    cells=found,
                    confidence=np.ones_like(answer.confidence),
                    checked=True,
                    seconds=answer.seconds + time.perf_counter() - start,
                    method="search",
                )
        if answer.checked:
            return Outcome(answer, answer.cells, task.is_unique(question), ())
        from trmcli.ui.grid import in_doubt

        doubt = in_doubt(task, question, answer.cells, answer.confidence)
        cells = np.where(question != 0, question, np.where(doubt, 0, answer.cells)).astype(question.dtype)
        problems = task.verify(question, answer.cells).problems
        return Outcome(answer, cells, None, tuple(problem.message for problem in problems), int(doubt.sum()))

    def _keep(self, frames: list[Frame], outcome: Outcome) -> None:
        if self.saved is not None:
            from trmcli.ui.replay import Replay

            self.saved(Replay(self.solver.task, frames, outcome.answer, outcome.verdict, outcome.unique))

    def _text(self, outcome: Outcome) -> str:
        answer, task = outcome.answer, self.solver.task
        if not self.json:
            return task.write(answer.puzzle, outcome.cells)
        from json import dumps

        line = replace(answer.puzzle, layout="line")
        record: dict[str, Any] = {
            "puzzle": task.write(line, answer.puzzle.cells),
            "answer": task.write(line, outcome.cells),
            "verified": answer.checked,
            "steps": answer.steps,
            "tries": answer.tries,
            "halt_probability": round(answer.halt, 4),
            "milliseconds": round(answer.seconds * 1000, 1),
            "unique": outcome.unique,
            "method": answer.method,
            "origin": str(answer.puzzle.origin),
            "problems": list(outcome.problems),
        }
        return dumps(record, ensure_ascii=False)
