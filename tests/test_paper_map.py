"""docs/paper.md names things that exist."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields
from pathlib import Path

from trmcli.model import TRMConfig
from trmcli.training.config import TrainConfig, load_config, presets

TEXT = (Path(__file__).parents[1] / "docs" / "paper.md").read_text(encoding="utf-8")


def resolve(name: str) -> object:
    """The module, class or function of a dotted name."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def test_every_name_can_be_found() -> None:
    names = set(re.findall(r"`(trmcli\.[\w.]+)`", TEXT))
    assert len(names) > 20
    for name in names:
        resolve(name)


def test_every_setting_and_preset_is_one() -> None:
    model, run = ({entry.name for entry in fields(kind)} for kind in (TRMConfig, TrainConfig))
    settings = set(re.findall(r"--set ([\w.]+)=", TEXT))
    assert settings <= {f"model.{name}" for name in model} | run
    named = set(re.findall(r"`(paper-[\w-]+)`", TEXT))
    assert named == {name for name in presets() if name.startswith("paper-")}
    for row in re.findall(r"(?:`--set [^|]+)", TEXT):
        overrides = re.findall(r"--set ([\w.]+=[\w.]+)", row)
        load_config("paper-sudoku-extreme", overrides=overrides)
