"""What a run's settings mean together with the task and the data: its stages, and what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.model import RELATIONAL, TRMConfig
from trmcli.ranks import Ranks
from trmcli.tasks.base import Shape
from trmcli.tasks.task import Task
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.data import Examples
from trmcli.training.reference_data import is_dataset
from trmcli.training.sources import load_examples


@dataclass(frozen=True)
class Stage:
    """A part of a run, with all that a trainer needs for it.

    Attributes:
        first: gradient steps before it.
        settings: in force.
        examples: one dataset for each of ``settings.data``.
        held: the examples that it is evaluated on.
        model: the network's dimensions.
        change: the ``[[stage]]`` that began it; empty for the run's beginning.
    """

    first: int
    settings: TrainConfig
    examples: list[Examples]
    held: Examples
    model: TRMConfig
    change: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(
        settings: TrainConfig,
        task: Task,
        examples: list[Examples],
        held: Examples | None = None,
        *,
        ranks: Ranks | None = None,
        first: int = 0,
        change: Mapping[str, Any] | None = None,
    ) -> Stage:
        """The stage with these examples; held out are the first ones if nothing else is said.

        Raises:
            InputError: if settings, task, ranks and examples do not fit together.
        """
        check_settings(settings, task, ranks or Ranks())
        held = examples[0] if held is None else held
        model = model_config(settings, task, examples[0].shape, examples[0].num_puzzles)
        for entry, part in zip(settings.data, examples, strict=True):
            if entry.weight:
                check_examples(model, part, entry.source)
        check_examples(model, held, settings.validation or settings.data[0].source)
        return Stage(first, settings, examples, held, model, change or {})


def prepare(
    config: TrainConfig,
    task: Task,
    ranks: Ranks | None = None,
    done: int = 0,
    generated: Callable[[int, int], None] = lambda made, count: None,
) -> list[Stage]:
    """The stage that a run is in after ``done`` steps, and those that follow: none is to fail hours from now.

    One that begins at ``done`` is still to be entered, like any other.

    Args:
        generated: is told now and then how many examples are made, of how many.

    Raises:
        InputError: if the data is bad, or something does not fit.
    """
    current, stages = config.at(max(0, done - 1)), list[Stage]()
    for (first, settings), change in zip(config.parts, ({}, *config.stage), strict=False):
        if settings is not current and first < done:
            continue
        if stages and _sources(stages[-1].settings) == _sources(settings):
            examples, held = stages[-1].examples, stages[-1].held
        else:
            examples, held = load_data(settings, task, generated)
        stages.append(Stage.of(settings, task, examples, held, ranks=ranks, first=first, change=change))
    return stages


def load_data(
    config: TrainConfig, task: Task, generated: Callable[[int, int], None] = lambda made, count: None
) -> tuple[list[Examples], Examples]:
    """The examples of every source, and the held-out ones for validation."""
    examples = [
        load_examples(task, entry, config.seed + n, generated=generated)
        for n, entry in enumerate(config.data)
    ]
    if validation := validation_source(config):
        held = load_examples(task, DataConfig(validation), config.seed, "test")
        _, held = held.split(min(config.validation_count, len(held)), config.seed)
        return examples, held
    check_count(config, len(examples[0]))
    kept, held = examples[0].split(config.validation_count, config.seed)
    return [kept, *examples[1:]], held


def validation_source(config: TrainConfig) -> str:
    """The file or folder that a run is evaluated on; empty where a share of its main data is held out."""
    main = config.data[0].source
    return config.validation or (main if is_dataset(main, "test") else "")


def check_count(config: TrainConfig, count: int) -> None:
    """Raise InputError where the main data has too few examples to hold out a share."""
    if count < 2 * config.validation_count:
        raise InputError(
            f"{count} puzzles are too few to hold out {config.validation_count} for validation: "
            "name a file by --set validation=FILE, or lower validation_count",
            config.data[0].source,
        )


def _sources(config: TrainConfig) -> tuple[object, ...]:
    """The settings that :func:`load_data` reads."""
    return config.data, config.validation, config.validation_count, config.seed


def check_settings(config: TrainConfig, task: Task | None, ranks: Ranks) -> None:
    """Raise InputError for settings that do not fit each other, the task or the number of ranks."""
    if config.label_smoothing and config.token_loss != "softmax":
        raise InputError("label_smoothing goes with token_loss = softmax", config.name)
    if config.commit and task is not None and task.givens is None:
        raise InputError(f"commit is for tasks with givens, and {task.name} has none", config.name)
    if config.batch_size % (ranks.size * config.accumulate):
        raise InputError(
            f"batch_size {config.batch_size} cannot be shared out evenly among {ranks.size} ranks "
            f"in {config.accumulate} parts (accumulate)",
            config.name,
        )


_LOOKED_AT = 1000
"""Examples whose tokens are looked at before the run; those of the others when they are drawn."""


def check_examples(model: TRMConfig, examples: Examples, source: str) -> None:
    """Raise InputError for examples that the model cannot take."""
    _check_identifiers(model, examples, source)
    (height, width), cells = examples.shape, model.seq_len
    if (model.mixer == "mlp" or model.positions == "learned") and height * width != cells:
        raise InputError(
            f"has puzzles of {height}x{width}, and this model takes those of {cells} cells alone, as in the "
            "main data: name puzzles of one size, or another mixer and other positions",
            source,
        )
    check_tokens(model, examples.questions[:_LOOKED_AT], examples.answers[:_LOOKED_AT], source)


def check_tokens(model: TRMConfig, tokens: npt.NDArray[Any], labels: npt.NDArray[Any], source: str) -> None:
    """Raise InputError for tokens or labels that the model has not."""
    if (largest := int(max(tokens.max(initial=0), labels.max(initial=0)))) >= model.vocab_size:
        raise InputError(
            f"labels reach {largest}, and [model] vocab_size is {model.vocab_size}: leave it out, or train "
            "on a folder that trm data build makes",
            source,
        )


def _check_identifiers(model: TRMConfig, examples: Examples, source: str) -> None:
    """Raise InputError where a model that tells puzzles apart would not know which these are."""
    if model.num_puzzles < 2:
        return
    if examples.identifiers is None:
        raise InputError(
            f"does not number its puzzles, and the model has a vector for each of {model.num_puzzles}: "
            "name a folder that numbers them",
            source,
        )
    if (largest := int(examples.identifiers.max(initial=0))) >= model.num_puzzles:
        raise InputError(
            f"has a puzzle number {largest}, and the model vectors 0 to {model.num_puzzles - 1}", source
        )


def rounds_at(step: int, config: TrainConfig) -> int | None:
    """T at a step of the curriculum of depth; None for the model's own."""
    reached = [rounds for share, rounds in config.rounds_curriculum if step >= share * config.max_steps]
    return reached[-1] if reached else None


def model_config(config: TrainConfig, task: Task | None, shape: Shape, num_puzzles: int = 1) -> TRMConfig:
    """The model's dimensions: the run's ``[model]`` table, completed from the task (if any) and the data.

    Raises:
        InputError: if the settings do not fit together.
    """
    values = dict(config.model)
    if task is not None:
        most = task.codec.vocab_size
        if values.setdefault("vocab_size", most) > most:
            message = (
                f"[model] {task.name} has {most} tokens, not {values['vocab_size']}: leave vocab_size out"
            )
            raise InputError(message, config.name)
    if task is not None and values.get("mixer") in RELATIONAL:
        known = task.structure.relation_names if task.structure else ()
        wanted = values.get("relations", known)
        if not isinstance(wanted, (list, tuple)) or not all(isinstance(name, str) for name in wanted):
            raise InputError(f"[model] relations must be a list of names, not {wanted!r}", config.name)
        if unknown := sorted(set(wanted) - set(known)):
            names = ", ".join(known)
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
