"""The choices that a search leaves to its user. Without torch and NumPy, so that the help can name them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from trmcli import checks

if TYPE_CHECKING:
    from trmcli.tasks.base import Shape
    from trmcli.tasks.task import Task

Halt = Literal["checked", "head", "never"]
"""When a try ends; see :class:`trmcli.solving.solver.Pool`."""

Strategy = Literal["guess", "symmetry", "noise", "restart", "mixed"]
"""What makes a try differ from the first; see :class:`SearchConfig`."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

EngineName = Literal["auto", "numpy", "torch"]
"""What runs the network; see :func:`trmcli.loading.load_engine`."""

CompileName = Literal["auto", "on", "off"]
"""Whether the network is compiled; see :func:`trmcli.loading.load_engine`."""

Select = Literal["halt", "vote"]
"""Which answer counts when the rules accept none; see :class:`SearchConfig`."""

Within = Literal["nothing", "rounds", "updates"]
"""What is to be seen of the inside of supervision steps."""

MANY_TRIES = 10_000
"""Most tries of a puzzle that is to be tried until it is solved."""


LEAST = {"max_steps": 1, "tries": 1, "batch_size": 1, "seed": 0}
"""The least that whole numbers of a search may be."""


@dataclass(frozen=True)
class SearchConfig:
    """How much compute a puzzle may have, and how it is spent.

    Attributes:
        max_steps: most supervision steps of a try; None for as many as the kind says for the puzzle's size.
        tries: most tries of a puzzle.
        halt: when a try ends; see :class:`trmcli.solving.solver.Pool`.
        commit: whether a try takes guesses as given in its later steps.
        batch_size: most tries that are worked on at once.
        seed: of everything random.
        strategy: what makes a try differ from the first: a random ``symmetry``; the same and a ``guess`` in
            doubtful cells (:class:`trmcli.solving.tries.Guesses`); ``noise`` on the latent; a
            ``restart`` from random states; or symmetry, noise and restart in turn (``mixed``).
        select: which answer counts when the rules accept none: the one that the halting head trusts most
            (``halt``), or the most frequent one (``vote``, the head breaks ties).
        budget: most seconds of computing that a puzzle may have; tries that share a step share its time.

    Raises:
        InputError: one of them is out of its range.
    """

    max_steps: int | None = None
    tries: int = 1
    halt: Halt = "checked"
    commit: bool = True
    batch_size: int = 64
    seed: int = 0
    strategy: Strategy = "guess"
    select: Select = "halt"
    budget: float = math.inf

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            value = getattr(self, name)
            if name != "max_steps" or value is not None:
                object.__setattr__(self, name, checks.whole(name, value, least))  # NumPy's become Python's
        for name, choices in (("halt", Halt), ("strategy", Strategy), ("select", Select)):
            checks.choice(name, getattr(self, name), get_args(choices))
        checks.truth("commit", self.commit)
        checks.seconds("budget", self.budget)

    def steps(self, task: Task, shape: Shape) -> int:
        """Most supervision steps of a try of a puzzle of this size."""
        return self.max_steps or task.steps(shape)
