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
from typing import Literal

from trmcli.errors import InputError
from trmcli.training.config import TrainConfig, load_config

Kind = Literal["train", "evaluation"]
State = Literal["finished", "running", "stopped"]

_RECENT = 20
"""Log lines that the pace is taken from."""


@dataclass(frozen=True)
class Entry:
    """One line of the log: an :class:`trmcli.training.run.Interval` or an ``Evaluation``.

    Attributes:
        step: gradient steps done.
        seconds: the run's age, pauses not counted.
        values: the line's other numbers, those that are finite.
    """

    kind: Kind
    step: int
    seconds: float
    values: Mapping[str, float]


@dataclass(frozen=True)
class History:
    """A run as its directory shows it at one moment.

    Attributes:
        entries: of the log, in its order.
        checkpoints: complete ones, oldest first.
        changed: when something in the directory last did, in seconds of :func:`time.time`.
    """

    folder: Path
    config: TrainConfig
    entries: tuple[Entry, ...]
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
        saved = [int(path.stem.removeprefix("step-")) for path in self.checkpoints]
        return max([*saved, *(entry.step for entry in self.entries)], default=0)

    @property
    def seconds(self) -> float:
        """The run's age at its last log line, pauses not counted."""
        return self.entries[-1].seconds if self.entries else 0.0

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

        Nothing in the directory says so, so it is judged by its silence: a run has stopped if nothing
        changed for a minute and for three times as long as the longest of its last log lines took.
        """
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
    changed = max(path.stat().st_mtime for path in (config, log, saved) if path.exists())
    return History(
        folder=folder,
        config=load_config(str(config)),
        entries=tuple(_entries(log)),
        checkpoints=checkpoints,
        changed=changed,
    )


def _entries(log: Path) -> Iterator[Entry]:
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, OverflowError, RecursionError):  # cut off, or not written by a run
            entry = _entry(json.loads(line))
            if entry is not None:
                yield entry


def _entry(values: object) -> Entry | None:
    """A parsed line; None if it is no entry."""
    if not isinstance(values, dict) or values.get("kind") not in ("train", "evaluation"):
        return None
    numbers = {
        key: float(value)
        for key, value in values.items()
        if type(value) in (int, float) and math.isfinite(value)
    }
    if "step" not in numbers or "seconds" not in numbers:
        return None
    step, seconds = int(numbers.pop("step")), numbers.pop("seconds")
    return Entry(values["kind"], step, seconds, numbers)
