"""The training loop: deep supervision with a carry, early halting, EMA, checkpoints that resume exactly.

One gradient step is one supervision step of a whole batch. Examples that have halted are replaced by fresh
ones before the next step, so a batch holds examples of every age. Everything random at step s is drawn from a
generator seeded with (seed, s), for every place of the whole batch: a resumed run goes on exactly as if it
had never stopped, several ranks see the examples that one would see, and nothing on a GPU has to wait until
it is known which examples have halted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import record_function

from trmcli.errors import InputError
from trmcli.model import Carry, TinyRecursiveModel
from trmcli.ranks import Ranks
from trmcli.solving.solver import Solver
from trmcli.solving.torch_engine import TorchEngine, build_relations
from trmcli.tasks.task import Task
from trmcli.training.batch import Draw, Lane
from trmcli.training.checkpoint import optimizer_tensors, restore_optimizers
from trmcli.training.data import Examples
from trmcli.training.ema import EMA
from trmcli.training.gradients import Gradients
from trmcli.training.optim import build_optimizers, learning_rate
from trmcli.training.sample import Sample
from trmcli.training.setup import Stage, check_tokens


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
class Figures:
    """What an evaluation shows; see :class:`trmcli.training.journal.Evaluation`."""

    exact: float
    steps: float
    halting: float
    sample: Sample | None


class Trainer:
    """A run in memory. :meth:`step` does one gradient step; ``run`` adds progress and files.

    Args:
        stage: settings, examples and dimensions.
        task: the puzzle kind.
        device: where to compute.
        ranks: who computes the rest of each batch.
    """

    def __init__(self, stage: Stage, task: Task, device: torch.device, ranks: Ranks | None = None) -> None:
        self.config, self.task, self.device = stage.settings, task, device
        self.ranks, config = ranks or Ranks(), stage.settings
        torch.manual_seed(config.seed)
        self.model = TinyRecursiveModel(stage.model).to(device)
        self.optimizers = build_optimizers(self.model, config)
        self.ema = EMA(self.model, config.ema)
        self.gradients = Gradients(self.model, config, device, self.ranks)
        self.dtype, self.compiled = self.gradients.dtype, self.gradients.compiled
        self.lanes = [self._lane(part) for part in stage.examples]
        weights = np.array([entry.weight for entry in config.data])
        self.shares = weights / weights.sum()
        self.steps_done = 0
        self._drawing = ThreadPoolExecutor(1)
        self._ahead: Future[Draw] | None = None

    def _lane(self, examples: Examples) -> Lane:
        length, batch = examples.questions.shape[1], self.gradients.batch
        relations = build_relations(self.task, examples.shape, self.model.config).to(self.device)
        carry = self._initial_carry(relations.length)
        every = np.repeat(np.arange(self.task.codec.vocab_size)[:, None], length, axis=1)
        decoded = self.task.codec.decode(every, examples.shape).reshape(len(every), length)
        values = decoded[:, 0].astype(np.int64)
        news = None
        if self.config.horizon and self.task.structure is not None:
            told, values = self.task.structure.news(len(every)), every[:, 0]
            tables = (torch.from_numpy(one) for one in (told.learned, told.needed, told.undecided))
            learned, needed, undecided = (table.to(self.device) for table in tables)
            news = learned, needed, undecided
        blank = torch.zeros(batch, length, dtype=torch.long, device=self.device)
        return Lane(
            examples,
            relations,
            meaning=torch.from_numpy(values).to(self.device),
            news=news,
            tokens=blank,
            labels=blank.clone(),
            distances=blank.clone(),
            puzzle=torch.zeros(batch, dtype=torch.long, device=self.device),
            steps=torch.zeros(batch, dtype=torch.long, device=self.device),
            halted=torch.ones(batch, dtype=torch.bool, device=self.device),
            carry=Carry(carry.answer.clone(), carry.latent.clone()),
        )

    def _initial_carry(self, length: int) -> Carry:
        carry = self.model.initial_carry(self.gradients.batch, length)
        return Carry(carry.answer.to(self.dtype), carry.latent.to(self.dtype))

    def step(self) -> Tensor:
        """One gradient step on one lane's batch.

        Returns:
            ``[8]`` float32, the fields of :class:`Measures` of this step. A GPU is not waited for.

        Raises:
            InputError: if the examples have tokens or labels that the model has not.
        """
        with record_function("data"):
            draw = self._next_draw()
            lane = self.lanes[draw.lane]
            lane.refill(draw, self._initial_carry(lane.relations.length))
        done = self.gradients.supervise(lane, self.steps_done)
        ended = lane.take(done, draw, self.config.supervision_steps)
        self.gradients.measures[4:] = ended.float().mean(dim=1)
        self.ranks.mean_(self.gradients.sums)
        with record_function("optimiser"):
            norm = self._update()
        with record_function("average"):
            self.ema.update()
        self.steps_done += 1
        return torch.cat((self.gradients.measures, norm.view(1)))

    def _update(self) -> Tensor:
        """Let the optimisers follow the gradients; returns their norm before clipping."""
        norm = nn.utils.clip_grad_norm_(self.gradients.dense.values(), self.config.clip or math.inf)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(self.steps_done, self.config, group.get("base_lr"))
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return norm

    def _next_draw(self) -> Draw:
        """What chance decides of this step; that of the next one is drawn meanwhile."""
        draw = self._draw(self.steps_done) if self._ahead is None else self._ahead.result()
        self._ahead = self._drawing.submit(self._draw, self.steps_done + 1)
        return draw

    def _draw(self, step: int) -> Draw:
        """Everything random at a step: drawn for the whole batch, of which this rank keeps its share.

        Raises:
            InputError: if the examples have tokens or labels that the model has not.
        """
        config, rng = self.config, np.random.default_rng((self.config.seed, step))
        lane = int(rng.choice(len(self.lanes), p=self.shares))
        places = np.arange(config.batch_size)
        tokens, labels, puzzle = self.lanes[lane].examples.draw(self.task, places, step, config, rng)
        check_tokens(self.model.config, tokens, labels, config.data[lane].source)
        distances = np.zeros_like(labels)
        if config.horizon and self.task.structure is not None:
            labels, distances = self.task.structure.spread(labels, self.lanes[lane].examples.shape)
        held = rng.integers(2, max(3, config.supervision_steps + 1), size=config.batch_size)
        held[rng.random(config.batch_size) >= config.exploration] = 0
        random, states = np.zeros(config.batch_size, dtype=np.bool_), None
        if config.random_starts:
            random = rng.random(config.batch_size) < config.random_starts
            size = (2, *self.lanes[lane].carry.latent.shape[1:])
            states = rng.standard_normal(size, dtype=np.float32)
        share = self.ranks.share(config.batch_size)
        return Draw(
            lane,
            tokens[share],
            labels[share],
            distances[share],
            puzzle[share],
            held[share],
            random[share],
            states,
        )

    def averaged_model(self) -> TinyRecursiveModel:
        """A copy of the model with the EMA weights."""
        model = TinyRecursiveModel(self.model.config)
        model.load_state_dict({**self.model.state_dict(), **self.ema.shadow})
        return model

    def evaluate(self, examples: Examples, stopped: Callable[[], bool] = lambda: False) -> Figures | None:
        """How the EMA weights do.

        Every rank takes its share, and all get the same figures; the first one sees the sample. One that is
        alone looks after each step whether it is to be ``stopped``, and then returns None.
        """
        solver = Solver(TorchEngine(self.averaged_model(), self.task, self.device, self.dtype))
        steps, exact, trusted, sample = 0, 0, 0, None
        share = np.arange(self.ranks.rank, len(examples.questions), self.ranks.size)
        for start in range(0, len(share), 256):
            part = examples.rows(share[start : start + 256])
            for step in solver.steps(
                part.questions.astype(np.int64),
                examples.shape,
                max_steps=self.config.supervision_steps,
                commit=self.config.commit,
                identifiers=None if part.identifiers is None else part.identifiers.tolist(),
            ):
                if self.ranks.size == 1 and stopped():
                    return None
                steps += len(step.rows)
                right = step.checked
                if self.task.rules is None:
                    known = part.answers[step.rows]
                    right = ((step.tokens == known) | (known == 0)).all(axis=1)  # as in the loss
                exact += int(right[step.done].sum())
                trusted += int(((step.halt > 0.5) == right)[step.done].sum())
                if self.ranks.first and start == 0 and step.rows[0] == 0:
                    given = part.questions[0].astype(np.int64), part.answers[0].astype(np.int64)
                    sample = Sample.of(
                        self.task, examples.shape, *given, step.tokens[0], bool(right[0]), int(step.number[0])
                    )
        steps, exact, trusted = self.ranks.total((steps, exact, trusted))
        count = len(examples.questions)
        return Figures(exact / count, steps / count, trusted / count, sample)

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


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
