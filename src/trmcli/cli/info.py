"""``trm info``: what a weights file says of itself, or what is installed."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLES = """
Examples:

  trm info                                # versions and folders

  trm info sudoku-small                   # the card of known weights

  trm info runs/sudoku/best.safetensors   # the card of a file

  trm info sudoku-small --json | jq .config.hidden_size
"""


def info(
    what: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE", help="Known weights, or a weights file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the card of a weights file: task, model, training, figures, licence.

    Without an argument, print what is installed. In a pipe, each line is one key and its value.
    """
    values = installation() if what is None else describe(what)
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    rows = list(flatten(values))
    if not sys.stdout.isatty():
        for key, value in rows:
            typer.echo(f"{key}: {value}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for key, value in rows:
        table.add_row(Text(key, style="bold"), Text(value, overflow="fold"))
    Console().print(table)


def installation() -> dict[str, Any]:
    """Versions, folders and the default weights of each task."""
    import trmcli
    from trmcli.weights.registry import bundled_path, cache_dir, cached_path, default_weights, registry

    weights = {}
    for task, name in default_weights().items():
        path = bundled_path(registry()[name]) or cached_path(registry()[name])
        weights[task] = {"name": name, "file": str(path) if path else f"none yet: run trm download {name}"}
    return {
        "trm": trmcli.__version__,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        "platform": platform.platform(),
        "cache": str(cache_dir()),
        "default weights": weights or "none",
    }


def describe(what: str) -> dict[str, Any]:
    """The card of a name or a file, and what the file itself shows.

    Raises:
        InputError: there is no such file, or it is no weights file.
    """
    from dataclasses import asdict

    from trmcli.weights.files import read_card, read_header
    from trmcli.weights.registry import file_sha256, find_weights

    path = find_weights(what, "")
    header = read_header(path)
    card = asdict(read_card(path, header))
    learned = {name: info for name, info in header.tensors.items() if not name.startswith("initial_")}
    return {
        "name": card.pop("name"),
        "task": card.pop("task"),
        "parameters": sum(math.prod(info.shape) for info in learned.values()),
        "stored as": ", ".join(sorted({info.dtype for info in header.tensors.values()})),
        "size": path.stat().st_size,
        "sha256": file_sha256(path),
        "file": str(Path(path).resolve()),
        **card,
    }


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``(key, value)`` of every leaf, keys of nested objects joined by dots; one row for each figure."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        elif key == "figures" and not prefix:
            yield from (("figure", _plain(figure)) for figure in value)
        elif value not in ("", None):
            yield _printable(f"{prefix}{key}"), _plain(value)


def _plain(value: Any) -> str:
    """A value on one line, without control characters: a card may come from anywhere."""
    if isinstance(value, Mapping):
        return "; ".join(f"{_printable(str(key))} {_plain(item)}" for key, item in value.items())
    return _printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
