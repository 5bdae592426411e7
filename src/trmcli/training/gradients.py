"""Forward and backward of one supervision step of a batch, in parts, in the dtype of computation.

On a CPU, threads that take examples of their own are faster than threads that share every operation, for
tensors are small. Gradients are summed in float32, part after part, so that the sum does not depend on which
thread is done first.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import record_function

from trmcli.model import Carry, Relations, TinyRecursiveModel
from trmcli.model.config import round_up
from trmcli.model.losses import Losses, Waiting, go_on_target, supervision_loss
from trmcli.model.trm import Output
from trmcli.ranks import Ranks
from trmcli.solving.compiled import allow_forms, can_compile
from trmcli.solving.solver import COMMIT_FROM
from trmcli.solving.torch_engine import LEAST_SHARE, default_dtype, keep_memory
from trmcli.tasks.base import SURE
from trmcli.training.batch import Lane, Supervised
from trmcli.training.config import TrainConfig
from trmcli.training.optim import PUZZLE_TABLE
from trmcli.training.setup import rounds_at


@dataclass(frozen=True)
class _Part:
    """What some rows of a batch give: gradients and measures, weighed by their share, and the rest by row."""

    gradients: tuple[Tensor | None, ...]
    measures: Tensor
    done: Supervised


@dataclass(frozen=True)
class Forward:
    """What a supervision step says: the states after it, heads, ``[B]`` logit of halting, and losses."""

    carry: Carry
    output: Output
    halt: Tensor
    losses: Losses


@dataclass(frozen=True)
class Spread:
    """How far the news have to come that decide labels, ``[B, L]``, and :class:`trmcli.tasks.task.News`."""

    distances: Tensor
    learned: Tensor
    needed: Tensor
    undecided: Tensor


class Gradients:
    """Supervises batches; leaves the gradients in ``.grad`` of the model's parameters.

    Args:
        model: whose gradients are wanted. The masters are cast once a step.
        config: the run's settings.
        device: where to compute.
        ranks: who computes the rest of each batch.

    Attributes:
        dtype: of computation.
        dense: the parameters but for the table of puzzle embeddings, by name.
        sums: the gradients of ``dense`` and seven measures in one piece of memory, aligned, to be averaged
            over the ranks.
        measures: ``[7]``, the last of ``sums``: loss, token loss, halting loss, right cells; and three that
            the batch knows, when it has taken what halted (:meth:`trmcli.training.batch.Lane.take`).
    """

    def __init__(
        self, model: TinyRecursiveModel, config: TrainConfig, device: torch.device, ranks: Ranks
    ) -> None:
        self.model, self.config, self.ranks = model, config, ranks
        dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "auto": default_dtype(device)}
        self.dtype = dtypes[config.dtype]
        self.dense = {name: one for name, one in model.named_parameters() if name != PUZZLE_TABLE}
        self.batch = config.batch_size // ranks.size
        self._split_batch(device)
        sizes = [round_up(parameter.numel(), 64) for parameter in self.dense.values()]
        self.sums = torch.zeros(sum(sizes) + 7, device=device)
        *views, self.measures = torch.split(self.sums, [*sizes, 7])
        self._totals = [
            view[: parameter.numel()].view_as(parameter)
            for view, parameter in zip(views, self.dense.values(), strict=True)
        ]

    def _split_batch(self, device: torch.device) -> None:
        """Decide how a batch is computed: in ``accumulate`` parts, and on a CPU each by several threads.

        ``functional_call`` writes into the module that it calls, so each thread has a copy for itself,
        without memory.
        """
        config = self.config
        size = self.batch // config.accumulate
        self.compiled = config.compile and can_compile(device)
        threads = torch.get_num_threads() if device.type == "cpu" and not self.compiled else 1
        workers = max(1, min(threads, size // LEAST_SHARE))
        edges = np.linspace(0, self.batch, config.accumulate * workers + 1).astype(int).tolist()
        self._rows = [slice(start, end) for start, end in pairwise(edges)]
        self._models: list[nn.Module] = [self.model] * len(self._rows)
        self._workers: ThreadPoolExecutor | None = None
        if workers > 1:
            self._models = [copy.deepcopy(self.model).to("meta") for _ in self._rows]
            self._workers = ThreadPoolExecutor(
                workers, initializer=torch.set_num_threads, initargs=(threads // workers,)
            )
        if device.type == "cpu":
            keep_memory()
        self._supervise = _supervise
        if self.compiled:
            allow_forms()
            self._supervise = torch.compile(_supervise, dynamic=False)

    def supervise(self, lane: Lane, step: int) -> Supervised:
        """One supervision step of a lane, forward and backward, as gradient step number ``step``."""
        weights = {
            name: parameter if name == PUZZLE_TABLE else parameter.detach().to(self.dtype).requires_grad_()
            for name, parameter in self.model.named_parameters()
        }
        buffers = {name: value.to(self.dtype) for name, value in self.model.named_buffers()}
        rounds = rounds_at(step, self.config)

        def work(model: nn.Module, rows: slice) -> _Part:
            return self._part(model, weights, buffers, lane, rows, rounds)

        self.sums.zero_()
        puzzles: list[Tensor] = []
        done: list[Supervised] = []
        for part in (self._workers.map if self._workers else map)(work, self._models, self._rows):
            found = dict(zip(weights, part.gradients, strict=True))
            table = found.pop(PUZZLE_TABLE, None)
            if table is not None:
                puzzles.append(table)
            for (name, parameter), total in zip(self.dense.items(), self._totals, strict=True):
                gradient = found[name]
                if gradient is not None:
                    total += gradient
                    parameter.grad = total
            self.measures[:4] += part.measures
            done.append(part.done)
        if puzzles:
            self._collect_puzzles(puzzles)
        return Supervised(
            Carry(
                torch.cat([one.carry.answer for one in done]), torch.cat([one.carry.latent for one in done])
            ),
            torch.cat([one.tokens for one in done]),
            torch.cat([one.halt for one in done]),
            torch.cat([one.exact for one in done]),
        )

    def _part(
        self,
        model: nn.Module,
        weights: dict[str, Tensor],
        buffers: dict[str, Tensor],
        lane: Lane,
        rows: slice,
        rounds: int | None,
    ) -> _Part:
        """Forward and backward for some rows of a lane, in the dtype of computation."""
        config = self.config
        inputs = (lane.tokens[rows], lane.relations, lane.puzzle[rows], rounds)
        with record_function("forward"):
            everything = {**weights, **buffers}
            carry = Carry(lane.carry.answer[rows], lane.carry.latent[rows])
            done = forward(
                lambda carry: self._supervise(model, everything, carry, *inputs),
                carry,
                lane.labels[rows],
                lane.steps[rows],
                config,
                lane.meaning,
                None if lane.news is None else Spread(lane.distances[rows], *lane.news),
            )
        losses, share = done.losses, len(done.halt) / self.batch
        with record_function("backward"):
            gradients = torch.autograd.grad(losses.total * share, list(weights.values()), allow_unused=True)
        measures = (losses.total.detach(), losses.tokens, losses.halt + losses.go_on, losses.cells.mean())
        tokens = lane.tokens[rows]
        if config.commit:
            due = lane.steps[rows] + 1 >= COMMIT_FROM
            tokens = tell(tokens, lane.labels[rows], done.output.logits.detach(), due)
        supervised = Supervised(done.carry, tokens, done.halt, losses.exact)
        return _Part(gradients, torch.stack(measures).float() * share, supervised)

    def _collect_puzzles(self, parts: list[Tensor]) -> None:
        """Bring the sparse gradients of the puzzle embeddings of all parts and ranks together."""
        table = self.model.embed_puzzle.weight
        rows = torch.cat([part._indices() for part in parts], dim=1).squeeze(0)
        values = torch.cat([part._values() for part in parts]) / self.ranks.size
        rows, values = self.ranks.gather(rows), self.ranks.gather(values)
        table.grad = torch.sparse_coo_tensor(rows[None], values, table.shape, check_invariants=False)


def forward(
    supervise: Callable[[Carry], tuple[Carry, Output]],
    carry: Carry,
    labels: Tensor,
    steps: Tensor,
    config: TrainConfig,
    meaning: Tensor | None = None,
    spread: Spread | None = None,
) -> Forward:
    """The forward pass of a gradient step, whatever does it: threads that train, or who only counts.

    Args:
        supervise: one supervision step from these states.
        carry: the states.
        labels: ``[B, L]`` answers.
        steps: ``[B]`` supervision steps done.
        config: the run's settings.
        meaning: ``[V]`` as in :func:`trmcli.model.losses.supervision_loss`.
        spread: of the labels, for a ``horizon``.
    """
    carry, output = supervise(carry)
    halt, target = output.halt.detach(), None
    if config.halting == "q_learning":
        with torch.no_grad():
            _, following = supervise(carry)
        target = go_on_target(following, steps + 1 >= config.supervision_steps)
        halt = halt - output.go_on.detach()
    waiting = None
    if spread is not None:
        now, needed = (steps + 1)[:, None], spread.needed[labels]
        near, far = spread.distances <= config.horizon * now, spread.distances > config.reach * now
        labels, undecided = spread.learned[labels], spread.undecided
        waiting = Waiting(near, far, needed, undecided)
    losses = supervision_loss(
        output,
        labels,
        waiting=waiting,
        kind=config.token_loss,
        halt_weight=config.halt_weight,
        go_on=target,
        smoothing=config.label_smoothing,
        meaning=meaning,
    )
    return Forward(carry, output, halt, losses)


def _supervise(
    model: nn.Module,
    weights: dict[str, Tensor],
    carry: Carry,
    tokens: Tensor,
    relations: Relations,
    puzzle: Tensor,
    rounds: int | None,
) -> tuple[Carry, Output]:
    """One supervision step of ``model`` with other weights than its own."""
    result: tuple[Carry, Output] = torch.func.functional_call(
        model, weights, (carry, tokens, relations, puzzle, rounds)
    )
    return result


def tell(tokens: Tensor, labels: Tensor, logits: Tensor, due: Tensor) -> Tensor:
    """Questions with the surest doubtful cell of each answer given: as ``Givens.commit``, but rightly.

    Args:
        tokens, labels: ``[B, L]`` questions and answers.
        logits: ``[B, L, V]`` what the network says of the cells.
        due: ``[B]`` which questions to change.
    """
    sure = logits.float().softmax(dim=-1).amax(dim=-1)
    doubtful = (tokens != labels) & (labels > 0) & (sure < SURE) & due[:, None]
    surest = torch.where(doubtful, sure, -1.0).argmax(dim=1, keepdim=True)
    chosen = torch.zeros_like(doubtful).scatter(1, surest, True)
    return torch.where(chosen & doubtful, labels, tokens)
