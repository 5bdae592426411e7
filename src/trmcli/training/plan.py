"""What a run would be: parameters, examples, steps, arithmetic, memory. Nothing is trained, little loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from trmcli.errors import InputError
from trmcli.model import RELATIONAL, Carry, TinyRecursiveModel, TRMConfig
from trmcli.ranks import Ranks
from trmcli.solving.torch_engine import build_relations
from trmcli.tasks import get_task, task_names
from trmcli.tasks.base import Shape
from trmcli.tasks.task import Task
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.data import Examples
from trmcli.training.gradients import Forward, forward
from trmcli.training.optim import PUZZLE_TABLE
from trmcli.training.setup import (
    check_count,
    check_examples,
    check_settings,
    model_config,
    rounds_at,
    validation_source,
)
from trmcli.training.sources import load_examples
from trmcli.weights.files import load_weights
from trmcli.weights.registry import find_weights


@dataclass(frozen=True)
class Plan:
    """A run's size.

    Attributes:
        parameters: learned numbers in the end, puzzle embeddings included.
        examples: of each source; None where it is not on this machine.
        steps: gradient steps.
        examples_seen: examples in all of these steps together.
        flops: floating point operations of a mean gradient step, forward and backward, products only.
        memory: bytes that a gradient step needs, about: weights, averages, optimiser states, gradients, the
            batch's carry and what the backward pass keeps; in the stage that needs most.
    """

    parameters: int
    examples: tuple[tuple[str, int | None], ...]
    steps: int
    examples_seen: int
    flops: float
    memory: float


def plan(config: TrainConfig) -> Plan:
    """Work out what ``config`` asks for, and find what would end the run before its first step.

    A dataset that is not here counts as unknown if ``[model]`` names ``seq_len``, so that the size of the
    paper's runs can be seen without their data; so does a task that is not here, if it names ``vocab_size``.

    Raises:
        InputError: the task, the model or a source is no good, or something else would end the run before its
            first step.
    """
    here = config.task in task_names() or "vocab_size" not in config.model
    task = get_task(config.task, config.kind) if here else None
    stages = _stages(config, task)
    if config.init_from:
        _check_start(config, stages[0].network)
    costs: dict[tuple[object, ...], _Cost] = {}  # stages mostly change other things than these
    flops, memory, seen = 0.0, 0.0, 0
    for first, end, part in config.spans:
        network, sources = next((one.network, one.sources) for one in stages if one.settings is part)
        drawn = [
            (entry.weight, one.shape) for entry, one in zip(part.data, sources, strict=True) if entry.weight
        ]
        weights = [weight / sum(weight for weight, _ in drawn) for weight, _ in drawn]
        for steps, rounds in _phases(first, end, part):
            size = replace(network.config, rounds=rounds or network.config.rounds)
            lanes = []
            for _, grid in drawn:
                key = (size, network.dtype, part.halting, part.token_loss, grid)
                if key not in costs:
                    costs[key] = _cost(network, task, grid, rounds, part)
                lanes.append(costs[key])
            each = sum(weight * lane.flops for weight, lane in zip(weights, lanes, strict=True))
            flops += part.batch_size * steps * each
        memory = max(memory, _lasting(network, part) + part.batch_size * _working(lanes))  # whatever T is
        seen += part.batch_size * (end - first)
    return Plan(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        examples=tuple((source.name, source.count) for source in stages[0].sources),
        steps=config.total_steps,
        examples_seen=seen,
        flops=flops / config.total_steps,
        memory=memory,
    )


@dataclass(frozen=True)
class _Source:
    """A source of examples: the shape of its puzzles and how many there are, None where it is not here.

    ``examples`` are one alone of those that are to be generated, and None where it is not here.
    """

    name: str
    shape: Shape
    count: int | None
    examples: Examples | None


@dataclass(frozen=True)
class _Stage:
    """Settings in force, the sources that they name, and the network, on tensors without memory."""

    settings: TrainConfig
    sources: list[_Source]
    network: TinyRecursiveModel


def _stages(config: TrainConfig, task: Task | None) -> list[_Stage]:
    """The stages of a run.

    Raises:
        InputError: one of them could not be entered.
    """
    stages: list[_Stage] = []
    for _, part in config.parts:
        if stages and stages[-1].settings.data == part.data:
            sources = stages[-1].sources
        else:
            sources = [_source(task, entry, part) for entry in part.data]
        main = sources[0].examples
        size = model_config(part, task, sources[0].shape, 1 if main is None else main.num_puzzles)
        _check(part, task, sources, size)
        with torch.device("meta"):
            network = TinyRecursiveModel(size)
        network.to(torch.float32 if part.dtype == "float32" else torch.bfloat16)
        stages.append(_Stage(part, sources, network))
    return stages


def _check(config: TrainConfig, task: Task | None, sources: list[_Source], model: TRMConfig) -> None:
    """Raise InputError for what would end the run; a source that is not here is not looked at."""
    check_settings(config, task, Ranks.here())
    for entry, source in zip(config.data, sources, strict=True):
        if source.examples is not None and entry.weight:
            check_examples(model, source.examples, source.name)
    main, held = sources[0], validation_source(config)
    if main.examples is not None and not held:
        check_count(config, config.data[0].count if main.name == "generated" else len(main.examples))
    if task is not None and held and (main.examples is not None or Path(held).exists()):
        check_examples(model, load_examples(task, DataConfig(held, count=1), config.seed, "test"), held)


def _check_start(config: TrainConfig, network: TinyRecursiveModel) -> None:
    """Raise InputError where the run cannot start from the weights that it names."""
    path = find_weights(config.init_from, config.task)
    try:
        network.check_fit(load_weights(path)[0].state_dict())
    except ValueError as error:
        raise InputError(f"does not fit [model]: {error}", str(path)) from None


def _source(task: Task | None, data: DataConfig, config: TrainConfig) -> _Source:
    """A source, read if it is here. One that is not counts as unknown if ``[model]`` names ``seq_len``."""
    if task is not None and data.source == "generated":
        examples = load_examples(task, replace(data, count=1), config.seed)
        return _Source(data.source, examples.shape, data.count, examples)
    cells = config.model.get("seq_len", 0)
    if isinstance(cells, int) and cells > 0 and not Path(data.source).exists():
        side = math.isqrt(cells)
        if side * side != cells:
            raise InputError(f"[model] seq_len {cells} makes no square", config.name)
        return _Source(data.source, (side, side), None, None)
    if task is None:
        task = get_task(config.task, config.kind)  # says which there are
    examples = load_examples(task, data, config.seed)
    return _Source(data.source, examples.shape, len(examples.questions), examples)


def _phases(first: int, end: int, config: TrainConfig) -> list[tuple[int, int | None]]:
    """How many of the steps from ``first`` to before ``end`` have each T."""
    changes = {math.ceil(share * config.max_steps) for share, _ in config.rounds_curriculum}
    edges = sorted({first, end, *(step for step in changes if first < step < end)})
    return [(after - step, rounds_at(step, config)) for step, after in pairwise(edges)]


@dataclass(frozen=True)
class _Cost:
    """What one example costs in a gradient step: operations, bytes of its carry, bytes kept for backward."""

    flops: float
    states: int
    kept: int


def _cost(
    network: TinyRecursiveModel, task: Task | None, shape: Shape, rounds: int | None, config: TrainConfig
) -> _Cost:
    """Take a gradient step on one example, on tensors without memory, and count."""
    kept: dict[int, int] = {parameter.untyped_storage()._cdata: 0 for parameter in network.parameters()}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Fused attention keeps no scores, which are the only squares of four dimensions.
        scores = tensor.ndim == 4 and tensor.shape[-1] == tensor.shape[-2]
        kept.setdefault(storage._cdata, 0 if scores else storage.nbytes())
        return tensor

    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            done = _step(network, task, shape, rounds, config)
        torch.autograd.grad(done.losses.total, list(network.parameters()), allow_unused=True)
    states = 2 * done.carry.answer.numel() * network.dtype.itemsize
    return _Cost(float(counter.get_total_flops()), states, sum(kept.values()))


def _step(
    network: TinyRecursiveModel, task: Task | None, shape: Shape, rounds: int | None, config: TrainConfig
) -> Forward:
    """The forward pass of a gradient step on one example, on tensors without memory."""
    meta, size = torch.device("meta"), network.config
    length = shape[0] * shape[1]
    labels = torch.ones(1, length, dtype=torch.long, device=meta)
    relations = None
    if task is not None and size.mixer in RELATIONAL:
        relations = build_relations(task, shape, size).to(meta)
        length = relations.length
    state = torch.zeros(1, size.puzzle_emb_len + length, size.hidden_size, device=meta, dtype=network.dtype)
    done = torch.zeros(1, dtype=torch.long, device=meta)
    return forward(
        lambda carry: network.supervision_step(carry, state, relations, rounds),
        Carry(state, state),
        labels,
        done,
        config,
    )


def _lasting(network: TinyRecursiveModel, config: TrainConfig) -> float:
    """Bytes that stay from step to step, without the carry."""
    table = sum(value.numel() for name, value in network.named_parameters() if name == PUZZLE_TABLE)
    learned = sum(parameter.numel() for parameter in network.parameters()) - table
    # Float32 weights, averages, gradients and two moments (Muon: one), and the copy to compute with.
    moments = 1 if config.optimizer == "muon" else 2
    return 4.0 * table + learned * (4 * (3 + moments) + network.dtype.itemsize)


def _working(lanes: Sequence[_Cost]) -> int:
    """Bytes for each example of the batch: every lane's carry, and the backward pass of the largest."""
    return sum(lane.states for lane in lanes) + max(lane.states + lane.kept for lane in lanes)
