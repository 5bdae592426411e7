"""``trm eval``: how many puzzles are solved, how fast, and how far the model can be trusted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, count, islice, zip_longest
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
    from trmcli.solving.evaluation import Evaluation, Figures
    from trmcli.solving.ranks import Ranks
    from trmcli.solving.search import Answer
    from trmcli.tasks.base import Puzzle, Task

EXAMPLES = """
Examples:

  trm eval puzzles.csv.gz                     # accuracy by source, with 95% intervals

  trm eval batch.txt --tries 32               # the first checked answer of 32 tries counts

  trm eval test.csv --tries 1,4,16,64 --save curve.svg   # what tries cost and buy

  cat batch.txt | trm eval - --json | jq .exact_accuracy

  trm eval test.csv --limit 1000 --per-step   # accuracy against supervision steps

  trm eval test.csv --predictions out.csv     # every answer, with what it cost

  torchrun --standalone --nproc-per-node 4 -m trmcli eval test.csv   # shared out
"""

COLUMNS = ("source", "question", "answer", "prediction", "solved", "tries", "steps", "halt_probability")
"""Of the file of predictions."""


def evaluate(
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATA]...", help="Files of puzzles, or - for standard input."),
    ] = None,
    task: TaskOption = "auto",
    weights: WeightsOption = None,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Known answers, one a puzzle in the same order."),
    ] = None,
    steps: StepsOption = 16,
    rounds: RoundsOption = None,
    tries: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N]...",
            help="Most tries of a puzzle; a checked answer ends them. Several numbers give a curve.",
            show_default="1",
        ),
    ] = None,
    until_solved: UntilSolvedOption = False,
    budget: BudgetOption = None,
    strategy: StrategyOption = StrategyRule.guess,
    halt: HaltOption = HaltRule.checked,
    commit: CommitOption = True,
    select: SelectOption = SelectRule.halt,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only the first N puzzles."),
    ] = None,
    batch_size: BatchSizeOption = 512,
    per_step: Annotated[bool, typer.Option("--per-step", help="Accuracy against supervision steps.")] = False,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="How far the halting probability can be trusted.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save the figures (.json) or the curve over the tries (.svg).",
            show_default=False,
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write every answer to this file."),
    ] = None,
    device: DeviceOption = "auto",
    seed: SeedOption = 0,
) -> None:
    """Measure a model on many puzzles. Every answer is checked against the rules.

    Under torchrun every process takes its share of the puzzles, and the first
    one prints the figures of all; they are those of a single process.

    Exit status: 0 all solved, 1 some not, 2 bad usage or input; under torchrun
    0 also when some are not, for it takes anything else as a crash.
    """
    from trmcli.files import writing
    from trmcli.solving.ranks import Ranks
    from trmcli.tasks import read_puzzles
    from trmcli.ui.progress import progress

    check_device(device)
    if until_solved and tries is not None:
        raise InputError("--until-solved sets the number of tries: leave --tries out")
    limits = _limits(tries)
    ranks, sources = Ranks.here(), puzzle_sources(data)
    if ranks.count > 1 and "-" in sources:
        raise InputError("standard input cannot be shared by several processes: name a file")
    _check_suffix(save, limits)
    stream = PuzzleStream(read_puzzles(sources, None if task == "auto" else task))
    first = list(islice(stream, 1))
    stream.fail()

    with ExitStack() as files:
        # Only the first process writes.
        table, saved = (
            files.enter_context(writing(path if ranks.rank == 0 else None)) for path in (predictions, save)
        )
        solver, card = load_solver(stream.task, weights, device, first[0], rounds)
        stream.config = card.config
        from trmcli.solving.evaluation import Evaluation
        from trmcli.solving.search import MANY_TRIES, SearchConfig, solve_many

        config = SearchConfig(
            max_steps=steps,
            tries=MANY_TRIES if until_solved else limits[-1],
            halt=halt.value,
            commit=commit,
            batch_size=batch_size,
            seed=seed,
            strategy=strategy.value,
            select=select.value,
            budget=inf if budget is None else budget,
        )
        puzzles: Iterator[Puzzle] = chain(first, stream)
        if answers is not None:
            puzzles = _with_answers(puzzles, stream.task, answers)
        shard = islice(puzzles, ranks.rank, limit, ranks.count)
        evaluation = Evaluation(steps, limits)
        rows = _Rows(stream.task, table, keep=ranks.count > 1 and predictions is not None)
        found = solve_many(solver, shard, config, count(ranks.rank, ranks.count))
        try:
            with ranks.interruptible(), progress("solving", limit, hidden=ranks.count > 1) as advance:
                _measure(evaluation, found, rows, advance)
        except KeyboardInterrupt:
            evaluation.complete = False
        stream.fail()
        if ranks.count > 1:
            evaluation = _merged(evaluation, ranks, rows)
            if ranks.rank > 0:
                raise typer.Exit
        if saved is not None:
            saved.write(
                _svg(evaluation, stream.task) if save and _is_svg(save) else _json(evaluation, per_step)
            )
    if json:
        print(_json(evaluation, per_step), end="")
    else:
        _print(evaluation, per_step, calibration)
    if not evaluation.complete:
        print(f"trm: interrupted after {evaluation.total.count} puzzles: partial figures", file=sys.stderr)
        raise typer.Exit(130)
    raise typer.Exit(0 if ranks.count > 1 or evaluation.total.solved == evaluation.total.count else 1)


def _limits(tries: str | None) -> tuple[int, ...]:
    """Numbers of tries from ``4`` or ``1,2,4``, in ascending order."""
    try:
        limits = sorted({int(number) for number in (tries or "1").split(",")})
    except ValueError:
        limits = [0]
    if limits[0] < 1:
        raise InputError(
            f"{tries!r} is no number of tries: give one from 1, or several as in 1,2,4", "--tries"
        )
    return tuple(limits)


def _is_svg(path: Path) -> bool:
    return path.suffix.lower() == ".svg"


def _check_suffix(save: Path | None, limits: tuple[int, ...]) -> None:
    if save is None:
        return
    if save.suffix.lower() not in (".json", ".svg"):
        raise InputError("the name must end in .json or .svg", str(save))
    if _is_svg(save) and len(limits) == 1:
        raise InputError("a curve needs several numbers of tries, such as --tries 1,2,4", str(save))


class _Rows:
    """The table of predictions.

    Args:
        table: where it is written as the answers come; None for nowhere.
        keep: whether to hold the rows back, because those of other processes stand between them.
    """

    def __init__(self, task: Task, table: Any, keep: bool) -> None:
        import csv

        self.task, self.keep = task, keep
        self.kept: list[list[str]] = []
        self.writer = None if table is None else csv.writer(table, lineterminator="\n")
        self.write(list(COLUMNS))

    def write(self, row: list[str]) -> None:
        if self.writer is not None:
            self.writer.writerow(row)

    def add(self, answer: Answer) -> None:
        if self.writer is None and not self.keep:
            return
        task, line = self.task, replace(answer.puzzle, layout="line")
        row = [
            line.source,
            task.write(line, line.cells),
            "" if line.answer is None else task.write(line, line.answer),
            task.write(line, answer.cells),
            str(int(answer.checked)),
            str(answer.tries),
            str(answer.steps),
            f"{answer.halt:.4f}",
        ]
        if self.keep:
            self.kept.append(row)
        else:
            self.write(row)


def _measure(
    evaluation: Evaluation, answers: Iterator[Answer], rows: _Rows, advance: Callable[[], None]
) -> None:
    import time

    start = time.perf_counter()
    try:
        for answer in answers:
            evaluation.add(answer)
            rows.add(answer)
            advance()
    finally:
        evaluation.seconds = time.perf_counter() - start


def _merged(evaluation: Evaluation, ranks: Ranks, rows: _Rows) -> Evaluation:
    """The whole, from the parts of all processes; the rows in the order of the puzzles."""
    from json import dumps, loads

    from trmcli.solving.evaluation import Evaluation

    whole = Evaluation(evaluation.max_steps, evaluation.limits)
    mine = dumps([evaluation.pack(), rows.kept])
    parts = [loads(part) for part in ranks.gather(mine, hurry=not evaluation.complete)]
    for packed, _ in parts:
        whole.absorb(packed)
    for together in zip_longest(*(kept for _, kept in parts)):
        for row in together:
            if row is not None:
                rows.write(row)
    return whole


def _with_answers(puzzles: Iterator[Puzzle], task: Task, path: Path) -> Iterator[Puzzle]:
    """Join the puzzles with a file of answers in the same order."""
    from trmcli.tasks import read_puzzles

    known = (puzzle for _, puzzle in read_puzzles([str(path)], task.name))
    for puzzle in puzzles:
        answer = next(known, None)
        if answer is None:
            raise InputError(f"has fewer answers than there are puzzles: none for {puzzle.origin}", str(path))
        cells = answer.cells if answer.answer is None else answer.answer  # a path that is drawn in a maze
        if cells.shape != puzzle.shape or not task.of(puzzle).verify(puzzle.cells, cells).ok:
            raise InputError(f"does not answer the puzzle at {puzzle.origin}", answer.origin)
        yield replace(puzzle, answer=cells)


def _json(evaluation: Evaluation, per_step: bool) -> str:
    import json

    return json.dumps(evaluation.to_dict(per_step), indent=2) + "\n"


def _curves(evaluation: Evaluation) -> dict[str, Any]:
    named = evaluation.named if len(evaluation.named) > 1 else {}
    return {
        name: figures.curve(evaluation.seconds_per_step)
        for name, figures in (*named.items(), ("all", evaluation.total))
    }


def _svg(evaluation: Evaluation, task: Task) -> str:
    from trmcli.ui.plots import svg

    partial = "" if evaluation.complete else ", partial"
    return svg(
        _curves(evaluation),
        f"{task.name}, {evaluation.total.count} puzzles{partial}: exact accuracy by tries",
    )


def _print(evaluation: Evaluation, per_step: bool, calibration: bool) -> None:
    """The figures as tables on stdout: drawn on a terminal, tab-separated in a pipe."""
    rows = [_row(name, figures) for name, figures in (*evaluation.named.items(), ("all", evaluation.total))]
    _table(("source", "puzzles", "exact", "95% interval", "cells", "mean steps", "mean tries"), rows)
    print(
        f"halting head right in {evaluation.calibration.accuracy:.1%} of steps, "
        f"expected calibration error {evaluation.calibration.error:.3f}"
    )
    print(f"{evaluation.puzzles_per_second:.1f} puzzles/s, {evaluation.seconds:.1f} s")
    if calibration:
        _table(
            ("halting probability", "steps", "mean", "right"),
            [
                (
                    f"{one.low:.1f}-{one.high:.1f}",
                    f"{one.steps}",
                    f"{one.mean_probability:.1%}",
                    f"{one.right:.1%}",
                )
                for one in evaluation.calibration.bins
            ],
        )
    if per_step:
        print("step\texact\tsolved after this many supervision steps of the first try")
        for number, solved in enumerate(evaluation.total.solved_by, start=1):
            share = int(solved) / max(1, evaluation.total.count)
            print(f"{number}\t{share:.1%}\t{'█' * round(40 * share)}")
    if len(evaluation.limits) > 1:
        _print_curves(_curves(evaluation))


def _print_curves(curves: dict[str, Any]) -> None:
    """What more tries buy. The time is that of the whole, shared out by supervision steps."""
    _table(
        ("source", "tries", "exact", "95% interval", "mean steps", "seconds"),
        [
            (
                name,
                f"{point.tries}",
                f"{point.exact:.2%}",
                f"{point.interval[0]:.2%}-{point.interval[1]:.2%}",
                f"{point.mean_steps:.2f}",
                f"{point.seconds:.1f}",
            )
            for name, points in curves.items()
            for point in points
        ],
    )
    if sys.stdout.isatty():
        from trmcli.ui.plots import text

        print(text(curves))


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        for line in (header, *rows):
            print("\t".join(line))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(header):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == "all" else None)
    console.print(table)


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    low, high = figures.interval
    cells = figures.cell_accuracy
    return (
        name,
        f"{figures.count}",
        f"{figures.exact:.2%}",
        f"{low:.2%}-{high:.2%}",
        "-" if cells is None else f"{cells:.2%}",
        f"{figures.mean_steps:.2f}",
        f"{figures.mean_tries:.2f}",
    )
