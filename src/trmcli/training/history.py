"""What a run directory tells of its run: settings, log, checkpoints. Reading it needs no torch.

The run may be going on, or may have been cut off in the middle of a line: what cannot be read of the log is
left out.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from trmcli.errors import InputError
from trmcli.training.config import TrainConfig, load_config
from trmcli.training.journal import Ending
from trmcli.training.sample import Sample

Kind = Literal["train", "evaluation"]
State = Literal["finished", "running", "stopped"]

_RECENT = 20
"""Log lines that the pace is taken from."""


@dataclass(frozen=True)
class Entry:
    """One line of the log: an :class:`trmcli.training.journal.Interval` or an ``Evaluation``.

    Attributes:
        step: gradient steps done.
        seconds: the run's age, pauses not counted.
        values: the line's other numbers, those that are finite.
        sample: of an evaluation, how it left one puzzle.
    """

    kind: Kind
    step: int
    seconds: float
    values: Mapping[str, float]
    sample: Sample | None = None


@dataclass(frozen=True)
class History:
    """A run as its directory shows it at one moment.

    Attributes:
        entries: of the log, in its order.
        ending: what the run said when it stopped; None if it has not, or said nothing.
        checkpoints: complete ones, oldest first.
        changed: when something in the directory last did, in seconds of :func:`time.time`.
    """

    folder: Path
    config: TrainConfig
    entries: tuple[Entry, ...]
    ending: Ending | None
    checkpoints: tuple[Path, ...]
    changed: float

    def of(self, kind: Kind) -> list[Entry]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry.kind == kind]

    def curve(self, kind: Kind, key: str) -> list[tuple[float, float]]:
        """``(step, value)`` of every entry that has the value."""
        return [(entry.step, entry.values[key]) for entry in self.of(kind) if key in entry.values]

    @property
    def best(self) -> Entry | None:
        """The evaluation that solved most; the last of equals, whose weights ``best.safetensors`` holds."""
        measured = [entry for entry in self.of("evaluation") if "exact" in entry.values]
        return max(measured, key=lambda entry: (entry.values["exact"], entry.step), default=None)

    @property
    def step(self) -> int:
        """Gradient steps done, as far as the log and the checkpoints know."""
        known = [int(path.stem.removeprefix("step-")) for path in self.checkpoints]
        known += [self.ending.step] if self.ending else []
        return max([*known, *(entry.step for entry in self.entries)], default=0)

    @property
    def seconds(self) -> float:
        """The run's age at its last log line, pauses not counted."""
        last = self.ending or (self.entries[-1] if self.entries else None)
        return last.seconds if last else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace of the last log lines, evaluations included; None if nothing shows a pace."""
        recent = self.entries[-_RECENT:]
        steps = recent[-1].step - recent[0].step if recent else 0
        if steps <= 0:
            return None
        pace = (recent[-1].seconds - recent[0].seconds) / steps
        return max(0, self.config.total_steps - self.step) * pace

    @property
    def quiet(self) -> float:
        """Seconds since something in the directory changed."""
        return max(0.0, time.time() - self.changed)

    @property
    def state(self) -> State:
        """Whether the run is done, and if not, whether it still seems to go on.

        A run that stops says so. One that is killed cannot, and is judged by its silence: it has stopped if
        nothing changed for a minute and for three times as long as the longest of its last log lines took.
        """
        if self.ending is not None:
            return "stopped"
        if self.step >= self.config.total_steps:
            return "finished"
        times = [entry.seconds for entry in self.entries[-_RECENT:]]
        longest = max((later - earlier for earlier, later in pairwise(times)), default=200.0)
        return "running" if self.quiet < max(60.0, 3 * longest) else "stopped"


def read_history(folder: Path) -> History:
    """Read a run directory.

    Raises:
        InputError: if it is none, or its settings cannot be read.
    """
    config, log = folder / "config.toml", folder / "log.jsonl"
    for path in (config, log):
        if not path.is_file():
            raise InputError(f"is no run directory: it holds no {path.name}", str(folder))
    saved = folder / "checkpoint"
    checkpoints = tuple(sorted(saved.glob("step-*.safetensors")))
    lines = list(_lines(log))
    changed = max(path.stat().st_mtime for path in (config, log, saved) if path.exists())
    return History(
        folder=folder,
        config=load_config(str(config)),
        entries=tuple(entry for entry in map(_entry, lines) if entry is not None),
        ending=_ending(lines[-1]) if lines else None,
        checkpoints=checkpoints,
        changed=changed,
    )


def _lines(log: Path) -> Iterator[dict[str, Any]]:
    """The objects that the log holds."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, RecursionError):  # cut off, or not written by a run
            values = json.loads(line)
            if isinstance(values, dict):
                yield values


def _entry(values: Mapping[str, Any]) -> Entry | None:
    """A line of training or evaluation; None if it is neither."""
    if values.get("kind") not in ("train", "evaluation"):
        return None
    numbers = _numbers(values)
    if "step" not in numbers or "seconds" not in numbers:
        return None
    step, seconds = int(numbers.pop("step")), numbers.pop("seconds")
    return Entry(values["kind"], step, seconds, numbers, Sample.read(values.get("sample")))


def _ending(values: Mapping[str, Any]) -> Ending | None:
    """The line that says how the run stopped; None if it says something else."""
    numbers = _numbers(values)
    if values.get("kind") != "stopped" or "step" not in numbers or "seconds" not in numbers:
        return None
    return Ending(int(numbers["step"]), numbers["seconds"], str(values.get("why", "")))


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Those of the values that are numbers, and finite."""
    found = {}
    for key, value in values.items():
        with suppress(OverflowError):
            if type(value) in (int, float) and math.isfinite(value):
                found[key] = float(value)
    return found
