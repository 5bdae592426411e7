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
BELOW = {"errors", "files", "checks", "settings", "strict_json", "ranks", "starting", "__version__"}
"""Modules that every part may use."""


def imported_parts(file: Path) -> set[str]:
    """The parts of the package that a file imports, wherever it does so."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("trmcli"):
            path = node.module.split(".")
            names |= {path[1]} if len(path) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("trmcli.")}
    return names - BELOW


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_imports_point_one_way(file: Path) -> None:
    assert imported_parts(file) <= ALLOWED[file.parent.name]


@pytest.mark.parametrize(
    "module", ["trmcli", "trmcli.cli.app", "trmcli.tasks", "trmcli.weights.registry", "trmcli.ranks"]
)
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


LINES = 400


def test_every_file_can_be_read_from_top_to_bottom() -> None:
    lengths = {file.relative_to(SOURCE).as_posix(): len(file.read_text().splitlines()) for file in MODULES}
    assert not {name for name, length in lengths.items() if length > LINES}


MODULES = sorted(SOURCE.rglob("*.py"))


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_imported(file: Path, known: set[str]) -> set[str]:
    """Modules of the package that a file imports, wherever it does so, for types as well."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known
            names |= inner or {node.module}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & known


def test_no_imports_go_round_in_a_circle() -> None:
    known = {module_name(file) for file in MODULES}
    left = {module_name(file): modules_imported(file, known) for file in MODULES}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert not left
