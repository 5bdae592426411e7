"""``trm solve``: puzzles in, answers out, each one checked against the rules."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trmcli.cli import arc_options, solve_arc
from trmcli.cli.common import kind_of, load_solver, name_skipped, plural, puzzle_sources
from trmcli.cli.options import Batches, Effort, Model, Puzzles, Show, limit
from trmcli.cli.outcome import Outcome, conclude, counted
from trmcli.cli.outputs import check_outputs
from trmcli.cli.solve_options import SolveEffort, View
from trmcli.cli.stream import PuzzleStream
from trmcli.cli.together import fit, watched_together
from trmcli.cli.watching import called, can_draw, filmed, sign_of_life, watched
from trmcli.errors import InputError
from trmcli.solving.blas import import_numpy

if TYPE_CHECKING:
    from trmcli.solving.answers import Answer, Frame
    from trmcli.solving.choices import SearchConfig
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task
    from trmcli.ui.replay import Replay
    from trmcli.weights.files import Card

EXAMPLES = """
Examples:
  trm solve puzzle.txt                     # watch one puzzle being solved
  trm solve ..12...4....1.23               # the puzzle itself
  trm solve puzzles.txt > answers.txt      # one answer a line, in order
  trm data generate sudoku --count 100 | trm solve --json
  trm solve puzzle.txt --save steps.json   # every step
  trm solve --replay steps.json            # watch them again
  trm solve puzzle.txt --save show.html    # or .gif, .svg, .cast
  trm solve hard.txt --until-solved --budget 60 --fallback search
  trm solve task.json                      # an ARC task: two attempts
  trm solve challenges.json -o submission.json --budget 30
"""


def solve(
    puzzles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PUZZLE",
            help="Files, - for standard input, or puzzles as text. Without any, standard input.",
            rich_help_panel=Puzzles.panel,
        ),
    ] = None,
    kind: Puzzles = Puzzles(),
    model: Model = Model(),
    tries: Annotated[
        int | None,
        typer.Option(
            parser=limit("tries"),
            metavar="N",
            help="Most tries of a puzzle; the first checked answer ends them.",
            show_default="32",
            rich_help_panel=Effort.panel,
        ),
    ] = None,
    effort: SolveEffort = SolveEffort(),
    machine: Batches = Batches(),
    view: View = View(),
    show: Show = Show(),
) -> None:
    """Solve puzzles and check every answer against the rules.

    One puzzle on a terminal is solved before your eyes. Many puzzles, or a
    pipe, give one answer after another, in the form and order in which the
    puzzles came. What is not solved keeps its doubtful cells blank.

    ARC tasks get two attempts at each test input, from networks that are
    fitted to each task. Nothing can check those; the status is 0 if they
    agree. A problem of your own has no rules either: an answer is compared
    with the known one, or called unchecked.

    Exit status: 0 none is wrong or unsolved, 1 some are, 2 bad usage or input.
    """
    import_numpy()
    machine = _drawable(view, machine)
    if view.frame is not None and view.save is None:
        raise InputError("one step is saved: --save FILE.svg or FILE.png says where to", "--frame")
    effort.check(tries)
    outputs = ("--save", view.save), ("-o", view.output)
    if view.replay is not None:
        check_outputs([view.replay], *outputs)
        raise typer.Exit(_replay(view.replay, puzzles, view, show))
    sources = puzzle_sources(puzzles)
    check_outputs([*sources, model.weights], *outputs)
    if arc_options.is_arc(sources, kind.task):
        raise typer.Exit(_solve_arc(sources, kind, model, tries, effort, machine, view, show))
    if view.output is not None:
        raise InputError("a submission is of ARC tasks: these answers go to stdout", "--output")
    task = kind_of(kind.task, model.weights)
    skip = name_skipped if kind.skip_bad else None
    stream = PuzzleStream(sources, task, machine.batch_size, skip, kind.legend)
    first = stream.first()
    many = stream.several()

    with ExitStack() as files:
        saved = None
        if view.save is not None:
            from trmcli.ui.saving import saving

            saved = files.enter_context(saving(view.save, many, view.cut()))
        watching = view.live if view.live is not None else view.inner or not (many or view.json)
        drawn = watching and can_draw(stream.task, first, show)
        known = stream.known() if many and not (drawn or view.json) and view.live is None else None
        together = known is not None and fit(stream.task, known)
        with sign_of_life(drawn or together, f"{first.origin}: {stream.task.name}, loading the model"):
            solver, card = load_solver(stream, model, machine, None if kind.skip_bad else first)
        notes = replace(show, quiet=show.quiet or view.json)
        stream.prepare(card.config, lambda puzzle: _announced(stream.task, puzzle, notes))
        config = effort.config(tries or (32 if stream.task.rules else 1), machine.at_once(solver.engine))
        run = _Run(solver, card, config, stream, effort.fallback == "search", saved, view, show, notes)
        try:
            if drawn:
                run.watch_all()
            elif together:
                run.watch_together()
            else:
                run.print_all(many)
        except KeyboardInterrupt:
            show.say(f"interrupted: {run.so_far}")
            if not run.count:  # so an older file that was to be saved to stays
                raise
            run.interrupted = True
        if not run.count:
            stream.fail()
            raise InputError("there is no puzzle in the input that these weights can take")
    if view.save is not None:
        show.say(f"saved {view.save}")
    if run.interrupted:
        raise typer.Exit(130)
    if stream.skipped:
        show.say(f"{plural(stream.skipped, 'bad record', 'bad records')} skipped")
    stream.fail()
    raise typer.Exit(0 if run.solved + run.unchecked == run.count + stream.skipped else 1)


def _drawable(view: View, machine: Batches) -> Batches:
    """The machine, with what draws the inside of steps.

    Raises:
        InputError: what is asked to draw cannot be drawn.
    """
    option = "--live" if view.live else "--inner" if view.inner else ""
    if option and view.json:
        raise InputError(f"{option} draws and --json writes: choose one")
    if option and not sys.stdout.isatty():
        raise InputError(f"{option} needs a terminal to draw on, and stdout is not one")
    if not view.inner:
        return machine
    if view.replay is not None:
        raise InputError("a replay holds whole steps alone: leave --inner out", "--inner")
    if machine.engine == "torch" or machine.device not in ("auto", "cpu"):
        raise InputError("the NumPy engine alone shows what happens within a step", "--inner")
    return replace(machine, engine="numpy")


def _replay(path: Path, puzzles: Sequence[str] | None, view: View, show: Show) -> int:
    """Play a file; the exit status."""
    from trmcli.cli.replay import replay

    if puzzles:
        raise InputError("--replay plays what was saved: leave the puzzles out", puzzles[0])
    return replay(path, view.save, view.cut(), view.live, view, view.json, show)


def _solve_arc(
    sources: Sequence[str],
    kind: Puzzles,
    model: Model,
    tries: int | None,
    effort: SolveEffort,
    machine: Batches,
    view: View,
    show: Show,
) -> int:
    """Answer ARC tasks; the exit status."""
    from trmcli.cli.arc_weights import Asker, read_known

    named = model.weights is not None
    arc_options.check(arc_options.SOLVE, named, tries, kind, model, view, effort, machine)
    tasks, bad = read_known(sources)
    asker = Asker.of(sources, tasks, model, effort.steps, machine, show) if named else None
    run = solve_arc.ArcSolve(
        tasks,
        show,
        budget=solve_arc.BUDGET if effort.budget is None else effort.budget,
        processes=machine.threads,
        seed=effort.seed,
        live=view.live,
        fps=view.fps,
        theme=view.theme,
        as_json=view.json,
        output=view.output,
        asker=asker,
    )
    return run.run(bad, kind.skip_bad)


def _announced(task: Task, puzzle: Puzzle, notes: Show) -> Puzzle:
    """The puzzle with the number of its solutions, which is said if there are several."""
    puzzle = counted(task, puzzle)
    if puzzle.solutions == 2:
        notes.say(f"{puzzle.origin}: has several solutions; any of them will do")
    return puzzle


@dataclass
class _Run:
    """Solves a stream of puzzles and shows the answers, in one way or another.

    Attributes:
        search: whether plain search solves what the model does not.
        saved: keeps a replay; None for nowhere.
        notes: says what there is to say of single answers.
    """

    solver: Solver
    card: Card
    config: SearchConfig
    stream: PuzzleStream
    search: bool
    saved: Callable[[Replay], None] | None
    view: View
    show: Show
    notes: Show
    count: int = 0
    solved: int = 0
    searched: int = 0
    impossible: int = 0
    unchecked: int = 0
    interrupted: bool = False

    @property
    def so_far(self) -> str:
        return f"{self.solved} of {self.count} solved so far" if self.count else "nothing is solved so far"

    def watch_all(self) -> None:
        """Draw the puzzles one after another."""
        solver, config, view, known = self.solver, self.config, self.view, self.stream.known()
        total = None if known is None else len(known)
        for number, puzzle in enumerate(self.stream):
            film = filmed(solver, self.card.name, puzzle, config, called(puzzle, number, total))
            asked = watched(solver, film, number, config, view, self._conclude, view.inner)
            if asked == "quit":
                return

    def watch_together(self) -> None:
        """Draw all puzzles side by side."""
        films = [filmed(self.solver, self.card.name, puzzle, self.config, "") for puzzle in self.stream]
        watched_together(self.solver, films, self.config, self.view, self._conclude)

    def print_all(self, many: bool) -> None:
        """Write the answers to stdout, and what there is to say of them to stderr."""
        from trmcli.ui.progress import progress

        start = time.perf_counter()
        outcome = None
        with progress("solving", prints=True, hidden=not many or self.show.quiet) as advance:
            for outcome in self._outcomes():
                task, origin = self.solver.task, outcome.answer.puzzle.origin
                puzzle = outcome.answer.puzzle
                text = outcome.to_json(task) if self.view.json else task.text.write(puzzle, outcome.cells)
                print(text, flush=True)
                if outcome.solutions == 0 and (many or self.count > 1):
                    self.notes.say(f"{origin}: has no solution")
                if outcome.solutions == 2 and puzzle.solutions is None:
                    self.notes.say(f"{origin}: has several solutions; this is one of them")
                advance()
        if self.count == 1 and outcome is not None:
            self.show.say(outcome.verdict)
            return
        others = f", {self.searched} of them by plain search" if self.searched else ""
        if self.unchecked:
            others += f", {self.unchecked} unchecked"
        if self.impossible:
            others += f", {plural(self.impossible, 'has', 'have')} no solution"
        seconds = time.perf_counter() - start
        self.show.say(f"{self.solved} of {self.count} solved and checked{others}, {seconds:.1f} s")

    def _outcomes(self) -> Iterator[Outcome]:
        from trmcli.solving.answers import Frame
        from trmcli.solving.search import Search

        shown = self.saved is not None
        # With one place, all frames of a puzzle come before the next one's.
        config = replace(self.config, batch_size=1) if shown else self.config
        frames: list[Frame] = []
        for found in Search(self.solver, self.stream, config, ready=self.stream.ready, shown=shown).run():
            if isinstance(found, Frame):
                frames.append(found)
            else:
                yield self._conclude(found, frames)
                frames = []

    def _conclude(self, answer: Answer, frames: Sequence[Frame] = ()) -> Outcome:
        """Settle what becomes of an answer, count it, and keep its frames if they are to be saved."""
        outcome = conclude(self.solver.task, answer, self.search)
        if self.saved is not None:
            from trmcli.ui.replay import Replay

            steps = frames if outcome.answer.tries else ()
            self.saved(Replay(self.solver.task, steps, outcome.answer, outcome.verdict, outcome.unique))
        self.count += 1
        self.solved += outcome.answer.judgement == "right"
        self.unchecked += outcome.answer.judgement == "unknown"
        self.searched += outcome.answer.method == "search"
        self.impossible += outcome.solutions == 0
        return outcome
