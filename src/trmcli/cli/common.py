"""What several commands share: where puzzles come from, and how a solver is loaded."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.solving.solver import Solver
    from trmcli.tasks.base import Puzzle, Task
    from trmcli.weights.files import Card


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


class HaltRule(str, Enum):
    """When a try ends; see :meth:`trmcli.solving.solver.Solver.steps`."""

    checked = "checked"
    head = "head"
    never = "never"


def check_device(name: str) -> None:
    """Raise InputError for a name that is no device."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise InputError(f"there is no device {name!r}: choose auto, cpu, cuda, cuda:N or mps", "--device")


def check_size(puzzle: Puzzle, seq_len: int) -> None:
    """Raise InputError for a puzzle that weights of ``seq_len`` cells (0: any) cannot take."""
    if seq_len not in (0, puzzle.cells.size):
        message = f"has {puzzle.cells.size} cells, and these weights are for puzzles of {seq_len} cells"
        raise InputError(message, puzzle.origin)


def load_solver(task: Task, weights: str | None, device: str, puzzle: Puzzle) -> tuple[Solver, Card]:
    """The named weights, or the task's default, ready to solve puzzles like ``puzzle``.

    Whatever can be found wrong without torch is found before torch is imported.

    Raises:
        InputError: if there are no such weights, they are damaged, or they were trained for something else.
    """
    from trmcli.weights.files import load_weights, read_card
    from trmcli.weights.registry import find_weights

    path = find_weights(weights, task.name)
    card = read_card(path)
    if card.task != task.name:
        raise InputError(f"these weights solve {card.task}, and the puzzle is {task.name}", str(path))
    seq_len = card.config.get("seq_len", 0)
    if isinstance(seq_len, int):
        check_size(puzzle, seq_len)
    if device not in ("auto", "cpu"):
        import torch

        there = {"mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
        there |= {f"cuda:{number}": True for number in range(torch.cuda.device_count())}
        if not there.get(device):
            raise InputError(f"this machine has no {device} that torch can use", "--device")
    from trmcli.solving.solver import Solver, pick_device

    model, card = load_weights(path)
    return Solver(model, task, pick_device(device)), card
