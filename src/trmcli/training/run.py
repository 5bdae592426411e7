"""A run on disk: data, resuming, evaluation, checkpoints, logs, stopping on time or on a signal.

A run directory holds ``config.toml`` (resolved), ``log.jsonl``, ``checkpoint/step-N.safetensors`` (the last
two), and the averaged weights, with cards: ``last.safetensors`` of the last evaluation or checkpoint,
``best.safetensors`` of the evaluation that did best, if wanted ``evaluations/step-N.safetensors`` of each.
With several ranks all do the same at the same step, and the first one writes.
"""

from __future__ import annotations

import contextlib
import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from trmcli.errors import InputError
from trmcli.files import append_text, remove_left_overs, write_text
from trmcli.ranks import Ranks
from trmcli.settings import to_toml
from trmcli.tasks import get_task
from trmcli.training.card import card_of, puzzles_of
from trmcli.training.checkpoint import list_checkpoints, load_newest, save_checkpoint
from trmcli.training.config import EVALUATIONS, RUN_FILES, WEIGHTS, TrainConfig
from trmcli.training.journal import PATIENCE, TIME, Ending, Evaluation, Interval, Observer, lines_until
from trmcli.training.optim import learning_rate
from trmcli.training.progress import Progress, refuse_changes
from trmcli.training.setup import Stage, prepare
from trmcli.training.trainer import Measures, Trainer
from trmcli.weights.files import load_weights, save_weights
from trmcli.weights.registry import find_weights

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
"""Signals that stop a run, and what people call them."""


def log_every(config: TrainConfig) -> int:
    """Gradient steps that one line of the log sums up: 50, in short runs fewer."""
    return max(1, min(50, config.total_steps // 20))


@dataclass
class _Signals:
    """SIGINT and SIGTERM ask the run to stop after the step it is in; a second one ends it at once."""

    observer: Observer
    received: int = 0
    previous: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> _Signals:
        for number in SIGNALS:
            self.previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt(f"a second {SIGNALS[signal.Signals(number)]}")
        self.received = number
        self.observer.stopping()


def run(
    config: TrainConfig,
    folder: Path,
    observer: Observer,
    *,
    resume: bool = False,
    override: bool = False,
    max_seconds: float = math.inf,
    device: torch.device,
    ranks: Ranks | None = None,
) -> Ending:
    """Train until ``config.total_steps``, ``max_seconds`` or a signal; leave a checkpoint in every case.

    With ``resume``, go on from the newest good checkpoint; where there is none, begin.

    Raises:
        InputError: if the folder holds another run, or the data is bad.
    """
    began = time.monotonic()
    ranks = ranks or Ranks()
    checkpoints = folder / "checkpoint"
    if list_checkpoints(checkpoints) and not resume:
        raise InputError("holds a run already: go on with --resume, or name another --out", str(folder))
    tensors, kept = load_newest(checkpoints) or (None, None)
    if kept is not None:
        refuse_changes(kept["config"], config.to_dict(), folder, override)
    progress = Progress.of(config, kept)
    task = get_task(config.task, config.kind)
    stages = prepare(config, task, ranks, progress.step, observer.generated)
    trainer = Trainer(stages[0], task, device, ranks)
    if tensors is not None:
        trainer.restore(tensors, progress.step, str(checkpoints))
    elif config.init_from:
        path = find_weights(config.init_from, config.task)
        trainer.start_from(load_weights(path)[0], str(path))
    del tensors
    furthest, least = ranks.largest((progress.step, -progress.step))
    if furthest != -least:
        raise InputError("not all ranks see the same checkpoints here", str(checkpoints))
    began -= progress.seconds
    return Run(config, folder, observer, ranks, progress, stages, trainer, began, max_seconds).train()


class Run:
    """A run under way: a trainer, its stages, its progress, and its folder.

    Args:
        config: all of its settings.
        folder: where it is kept.
        observer: who is told.
        ranks: who trains with it.
        progress: how far it is.
        stages: the one that the trainer is in, and those to come.
        trainer: does the steps.
        began: when the run would have begun if it had never stopped, on the clock of ``time.monotonic``.
        max_seconds: how long it may go on from where it is.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        observer: Observer,
        ranks: Ranks,
        progress: Progress,
        stages: Sequence[Stage],
        trainer: Trainer,
        began: float,
        max_seconds: float,
    ) -> None:
        self.config, self.folder, self.observer, self.ranks = config, folder, observer, ranks
        self.progress, self.trainer, self.began = progress, trainer, began
        self.stage, *self.ahead = stages
        self.puzzles = puzzles_of(self.stage)
        self.deadline = began + progress.seconds + max_seconds
        self.checkpoints, self.log = folder / "checkpoint", folder / "log.jsonl"
        self.signals = _Signals(observer)
        self.pending: list[Tensor] = []  # what the steps since the last line of the log showed
        self.asked = 0  # the signal that asks all ranks to stop
        self.late = False  # whether the time is over
        self.save_due = False
        self.interval_began = self.last_saved = time.monotonic()

    def train(self) -> Ending:
        """Evaluation, stage, step, save, in this order, until something ends the run."""
        self._open()
        with self.signals, _failures_told(self._tell_ending):
            self.observer.started(self.trainer, self.progress.step, self.seconds)
            self._evaluate()
            while not self.over:
                self._enter()
                self._step()
                self._log()
                self._save_if_due()
                self._evaluate()
            self._save()
            self.ranks.largest((0,))  # nobody leaves, and seems to have failed, while the first still writes
            return self._tell_ending(self.why, self.asked if self.why else 0)

    @property
    def seconds(self) -> float:
        """The run's age."""
        return time.monotonic() - self.began

    @property
    def complete(self) -> bool:
        """Whether all steps are done."""
        return self.progress.step >= self.config.total_steps

    @property
    def over(self) -> bool:
        """Whether no step follows."""
        waited_enough = 0 < self.stage.settings.patience <= self.progress.waited
        return self.complete or bool(self.asked) or self.late or waited_enough

    @property
    def why(self) -> str:
        """What ended the run before its time; empty if nothing did."""
        if self.complete and self.progress.evaluated == self.progress.step:
            return ""
        if self.asked:
            return SIGNALS[signal.Signals(self.asked)]
        return TIME if self.late else PATIENCE

    def _open(self) -> None:
        """Make the folder ready."""
        if not self.ranks.first:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", str(self.folder)) from None
        write_text(self.folder / "config.toml", to_toml(self.config.to_dict()))
        write_text(self.log, lines_until(self.log, self.progress.step, self.progress.evaluated))

    def _evaluate(self) -> None:
        """Evaluate if it is time to. A signal breaks it off; it is done on resuming."""
        progress, step = self.progress, self.progress.step
        due = step % self.stage.settings.eval_every == 0 or self.complete
        if step <= progress.evaluated or not due:
            return
        figures = self.trainer.evaluate(self.stage.held, lambda: self.signals.received > 0)
        if figures is None:
            self.asked = self.signals.received
            return
        evaluation = Evaluation(step, self.seconds, **vars(figures), best=figures.exact >= progress.best)
        self._record("evaluation", evaluation)
        self.observer.evaluated(evaluation)
        progress.waited = 0 if evaluation.exact > progress.best else progress.waited + 1
        progress.evaluated, progress.best = step, max(progress.best, evaluation.exact)
        if self.ranks.first:
            averaged = self.trainer.averaged_model()
            card = card_of(self.config, self.trainer, evaluation.seconds, evaluation.exact)
            names = list(WEIGHTS if evaluation.best else WEIGHTS[:1])
            if self.stage.settings.keep_evaluations:
                (self.folder / EVALUATIONS).mkdir(exist_ok=True)
                names.append(f"{EVALUATIONS}/step-{step:08d}.safetensors")
            for name in names:
                save_weights(self.folder / name, averaged, card, puzzles=self.puzzles)
        self.interval_began = time.monotonic()

    def _enter(self) -> None:
        """Go on to the next stage if it begins here."""
        step = self.progress.step
        if not self.ahead or self.ahead[0].first != step:
            return
        self.stage, *self.ahead = self.ahead
        former, device = self.trainer, self.trainer.device
        self.trainer = Trainer(self.stage, former.task, device, self.ranks)
        if self.stage.change.get("restart"):
            self.trainer.start_from(former.averaged_model(), self.config.name, step)
        else:
            self.trainer.restore(former.state(), step, self.config.name)
        self.observer.entered(step, self.stage.change)

    def _step(self) -> None:
        """One gradient step, and what all ranks are to do after it."""
        self.pending.append(self.trainer.step())
        self.progress.step, now = self.trainer.steps_done, time.monotonic()
        due = now - self.last_saved >= self.stage.settings.save_every
        wishes = (self.signals.received, due, now >= self.deadline)
        self.asked, save_due, late = self.ranks.largest(wishes)
        self.save_due, self.late = bool(save_due), bool(late)

    def _log(self) -> None:
        """Look at what the steps showed, if it is time to: on a GPU, to look is to wait for it."""
        settings, step = self.stage.settings, self.progress.step
        logged = step % log_every(self.config) == 0
        ends = self.save_due or self.asked or self.late or self.complete
        if self.trainer.device.type == "cpu" or logged or step % settings.eval_every == 0 or ends:
            _check_finite(self.pending, step, self.checkpoints)
            self.observer.stepped(step)
        if logged:
            elapsed = time.monotonic() - self.interval_began
            interval = _summary(self.pending, settings, step, self.seconds, elapsed)
            self._record("train", interval)
            self.observer.progressed(interval)
            self.pending, self.interval_began = [], time.monotonic()

    def _save_if_due(self) -> None:
        """The last checkpoint is not yet due here: what ends the run saves."""
        if self.save_due and not (self.asked or self.late or self.complete):
            self._save()
            self.last_saved = time.monotonic()

    def _save(self) -> None:
        """Write a checkpoint, and the averaged weights where no evaluation has just done so."""
        tensors, step = self.trainer.state(), self.progress.step
        if not self.ranks.first:
            return
        for name in RUN_FILES:
            remove_left_overs(self.folder / name)
        self.progress.seconds = self.seconds
        path = save_checkpoint(self.checkpoints, step, tensors, vars(self.progress))
        if self.progress.evaluated < step:
            card = card_of(self.config, self.trainer, self.seconds)
            averaged = self.trainer.averaged_model()
            save_weights(self.folder / WEIGHTS[0], averaged, card, puzzles=self.puzzles)
        self.observer.saved(path)

    def _record(self, kind: str, values: Interval | Evaluation | Ending) -> None:
        if self.ranks.first:
            append_text(self.log, json.dumps({"kind": kind, **asdict(values)}) + "\n")

    def _tell_ending(self, why: str, number: int = 0) -> Ending:
        ending = Ending(self.trainer.steps_done, self.seconds, why, number)
        if why:
            self._record("stopped", ending)
        return ending


@contextmanager
def _failures_told(stopped: Callable[[str], Ending]) -> Iterator[None]:
    """Let the log say what ends the run before its time."""
    try:
        yield
    except BaseException as error:
        known = isinstance(error, (InputError, KeyboardInterrupt))
        with contextlib.suppress(InputError):  # the disk may be what failed
            stopped(str(error) if known else repr(error))
        raise


def _check_finite(pending: Sequence[Tensor], step: int, checkpoints: Path) -> None:
    """Raise InputError if the loss or the gradient of one of the last steps is not a number."""
    finite = torch.stack(list(pending)).isfinite().all(dim=1).tolist()
    if not all(finite):
        saved = list_checkpoints(checkpoints)
        before = (
            f"the last checkpoint, {saved[-1].name}, is from before" if saved else "there is no checkpoint"
        )
        raise InputError(
            f"the loss or the gradient of step {step - len(finite) + finite.index(False) + 1} is not finite: "
            f"try a lower lr, or clip; {before}",
            str(checkpoints.parent),
        )


def _summary(
    pending: Sequence[Tensor], config: TrainConfig, step: int, seconds: float, elapsed: float
) -> Interval:
    mean = Measures.read(pending)
    return Interval(
        step=step,
        seconds=round(seconds, 1),
        loss=mean.loss,
        token_loss=mean.token_loss,
        halt_loss=mean.halt_loss,
        cells=mean.cells,
        exact=mean.exact / mean.ended if mean.ended else None,
        steps=mean.steps / mean.ended if mean.ended else None,
        lr=learning_rate(step - 1, config),
        norm=mean.norm,
        examples_per_second=len(pending) * config.batch_size / max(elapsed, 1e-9),
    )
