"""The training loop: deep supervision with a carry, early halting, EMA, checkpoints that resume exactly.

One gradient step is one supervision step of a whole batch. Examples that have halted are replaced by fresh
ones before the next step, so a batch holds examples of every age. Everything random at step s is drawn from a
generator seeded with (seed, s), for every place of the whole batch: a resumed run goes on exactly as if it
had never stopped, several ranks see the examples that one would see, and nothing on a GPU has to wait until
it is known which examples have halted.
"""

from __future__ import annotations

import copy
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import record_function

from trmcli.errors import InputError
from trmcli.model import RELATIONAL, Carry, Relations, TinyRecursiveModel, TRMConfig
from trmcli.model.config import round_up
from trmcli.model.losses import go_on_target, supervision_loss
from trmcli.model.trm import Output
from trmcli.solving.solver import (
    COMMIT_FROM,
    LEAST_SHARE,
    Floats,
    Solver,
    build_relations,
    default_dtype,
    keep_memory,
)
from trmcli.tasks.base import SURE, Bools, Ints, Shape, Task
from trmcli.training.checkpoint import optimizer_tensors, restore_optimizers
from trmcli.training.config import TrainConfig
from trmcli.training.data import Examples
from trmcli.training.ema import EMA
from trmcli.training.optim import PUZZLE_TABLE, build_optimizers, learning_rate
from trmcli.training.ranks import Ranks

COMPILED = 64
"""Forms of the network that are compiled, one for each size of puzzle, T and stage of the run. Beyond its own
limit, 8, torch would go on without compiling, and say so only in a warning."""


@dataclass
class Lane:
    """One source's batch on its way through the supervision steps; each source keeps its own.

    ``tokens`` and ``labels`` are ``[B, L]``; ``puzzle`` (numbers), ``steps`` (supervision steps done) and
    ``halted`` are ``[B]``. With several ranks, B is this rank's share. ``meaning`` is ``[V]``, the value of a
    cell that each token stands for: an answer is right if its values are.
    """

    examples: Examples
    relations: Relations
    meaning: Tensor
    tokens: Tensor
    labels: Tensor
    puzzle: Tensor
    steps: Tensor
    halted: Tensor
    carry: Carry

    STATE = ("tokens", "labels", "puzzle", "steps", "halted")


@dataclass(frozen=True)
class Draw:
    """What chance decides of one gradient step, for this rank's share of the batch.

    Attributes:
        lane: the number of the source whose turn it is.
        tokens, labels, puzzle: a fresh example for every place, used where the last one has halted.
        held: ``[B]``: supervision steps before which an example must not halt (exploration;
            ``models/recursive_reasoning/trm.py``: ``min_halt_steps``).
        random: ``[B]``: whether a fresh example begins with random states.
        states: ``[2, L, D]``: these states, of y and of z, for all that begin at this step; or None.
    """

    lane: int
    tokens: Ints
    labels: Ints
    puzzle: Ints
    held: Ints
    random: Bools
    states: Floats | None


@dataclass(frozen=True)
class Measures:
    """What gradient steps showed, averaged over steps and batch.

    ``cells`` is the share of right cells, ``ended`` the share of examples that halted, ``exact`` the share
    that halted and were exactly right; ``steps`` counts the supervision steps of those that halted (0 for the
    others); ``norm`` is the gradient's before clipping.
    """

    loss: float
    token_loss: float
    halt_loss: float
    cells: float
    ended: float
    exact: float
    steps: float
    norm: float

    @staticmethod
    def read(steps: Sequence[Tensor]) -> Measures:
        """The mean of what :meth:`Trainer.step` returned each time; waits for the device."""
        return Measures(*torch.stack(list(steps)).mean(dim=0).tolist())


@dataclass(frozen=True)
class _Part:
    """What some rows of a batch give: gradients and measures, weighed by their share, and the rest by row.

    ``tokens`` are the questions of the next supervision step.
    """

    gradients: tuple[Tensor | None, ...]
    measures: Tensor
    carry: Carry
    halt: Tensor
    exact: Tensor
    tokens: Tensor


class Trainer:
    """A run in memory. :meth:`step` does one gradient step; ``run`` adds progress and files.

    Args:
        config: the run's settings.
        task: the puzzle kind.
        examples: one dataset for each of ``config.data``.
        device: where to compute.
        ranks: who computes the rest of each batch.

    Raises:
        InputError: if the settings do not fit together.
    """

    def __init__(
        self,
        config: TrainConfig,
        task: Task,
        examples: list[Examples],
        device: torch.device,
        ranks: Ranks | None = None,
    ) -> None:
        self.config, self.task, self.device = config, task, device
        self.ranks = ranks or Ranks()
        check_settings(config, task, self.ranks)
        torch.manual_seed(config.seed)
        self.model = TinyRecursiveModel(
            model_config(config, task, examples[0].shape, examples[0].num_puzzles)
        ).to(device)
        dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "auto": default_dtype(device)}
        self.dtype = dtypes[config.dtype]
        self.optimizers = build_optimizers(self.model, config)
        self.dense = {name: one for name, one in self.model.named_parameters() if name != PUZZLE_TABLE}
        self.ema = EMA(self.model, config.ema)
        self._split_batch()
        self.lanes = [self._lane(part) for part in examples]
        weights = np.array([entry.weight for entry in config.data])
        self.shares = weights / weights.sum()
        self.steps_done = 0
        self._drawing = ThreadPoolExecutor(1)
        self._ahead: Future[Draw] | None = None
        # Where gradients are summed and sent: one piece of memory, aligned, with seven measures at the end.
        sizes = [round_up(parameter.numel(), 64) for parameter in self.dense.values()]
        self._sums = torch.zeros(sum(sizes) + 7, device=device)
        *views, self._measures = torch.split(self._sums, [*sizes, 7])
        self._gradients = [
            view[: parameter.numel()].view_as(parameter)
            for view, parameter in zip(views, self.dense.values(), strict=True)
        ]

    def _split_batch(self) -> None:
        """Decide how a batch is computed: in ``accumulate`` parts, and on a CPU each by several threads.

        On a CPU, threads that take examples of their own are faster than threads that share every operation,
        for tensors are small. ``functional_call`` writes into the module that it calls, so each thread has a
        copy for itself, without memory.
        """
        config = self.config
        self.batch = config.batch_size // self.ranks.size
        size = self.batch // config.accumulate
        self.compiled = config.compile and can_compile(self.device)
        threads = torch.get_num_threads() if self.device.type == "cpu" and not self.compiled else 1
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
        if self.device.type == "cpu":
            keep_memory()
        self._supervise = _supervise
        if self.compiled:
            import torch._dynamo.config as limits

            limits.recompile_limit = max(limits.recompile_limit, COMPILED)
            self._supervise = torch.compile(_supervise, dynamic=False)

    def _lane(self, examples: Examples) -> Lane:
        length = examples.questions.shape[1]
        relations = build_relations(self.task, examples.shape, self.model.config).to(self.device)
        carry = self._initial_carry(relations.length)
        every = np.repeat(np.arange(self.task.vocab_size)[:, None], length, axis=1)
        values = self.task.decode(every, examples.shape).reshape(len(every), length)[:, 0]
        blank = torch.zeros(self.batch, length, dtype=torch.long, device=self.device)
        return Lane(
            examples,
            relations,
            meaning=torch.from_numpy(values.astype(np.int64)).to(self.device),
            tokens=blank,
            labels=blank.clone(),
            puzzle=torch.zeros(self.batch, dtype=torch.long, device=self.device),
            steps=torch.zeros(self.batch, dtype=torch.long, device=self.device),
            halted=torch.ones(self.batch, dtype=torch.bool, device=self.device),
            carry=Carry(carry.answer.clone(), carry.latent.clone()),
        )

    def _initial_carry(self, length: int) -> Carry:
        carry = self.model.initial_carry(self.batch, length)
        return Carry(carry.answer.to(self.dtype), carry.latent.to(self.dtype))

    def step(self) -> Tensor:
        """One gradient step on one lane's batch.

        Returns:
            ``[8]`` float32, the fields of :class:`Measures` of this step. A GPU is not waited for.

        Raises:
            InputError: if the examples have tokens or labels that the model has not.
        """
        with record_function("data"):
            draw = self._draw(self.steps_done) if self._ahead is None else self._ahead.result()
            self._ahead = self._drawing.submit(self._draw, self.steps_done + 1)
            lane = self.lanes[draw.lane]
            self._refill(lane, draw)
        self._backward(lane, self._placed(draw.held))
        self.ranks.mean_(self._sums)
        with record_function("optimiser"):
            norm = nn.utils.clip_grad_norm_(self.dense.values(), self.config.clip or math.inf)
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = learning_rate(self.steps_done, self.config, group.get("base_lr"))
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
        with record_function("average"):
            self.ema.update()
        self.steps_done += 1
        return torch.cat((self._measures, norm.view(1)))

    def _draw(self, step: int) -> Draw:
        """Everything random at a step: drawn for the whole batch, of which this rank keeps its share.

        Raises:
            InputError: if the examples have tokens or labels that the model has not.
        """
        config, rng = self.config, np.random.default_rng((self.config.seed, step))
        lane = int(rng.choice(len(self.lanes), p=self.shares))
        places = np.arange(config.batch_size)
        tokens, labels, puzzle = self.lanes[lane].examples.draw(self.task, places, step, config, rng)
        known, largest = self.model.config.vocab_size, int(max(tokens.max(), labels.max()))
        if largest >= known:
            raise InputError(
                f"labels reach {largest}, and [model] vocab_size is {known}: leave it out, or train on a "
                "folder that trm data build makes",
                config.data[lane].source,
            )
        held = rng.integers(2, max(3, config.supervision_steps + 1), size=config.batch_size)
        held[rng.random(config.batch_size) >= config.exploration] = 0
        random, states = np.zeros(config.batch_size, dtype=np.bool_), None
        if config.random_starts:
            random = rng.random(config.batch_size) < config.random_starts
            size = (2, self.lanes[lane].relations.length, self.model.config.hidden_size)
            states = rng.standard_normal(size, dtype=np.float32)
        share = self.ranks.share(config.batch_size)
        return Draw(lane, tokens[share], labels[share], puzzle[share], held[share], random[share], states)

    def _placed(self, values: Ints | Bools | Floats) -> Tensor:
        """A copy on the device, which is not waited for."""
        tensor = torch.from_numpy(values)
        return (tensor.pin_memory() if self.device.type == "cuda" else tensor).to(
            self.device, non_blocking=True
        )

    def _refill(self, lane: Lane, draw: Draw) -> None:
        """Replace the halted examples of a lane by fresh ones."""
        halted = lane.halted
        lane.tokens = torch.where(halted[:, None], self._placed(draw.tokens), lane.tokens)
        lane.labels = torch.where(halted[:, None], self._placed(draw.labels), lane.labels)
        lane.puzzle = torch.where(halted, self._placed(draw.puzzle), lane.puzzle)
        lane.steps = lane.steps.masked_fill(halted, 0)
        fresh = self._initial_carry(lane.relations.length)
        if draw.states is not None:
            answer, latent = self._placed(draw.states).to(self.dtype).unsqueeze(1)
            fresh = fresh.replace(self._placed(draw.random), Carry(answer, latent))
        lane.carry = lane.carry.replace(halted, fresh)

    def _backward(self, lane: Lane, held: Tensor) -> None:
        """One supervision step of a lane; leaves this rank's gradients in ``.grad``, and seven measures.

        The masters are cast once. Gradients come in the dtype of computation and are summed in float32, part
        after part, so that the sum does not depend on which thread is done first.
        """
        weights = {
            name: parameter if name == PUZZLE_TABLE else parameter.detach().to(self.dtype).requires_grad_()
            for name, parameter in self.model.named_parameters()
        }
        buffers = {name: value.to(self.dtype) for name, value in self.model.named_buffers()}

        def work(model: nn.Module, rows: slice) -> _Part:
            return self._part(model, weights, buffers, lane, rows)

        self._sums.zero_()
        puzzles: list[Tensor] = []
        parts = []
        for part in (self._workers.map if self._workers else map)(work, self._models, self._rows):
            found = dict(zip(weights, part.gradients, strict=True))
            table = found.pop(PUZZLE_TABLE, None)
            if table is not None:
                puzzles.append(table)
            for (name, parameter), total in zip(self.dense.items(), self._gradients, strict=True):
                gradient = found[name]
                if gradient is not None:
                    total += gradient
                    parameter.grad = total
            self._measures[:4] += part.measures
            parts.append(part)
        if puzzles:
            self._collect_puzzles(puzzles)
        lane.carry = Carry(
            torch.cat([part.carry.answer for part in parts]), torch.cat([part.carry.latent for part in parts])
        )
        lane.tokens = torch.cat([part.tokens for part in parts])
        halt, exact = torch.cat([part.halt for part in parts]), torch.cat([part.exact for part in parts])
        lane.steps = lane.steps + 1
        # At the last step, or when the halting head says so and exploration does not hold an example back.
        lane.halted = (lane.steps >= self.config.supervision_steps) | ((halt > 0) & (lane.steps >= held))
        ended = torch.stack((lane.halted, exact & lane.halted, lane.steps * lane.halted))
        self._measures[4:] = ended.float().mean(dim=1)

    def _part(
        self,
        model: nn.Module,
        weights: dict[str, Tensor],
        buffers: dict[str, Tensor],
        lane: Lane,
        rows: slice,
    ) -> _Part:
        """Forward and backward for some rows of a lane, in the dtype of computation."""
        config = self.config
        inputs = (lane.tokens[rows], lane.relations, lane.puzzle[rows], rounds_at(self.steps_done, config))
        with record_function("forward"):
            everything = {**weights, **buffers}
            carry = Carry(lane.carry.answer[rows], lane.carry.latent[rows])
            carry, output = self._supervise(model, everything, carry, *inputs)
            halt, target = output.halt.detach(), None
            if config.halting == "q_learning":
                with torch.no_grad():
                    _, following = self._supervise(model, everything, carry, *inputs)
                target = go_on_target(following, lane.steps[rows] + 1 >= config.supervision_steps)
                halt = halt - output.go_on.detach()
            losses = supervision_loss(
                output,
                lane.labels[rows],
                kind=config.token_loss,
                halt_weight=config.halt_weight,
                go_on=target,
                smoothing=config.label_smoothing,
                meaning=lane.meaning,
            )
        share = len(halt) / self.batch
        with record_function("backward"):
            gradients = torch.autograd.grad(losses.total * share, list(weights.values()), allow_unused=True)
        measures = (losses.total.detach(), losses.tokens, losses.halt + losses.go_on, losses.cells.mean())
        tokens = lane.tokens[rows]
        if config.commit:
            due = lane.steps[rows] + 1 >= COMMIT_FROM
            tokens = tell(tokens, lane.labels[rows], output.logits.detach(), due)
        return _Part(gradients, torch.stack(measures).float() * share, carry, halt, losses.exact, tokens)

    def _collect_puzzles(self, parts: list[Tensor]) -> None:
        """Bring the sparse gradients of the puzzle embeddings of all parts and ranks together."""
        table = self.model.embed_puzzle.weight
        rows = torch.cat([part._indices() for part in parts], dim=1).squeeze(0)
        values = torch.cat([part._values() for part in parts]) / self.ranks.size
        rows, values = self.ranks.gather(rows), self.ranks.gather(values)
        table.grad = torch.sparse_coo_tensor(rows[None], values, table.shape, check_invariants=False)

    def averaged_model(self) -> TinyRecursiveModel:
        """A copy of the model with the EMA weights."""
        model = TinyRecursiveModel(self.model.config)
        model.load_state_dict({**self.model.state_dict(), **self.ema.shadow})
        return model

    def evaluate(
        self, examples: Examples, stopped: Callable[[], bool] = lambda: False
    ) -> dict[str, float] | None:
        """Exact accuracy, mean supervision steps and halting accuracy of the EMA weights.

        Every rank takes its share, and all get the same figures. One that is alone looks after each step
        whether it is to be ``stopped``, and then returns None.
        """
        solver = Solver(self.averaged_model(), self.task, self.device, self.dtype)
        steps, exact, trusted = 0, 0, 0
        questions = examples.questions[self.ranks.rank :: self.ranks.size]
        for start in range(0, len(questions), 256):
            tokens = questions[start : start + 256].astype(np.int64)
            most, commit = self.config.supervision_steps, self.config.commit
            for step in solver.steps(tokens, examples.shape, max_steps=most, commit=commit):
                if self.ranks.size == 1 and stopped():
                    return None
                steps += len(step.rows)
                exact += int(step.checked[step.done].sum())
                trusted += int(((step.halt > 0.5) == step.checked)[step.done].sum())
        steps, exact, trusted = self.ranks.total((steps, exact, trusted))
        count = len(examples)
        return {"exact": exact / count, "steps": steps / count, "halting": trusted / count}

    def start_from(self, model: TinyRecursiveModel, origin: str, step: int = 0) -> None:
        """Take over the weights of another model before the first step, or before one that follows ``step``.

        Raises:
            InputError: with ``origin`` as the file, if it has other dimensions.
        """
        self._take_over(model.state_dict(), origin)
        self.ema = EMA(self.model, self.config.ema)
        self.steps_done = step

    def _take_over(self, weights: Mapping[str, Tensor], origin: str) -> None:
        try:
            self.model.take_over(weights)
        except ValueError as error:
            raise InputError(f"does not fit [model]: {error}", origin) from None

    def state(self) -> dict[str, Tensor]:
        """Everything that the next step depends on. All ranks must ask; all get that of the whole batch."""
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"ema.{name}": value for name, value in self.ema.shadow.items()}
        tensors |= optimizer_tensors(self.optimizers, names)
        for number, lane in enumerate(self.lanes):
            parts = {key: getattr(lane, key) for key in Lane.STATE}
            parts |= {"answer": lane.carry.answer, "latent": lane.carry.latent}
            tensors |= {f"lane.{number}.{key}": self.ranks.gather(part) for key, part in parts.items()}
        return tensors

    def restore(self, tensors: dict[str, Tensor], step: int, origin: str) -> None:
        """Go on where :meth:`state` was called, after ``step`` steps, with any number of ranks.

        Raises:
            InputError: with ``origin`` as the file, if it was another model's.
        """
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        self._take_over(_under("model.", tensors), origin)
        for name, value in _under("ema.", tensors).items():
            self.ema.shadow[name].copy_(value)
        restore_optimizers(self.optimizers, names, tensors)
        share = self.ranks.share(self.config.batch_size)
        for number, lane in enumerate(self.lanes):
            state = _under(f"lane.{number}.", tensors)
            if state and state["tokens"].shape == (self.config.batch_size, lane.tokens.shape[1]):
                state = {key: value[share].to(self.device) for key, value in state.items()}
                for key in Lane.STATE:
                    if key in state:  # the first checkpoints had no puzzle numbers
                        setattr(lane, key, state[key])
                lane.carry = Carry(state["answer"], state["latent"])
        self.steps_done, self._ahead = step, None


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
    """Questions with the surest doubtful cell of each answer given, as :meth:`Task.commit` does, but rightly.

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


def can_compile(device: torch.device) -> bool:
    """Whether ``torch.compile`` finds what it needs: on a CPU, a C++ compiler."""
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    return device.type != "cpu" or shutil.which(os.environ.get("CXX", usual)) is not None


def check_settings(config: TrainConfig, task: Task, ranks: Ranks) -> None:
    """Raise InputError for settings that do not fit each other, the task or the number of ranks."""
    if config.label_smoothing and config.token_loss != "softmax":
        raise InputError("label_smoothing goes with token_loss = softmax", config.name)
    if config.commit and not task.has_givens:
        raise InputError(f"commit is for tasks with givens, and {task.name} has none", config.name)
    if config.batch_size % (ranks.size * config.accumulate):
        raise InputError(
            f"batch_size {config.batch_size} cannot be shared out evenly among {ranks.size} ranks "
            f"in {config.accumulate} parts (accumulate)",
            config.name,
        )


def rounds_at(step: int, config: TrainConfig) -> int | None:
    """T at a step of the curriculum of depth; None for the model's own."""
    reached = [rounds for share, rounds in config.rounds_curriculum if step >= share * config.max_steps]
    return reached[-1] if reached else None


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def model_config(config: TrainConfig, task: Task | None, shape: Shape, num_puzzles: int = 1) -> TRMConfig:
    """The model's dimensions: the run's ``[model]`` table, completed from the task (if any) and the data.

    Raises:
        InputError: if the settings do not fit together.
    """
    values = dict(config.model)
    if task is not None:
        values.setdefault("vocab_size", task.vocab_size)
    if task is not None and values.get("mixer") in RELATIONAL:
        wanted = values.get("relations", task.relation_names)
        if not isinstance(wanted, (list, tuple)) or not all(isinstance(name, str) for name in wanted):
            raise InputError(f"[model] relations must be a list of names, not {wanted!r}", config.name)
        if unknown := sorted(set(wanted) - set(task.relation_names)):
            names = ", ".join(task.relation_names)
            message = f"[model] {task.name} has the relations {names}, not {', '.join(unknown)}"
            raise InputError(message, config.name)
        relations = [relation for relation in task.relations(shape) if relation.name in wanted]
        values["relations"] = [(relation.name, relation.kind) for relation in relations]
    elif values.get("mixer") == "mlp" or values.get("positions") == "learned":
        values["seq_len"] = shape[0] * shape[1]
    if values.get("puzzle_emb_len"):
        values.setdefault("num_puzzles", num_puzzles)
    try:
        return TRMConfig.from_dict(values)
    except ValueError as error:
        raise InputError(f"[model] {error}", config.name) from None
