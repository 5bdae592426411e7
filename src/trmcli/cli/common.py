"""What ``solve`` and ``eval`` share: options, where puzzles come from, and how a solver is loaded."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

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
    """When a try ends; see :class:`trmcli.solving.solver.Pool`."""

    checked = "checked"
    head = "head"
    never = "never"


class StrategyRule(str, Enum):
    """What makes a try differ from the first; see :class:`trmcli.solving.search.SearchConfig`."""

    guess = "guess"
    symmetry = "symmetry"
    noise = "noise"
    restart = "restart"
    mixed = "mixed"


class SelectRule(str, Enum):
    """Which answer counts when the rules accept none."""

    halt = "halt"
    vote = "vote"


TaskOption = Annotated[str, typer.Option(metavar="NAME", help="Kind of the puzzles; auto looks at them.")]
LegendOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIGNS",
        help="What the signs of mazes mean, such as '#=wall,.=open,A=start,B=goal'.",
        show_default=False,
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="Trained model; without it, the task's own.", show_default=False),
]
StepsOption = Annotated[int, typer.Option(min=1, metavar="N", help="Most supervision steps of a try.")]
RoundsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="T",
        help="Rounds of a supervision step; without it, as many as the weights are meant for.",
        show_default=False,
    ),
]
UntilSolvedOption = Annotated[
    bool, typer.Option("--until-solved", help="Try until the rules accept an answer, 10,000 times at most.")
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Most computing time of a puzzle; puzzles that are worked on together share the clock.",
        show_default=False,
    ),
]
HaltOption = Annotated[
    HaltRule,
    typer.Option(help="End a try when its answer is checked, when the halting head says so, or never."),
]
CommitOption = Annotated[
    bool, typer.Option("--commit/--no-commit", help="In later steps, take the surest doubtful cell as given.")
]
StrategyOption = Annotated[
    StrategyRule,
    typer.Option(
        help="What a further try does otherwise: guess doubtful cells, and see rearranged digits and lines; "
        "the latter alone; noise on the latent; random states; or these three in turn."
    ),
]
SelectOption = Annotated[
    SelectRule,
    typer.Option(help="If no try is right, show the one the halting head trusts most, or the most frequent."),
]
BatchSizeOption = Annotated[int, typer.Option(min=1, metavar="N", help="Tries worked on at once.")]
DeviceOption = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")]
SeedOption = Annotated[int, typer.Option(min=0, metavar="N", help="Of everything random in the tries.")]


class PuzzleStream:
    """The puzzles of a stream, all of one task.

    Bad input ends it, and is raised by :meth:`fail`, when what came before it has been dealt with.
    ``config`` is the weights' configuration, when that is known.
    """

    def __init__(self, puzzles: Iterator[tuple[Task, Puzzle]]) -> None:
        self.puzzles = puzzles
        self.error: InputError | None = None
        self.config: Mapping[str, object] = {}
        self.task: Task

    def __iter__(self) -> Iterator[Puzzle]:
        return self

    def __next__(self) -> Puzzle:
        if self.error is not None:
            raise StopIteration
        try:
            task, puzzle = next(self.puzzles)
            self.task = getattr(self, "task", task)
            if task is not self.task:
                message = f"is a puzzle of the task {task.name}, those before are {self.task.name}"
                raise InputError(f"{message}: give them apart", puzzle.origin)
            check_fit(task, puzzle, self.config)
        except InputError as error:
            self.error = error
            raise StopIteration from None
        return puzzle

    def fail(self) -> None:
        """Raise what ended the stream, if it was an error."""
        if self.error is not None:
            raise self.error


def check_device(name: str) -> None:
    """Raise InputError for a name that is no device."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise InputError(f"there is no device {name!r}: choose auto, cpu, cuda, cuda:N or mps", "--device")


def check_fit(task: Task, puzzle: Puzzle, config: Mapping[str, object]) -> None:
    """Raise InputError for a puzzle that weights of this configuration cannot take: size or symbols."""
    seq_len, known = config.get("seq_len", 0), config.get("vocab_size")
    if isinstance(seq_len, int) and seq_len not in (0, puzzle.cells.size):
        message = f"has {puzzle.cells.size} cells, and these weights are for puzzles of {seq_len} cells"
        raise InputError(message, puzzle.origin)
    of_cells = config.get("vectors") != "candidates"
    tokens = task.encode(puzzle.cells[None]) if of_cells else task.candidates(puzzle.shape)
    if isinstance(known, int) and tokens.max() >= known:
        message = f"takes {tokens.max() + 1} tokens to write, and these weights know {known}"
        raise InputError(message, puzzle.origin)


def load_solver(
    task: Task, weights: str | None, device: str, puzzle: Puzzle, rounds: int | None = None
) -> tuple[Solver, Card]:
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
    check_fit(task, puzzle, card.config)
    if device not in ("auto", "cpu"):
        import torch

        there = {"mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
        there |= {f"cuda:{number}": True for number in range(torch.cuda.device_count())}
        if not there.get(device):
            raise InputError(f"this machine has no {device} that torch can use", "--device")
    from trmcli.solving.solver import Solver, pick_device

    model, card = load_weights(path)
    return Solver(model, task, pick_device(device), rounds=rounds), card
