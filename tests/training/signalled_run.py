"""Training runs that send themselves signals, one after another in one process, alone or under ``torchrun``.

``python signalled_run.py CONFIG [FOLDER SIGNAL STEP]...``: when a run has saved STEP for the first time, its
process, or the first of its ranks, gets the signal. A run that is stopped by it goes on at once; one that is
killed goes on when the same command is started again.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch

from trmcli.ranks import join
from trmcli.training.config import load_config
from trmcli.training.journal import Observer
from trmcli.training.run import run
from trmcli.training.trainer import Trainer


class Sender(Observer):
    """Watches a run and sends the signal."""

    def __init__(self, number: int, step: int) -> None:
        self.number, self.step = number, step

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        self.sent = resumed_from > 0

    def saved(self, path: Path) -> None:
        if path.stem == f"step-{self.step:08d}" and not self.sent:
            os.kill(os.getpid(), self.number)


if __name__ == "__main__":
    config, runs = load_config(sys.argv[1]), sys.argv[2:]
    with join(torch.device("cpu")) as (ranks, device):
        for folder, name, step in zip(runs[::3], runs[1::3], runs[2::3], strict=True):
            sender = Sender(signal.Signals[name], int(step))
            while run(config, Path(folder), sender, resume=True, device=device, ranks=ranks).signal:
                sys.stdout.write(f"{folder} was stopped\n")  # at once, so that ranks do not mix their lines
                sys.stdout.flush()
