"""Who else watches a run beside the dashboard: the report, TensorBoard, and several at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from trmcli.errors import InputError
from trmcli.training.journal import Evaluation, Interval, Observer
from trmcli.ui.report import write_report

if TYPE_CHECKING:
    from trmcli.training.trainer import Trainer


@dataclass(frozen=True)
class Observers(Observer):
    """Tells each of several what it is told."""

    all: Sequence[Observer]

    def generated(self, made: int, count: int) -> None:
        for observer in self.all:
            observer.generated(made, count)

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        for observer in self.all:
            observer.started(trainer, resumed_from, seconds)

    def stepped(self, step: int) -> None:
        for observer in self.all:
            observer.stepped(step)

    def progressed(self, interval: Interval) -> None:
        for observer in self.all:
            observer.progressed(interval)

    def evaluated(self, evaluation: Evaluation) -> None:
        for observer in self.all:
            observer.evaluated(evaluation)

    def entered(self, step: int, stage: Mapping[str, Any]) -> None:
        for observer in self.all:
            observer.entered(step, stage)

    def stopping(self) -> None:
        for observer in self.all:
            observer.stopping()

    def saved(self, path: Path) -> None:
        for observer in self.all:
            observer.saved(path)


@dataclass(frozen=True)
class Reporter(Observer):
    """Keeps ``report.html`` up to date: at the start, after each evaluation and each checkpoint."""

    folder: Path

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        write_report(self.folder)

    def evaluated(self, evaluation: Evaluation) -> None:
        write_report(self.folder)

    def saved(self, path: Path) -> None:
        write_report(self.folder)


class TensorBoard(Observer):
    """Writes event files into ``tensorboard/`` of the run directory, by the extra ``trmcli[tensorboard]``.

    Raises:
        InputError: if TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            message = "TensorBoard is not installed: pip install 'trmcli[tensorboard]'"
            raise InputError(message, "--tensorboard") from None
        self.folder = folder / "tensorboard"
        self._writer_class: Any = SummaryWriter
        self._writer: Any = None

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        # What was logged after the step that the run goes on from is not shown.
        self._writer = self._writer_class(str(self.folder), purge_step=resumed_from + 1)
        settings = (self.folder.parent / "config.toml").read_text(encoding="utf-8")
        self._writer.add_text("settings", indent(settings, "    ", lambda _: True), resumed_from)

    def progressed(self, interval: Interval) -> None:
        for tag, value in (
            ("loss/cells", interval.token_loss),
            ("loss/halting", interval.halt_loss),
            ("exact/training", interval.exact),
            ("cells/training", interval.cells),
            ("steps/training", interval.steps),
            ("optimiser/learning_rate", interval.lr),
            ("optimiser/gradient_norm", interval.norm),
            ("speed/examples_per_second", interval.examples_per_second),
        ):
            if value is not None:
                self._writer.add_scalar(tag, value, interval.step)

    def evaluated(self, evaluation: Evaluation) -> None:
        for tag, value in (
            ("exact/validation", evaluation.exact),
            ("steps/validation", evaluation.steps),
            ("halting/validation", evaluation.halting),
        ):
            self._writer.add_scalar(tag, value, evaluation.step)
        self._writer.flush()

    def saved(self, path: Path) -> None:
        self._writer.flush()
