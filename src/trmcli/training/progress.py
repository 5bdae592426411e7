"""How far a run is, as its checkpoints keep it, and whether one may go on with today's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from trmcli.errors import InputError
from trmcli.training.config import TrainConfig


@dataclass
class Progress:
    """How far a run is: what a checkpoint keeps besides its tensors.

    Attributes:
        step: gradient steps done.
        config: the run's settings.
        best: exact accuracy of the best evaluation, -1 before the first.
        waited: evaluations since then.
        evaluated: the step of the last evaluation.
        seconds: the run's age.
    """

    step: int
    config: Mapping[str, Any]
    best: float = -1.0
    waited: int = 0
    evaluated: int = 0
    seconds: float = 0.0

    @staticmethod
    def of(config: TrainConfig, kept: Mapping[str, Any] | None) -> Progress:
        """As a checkpoint kept it, if there is one; the first ones kept less. The settings are today's."""
        if kept is None:
            return Progress(0, config.to_dict())
        return Progress(**{"evaluated": kept["step"], **kept, "config": config.to_dict()})


def refuse_changes(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path, override: bool) -> None:
    """Raise InputError where the settings are not those that the run in ``folder`` was begun with: unless to
    ``override``, and always for what cannot change."""
    # A setting that did not exist when the run was begun had what is its default now.
    defaults = {entry.name: entry.default for entry in fields(TrainConfig) if entry.default is not MISSING}
    defaults["kind"] = {}
    before, after = json.loads(json.dumps({**defaults, **old})), json.loads(json.dumps(new))
    changed = {
        key: f"{before.get(key)!r} is now {after[key]!r}" for key in after if before.get(key) != after[key]
    }
    if changed and not override:
        listed = "; ".join(f"{key}: {how}" for key, how in changed.items())
        raise InputError(f"was begun with other settings ({listed}): add --override", str(folder))
    for key in ("task", "optimizer"):
        if key in changed:
            raise InputError(
                f"cannot go on with another {key} ({changed[key]}): begin a new run, with --init-from",
                str(folder),
            )
