"""What a run's weights say of themselves, and of the puzzles that they tell apart."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import torch

from trmcli.tasks.arc.task import digest
from trmcli.tasks.arc.tokens import located
from trmcli.training.config import TrainConfig
from trmcli.training.reference_data import ReferenceExamples, read_identifiers
from trmcli.training.setup import Stage
from trmcli.training.trainer import Trainer
from trmcli.weights.files import Card
from trmcli.weights.table import Puzzles


def card_of(config: TrainConfig, trainer: Trainer, seconds: float, exact: float | None = None) -> Card:
    """The card of a run's weights; ``exact`` is the share of right answers of an evaluation."""
    settings = json.dumps(config.to_dict(), sort_keys=True)
    return Card(
        name=config.name,
        task=config.task,
        kind=config.kind,
        training={
            "settings": config.to_dict(),
            "steps": trainer.steps_done,
            "minutes": round(seconds / 60, 1),
            "device": platform.machine() if trainer.device.type == "cpu" else torch.cuda.get_device_name(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        figures=[
            {
                "dataset": config.validation or f"held out of {config.data[0].source}",
                "metric": "exact accuracy, one try",
                "value": exact,
            }
        ]
        if exact is not None
        else [],
        dataset=", ".join(Path(entry.source).name for entry in config.data),
        trained_config_sha256=hashlib.sha256(settings.encode()).hexdigest(),
    )


def puzzles_of(stage: Stage) -> Puzzles:
    """The names of the rows of a model's table, and what tells the grids of ARC that it learns from."""
    names = read_identifiers(Path(stage.settings.data[0].source), stage.model.num_puzzles)
    learned: set[str] = set()
    for examples in stage.examples if stage.settings.task == "arc" else ():
        if isinstance(examples, ReferenceExamples):
            # The first puzzle of a group is the task as it is.
            plain = examples.group_indices[examples.groups]
            rows = [np.arange(*examples.puzzle_indices[first : first + 2]) for first in plain]
            learned.update(digest(located(examples.questions[row])) for row in np.concatenate(rows))
    return Puzzles(names, sorted(learned))
