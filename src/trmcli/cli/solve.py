"""``trm solve``: puzzles in, answers out, each one checked against the rules."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trmcli.cli.common import (
    BatchSizeOption,
    BudgetOption,
    CommitOption,
    DeviceOption,
    HaltOption,
    HaltRule,
    RoundsOption,
    SeedOption,
    SelectOption,
    SelectRule,
    SkipBadOption,
    StepsOption,
    StrategyOption,
    StrategyRule,
    TaskOption,
    ThreadsOption,
    UntilSolvedOption,
    WeightsOption,
    check_device,
    load_solver,
    name_skipped,
    plural,
    puzzle_sources,
)
from trmcli.cli.outcome import Outcome, conclude, counted
from trmcli.cli.stream import PuzzleStream
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.solving.search import Answer, Frame, SearchConfig
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Puzzle, Task
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
    skip_bad: SkipBadOption = False,
    batch_size: BatchSizeOption = 64,
    threads: ThreadsOption = None,
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
    sources, kind = puzzle_sources(puzzles), None if task == "auto" else task
    stream = PuzzleStream(sources, kind, batch_size, name_skipped if skip_bad else None)
    first = stream.first()
    many = stream.several()

    with ExitStack() as files:
        saved = None
        if save is not None:
            from trmcli.ui.replay import saving

            saved = files.enter_context(saving(save, many))
        solver, card = load_solver(stream.task, weights, device, None if skip_bad else first, rounds, threads)
        stream.prepare(card.config, lambda puzzle: _announced(stream.task, puzzle, quiet=json))
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
        run = _Run(solver, card, config, stream, fallback is Fallback.search, saved, json, fps)
        watching = live if live is not None else not (many or json)
        try:
            if watching and _can_draw(stream.task, first):
                run.watch_all()
            else:
                run.print_all(many)
        except KeyboardInterrupt:
            print(f"interrupted: {run.so_far}", file=sys.stderr)
            if not run.count:  # so an older file that was to be saved to stays
                raise
            run.interrupted = True
        if not run.count:
            stream.fail()
            raise InputError("there is no puzzle in the input that these weights can take")
    if run.interrupted:
        raise typer.Exit(130)
    if stream.skipped:
        print(f"{plural(stream.skipped, 'bad record', 'bad records')} skipped", file=sys.stderr)
    stream.fail()
    raise typer.Exit(0 if run.solved == run.count + stream.skipped else 1)


def _announced(task: Task, puzzle: Puzzle, quiet: bool) -> Puzzle:
    """The puzzle with the number of its solutions, which is said if there are several."""
    puzzle = counted(task, puzzle)
    if puzzle.solutions == 2 and not quiet:
        print(f"{puzzle.origin}: has several solutions; any of them will do", file=sys.stderr)
    return puzzle


def _can_draw(task: Task, puzzle: Puzzle) -> bool:
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    from rich.console import Console

    from trmcli.ui.live import fits

    return fits(Console(), task, puzzle)


@dataclass
class _Run:
    """Solves a stream of puzzles and shows the answers, in one way or another."""

    solver: Solver
    card: Card
    config: SearchConfig
    stream: PuzzleStream
    search: bool
    saved: Callable[[Replay], None] | None
    json: bool
    fps: float
    count: int = 0
    solved: int = 0
    searched: int = 0
    impossible: int = 0
    interrupted: bool = False

    @property
    def so_far(self) -> str:
        return f"{self.solved} of {self.count} solved so far" if self.count else "nothing is solved so far"

    def watch_all(self) -> None:
        """Draw the puzzles one after another."""
        from rich.console import Console

        from trmcli.solving.search import settle, watch
        from trmcli.ui.live import LiveView

        task, console = self.solver.task, Console()
        for number, puzzle in enumerate(self.stream):
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
                outcome = self._conclude(settle(puzzle, frames, self.config.select), frames)
                view.finish(outcome.answer, outcome.verdict)

    def print_all(self, many: bool) -> None:
        """Write the answers to stdout, and what there is to say of them to stderr."""
        from trmcli.ui.progress import progress

        start = time.perf_counter()
        outcome = None
        with progress("solving", prints=True, hidden=not many) as advance:
            for outcome in self._outcomes():
                task, origin = self.solver.task, outcome.answer.puzzle.origin
                text = (
                    outcome.to_json(task) if self.json else task.write(outcome.answer.puzzle, outcome.cells)
                )
                print(text, flush=True)
                if outcome.solutions == 0 and not self.json and (many or self.count > 1):
                    print(f"{origin}: has no solution", file=sys.stderr)
                if outcome.solutions == 2 and outcome.answer.puzzle.solutions is None and not self.json:
                    print(f"{origin}: has several solutions; this is one of them", file=sys.stderr)
                advance()
        if self.count == 1 and outcome is not None:
            print(outcome.verdict, file=sys.stderr)
            return
        others = f", {self.searched} of them by plain search" if self.searched else ""
        if self.impossible:
            others += f", {plural(self.impossible, 'has', 'have')} no solution"
        seconds = time.perf_counter() - start
        print(f"{self.solved} of {self.count} solved and checked{others}, {seconds:.1f} s", file=sys.stderr)

    def _outcomes(self) -> Iterator[Outcome]:
        from trmcli.solving.search import settle, solve_many, watch

        if self.saved is None:
            for answer in solve_many(self.solver, self.stream, self.config, ready=self.stream.ready):
                yield self._conclude(answer)
            return
        for number, puzzle in enumerate(self.stream):
            frames = list(watch(self.solver, puzzle, self.config, number))
            yield self._conclude(settle(puzzle, frames, self.config.select), frames)

    def _conclude(self, answer: Answer, frames: Sequence[Frame] = ()) -> Outcome:
        """Settle what becomes of an answer, count it, and keep its frames if they are to be saved."""
        outcome = conclude(self.solver.task, answer, self.search)
        if self.saved is not None:
            from trmcli.ui.replay import Replay

            self.saved(Replay(self.solver.task, frames, outcome.answer, outcome.verdict, outcome.unique))
        self.count += 1
        self.solved += outcome.answer.checked
        self.searched += outcome.answer.method == "search"
        self.impossible += outcome.solutions == 0
        return outcome
