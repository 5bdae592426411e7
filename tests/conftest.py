"""One thread for each process, ears for signals, the same examples every time, and a run directory."""

import json
import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"  # before torch; networks are tiny here, and subprocesses inherit it
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of the subprocesses compiles the package anew

# A shell makes its background deaf to Ctrl-C and Ctrl-\, nohup what it runs to the end of a terminal.
# Subprocesses would inherit it.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


RUN = """
name = "a <b>run</b>"
task = "sudoku"
batch_size = 8
max_steps = 10000
[model]
mixer = "relation"
[[data]]
source = "puzzles & answers.csv"
"""


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    """A run after 6,000 of 10,000 steps: a log line every 50 steps, an evaluation every 1,000."""
    folder = tmp_path / "run"
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "step-00006020.safetensors").touch()
    (folder / "config.toml").write_text(RUN, encoding="utf-8")
    lines = []
    for step in range(50, 6001, 50):
        progress = step / 6000
        losses = {
            "loss": 2.5 - 2 * progress,
            "token_loss": 2 - 1.9 * progress,
            "halt_loss": 0.7 - 0.5 * progress,
        }
        shares = {"cells": 0.5 + progress / 3, "exact": 0.8 * progress, "steps": 16 - 9 * progress}
        speed = {"lr": 1e-3, "norm": 0.5, "examples_per_second": 400.0}
        lines.append({"kind": "train", "step": step, "seconds": step / 50, **losses, **shares, **speed})
        if step % 1000 == 0:
            figures = {"exact": 0.9 * progress, "steps": 16 - 12 * progress, "halting": 0.75, "best": True}
            lines.append({"kind": "evaluation", "step": step, "seconds": step / 50 + 0.5, **figures})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder
