"""What a run tells of itself: to those who watch it, and line by line to its ``log.jsonl``.

None of it needs torch. A line of the log is one JSON object with its ``kind``: ``train`` (an
:class:`Interval`), ``evaluation`` (an :class:`Evaluation`), or ``stopped`` (an :class:`Ending`), which is the
last one until the run is resumed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trmcli.training.sample import Sample

if TYPE_CHECKING:
    from trmcli.training.trainer import Trainer

PATIENCE = "patience"
"""Why a run stopped that no evaluation made better any more. It is not meant to go on."""
TIME = "--max-time"
"""Why a run stopped whose time was over."""


@dataclass(frozen=True)
class Interval:
    """What the steps since the last log line showed, averaged; ``seconds`` is the run's age.

    ``exact`` and ``steps`` are of the examples that ended; None (in the log ``null``) if there were none.
    """

    step: int
    seconds: float
    loss: float
    token_loss: float
    halt_loss: float
    cells: float
    exact: float | None
    steps: float | None
    lr: float
    norm: float
    examples_per_second: float


@dataclass(frozen=True)
class Evaluation:
    """The averaged weights on held-out puzzles: exact accuracy, mean supervision steps, halting accuracy, and
    how they leave the first of these puzzles."""

    step: int
    seconds: float
    exact: float
    steps: float
    halting: float
    best: bool
    sample: Sample | None = None


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    Attributes:
        step: gradient steps done.
        seconds: the run's age.
        why: what stopped it: ``Ctrl-C``, ``SIGTERM``, :data:`TIME`, :data:`PATIENCE`, or an error's text;
            empty if all steps are done.
        signal: the number of the signal that stopped it, or 0.
    """

    step: int
    seconds: float
    why: str = ""
    signal: int = 0


class Observer:
    """Whoever watches a run. Does nothing at any of these moments; a subclass does something at some."""

    def generated(self, made: int, count: int) -> None:
        """So many of the puzzles of one source are made."""

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        """The first step comes next; the run's age is ``seconds``."""

    def stepped(self, step: int) -> None:
        """So many steps are done. On a GPU, not all are told."""

    def progressed(self, interval: Interval) -> None:
        """A line of the log was written."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """Another line of the log was written."""

    def entered(self, step: int, stage: Mapping[str, Any]) -> None:
        """From here on the settings of a stage hold."""

    def stopping(self) -> None:
        """The run is to end after the step it is in. A signal's handler says so: this is no time to print."""

    def saved(self, path: Path) -> None:
        """A checkpoint was written."""


def lines_until(path: Path, step: int, evaluated: int) -> str:
    """The lines of a log that a run did until this step, evaluations until ``evaluated``.

    What was cut off in writing is left out, and so is that the run stopped: it goes on.
    """
    kept = []
    if path.exists() and step:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                values = json.loads(line)
                until = {"evaluation": evaluated, "stopped": -1}.get(values["kind"], step)
                if values["step"] <= until:
                    kept.append(line + "\n")
    return "".join(kept)
