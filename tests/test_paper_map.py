"""docs/paper.md names things that exist, to the last name."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer.main import get_command

from trmcli.cli.app import app
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.solving.search import SearchConfig
from trmcli.training.config import TrainConfig, load_config, presets

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
SETTINGS = (TRMConfig, TrainConfig, SearchConfig)


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


def sections(*titles: str) -> str:
    """The text below these headings."""
    return "".join(part for part in TEXT.split("\n## ") if part.startswith(titles))


def places() -> Iterator[str]:
    """All that says where something stands here: the last cells of tables, and items of a list."""
    rows = [line for line in sections("Symbols", "Equations").splitlines() if line.startswith("|")]
    yield from (row.strip("| ").rpartition(" | ")[2] for row in rows if "---" not in row)
    yield from sections("Where this package differs").split("\n- ")[1:]


def has(owner: object, name: str) -> bool:
    """Whether an object has a field, an attribute or a parameter of this name."""
    if is_dataclass(owner) and name in {entry.name for entry in fields(owner)}:
        return True
    return hasattr(owner, name) or (inspect.isroutine(owner) and name in inspect.signature(owner).parameters)


def test_every_dotted_name_can_be_found() -> None:
    names = set(re.findall(r"`(trmcli\.[\w.]+)`", TEXT))
    assert len(names) > 20
    for name in names:
        resolve(name)


@pytest.mark.parametrize("place", list(places()))
def test_every_other_name_belongs_to_what_is_named_with_it(place: str) -> None:
    """Or it is a setting; a value that is given is one that it may have."""
    model = TinyRecursiveModel(TRMConfig(11, 16, num_heads=2))
    named = [resolve(name) for name in re.findall(r"`(trmcli\.[\w.]+)`", place)]
    for token in re.findall(r"`([^`]+)`", place):
        option = re.fullmatch(r"(?:--)?(\w+)(?:(?: |=)\"?(\w+)\"?)?", token)
        if token.startswith("trmcli.") or "/" in token or option is None or token.startswith("trm "):
            continue  # names, files and commands have tests of their own
        name, value = option.groups()
        owners = [owner for owner in (*named, *SETTINGS, model) if has(owner, name)]
        assert owners, f"`{token}`"
        if value:
            values = {one for owner in owners for one in get_args(get_type_hints(owner).get(name))}
            assert value in values, f"`{token}`"


def test_every_file_and_command_is_there() -> None:
    files = re.findall(r"`([\w/.-]+/[\w.-]+\.\w+)`", TEXT) + re.findall(r"\]\((?!http)([^)]+)\)", TEXT)
    assert files and all((ROOT / file).exists() or (ROOT / "docs" / file).exists() for file in files)
    commands = set(re.findall(r"`trm (\w+)", TEXT))
    assert commands and commands <= set(getattr(get_command(app), "commands"))  # noqa: B009


def test_every_setting_and_preset_is_one() -> None:
    model, run = ({entry.name for entry in fields(kind)} for kind in (TRMConfig, TrainConfig))
    settings = set(re.findall(r"--set ([\w.]+)=", TEXT))
    assert settings <= {f"model.{name}" for name in model} | run
    named = set(re.findall(r"`(paper-[\w-]+)`", TEXT))
    assert named == {name for name in presets() if name.startswith("paper-")}
    for row in re.findall(r"(?:`--set [^|]+)", TEXT):
        overrides = re.findall(r"--set ([\w.]+=[\w.]+)", row)
        load_config("paper-sudoku-extreme", overrides=overrides)
