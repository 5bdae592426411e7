"""``trm`` with ARC tasks, around a stand-in for the fit of networks."""

from __future__ import annotations

from pathlib import Path

import pytest
from arc_turns import FAKE, other, task, write
from support import Run, runner


@pytest.fixture
def trm() -> Run:
    """Run ``trm ARGUMENTS`` with the stand-in, and capture everything."""
    return runner(str(FAKE))


@pytest.fixture
def challenges(tmp_path: Path) -> Path:
    """Kaggle's two files of four tasks, one of which the stand-in answers wrongly."""
    tasks = {"t1": task(1), "t2": task(2, tests=2), "t4": task(4), "odd": task(0, other)}
    hidden = {
        name: {"train": one["train"], "test": [{"input": pair["input"]} for pair in one["test"]]}
        for name, one in tasks.items()
    }
    outputs = {name: [pair["output"] for pair in one["test"]] for name, one in tasks.items()}
    write(tmp_path / "x_solutions.json", outputs)
    return write(tmp_path / "x_challenges.json", hidden)
