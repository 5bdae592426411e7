"""``trm eval``: how many puzzles are solved, how fast, and how far the model can be trusted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from trmcli.cli import arc_options, solve_arc
from trmcli.cli.common import kind_of, load_solver, name_skipped, plural, puzzle_sources
from trmcli.cli.eval_arc import ArcSet
from trmcli.cli.eval_rows import Rows, measure, merged
from trmcli.cli.options import SHOW, Batches, Effort, Model, Puzzles, Show, whole
from trmcli.cli.outputs import check_outputs
from trmcli.cli.stream import PuzzleStream
from trmcli.errors import InputError
from trmcli.solving.blas import import_numpy

if TYPE_CHECKING:
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task

EXAMPLES = """
Examples:
  trm eval puzzles.csv.gz                    # accuracy, with 95% intervals
  trm eval batch.txt --tries 32              # the first checked answer counts
  trm eval test.csv --tries 1,4,16 --chart curves.svg
  cat batch.txt | trm eval - --json | jq .exact_accuracy
  trm eval test.csv --limit 1000 --per-step  # what each step adds
  trm eval test.csv --predictions out.csv    # every answer, and its cost
  trm eval challenges.json --sample 100 --predictions done.jsonl  # of ARC
  torchrun --standalone --nproc-per-node 4 -m trmcli eval test.csv
"""


@dataclass(frozen=True)
class Data(Puzzles):
    """Which puzzles a model is measured on."""

    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers",
            "--solutions",
            metavar="FILE",
            help="Known answers, one a puzzle in the same order; of ARC tasks, Kaggle's solutions, which are "
            "found beside the challenges without it.",
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option(parser=whole(1), metavar="N", help="Only the first N puzzles.")
    ] = None


@dataclass(frozen=True)
class View:
    """Which figures are shown, and what is kept."""

    panel: ClassVar[str] = SHOW

    per_step: Annotated[bool, typer.Option("--per-step", help="Accuracy against supervision steps.")] = False
    calibration: Annotated[
        bool, typer.Option("--calibration", help="How far the halting probability can be trusted.")
    ] = False
    errors: Annotated[
        bool, typer.Option("--errors", help="A map of the cells where it errs, if answers are known.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Save the figures that --json prints.")
    ] = None
    chart: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Draw all of these figures, and the curve over the tries: .svg or .png."
        ),
    ] = None
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write every answer to this file: CSV, and JSON Lines of ARC tasks."
        ),
    ] = None


def evaluate(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA",
            help="Files of puzzles, or - for standard input.",
            rich_help_panel=Puzzles.panel,
        ),
    ] = None,
    data: Data = Data(),
    model: Model = Model(),
    tries: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]...",
            help="Most tries of a puzzle; a checked answer ends them. Several numbers give a curve.",
            show_default="1",
            rich_help_panel=Effort.panel,
        ),
    ] = None,
    effort: Effort = Effort(),
    machine: Batches = Batches(),
    arc: ArcSet = ArcSet(),
    view: View = View(),
    show: Show = Show(),
) -> None:
    """Measure a model on many puzzles. Every answer is checked against the rules.

    Under torchrun every process takes its share of the puzzles, and the first
    one prints the figures of all; they are those of a single process.

    Exit status: 0 all solved, 1 some not, 2 bad usage or input; under torchrun
    0 also when some are not, for it takes anything else as a crash.
    """
    import_numpy()
    from trmcli.files import writing
    from trmcli.ranks import Ranks
    from trmcli.ui import tables
    from trmcli.ui.eval_charts import drawing
    from trmcli.ui.progress import progress

    effort.check(tries)
    sources = puzzle_sources(files)
    check_outputs(
        _read(sources, data.answers, model.weights),
        ("--save", view.save),
        ("--chart", view.chart),
        ("--predictions", view.predictions),
        ("--submission", arc.submission),
    )
    if arc_options.is_arc(sources, data.task):
        raise typer.Exit(_evaluate_arc(sources, data, model, tries, effort, machine, arc, view, show))
    if arc != ArcSet():
        raise InputError("--sample, --workers, --resume, --blind, --votes and --submission are for ARC tasks")
    if data.skip_bad and data.answers is not None:
        raise InputError("--answers go with the puzzles by their order, which --skip-bad would break")
    limits, asked = _limits(tries), tables.Asked(view.per_step, view.calibration, view.errors)
    ranks = Ranks.here()
    if ranks.size > 1 and "-" in sources:
        raise InputError("standard input cannot be shared by several processes: name a file")
    _check_suffix(view.save, ".json")
    _check_suffix(view.chart, ".svg", ".png")
    skip = name_skipped if ranks.first else lambda _: None
    task = kind_of(data.task, model.weights)
    stream = PuzzleStream(sources, task, machine.batch_size, skip if data.skip_bad else None, data.legend)
    first = stream.first()

    with ExitStack() as written:
        # Only the first process writes.
        table, saved = (
            written.enter_context(writing(path if ranks.first else None))
            for path in (view.predictions, view.save)
        )
        draw = written.enter_context(drawing(view.chart if ranks.first else None))
        if ranks.size > 1 and machine.compile == "auto":
            # Each process would begin with it at another puzzle than one process alone, and round otherwise.
            machine = replace(machine, compile="off")
        solver, card = load_solver(stream, model, machine, None if data.skip_bad else first, data.limit)
        stream.prepare(card.config, None if data.answers is None else _answering(stream.task, data))
        from trmcli.solving.evaluation import Evaluation
        from trmcli.solving.search import solve_many
        from trmcli.tasks.task import USUAL_STEPS

        config = effort.config(limits[-1], machine.at_once(solver.engine))
        shard = islice(stream, ranks.rank, data.limit, ranks.size)
        evaluation, interrupted = Evaluation(effort.steps or USUAL_STEPS, limits), False
        rows = Rows(stream.task, table, keep=ranks.size > 1 and view.predictions is not None)
        found = solve_many(solver, shard, config, count(ranks.rank, ranks.size), stream.ready)
        bar = progress("solving", data.limit, prints=False, hidden=show.quiet or ranks.size > 1)
        try:
            with ranks.interruptible(), bar as advance:
                measure(evaluation, found, rows, advance)
        except KeyboardInterrupt:
            interrupted = True
        evaluation.complete = not interrupted and not stream.failed
        if ranks.size > 1:
            evaluation = merged(evaluation, ranks, rows, hurry=interrupted)
            if not ranks.first:
                raise typer.Exit
        evaluation.skipped = stream.skipped
        if not evaluation.total.count:
            stream.fail()
            if not interrupted:
                raise InputError("there is no puzzle in the input that these weights can take")
            print("trm: interrupted before the first answer", file=sys.stderr)
            raise typer.Exit(130)  # files that were to be written stay as they were
        if saved is not None:
            saved.write(tables.as_json(evaluation, asked))
        draw(evaluation, stream.task.name)
    if view.json:
        print(tables.as_json(evaluation, asked), end="")
    else:
        tables.show(evaluation, asked)
    sys.stdout.flush()
    if stream.skipped:
        show.say(f"{plural(stream.skipped, 'bad record', 'bad records')} skipped")
    if not evaluation.complete:
        what, done = "stopped" if stream.failed else "interrupted", evaluation.total.count
        print(f"trm: {what} after {plural(done, 'puzzle', 'puzzles')}: partial figures", file=sys.stderr)
    stream.fail()
    if not evaluation.complete:
        raise typer.Exit(130)
    solved = evaluation.total.solved == evaluation.total.count and not stream.skipped
    raise typer.Exit(0 if ranks.size > 1 or solved else 1)


def _read(sources: Sequence[str], *others: str | Path | None) -> Iterator[str | Path | None]:
    """All files that are read, solutions beside ARC tasks included."""
    from trmcli.tasks.arc.files import solutions_beside

    yield from (*sources, *others, *map(solutions_beside, sources))


def _evaluate_arc(
    sources: Sequence[str],
    data: Data,
    model: Model,
    tries: str | None,
    effort: Effort,
    machine: Batches,
    arc: ArcSet,
    view: View,
    show: Show,
) -> int:
    """Measure on ARC tasks; the exit status."""
    from trmcli.cli.eval_arc import ArcEval
    from trmcli.cli.eval_views import ViewEval
    from trmcli.tasks.task import USUAL_STEPS

    named = model.weights is not None
    arc_options.check(arc_options.EVAL, named, tries, data, model, arc, view, effort, machine)
    if named:
        views = ViewEval(
            sources,
            show,
            model,
            machine,
            arc,
            steps=effort.steps or USUAL_STEPS,
            seed=effort.seed,
            solutions=data.answers,
            limit=data.limit,
            predictions=view.predictions,
            save=view.save,
            as_json=view.json,
        )
        return views.run(data.skip_bad)
    run = ArcEval(
        sources,
        show,
        budget=solve_arc.BUDGET if effort.budget is None else effort.budget,
        seed=effort.seed,
        processes=machine.threads,
        workers=arc.workers,
        solutions=data.answers,
        blind=arc.blind,
        limit=data.limit,
        drawn=arc.sample,
        predictions=view.predictions,
        resume=arc.resume,
        save=view.save,
        as_json=view.json,
    )
    return run.run(data.skip_bad)


def _limits(tries: str | None) -> tuple[int, ...]:
    """Numbers of tries from ``4`` or ``1,2,4``, in ascending order."""
    try:
        limits = sorted({int(number) for number in (tries or "1").split(",")})
    except ValueError:
        limits = [0]
    if limits[0] < 1:
        raise InputError(
            f"{tries!r} is not a number of tries: give one from 1, or several as in 1,2,4", "--tries"
        )
    return tuple(limits)


def _check_suffix(path: Path | None, *suffixes: str) -> None:
    if path is not None and path.suffix.lower() not in suffixes:
        what = "figures are saved" if ".json" in suffixes else "charts are drawn"
        forms = f"{' or '.join(suffixes)}, the form{'s' * (len(suffixes) > 1)} in which"
        raise InputError(f"the name must end in {forms} {what}", str(path))


def _answering(task: Task, data: Data) -> Callable[[Puzzle], Puzzle]:
    """What joins each puzzle with the next answer of a file."""
    from trmcli.tasks import read_puzzles

    path = data.answers
    known = (puzzle for _, puzzle in read_puzzles([str(path)], task, legend=data.legend))

    def joined(puzzle: Puzzle) -> Puzzle:
        answer = next(known, None)
        if answer is None:
            raise InputError(f"has fewer answers than there are puzzles: none for {puzzle.origin}", str(path))
        cells = answer.cells if answer.answer is None else answer.answer  # a path that is drawn in a maze
        rules = task.of(puzzle).rules
        if cells.shape != puzzle.shape or (rules and not rules.verify(puzzle.cells, cells).ok):
            raise InputError(f"does not answer the puzzle at {puzzle.origin}", answer.origin)
        return replace(puzzle, answer=cells)

    return joined
