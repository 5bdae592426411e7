"""What ``solve`` and ``eval`` share besides options: where puzzles come from, and how a solver is loaded."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trmcli.errors import InputError, one_line

if TYPE_CHECKING:
    from trmcli.cli.options import Batches, Model
    from trmcli.cli.stream import PuzzleStream
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task
    from trmcli.weights.files import Card


def puzzle_sources(given: Sequence[str] | None) -> list[str]:
    """The sources named on the command line; without any, standard input if something is piped in.

    Raises:
        InputError: if there is nothing to read.
    """
    if given:
        return list(given)
    if sys.stdin.isatty():
        raise InputError(
            "no puzzle given: name a file, the puzzle itself, or - for standard input; "
            "trm demo shows some being solved"
        )
    return ["-"]


def name_skipped(error: InputError) -> None:
    """Say which record is left out."""
    print("trm: skipped:", one_line(str(error)), file=sys.stderr)


def undashed(argument: str) -> str:
    """An argument of the command line; a puzzle that begins with a dash becomes one that no option can be."""
    if _DASHED.match(argument):
        return f".{argument[1:]}"  # both are blanks
    return f"\n{argument}" if argument.startswith("-") and "\n" in argument else argument


_DASHED = re.compile(r"-[\d.*_?XxA-Ga-g-]{15,}(\s|$)")


def plural(number: int, one: str, many: str) -> str:
    """``1 try``, ``2 tries``."""
    return f"{number} {one if number == 1 else many}"


def kind_of(task: str, weights: str | None) -> Task | None:
    """The kind that is named, or else that of the named weights; None where the puzzles tell it themselves.

    Raises:
        InputError: there is no such kind, or there are no such weights.
    """
    from trmcli.tasks import TASKS, get_task

    if task in TASKS or (task == "auto" and weights is None):
        return TASKS.get(task)
    if weights is None:
        return get_task(task)
    from trmcli.weights.files import read_card
    from trmcli.weights.registry import find_weights

    path = find_weights(weights, task)
    card = read_card(path)
    if task not in ("auto", card.task):
        raise InputError(f"these weights solve {card.task}, not {task}", str(path))
    return None if card.task in TASKS else get_task(card.task, card.kind)


def load_solver(
    stream: PuzzleStream, model: Model, machine: Batches, puzzle: Puzzle | None, limit: int | None = None
) -> tuple[Solver, Card]:
    """The named weights, or the task's default, ready to solve the puzzles of a stream that has begun.

    They must take ``puzzle``, if one is given. Of the stream no more than ``limit`` puzzles are wanted.

    Whatever can be found wrong without torch is found before torch is imported.

    Raises:
        InputError: if there are no such weights, they are damaged, or they were trained for something else,
            or if this machine has no such device.
    """
    from trmcli.loading import load_engine
    from trmcli.solving.crossover import many, torch_has_more
    from trmcli.solving.solver import Solver
    from trmcli.tasks.fit import check_fit
    from trmcli.weights.files import read_card
    from trmcli.weights.registry import find_weights

    task = stream.task
    path = find_weights(model.weights, task.name)
    card = read_card(path)
    if card.task != task.name:
        raise InputError(f"these weights solve {card.task}, and the puzzle is {task.name}", str(path))
    if puzzle is not None:
        check_fit(task, puzzle, card.config)
    name, few = machine.engine, False
    if name == "auto" and machine.device == "auto":
        enough = many(card.config_for(str(path)), stream.first().cells.size)
        few = not torch_has_more() or (limit is not None and limit < enough) or not stream.several(enough)
    engine, card = load_engine(
        path, task, name, machine.device, model.rounds, machine.threads, few, machine.compile
    )
    return Solver(engine), card
