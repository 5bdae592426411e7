"""ARC tasks whose outputs are turned inputs, as the stand-in of ``cli/fake_arc.py`` knows them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trmcli.tasks.arc.views import View

FAKE = Path(__file__).parent / "cli" / "fake_arc.py"
"""``trm`` with a stand-in for the fit of networks."""


def task(
    turn: int, rule: Callable[[Any], Any] | None = None, tests: int = 1, known: bool = True
) -> dict[str, Any]:
    """A task whose outputs are turned inputs, or follow another rule."""
    rng = np.random.default_rng(turn)

    def pair(known: bool = True) -> dict[str, Any]:
        grid = rng.integers(0, 10, (2, 3)).astype(np.uint8)
        answer = View(turn).see(grid) if rule is None else rule(grid)
        return {"input": grid.tolist(), "output": answer.tolist()} if known else {"input": grid.tolist()}

    return {"train": [pair(), pair(), pair()], "test": [pair(known) for _ in range(tests)]}


def other(grid: Any) -> Any:
    return (grid + 1) % 10


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def figures_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
