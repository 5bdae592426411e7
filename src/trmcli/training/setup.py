"""What a run's settings mean together with the task and the data: dimensions, and what does not fit."""

from __future__ import annotations

from trmcli.errors import InputError
from trmcli.model import RELATIONAL, TRMConfig
from trmcli.tasks.base import Shape
from trmcli.tasks.task import Task
from trmcli.training.config import TrainConfig
from trmcli.training.data import Examples
from trmcli.training.ranks import Ranks


def check_settings(config: TrainConfig, task: Task, ranks: Ranks) -> None:
    """Raise InputError for settings that do not fit each other, the task or the number of ranks."""
    if config.label_smoothing and config.token_loss != "softmax":
        raise InputError("label_smoothing goes with token_loss = softmax", config.name)
    if config.commit and task.givens is None:
        raise InputError(f"commit is for tasks with givens, and {task.name} has none", config.name)
    if config.batch_size % (ranks.size * config.accumulate):
        raise InputError(
            f"batch_size {config.batch_size} cannot be shared out evenly among {ranks.size} ranks "
            f"in {config.accumulate} parts (accumulate)",
            config.name,
        )


def check_identifiers(model: TRMConfig, examples: Examples, source: str) -> None:
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
        values.setdefault("vocab_size", task.codec.vocab_size)
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
