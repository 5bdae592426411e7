"""What a run would be: parameters, examples, steps, arithmetic. Nothing is trained and little is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from trmcli.errors import InputError
from trmcli.model import Carry, TinyRecursiveModel
from trmcli.model.losses import supervision_loss
from trmcli.solving.solver import build_relations
from trmcli.tasks import get_task
from trmcli.tasks.base import Shape, Task
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.data import load_examples
from trmcli.training.trainer import model_config


@dataclass(frozen=True)
class Plan:
    """A run's size.

    Attributes:
        parameters: learned numbers, puzzle embeddings included.
        examples: of each source; None where it is not on this machine.
        steps: gradient steps.
        examples_seen: examples in all of these steps together.
        flops: floating point operations of a mean gradient step, forward and backward, products only.
    """

    parameters: int
    examples: tuple[tuple[str, int | None], ...]
    steps: int
    examples_seen: int
    flops: float


def plan(config: TrainConfig) -> Plan:
    """Work out what ``config`` asks for.

    A dataset that is not here counts as unknown if ``[model]`` names ``seq_len``, so that the size of the
    paper's runs can be seen without their data.

    Raises:
        InputError: the task, the model or a source is no good.
    """
    task = get_task(config.task)
    sources = [_source(task, entry, config) for entry in config.data]
    shape, _, num_puzzles = sources[0]
    with torch.device("meta"):
        network = TinyRecursiveModel(model_config(config, task, shape, num_puzzles))
    weights = [entry.weight / sum(entry.weight for entry in config.data) for entry in config.data]
    flops = sum(
        share * weight * _flops(network, task, shape, rounds, config)
        for weight, (shape, _, _) in zip(weights, sources, strict=True)
        for share, rounds in _phases(config)
    )
    return Plan(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        examples=tuple((entry.source, source[1]) for entry, source in zip(config.data, sources, strict=True)),
        steps=config.max_steps,
        examples_seen=config.max_steps * config.batch_size,
        flops=flops * config.batch_size,
    )


def _source(task: Task, data: DataConfig, config: TrainConfig) -> tuple[Shape, int | None, int]:
    """The shape of a source's puzzles, how many examples it has, and rows of puzzle embeddings."""
    if data.source == "generated":
        return load_examples(task, replace(data, count=1), config.seed).shape, data.count, 1
    cells = config.model.get("seq_len", 0)
    if isinstance(cells, int) and cells > 0 and not Path(data.source).exists():
        side = math.isqrt(cells)
        if side * side != cells:
            raise InputError(f"[model] seq_len {cells} makes no square", config.name)
        return (side, side), None, 1
    examples = load_examples(task, data, config.seed)
    return examples.shape, len(examples.questions), examples.num_puzzles


def _phases(config: TrainConfig) -> list[tuple[float, int | None]]:
    """Shares of a run, and T in each of them."""
    starts = [start for start, _ in config.rounds_curriculum]
    if not starts:
        return [(1.0, None)]
    ends = [*starts[1:], 1.0]
    phases: list[tuple[float, int | None]] = [
        (end - start, rounds) for (start, rounds), end in zip(config.rounds_curriculum, ends, strict=True)
    ]
    return [(starts[0], None), *phases] if starts[0] > 0 else phases


def _flops(
    network: TinyRecursiveModel, task: Task, shape: Shape, rounds: int | None, config: TrainConfig
) -> float:
    """Operations that one example costs in one gradient step, counted on tensors without memory."""
    meta, size = torch.device("meta"), network.config
    length = shape[0] * shape[1]
    state = torch.zeros(1, size.puzzle_emb_len + length, size.hidden_size, device=meta)
    labels = torch.ones(1, length, dtype=torch.long, device=meta)
    relations = build_relations(task, shape).to(meta) if size.mixer == "relation" else None
    with FlopCounterMode(display=False) as counter:
        carry, output = network.supervision_step(Carry(state, state), state, relations, rounds)
        supervision_loss(output, labels).total.backward()  # type: ignore[no-untyped-call]
        if config.halting == "q_learning":
            with torch.no_grad():
                network.supervision_step(carry, state, relations, rounds)
    return float(counter.get_total_flops())
