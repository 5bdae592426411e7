"""What an engine is: it runs the rounds of supervision steps for puzzles that come and go.

Tokens flow in, probabilities flow out, NumPy arrays both. An engine knows neither rules nor tries nor
terminals: whoever drives it decides which rows stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from trmcli.model.config import TRMConfig
from trmcli.tasks.base import Bools, Ints, Shape
from trmcli.tasks.task import Task

Array = TypeVar("Array")
Numbers = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Inputs:
    """What ``B`` puzzles ask.

    Attributes:
        tokens: ``[B, cells]``, row-major.
        shape: height and width of each of them.
        puzzle: ``[B]`` numbers of the puzzles, for models that know puzzles by number; without them every
            puzzle is number 0.
    """

    tokens: Ints
    shape: Shape
    puzzle: Ints | None = None


@dataclass(frozen=True)
class State(Generic[Array]):
    """``B`` puzzles between two rounds, as the engine's own arrays, ``[B, P + L, D]`` each.

    Whoever wants other states or another question in some rows makes a state with other arrays.

    Attributes:
        question: x, the embedded question.
        answer: y.
        latent: z.
        shape: height and width of the puzzles.
    """

    question: Array
    answer: Array
    latent: Array
    shape: Shape


@dataclass(frozen=True)
class Output:
    """What ``B`` puzzles say after a round, in the dtype of computation.

    Attributes:
        probabilities: ``[B, cells, V]`` of each cell's tokens.
        halt: ``[B]`` probability that the answer is exactly right, by the halting head.
    """

    probabilities: Numbers
    halt: Numbers


@dataclass(frozen=True)
class Inner:
    """Where within a supervision step one is: after ``update`` of ``updates`` of the latent, in ``round`` of
    ``rounds``, all from 1. What is read there is the answer that the round would come to if it ended there;
    after the last update, the one that it does come to.
    """

    round: int
    rounds: int
    update: int
    updates: int

    def __str__(self) -> str:
        return f"round {self.round}/{self.rounds}, update {self.update}/{self.updates}"


Seen = Callable[[int, Output], None]
"""Hears of each update of the latent within a round, from 1, but for the last one, after which it is over."""


class Engine(Protocol[Array]):
    """Rounds of one trained model. It is worked with inside of :meth:`working`.

    Attributes:
        rounds: T of a supervision step.
        batch: tries worked on at once, so many that more are no faster.
    """

    rounds: int
    batch: int

    @property
    def config(self) -> TRMConfig:
        """Of the model."""

    @property
    def task(self) -> Task:
        """Says how cells belong together."""

    def working(self) -> AbstractContextManager[None]:
        """While it lasts, the machine is set for this engine, and its arrays may be written to."""

    def begin(self, inputs: Inputs) -> State[Array]:
        """The states before the first round. Whoever writes to them joins them first."""

    def round(self, state: State[Array], seen: Seen | None = None) -> tuple[State[Array], Output]:
        """One round of all rows, and what the heads say after it. The state that comes in stays as it is.

        Raises:
            InputError: somebody wants to see the inside, and this engine does not show it.
        """

    def take(self, state: State[Array], rows: Ints | Bools) -> State[Array]:
        """These rows, by their indices or a mask."""

    def join(self, states: Sequence[State[Array]]) -> State[Array]:
        """The rows of states of puzzles of one shape, one after another, in memory of their own.

        Raises:
            ValueError: shapes differ, or there are no states.
        """

    def array(self, numbers: Numbers) -> Array:
        """NumPy's numbers as the engine keeps its own."""


def step(engine: Engine[Array], state: State[Array]) -> tuple[State[Array], Output]:
    """One supervision step of all rows: T rounds."""
    for _ in range(engine.rounds):
        state, output = engine.round(state)
    return state, output


def shape_of(states: Sequence[State[Any]]) -> Shape:
    """The shape of puzzles that all of these states have.

    Raises:
        ValueError: shapes differ, or there are no states.
    """
    shapes = {state.shape for state in states}
    if len(shapes) != 1:
        raise ValueError(f"states to join must be of one shape, not of {len(shapes)}")
    return shapes.pop()
