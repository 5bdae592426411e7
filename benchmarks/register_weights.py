"""Enter a weights file into weights/registry.toml, so that the list and the file cannot disagree.

    python benchmarks/register_weights.py runs/sudoku/best.safetensors --name sudoku-small

The file is copied into weights/ if it lies elsewhere (not with --remote). Size and digest are computed; task
and figures come from the file's card. What the entry said before stays unless an option says otherwise. With
--default-for, what was the task's default before no longer is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from trmcli.errors import InputError
from trmcli.files import new_file
from trmcli.weights.files import Card, read_card
from trmcli.weights.registry import REGISTRY_FILE, Entry, file_sha256, read_registry

WEIGHTS = Path(__file__).resolve().parents[1] / "weights"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--name", help="what trm calls it (default: the card's name)")
    parser.add_argument("--summary", help="one line for lists")
    parser.add_argument("--url", action="append", help="where it can be downloaded; may be repeated")
    parser.add_argument("--default-for", action="append", metavar="TASK", help="may be repeated")
    parser.add_argument("--remote", action="store_true", help="do not copy FILE into the bundled folder")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="the bundled folder")
    options = parser.parse_args()
    try:
        entry = register(
            options.file,
            options.folder,
            name=options.name,
            summary=options.summary,
            urls=options.url,
            default_for=options.default_for,
            bundle=not options.remote,
        )
    except (InputError, OSError) as error:
        sys.exit(f"register_weights: error: {error}")
    print(f"{entry.name}: {entry.size} bytes, sha256 {entry.sha256}")


def register(
    file: Path,
    folder: Path,
    name: str | None = None,
    summary: str | None = None,
    urls: list[str] | None = None,
    default_for: list[str] | None = None,
    bundle: bool = True,
) -> Entry:
    """Write the entry of ``file`` into the registry of ``folder``.

    Raises:
        InputError: the file is no weights file, or the registry would not be valid.
    """
    card = read_card(file)
    name = name or card.name
    path = folder / REGISTRY_FILE
    entries = read_registry(path) if path.exists() else {}
    if bundle and file.resolve() != (folder / f"{name}.safetensors").resolve():
        with new_file(folder / f"{name}.safetensors") as temporary:
            shutil.copyfile(file, temporary)
    measured = Entry(
        name=name,
        file=f"{name}.safetensors",
        task=card.task,
        size=file.stat().st_size,
        sha256=file_sha256(file),
        figures=figures(card),
    )
    before = entries.get(name, measured)
    entries[name] = replace(
        measured,
        summary=before.summary if summary is None else summary,
        urls=before.urls if urls is None else tuple(urls),
        default_for=before.default_for if default_for is None else tuple(default_for),
    )
    taken = set(entries[name].default_for)
    entries |= {  # a task has one default
        other: replace(entry, default_for=tuple(task for task in entry.default_for if task not in taken))
        for other, entry in entries.items()
        if other != name
    }
    write_registry(path, entries)
    return entries[name]


def figures(card: Card) -> dict[str, Any]:
    """``dataset, metric`` and value of each of the card's figures that has all three."""
    keys = ("dataset", "metric", "value")
    whole = [figure for figure in card.figures if all(key in figure for key in keys)]
    return {f"{figure['dataset']}, {figure['metric']}": figure["value"] for figure in whole}


def write_registry(path: Path, entries: Mapping[str, Entry]) -> None:
    """Write all entries below the comment that the file begins with, and read them back before they count."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    table = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    text = "".join(f"{line}\n" for line in lines[:table])
    for entry in entries.values():
        text += "\n[[weights]]\n"
        for key in fields(Entry):
            value = getattr(entry, key.name)
            if key.name != "figures" and (value or key.default is MISSING):
                text += f"{key.name} = {toml(value)}\n"
        if entry.figures:
            text += "[weights.figures]\n"
            text += "".join(f"{toml(str(name))} = {toml(value)}\n" for name, value in entry.figures.items())
    with new_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        read_registry(temporary)


def toml(value: Any) -> str:
    """A value as TOML. JSON's texts, numbers, truth values and lists are TOML's too."""
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main()
