"""Another revision of the project, to take turns with this one: their ratio holds on a busy machine too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

ROOT = Path(__file__).parents[1]
Found = TypeVar("Found")


@contextmanager
def sources(other: str | None) -> Iterator[dict[str, Path]]:
    """``this`` project's files, and those of the other revision, if any, while the block lasts."""
    with TemporaryDirectory() as folder:
        if other is None:
            yield {"this": ROOT}
            return
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", other], check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield {"this": ROOT, other: Path(folder)}


def in_turns(
    places: Mapping[str, Path], runs: int, measure: Callable[[Path], Found]
) -> dict[str, list[Found]]:
    """What is measured with the files of each revision, ``runs`` times, in turns."""
    found: dict[str, list[Found]] = {code: [] for code in places}
    for _ in range(runs):
        for code, source in places.items():
            found[code].append(measure(source))
    return found


def environment(source: Path) -> dict[str, str]:
    """Variables of a process that imports the project from there, and keeps the bytecode that it makes.

    Nothing traces it: that would be measured as well, of files that are gone when a trace is read.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**variables, "PYTHONPATH": str(source / "src")}


def python(source: Path, arguments: Sequence[str], check: bool = True) -> str:
    """What Python prints, as a fresh process that imports the project from there."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, check=check, stdout=subprocess.PIPE, text=True, env=environment(source))
    return done.stdout
