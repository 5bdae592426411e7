"""A run on disk: data, resuming, evaluation, checkpoints, logs, stopping on time or on a signal.

A run directory holds ``config.toml`` (resolved), ``log.jsonl``, ``checkpoint/step-N.safetensors`` (the last
two), and the averaged weights, with cards: ``last.safetensors`` of the last evaluation or checkpoint,
``best.safetensors`` of the evaluation that did best. With several ranks all do the same at the same step, and
the first one writes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from trmcli.errors import InputError
from trmcli.files import append_text, remove_left_overs, write_text
from trmcli.settings import to_toml
from trmcli.tasks import get_task
from trmcli.tasks.task import Task
from trmcli.training.checkpoint import list_checkpoints, load_newest, save_checkpoint
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.data import Examples
from trmcli.training.journal import PATIENCE, TIME, Ending, Evaluation, Interval, Observer, lines_until
from trmcli.training.optim import learning_rate
from trmcli.training.ranks import Ranks
from trmcli.training.reference_data import is_dataset
from trmcli.training.setup import check_settings, model_config
from trmcli.training.sources import load_examples
from trmcli.training.trainer import Measures, Trainer
from trmcli.weights.files import Card, load_weights, save_weights
from trmcli.weights.registry import find_weights

WEIGHTS = ("last.safetensors", "best.safetensors")
"""The newest averaged weights, and those of the evaluation that did best."""


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
    state = load_newest(checkpoints)
    if state is not None:
        _refuse_changes(state[1]["config"], config.to_dict(), folder, override)
    task = get_task(config.task, config.kind)
    done = state[1]["step"] if state is not None else 0
    part = config.at(max(0, done - 1))  # a stage that begins here is entered below, like any other
    examples, validation = _load_data(part, task, observer.generated)
    ahead, before, data = {}, part, (examples, validation)
    for first, later in config.parts:  # no stage is to fail hours from now
        if first >= done:
            if _sources(later) != _sources(before):
                data = _load_data(later, task, observer.generated)
            ahead[first], before = data, later
        check_settings(later, task, ranks)
        model_config(later, task, data[0][0].shape, data[0][0].num_puzzles)
    trainer = Trainer(part, task, examples, device, ranks)
    best, waited, evaluated, past = -1.0, 0, 0, 0.0
    if state is not None:
        tensors, values = state
        trainer.restore(tensors, values["step"], str(checkpoints))
        best, waited, past = values["best"], values.get("waited", 0), values["seconds"]
        evaluated = values["evaluated"] if "evaluated" in values else values["step"]
    elif config.init_from:
        path = find_weights(config.init_from, config.task)
        trainer.start_from(load_weights(path)[0], str(path))
    del state
    furthest, least = ranks.largest((trainer.steps_done, -trainer.steps_done))
    if furthest != -least:
        raise InputError("not all ranks see the same checkpoints here", str(checkpoints))
    log = folder / "log.jsonl"
    if ranks.first:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", str(folder)) from None
        write_text(folder / "config.toml", to_toml(config.to_dict()))
        write_text(log, lines_until(log, trainer.steps_done, evaluated))

    def seconds() -> float:
        return past + time.monotonic() - began

    def save() -> None:
        tensors = trainer.state()
        if ranks.first:
            for name in ("config.toml", "log.jsonl", *WEIGHTS, "report.html"):
                remove_left_overs(folder / name)
            values = {
                "step": trainer.steps_done,
                "config": config.to_dict(),
                "best": best,
                "waited": waited,
                "evaluated": evaluated,
                "seconds": seconds(),
            }
            path = save_checkpoint(checkpoints, trainer.steps_done, tensors, values)
            if evaluated < trainer.steps_done:
                save_weights(folder / WEIGHTS[0], trainer.averaged_model(), _card(config, trainer, seconds()))
            observer.saved(path)

    def record(kind: str, values: Interval | Evaluation | Ending) -> None:
        if ranks.first:
            append_text(log, json.dumps({"kind": kind, **vars(values)}) + "\n")

    def stopped(why: str, number: int = 0) -> Ending:
        ending = Ending(trainer.steps_done, seconds(), why, number)
        if why:
            record("stopped", ending)
        return ending

    with _Signals(observer) as signals, _failures_told(stopped):
        observer.started(trainer, trainer.steps_done, seconds())
        pending: list[Tensor] = []
        why = ""
        interval_began = last_saved = time.monotonic()
        received = over = 0
        while True:
            step = trainer.steps_done
            if step > evaluated and (step % part.eval_every == 0 or step >= config.total_steps):
                figures = trainer.evaluate(validation, lambda: signals.received > 0)
                if figures is None:
                    received = signals.received
                    break
                evaluation = Evaluation(step, seconds(), **figures, best=figures["exact"] >= best)
                record("evaluation", evaluation)
                observer.evaluated(evaluation)
                evaluated, waited = step, 0 if evaluation.exact > best else waited + 1
                best = max(best, evaluation.exact)
                if ranks.first:
                    averaged = trainer.averaged_model()
                    card = _card(config, trainer, evaluation.seconds, evaluation.exact)
                    for name in WEIGHTS if evaluation.best else WEIGHTS[:1]:
                        save_weights(folder / name, averaged, card)
                interval_began = time.monotonic()
            if step >= config.total_steps or received or over:
                break
            if 0 < part.patience <= waited:
                why = PATIENCE
                break
            if config.at(step) is not part:
                part, (examples, validation) = config.at(step), ahead[step]
                stage = next(stage for stage in config.stage if stage["from_step"] == step)
                former, trainer = trainer, Trainer(part, task, examples, device, ranks)
                if stage.get("restart"):
                    trainer.start_from(former.averaged_model(), config.name, step)
                else:
                    trainer.restore(former.state(), step, config.name)
                del former
                observer.entered(step, stage)
            pending.append(trainer.step())
            step, now = trainer.steps_done, time.monotonic()
            late = now - last_saved >= part.save_every
            received, due, over = ranks.largest((signals.received, late, now - began >= max_seconds))
            last = received or over or step >= config.total_steps
            # On a GPU, to look is to wait for it.
            logged = step % log_every(config) == 0
            if device.type == "cpu" or logged or step % part.eval_every == 0 or due or last:
                _check_finite(pending, step, checkpoints)
                observer.stepped(step)
            if logged:
                interval = _summary(pending, part, step, seconds(), time.monotonic() - interval_began)
                record("train", interval)
                observer.progressed(interval)
                pending, interval_began = [], time.monotonic()
            if due and not last:
                save()
                last_saved = time.monotonic()
        finished = step >= config.total_steps and evaluated == step
        if not finished and not why:
            why = SIGNALS[signal.Signals(received)] if received else TIME
        save()
        ranks.largest((0,))  # nobody leaves, and seems to have failed, while the first still writes
        return stopped(why, 0 if finished else received)


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


def _load_data(
    config: TrainConfig, task: Task, generated: Callable[[int, int], None] = Observer().generated
) -> tuple[list[Examples], Examples]:
    """The examples of every source, and the held-out ones for validation."""
    examples = [
        load_examples(task, entry, config.seed + n, generated=generated)
        for n, entry in enumerate(config.data)
    ]
    validation = config.validation
    if not validation and is_dataset(config.data[0].source, "test"):
        validation = config.data[0].source
    if validation:
        held = load_examples(task, DataConfig(validation), config.seed, "test")
        _, held = held.split(min(config.validation_count, len(held)), config.seed)
        return examples, held
    if len(examples[0]) < 2 * config.validation_count:
        raise InputError(
            f"{len(examples[0])} puzzles are too few to hold out {config.validation_count} for validation: "
            "name a file by --set validation=FILE, or lower validation_count",
            config.data[0].source,
        )
    kept, held = examples[0].split(config.validation_count, config.seed)
    return [kept, *examples[1:]], held


def _sources(config: TrainConfig) -> tuple[object, ...]:
    """The settings that :func:`_load_data` reads."""
    return config.data, config.validation, config.validation_count, config.seed


def _refuse_changes(old: Mapping[str, Any], new: Mapping[str, Any], folder: Path, override: bool) -> None:
    # A setting that did not exist when the run was begun had what is its default now.
    defaults = {entry.name: entry.default for entry in fields(TrainConfig) if entry.default is not MISSING}
    defaults["kind"] = {}
    before, after = json.loads(json.dumps({**defaults, **old})), json.loads(json.dumps(new))
    changed = {
        key: f"{before.get(key)!r} is now {after[key]!r}" for key in after if before.get(key) != after[key]
    }
    if changed and not override:
        listed = "; ".join(f"{key}: {how}" for key, how in changed.items())
        raise InputError(f"was begun with other settings ({listed}): add --override", str(folder))
    for key in ("task", "optimizer"):
        if key in changed:
            raise InputError(
                f"cannot go on with another {key} ({changed[key]}): begin a new run, with --init-from",
                str(folder),
            )


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


def _card(config: TrainConfig, trainer: Trainer, seconds: float, exact: float | None = None) -> Card:
    settings = json.dumps(config.to_dict(), sort_keys=True)
    return Card(
        name=config.name,
        task=config.task,
        kind=config.kind,
        training={
            "settings": config.to_dict(),
            "steps": trainer.steps_done,
            "minutes": round(seconds / 60, 1),
            "device": platform.machine() if trainer.device.type == "cpu" else torch.cuda.get_device_name(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
        },
        figures=[
            {
                "dataset": config.validation or f"held out of {config.data[0].source}",
                "metric": "exact accuracy, one try",
                "value": exact,
            }
        ]
        if exact is not None
        else [],
        dataset=", ".join(Path(entry.source).name for entry in config.data),
        licence="MIT",
        trained_config_sha256=hashlib.sha256(settings.encode()).hexdigest(),
    )
