"""The training loop: deep supervision with a carry, early halting, EMA, checkpoints that resume exactly.

One gradient step is one supervision step of a whole batch. Examples that have halted are replaced by fresh
ones before the next step, so a batch holds examples of every age. Everything random at step s is drawn from a
generator seeded with (seed, s): a resumed run goes on exactly as if it had never stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trmcli.errors import InputError
from trmcli.model import Carry, Relations, TinyRecursiveModel, TRMConfig
from trmcli.model.losses import Losses, go_on_target, supervision_loss
from trmcli.solving.solver import Solver, build_relations, default_dtype
from trmcli.tasks.base import Shape, Task
from trmcli.training.checkpoint import optimizer_tensors, restore_optimizers, save_checkpoint
from trmcli.training.config import TrainConfig
from trmcli.training.data import Examples
from trmcli.training.ema import EMA
from trmcli.training.optim import PUZZLE_TABLE, build_optimizers, learning_rate


@dataclass
class Lane:
    """One source's batch on its way through the supervision steps; each source keeps its own.

    ``tokens`` and ``labels`` are ``[B, L]``; ``puzzle`` (numbers), ``steps`` (supervision steps done) and
    ``halted`` are ``[B]``.
    """

    examples: Examples
    relations: Relations
    tokens: Tensor
    labels: Tensor
    puzzle: Tensor
    steps: Tensor
    halted: Tensor
    carry: Carry

    STATE = ("tokens", "labels", "puzzle", "steps", "halted")


@dataclass(frozen=True)
class Progress:
    """What one gradient step showed.

    ``ended`` counts the examples that halted in this step; of these, ``exact`` were exactly right, and they
    took ``steps`` supervision steps together. ``cells`` is the share of right cells in the whole batch.
    """

    step: int
    loss: float
    token_loss: float
    halt_loss: float
    cells: float
    ended: int
    exact: int
    steps: int
    lr: float
    norm: float


class Trainer:
    """A run in memory. :meth:`step` does one gradient step; ``run`` adds progress and files.

    Args:
        config: the run's settings.
        task: the puzzle kind.
        examples: one dataset for each of ``config.data``.
        device: where to compute.
    """

    def __init__(
        self, config: TrainConfig, task: Task, examples: list[Examples], device: torch.device
    ) -> None:
        self.config, self.task, self.device = config, task, device
        torch.manual_seed(config.seed)
        self.model = TinyRecursiveModel(
            model_config(config, task, examples[0].shape, examples[0].num_puzzles)
        ).to(device)
        dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "auto": default_dtype(device)}
        self.dtype = dtypes[config.dtype]
        self.optimizers = build_optimizers(self.model, config)
        self.clipped = [value for name, value in self.model.named_parameters() if name != PUZZLE_TABLE]
        self.ema = EMA(self.model, config.ema)
        self.lanes = [self._lane(part) for part in examples]
        weights = np.array([entry.weight for entry in config.data])
        self.shares = weights / weights.sum()
        self.steps_done = 0

    def _lane(self, examples: Examples) -> Lane:
        batch, length = self.config.batch_size, examples.questions.shape[1]
        carry = self.model.initial_carry(batch, length)
        blank = torch.zeros(batch, length, dtype=torch.long, device=self.device)
        return Lane(
            examples,
            build_relations(self.task, examples.shape, self.model.config.relation_names).to(self.device),
            tokens=blank,
            labels=blank.clone(),
            puzzle=torch.zeros(batch, dtype=torch.long, device=self.device),
            steps=torch.zeros(batch, dtype=torch.long, device=self.device),
            halted=torch.ones(batch, dtype=torch.bool, device=self.device),
            carry=Carry(carry.answer.to(self.dtype).clone(), carry.latent.to(self.dtype).clone()),
        )

    def step(self) -> Progress:
        """One gradient step on one lane's batch."""
        config = self.config
        rng = np.random.default_rng((config.seed, self.steps_done))
        lane = self.lanes[int(rng.choice(len(self.lanes), p=self.shares))]
        self._refill(lane, rng)
        lr = learning_rate(self.steps_done, config)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(self.steps_done, config, group.get("base_lr"))
        carry, losses, halt = self._forward(lane)
        losses.total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.clipped, config.clip or math.inf)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.ema.update()
        self.steps_done += 1
        lane.carry = carry
        lane.steps += 1
        lane.halted = self._halt(lane.steps, halt, rng)
        return Progress(
            step=self.steps_done,
            loss=float(losses.total.detach()),
            token_loss=float(losses.tokens),
            halt_loss=float(losses.halt + losses.go_on),
            cells=float(losses.cells.mean()),
            ended=int(lane.halted.sum()),
            exact=int((losses.exact & lane.halted).sum()),
            steps=int((lane.steps * lane.halted).sum()),
            lr=lr,
            norm=float(norm),
        )

    def _forward(self, lane: Lane) -> tuple[Carry, Losses, Tensor]:
        """One supervision step in the dtype of computation; gradients reach the float32 masters.

        Returns:
            The carry, the losses, and ``[B]`` logits that are positive where the model wants to halt.
        """
        config = self.config
        state = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        cast = {name: value.to(self.dtype) for name, value in state.items() if name != PUZZLE_TABLE}
        inputs = (lane.tokens, lane.relations, lane.puzzle, rounds_at(self.steps_done, config))
        carry, output = torch.func.functional_call(self.model, cast, (lane.carry, *inputs))
        halt, target = output.halt.detach(), None
        if config.halting == "q_learning":
            with torch.no_grad():
                _, following = torch.func.functional_call(self.model, cast, (carry, *inputs))
            target = go_on_target(following, lane.steps + 1 >= config.supervision_steps)
            halt = halt - output.go_on.detach()
        losses = supervision_loss(
            output, lane.labels, kind=config.token_loss, halt_weight=config.halt_weight, go_on=target
        )
        return carry, losses, halt

    def _refill(self, lane: Lane, rng: np.random.Generator) -> None:
        """Replace the halted examples of a lane by fresh ones."""
        rows = lane.halted.nonzero().squeeze(1)
        slots = rows.cpu().numpy()
        tokens, labels, puzzle = lane.examples.draw(self.task, slots, self.steps_done, self.config, rng)
        lane.tokens[rows] = torch.from_numpy(tokens).to(self.device)
        lane.labels[rows] = torch.from_numpy(labels).to(self.device)
        lane.puzzle[rows] = torch.from_numpy(puzzle).to(self.device)
        lane.steps[rows] = 0
        initial = self.model.initial_carry(len(lane.steps), lane.tokens.shape[1])
        fresh = Carry(initial.answer.to(self.dtype), initial.latent.to(self.dtype))
        lane.carry = lane.carry.replace(lane.halted, fresh)

    def _halt(self, steps: Tensor, halt: Tensor, rng: np.random.Generator) -> Tensor:
        """Which examples leave: at the last step, or when the halting head says so and exploration does not
        hold them back (``models/recursive_reasoning/trm.py``: ``min_halt_steps``)."""
        most = self.config.supervision_steps
        held = rng.integers(2, max(3, most + 1), size=len(steps))
        held[rng.random(len(steps)) >= self.config.exploration] = 0
        return (steps >= most) | ((halt > 0) & (steps >= torch.from_numpy(held).to(self.device)))

    def averaged_model(self) -> TinyRecursiveModel:
        """A copy of the model with the EMA weights."""
        model = TinyRecursiveModel(self.model.config)
        model.load_state_dict({**self.model.state_dict(), **self.ema.shadow})
        return model

    def evaluate(self, examples: Examples, max_steps: int | None = None) -> dict[str, float]:
        """Exact accuracy, mean supervision steps and halting accuracy of the EMA weights."""
        solver = Solver(self.averaged_model(), self.task, self.device, self.dtype)
        steps, exact, trusted = 0, 0, 0
        for start in range(0, len(examples), 256):
            tokens = examples.questions[start : start + 256].astype(np.int64)
            for step in solver.steps(
                tokens, examples.shape, max_steps=max_steps or self.config.supervision_steps
            ):
                steps += len(step.rows)
                exact += int(step.checked[step.done].sum())
                trusted += int(((step.halt > 0.5) == step.checked)[step.done].sum())
        count = len(examples)
        return {"exact": exact / count, "steps": steps / count, "halting": trusted / count}

    def save(self, folder: Path, extra: dict[str, Any]) -> Path:
        """Write a checkpoint of everything that the next step depends on."""
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"ema.{name}": value for name, value in self.ema.shadow.items()}
        tensors |= optimizer_tensors(self.optimizers, names)
        for number, lane in enumerate(self.lanes):
            tensors |= {f"lane.{number}.{key}": getattr(lane, key) for key in Lane.STATE}
            tensors[f"lane.{number}.answer"] = lane.carry.answer
            tensors[f"lane.{number}.latent"] = lane.carry.latent
        values = {"step": self.steps_done, "config": self.config.to_dict(), **extra}
        return save_checkpoint(folder, self.steps_done, tensors, values)

    def restore(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Go on where :meth:`save` was called."""
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        self.model.load_state_dict(_under("model.", tensors))
        for name, value in _under("ema.", tensors).items():
            self.ema.shadow[name].copy_(value)
        restore_optimizers(self.optimizers, names, tensors)
        for number, lane in enumerate(self.lanes):
            state = _under(f"lane.{number}.", tensors)
            if state and state["tokens"].shape == lane.tokens.shape:
                for key in Lane.STATE:
                    if key in state:  # the first checkpoints had no puzzle numbers
                        setattr(lane, key, state[key].to(self.device))
                lane.carry = Carry(state["answer"].to(self.device), state["latent"].to(self.device))
        self.steps_done = int(values["step"])


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
    if task is not None and values.get("mixer") == "relation":
        wanted = values.get("relations", task.relation_names)
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
