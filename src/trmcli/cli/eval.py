"""``trm eval``: how many puzzles are solved, how fast, and how far the model can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trmcli.cli.common import HaltRule, check_device, load_solver, puzzle_sources
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.solving.evaluation import Evaluation, Figures
    from trmcli.tasks.base import Puzzle, Task

EXAMPLES = """
Examples:

  trm eval puzzles.csv.gz                     # accuracy by source, with 95% intervals

  trm eval batch.txt --tries 32               # the first checked answer of 32 tries counts

  cat batch.txt | trm eval - --json | jq .exact_accuracy

  trm eval test.csv --limit 1000 --per-step   # accuracy against supervision steps

  trm eval test.csv --predictions out.csv     # every answer, with what it cost
"""


def evaluate(
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATA]...", help="Files of puzzles, or - for standard input."),
    ] = None,
    task: Annotated[str, typer.Option(help="The kind of puzzle; auto recognises it.")] = "auto",
    weights: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Weights; by default the task's best bundled ones."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Known answers, one a puzzle in the same order."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Most supervision steps of a try.")] = 16,
    tries: Annotated[
        int, typer.Option(min=1, help="Most tries of a puzzle; a checked answer ends them.")
    ] = 1,
    halt: Annotated[
        HaltRule,
        typer.Option(help="End a try when its answer is checked, when the halting head says so, or never."),
    ] = HaltRule.checked,
    commit: Annotated[
        bool, typer.Option(help="In later steps, take the surest doubtful cell as given.")
    ] = True,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only the first N puzzles."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Puzzles and tries worked on at once.")] = 512,
    per_step: Annotated[bool, typer.Option("--per-step", help="Accuracy against supervision steps.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Write every answer to this file."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of the random symmetries.")] = 0,
) -> None:
    """Measure a model on many puzzles. Every answer is checked against the rules."""
    from itertools import chain, islice

    from trmcli.files import writing
    from trmcli.tasks import read_puzzles

    check_device(device)
    pairs = read_puzzles(puzzle_sources(data), None if task == "auto" else task)
    chosen, first = next(pairs)
    puzzles = _of_one_task(chosen, chain([(chosen, first)], pairs))
    if answers is not None:
        puzzles = _with_answers(puzzles, chosen, answers)
    puzzles = islice(puzzles, limit)

    with writing(predictions) as output:
        from trmcli.solving.evaluation import Evaluation
        from trmcli.solving.search import SearchConfig, solve_many

        solver, _ = load_solver(chosen, weights, device, first)
        config = SearchConfig(steps, tries, halt.value, commit, batch_size, seed)
        evaluation = Evaluation(steps)
        rows = _prediction_rows(output)
        try:
            _measure(evaluation, solve_many(solver, puzzles, config), rows, chosen, limit)
        except KeyboardInterrupt:
            evaluation.complete = False
    if json:
        import json as json_module

        typer.echo(json_module.dumps(evaluation.to_dict(per_step), indent=2))
    else:
        _print(evaluation, per_step)
    if not evaluation.complete:
        typer.echo(f"trm: interrupted after {evaluation.total.count} puzzles: partial figures", err=True)
        raise typer.Exit(130)
    raise typer.Exit(0 if evaluation.total.solved == evaluation.total.count else 1)


def _of_one_task(task: Task, pairs: Iterator[tuple[Task, Puzzle]]) -> Iterator[Puzzle]:
    for other, puzzle in pairs:
        if other is not task:
            message = f"is a puzzle of the task {other.name}, those before are {task.name}"
            raise InputError(f"{message}: evaluate them apart", puzzle.origin)
        yield puzzle


def _measure(evaluation: Evaluation, answers: Any, rows: Any, task: Task, limit: int | None) -> None:
    import time

    from trmcli.ui.progress import progress

    start = time.perf_counter()
    with progress("solving", limit) as advance:
        try:
            for answer in answers:
                evaluation.add(answer)
                evaluation.seconds = time.perf_counter() - start
                advance()
                if rows is not None:
                    line = replace(answer.puzzle, layout="line")
                    known = "" if line.answer is None else task.write(line, line.answer)
                    rows.writerow(
                        [
                            line.source,
                            task.write(line, line.cells),
                            known,
                            task.write(line, answer.cells),
                            int(answer.checked),
                            answer.tries,
                            answer.steps,
                            f"{answer.halt:.4f}",
                        ]
                    )
        finally:
            evaluation.seconds = time.perf_counter() - start


def _prediction_rows(output: Any) -> Any:
    if output is None:
        return None
    import csv

    rows = csv.writer(output, lineterminator="\n")
    rows.writerow(
        ["source", "question", "answer", "prediction", "solved", "tries", "steps", "halt_probability"]
    )
    return rows


def _with_answers(puzzles: Iterator[Puzzle], task: Task, path: Path) -> Iterator[Puzzle]:
    """Join the puzzles with a file of answers in the same order."""
    from trmcli.tasks import read_puzzles

    known = (puzzle for _, puzzle in read_puzzles([str(path)], task.name))
    for puzzle in puzzles:
        answer = next(known, None)
        if answer is None:
            raise InputError(f"has fewer answers than there are puzzles: none for {puzzle.origin}", str(path))
        if answer.shape != puzzle.shape or not task.verify(puzzle.cells, answer.cells).ok:
            raise InputError(f"does not answer the puzzle at {puzzle.origin}", answer.origin)
        yield replace(puzzle, answer=answer.cells)


def _print(evaluation: Evaluation, per_step: bool) -> None:
    """The figures as a table on stdout: drawn on a terminal, tab-separated in a pipe."""
    from rich.console import Console
    from rich.table import Table

    named = {name: figures for name, figures in evaluation.sources.items() if name}
    rows = [*named.items(), ("all", evaluation.total)]
    header = ("source", "puzzles", "exact", "95% interval", "cells", "mean steps", "mean tries")
    console = Console()
    if console.is_terminal:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for n, column in enumerate(header):
            table.add_column(column, justify="right" if n else "left")
        for name, figures in rows:
            table.add_row(*_row(name, figures), style="bold" if name == "all" else None)
        console.print(table)
    else:
        for line in (header, *(_row(name, figures) for name, figures in rows)):
            typer.echo("\t".join(line))
    typer.echo(
        f"halting head right in {evaluation.calibration.accuracy:.1%} of steps, "
        f"expected calibration error {evaluation.calibration.error:.3f}"
    )
    typer.echo(f"{evaluation.puzzles_per_second:.1f} puzzles/s, {evaluation.seconds:.1f} s")
    if per_step:
        typer.echo("step\texact\tsolved after this many supervision steps of the first try")
        for number, solved in enumerate(evaluation.total.solved_by, start=1):
            share = int(solved) / max(1, evaluation.total.count)
            typer.echo(f"{number}\t{share:.1%}\t{'█' * round(40 * share)}")


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
