"""Runs that are stopped or killed and resumed equal runs that were left in peace, bit for bit."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest
import torch

from trmcli.training.checkpoint import list_checkpoints, load_checkpoint

SCRIPT = str(Path(__file__).parent / "signalled_run.py")
STEPS = 60
CONFIG = """
task = "sudoku"
batch_size = 8
max_steps = 60
supervision_steps = 4
validation_count = 4
optimizer = "adamw"
warmup_steps = 4
eval_every = 60
save_every = 0.0
dtype = "float32"

[model]
mixer = "relation"
hidden_size = 8
num_layers = 1
rounds = 1
latent_updates = 1
num_heads = 1
ffn_multiple = 8

[[data]]
source = "some.csv"
weight = 0.7

[[data]]
source = "others.csv"
weight = 0.3
"""


def puzzles(question: str, answer: str) -> str:
    """One 4x4 puzzle under all renamings of its digits."""
    lines = ["source,question,answer,rating"]
    for digits in permutations("1234"):
        renamed = str.maketrans("1234", "".join(digits))
        lines.append(f"test,{question.translate(renamed)},{answer.translate(renamed)},0")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "some.csv").write_text(puzzles("1..4.4.22.4..3.1", "1234341221434321"))
    (folder / "others.csv").write_text(puzzles("12..3....14....1", "1234341221434321"))
    path = folder / "tiny.toml"
    path.write_text(CONFIG.replace("some.csv", f"{folder}/some.csv").replace("others", f"{folder}/others"))
    return path


def start(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


def state(folder: Path, step: int = STEPS) -> dict[str, torch.Tensor]:
    """The last checkpoint, which must be of this step; no temporary file may be left."""
    assert [path.name for path in folder.rglob(".*")] == []
    newest = list_checkpoints(folder / "checkpoint")[-1]
    assert newest.stem == f"step-{step:08d}"
    return load_checkpoint(newest)[0]


def different(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name, value in one.items() if not torch.equal(value, other[name])]


def far(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name, value in one.items() if not torch.allclose(value, other[name], 1e-3, 1e-4)]


@pytest.fixture(scope="module")
def alone(config: Path) -> Path:
    """A folder with runs of one process: ``whole``, ``stopped``, and ``killed`` after step 23."""
    folder = config.parent / "alone"
    runs = [folder / "whole", "SIGTERM", STEPS, folder / "stopped", "SIGTERM", 16]
    done = start(SCRIPT, config, *runs, folder / "killed", "SIGKILL", 23)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == f"{folder / 'stopped'} was stopped\n"  # and whole was asked when all was done
    return folder


def test_alone(config: Path, alone: Path) -> None:
    whole = state(alone / "whole")
    assert different(whole, state(alone / "stopped")) == []
    state(alone / "killed", 23)
    resumed = shutil.copytree(alone / "killed", alone / "resumed")
    done = start(SCRIPT, config, resumed, "SIGKILL", 23)
    assert done.returncode == 0, done.stderr
    assert different(whole, state(resumed)) == []


def test_with_two_ranks(config: Path, alone: Path) -> None:
    """The first rank alone hears of a signal, and both stop; ``torchrun`` starts killed ranks again."""
    folder = config.parent / "ranks"
    crossed = shutil.copytree(alone / "killed", folder / "crossed")
    runs = [folder / "stopped", "SIGTERM", 16, folder / "killed", "SIGKILL", 23, crossed, "SIGKILL", 23]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]
    done = start(*torchrun, SCRIPT, config, *runs)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder / 'stopped'} was stopped\n" * 2

    whole, stopped = state(alone / "whole"), state(folder / "stopped")
    assert different(stopped, state(folder / "killed")) == []
    assert far(whole, stopped) == []  # two ranks do what one does
    assert far(whole, state(crossed)) == []  # begun by one process, ended by two
    list_checkpoints(folder / "killed" / "checkpoint")[-1].unlink()
    assert start(SCRIPT, config, folder / "killed", "SIGKILL", 1).returncode == 0
    assert far(whole, state(folder / "killed")) == []  # begun by two, ended by one
