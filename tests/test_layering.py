"""Imports point one way: cli, then ui, solving, training and weights, then tasks and model."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "trmcli"
ALLOWED = {
    "model": {"model"},
    "tasks": {"tasks"},
    "solving": {"solving", "model", "tasks"},
    "weights": {"weights", "model"},
    "training": {"training", "solving", "weights", "model", "tasks"},
    "ui": {"ui", "solving", "training", "weights", "model", "tasks"},
    "cli": {"cli", "loading", "ui", "solving", "training", "weights", "model", "tasks"},
}
FILES = sorted(SOURCE.glob("*/*.py"))


def imported_parts(file: Path) -> set[str]:
    """The parts of the package that a file imports, wherever it does so."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("trmcli"):
            path = node.module.split(".")
            names |= {path[1]} if len(path) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("trmcli.")}
    return names - {"errors", "files", "__version__"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_imports_point_one_way(file: Path) -> None:
    assert imported_parts(file) <= ALLOWED[file.parent.name]


@pytest.mark.parametrize("module", ["trmcli", "trmcli.cli.app", "trmcli.tasks", "trmcli.weights.registry"])
def test_torch_is_imported_late(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_training_needs_no_downloads() -> None:
    """A training machine may have torch, NumPy, safetensors, typer and rich alone."""
    code = """
import sys
sys.modules.update(dict.fromkeys(("pooch", "platformdirs", "requests")))
import trmcli.cli.train, trmcli.training.run, trmcli.ui.dashboard
from trmcli.cli.app import app
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
