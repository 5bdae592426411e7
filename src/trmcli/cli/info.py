"""``trm info``: what a weights file says of itself, how a training run stands, or what is installed."""

from __future__ import annotations

import json
import math
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from trmcli.cli import complete
from trmcli.errors import InputError, one_line

EXAMPLES = """
Examples:
  trm info                                # versions and folders
  trm info sudoku                         # the card of known weights
  trm info runs/sudoku/best.safetensors   # the card of a file
  trm info runs/sudoku                    # how far a run is, now or later
  trm info runs/sudoku --report           # write its report.html anew
  trm info sudoku --json | jq .config.hidden_size
"""


def info(
    what: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete.weights,
            metavar="NAME|FILE|DIR",
            help="Known weights, a weights file, or a run directory.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write the run's report.html anew from its log.")
    ] = False,
) -> None:
    """Print the card of a weights file, or the state of a training run.

    Without an argument, print what is installed. In a pipe, each line is one key and its value.
    """
    folder = run_folder(what)
    if report:
        if folder is None:
            raise InputError("is for run directories: name one", "--report")
        from trmcli.ui.report import write_report

        typer.echo(f"wrote {write_report(folder)}", err=True)
    if folder is not None:
        values = run_state(folder) if as_json else run_summary(folder)
    else:
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
    from trmcli.files import cache_dir
    from trmcli.weights.registry import bundled_path, cached_path, default_weights, registry

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

    from trmcli.weights.files import read_card
    from trmcli.weights.header import read_header
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


def run_folder(what: str | None) -> Path | None:
    """The folder that ``what`` means; None if it is nothing, a file, or the name of known weights."""
    if what is None or not Path(what).is_dir():
        return None
    from trmcli.weights.registry import registry

    return None if what in registry() else Path(what)


def run_state(folder: Path) -> dict[str, Any]:
    """A run directory as JSON values: times in seconds, files in bytes, null where nothing is known yet.

    Raises:
        InputError: it is no run directory.
    """
    from trmcli.training.history import Entry, read_history

    run = read_history(folder)
    trained, evaluated = run.of("train"), run.of("evaluation")

    def figures(entry: Entry | None) -> dict[str, float] | None:
        return {"step": entry.step, "seconds": entry.seconds, **entry.values} if entry else None

    return {
        "name": run.config.name,
        "task": run.config.task,
        "state": run.state,
        "why": run.ending.why if run.ending else None,
        "step": run.step,
        "max_steps": run.config.total_steps,
        "seconds": run.seconds,
        "seconds_left": run.seconds_left,
        "seconds_quiet": run.quiet,
        "training": figures(trained[-1] if trained else None),
        "validation": figures(evaluated[-1] if evaluated else None),
        "best": figures(run.best),
        "data": [entry.source for entry in run.config.data],
        "folder": str(folder.resolve()),
        "checkpoints": [str(path.relative_to(folder)) for path in run.checkpoints],
        "files": {
            path.name: path.stat().st_size
            for path in sorted(folder.iterdir())
            if not path.name.startswith(".") and path.is_file()
        },
    }


_SILENT = "no longer running, it seems: it said nothing of its end, as if it had been killed"


def run_summary(folder: Path) -> dict[str, str]:
    """The same for people, each value a line of text.

    Raises:
        InputError: it is no run directory.
    """
    from trmcli.ui.numbers import clock, percent

    state = run_state(folder)
    training, left = state["training"] or {}, state["seconds_left"]

    def figures(values: Mapping[str, float] | None) -> str:
        if not values:
            return ""
        said = [f"{percent(values['exact'])} exact"] if "exact" in values else []
        said += [f"{values['steps']:.2f} steps"] if "steps" in values else []
        said += [f"halting head right in {percent(values['halting'])}"] if "halting" in values else []
        return ", ".join([*said, f"at step {values['step']:,}"])

    standing = state["state"]
    if standing == "stopped":
        standing = f"stopped at step {state['step']:,} ({state['why']})" if state["why"] else _SILENT
    losses = (("loss", ""), ("token_loss", "cells "), ("halt_loss", "halting head "))
    speed = training.get("examples_per_second")
    return {
        "name": state["name"],
        "task": state["task"],
        "data": ", ".join(dict.fromkeys(state["data"])),
        "state": f"{standing}, last written to {clock(state['seconds_quiet'])} ago",
        "steps": f"{state['step']:,} of {state['max_steps']:,}",
        "time": clock(state["seconds"]) + (f", {clock(left)} left" if left else ""),
        "speed": f"{speed:.0f} examples/s" if speed is not None else "",
        "loss": ", ".join(f"{name}{training[key]:.4f}" for key, name in losses if key in training),
        "training": figures(training),
        "validation": figures(state["validation"]),
        "best": figures(state["best"]),
        "folder": state["folder"],
        "checkpoints": ", ".join(state["checkpoints"]),
        "files": ", ".join(f"{name} ({size:,} bytes)" for name, size in state["files"].items()),
    }


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``(key, value)`` of every leaf, keys of nested objects joined by dots; one row for each figure."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        elif key == "figures" and not prefix:
            yield from (("figure", _plain(figure)) for figure in value)
        elif value not in ("", None):
            yield one_line(f"{prefix}{key}"), _plain(value)


def _plain(value: Any) -> str:
    """A value on one line, without control characters: a card may come from anywhere."""
    if isinstance(value, Mapping):
        return "; ".join(f"{one_line(str(key))} {_plain(item)}" for key, item in value.items())
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
