"""What several commands share: where puzzles come from, and how a solver is loaded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.solving.solver import Halt, Solver
    from trmcli.tasks.base import Task


def puzzle_sources(given: Sequence[str] | None) -> list[str]:
    """The sources named on the command line; without any, standard input if something is piped in.

    Raises:
        InputError: if there is nothing to read.
    """
    if given:
        return list(given)
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("no puzzle given: name a file, the puzzle itself, or - for standard input")
    return ["-"]


def halt_choice(text: str) -> Halt:
    from trmcli.solving.solver import HALT_CHOICES

    for choice in HALT_CHOICES:
        if text == choice:
            return choice
    raise InputError(f"{text!r} is no way to halt: choose {', '.join(HALT_CHOICES)}", "--halt")


def load_solver(weights: str | None, task: Task, device: str) -> Solver:
    """The named weights, or the task's default, ready to solve puzzles of ``task``.

    Raises:
        InputError: if there are no such weights, they are damaged, or they were trained for something else.
    """
    from trmcli.solving.solver import Solver, pick_device
    from trmcli.weights.files import load_weights
    from trmcli.weights.registry import find_weights

    path = find_weights(weights, task.name)
    model, card = load_weights(path)
    if card.task != task.name:
        raise InputError(f"is trained for {card.task}, the puzzle is a {task.name}", str(path))
    return Solver(model, task, pick_device(device))
