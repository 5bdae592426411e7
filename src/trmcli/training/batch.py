"""A batch on its way through the supervision steps: what halts makes room for fresh examples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trmcli.model import Carry, Relations
from trmcli.solving.solver import Floats
from trmcli.tasks.base import Bools, Ints
from trmcli.training.data import Examples


@dataclass(frozen=True)
class Supervised:
    """What a supervision step of some examples led to.

    Attributes:
        carry: their states.
        tokens: ``[B, L]`` questions of the next supervision step.
        halt: ``[B]`` logit of halting.
        exact: ``[B]`` whether the answer is exactly right.
    """

    carry: Carry
    tokens: Tensor
    halt: Tensor
    exact: Tensor


@dataclass
class Lane:
    """One source's batch on its way through the supervision steps; each source keeps its own.

    ``tokens``, ``labels`` and ``distances`` (:meth:`trmcli.tasks.task.Structure.spread`) are ``[B, L]``;
    ``puzzle`` (numbers), ``steps`` (supervision steps done) and ``halted`` are ``[B]``. With several ranks, B
    is this rank's share. ``meaning`` is ``[V]``, the value of a cell that each token stands for: an answer is
    right if its values are. ``news`` are the fields of :class:`trmcli.tasks.task.News`, for a horizon.
    """

    examples: Examples
    relations: Relations
    meaning: Tensor
    news: tuple[Tensor, Tensor, Tensor] | None
    tokens: Tensor
    labels: Tensor
    distances: Tensor
    puzzle: Tensor
    steps: Tensor
    halted: Tensor
    carry: Carry

    STATE = ("tokens", "labels", "distances", "puzzle", "steps", "halted")

    def refill(self, draw: Draw, fresh: Carry) -> None:
        """Replace the halted examples by those that were drawn, which begin with the states ``fresh``."""
        halted = self.halted
        self.tokens = torch.where(halted[:, None], self.placed(draw.tokens), self.tokens)
        self.labels = torch.where(halted[:, None], self.placed(draw.labels), self.labels)
        self.distances = torch.where(halted[:, None], self.placed(draw.distances), self.distances)
        self.puzzle = torch.where(halted, self.placed(draw.puzzle), self.puzzle)
        self.steps = self.steps.masked_fill(halted, 0)
        if draw.states is not None:
            answer, latent = self.placed(draw.states).to(fresh.answer.dtype).unsqueeze(1)
            fresh = fresh.replace(self.placed(draw.random), Carry(answer, latent))
        self.carry = self.carry.replace(halted, fresh)

    def take(self, done: Supervised, draw: Draw, most: int) -> Tensor:
        """Go on to where a supervision step led, and say which examples have halted: at the step number
        ``most``, or when the halting head says so and exploration does not hold an example back.

        Returns:
            ``[3, B]``: what has halted, halted rightly, and after how many steps.
        """
        self.carry, self.tokens = done.carry, done.tokens
        self.steps = self.steps + 1
        self.halted = (self.steps >= most) | ((done.halt > 0) & (self.steps >= self.placed(draw.held)))
        return torch.stack((self.halted, done.exact & self.halted, self.steps * self.halted))

    def placed(self, values: Ints | Bools | Floats) -> Tensor:
        """A copy on the device, which is not waited for."""
        tensor = torch.from_numpy(values)
        device = self.tokens.device
        return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


@dataclass(frozen=True)
class Draw:
    """What chance decides of one gradient step, for this rank's share of the batch.

    Attributes:
        lane: the number of the source whose turn it is.
        tokens, labels, distances, puzzle: a fresh example for every place, used where the last one has
            halted.
        held: ``[B]``: supervision steps before which an example must not halt (exploration;
            ``models/recursive_reasoning/trm.py``: ``min_halt_steps``).
        random: ``[B]``: whether a fresh example begins with random states.
        states: ``[2, P + L, D]``: these states, of y and of z, for all that begin at this step; or None.
    """

    lane: int
    tokens: Ints
    labels: Ints
    distances: Ints
    puzzle: Ints
    held: Ints
    random: Bools
    states: Floats | None
