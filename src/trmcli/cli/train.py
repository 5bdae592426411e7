"""``trm train``: train a preset or a TOML file of your own."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from trmcli.checks import need_torch
from trmcli.cli import complete
from trmcli.cli.options import SHOW, Machine, PaperTheme, Show
from trmcli.cli.outputs import check_outputs
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.training.config import TrainConfig
    from trmcli.training.journal import Ending

EXAMPLES = """
Examples:
  trm train sudoku                          # generated puzzles; runs/sudoku
  trm train sudoku --data train.csv.gz --max-time 90m
  trm train sudoku --resume                 # go on where it was stopped
  trm train grid --data pairs.jsonl         # your own problem; runs/pairs
  trm train my.toml --set batch_size=32 --set model.hidden_size=96
  trm train paper-sudoku-extreme --dry-run  # how large would it be?
  trm train --list                          # the presets
  torchrun --standalone --nproc-per-node 4 -m trmcli train sudoku --resume
"""


@dataclass(frozen=True)
class What:
    """What is trained, and on what."""

    panel: ClassVar[str] = "What to train"

    preset: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete.presets,
            metavar="PRESET|FILE.toml",
            help="A preset, or a file of settings. --list names the presets.",
        ),
    ] = None
    data: Annotated[
        str | None, typer.Option(metavar="FILE", help="Train on the puzzles and answers of this file.")
    ] = None
    init_from: Annotated[
        str | None,
        typer.Option(
            autocompletion=complete.weights,
            metavar="NAME|FILE",
            help="Start from these weights instead of at random.",
        ),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, in all stages; repeatable."),
    ] = None


@dataclass(frozen=True)
class Course:
    """Where a run is kept, how long it lasts, and from where it goes on."""

    panel: ClassVar[str] = "The run"

    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Run directory; without it runs/NAME: the name of the preset or of FILE.toml, "
            "for the preset grid that of the data (pairs.jsonl: runs/pairs).",
        ),
    ] = None
    max_time: Annotated[
        str, typer.Option(metavar="TIME", help="Stop with a checkpoint after 90s, 9m or 2h.")
    ] = ""
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint; begin if there is none.")
    ] = False
    override: Annotated[bool, typer.Option("--override", help="Resume although settings changed.")] = False


@dataclass(frozen=True)
class View:
    """What is shown instead of a run, or besides."""

    panel: ClassVar[str] = SHOW

    listing: Annotated[bool, typer.Option("--list", help="Name the presets, and stop.")] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings and the run's size, and stop.")
    ] = False
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files into DIR/tensorboard as well.")
    ] = False
    theme: PaperTheme = "auto"


def train(
    what: What = What(),
    course: Course = Course(),
    machine: Machine = Machine(),
    view: View = View(),
    show: Show = Show(),
) -> None:
    """Train a model, with live progress, checkpoints and resuming.

    The run directory's report.html shows the curves; trm info DIR says how far the run is.
    """
    from trmcli.training.config import load_config, preset_titles
    from trmcli.training.own import completed

    if view.listing:
        typer.echo("\n".join(f"{name}\t{title}" for name, title in preset_titles().items()))
        return
    if what.preset is None:
        own = f"; for pairs of your own: trm train grid --data {what.data}" if what.data else ""
        raise InputError(f"name a preset ({', '.join(preset_titles())}) or a TOML file{own}")
    settings = list(what.settings or ())
    if what.init_from is not None:
        settings.append(f"init_from={json.dumps(what.init_from)}")
    config = completed(load_config(what.preset, what.data, settings))
    seconds = parse_time(course.max_time) if course.max_time else float("inf")
    need_torch("--dry-run" if view.dry_run else "training")
    folder = course.out or Path("runs") / config.name
    _refuse_inputs(config, what.preset, folder)
    if view.dry_run:
        typer.echo(describe(config))
        return

    from trmcli.ranks import join
    from trmcli.solving.torch_engine import pick_device
    from trmcli.training.journal import Observer
    from trmcli.training.run import run
    from trmcli.ui.dashboard import Dashboard
    from trmcli.ui.observers import Observers, Reporter, TensorBoard

    signal.signal(signal.SIGTERM, _terminated)
    with _at_once_told(folder, show.quiet), _memory_told(config), ExitStack() as stack:
        ranks, place = stack.enter_context(join(pick_device(machine.device)))
        watching: list[Observer] = []
        if ranks.first:
            watching += [stack.enter_context(TensorBoard(folder))] if view.tensorboard else []
            if not show.quiet:
                dashboard = Dashboard(config, folder, seconds, theme=view.theme)
                watching.append(stack.enter_context(dashboard))
            watching.append(Reporter(folder))
        ending = run(
            config,
            folder,
            Observers(watching),
            resume=course.resume,
            override=course.override,
            max_seconds=seconds,
            device=place,
            ranks=ranks,
        )
    if ending.why and ranks.first and not show.quiet:
        typer.echo(farewell(config, folder, ending), err=True)
    if ending.signal:
        raise typer.Exit(128 + ending.signal)


def _refuse_inputs(config: TrainConfig, preset: str, folder: Path) -> None:
    """Raise InputError where a run that begins would write over what it is made from."""
    from trmcli.training.checkpoint import list_checkpoints
    from trmcli.training.config import RUN_FILES

    if not list_checkpoints(folder / "checkpoint"):
        read = [preset, config.init_from, config.validation, *(one.source for one in config.data)]
        check_outputs(read, *(("--out", folder / name) for name in RUN_FILES))


@contextmanager
def _at_once_told(folder: Path, quiet: bool) -> Iterator[None]:
    """Say what is left where a run ends at once: by a second Ctrl-C, or before its first step."""
    from trmcli.training.checkpoint import list_checkpoints

    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if os.environ.get("RANK", "0") == "0" and not quiet:
            saved = list_checkpoints(folder / "checkpoint")
            left = f"the last checkpoint is {saved[-1]}" if saved else "nothing was saved"
            typer.echo(f"trm: stopped at once; {left}. Go on: {resuming()}", err=True)
        raise


@contextmanager
def _memory_told(config: TrainConfig) -> Iterator[None]:
    """Say of a run that is too large for this machine what would make it smaller."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not re.search(
            "memory.*allocate|allocate.*memory", str(error)
        ):
            raise
        message = (
            "needs more memory than there is: lower batch_size, raise accumulate, or make [model] smaller"
        )
        raise InputError(f"{message}; --dry-run says how much it needs", config.name) from None


def _terminated(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def farewell(config: TrainConfig, folder: Path, ending: Ending) -> str:
    """What to say of a run that stopped before its end: where, why, what is left, and how to go on."""
    from trmcli.training.checkpoint import list_checkpoints
    from trmcli.training.journal import PATIENCE

    stopped = f"trm: stopped at step {ending.step:,} of {config.total_steps:,}"
    if ending.why == PATIENCE:
        patience, best = config.at(ending.step).patience, _quoted(folder / "best.safetensors")
        return f"{stopped}, for {patience} evaluations were no better. The best: trm solve --weights {best}"
    checkpoint, last = list_checkpoints(folder / "checkpoint")[-1], _quoted(folder / "last.safetensors")
    return (
        f"{stopped} ({ending.why}). Left: {checkpoint}, and averaged weights for trm solve --weights {last}. "
        f"Go on: {resuming()}"
    )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def resuming() -> str:
    """The command that goes on with the run that this command began, or went on with."""
    arguments = sys.argv[1:] if "--resume" in sys.argv else [*sys.argv[1:], "--resume"]
    size, here = os.environ.get("WORLD_SIZE", "1"), os.environ.get("LOCAL_WORLD_SIZE", "1")
    if size != here:
        return "on every machine as before, with --resume"
    start = ["trm"] if size == "1" else ["torchrun", "--standalone", "--nproc-per-node", size, "-m", "trmcli"]
    return shlex.join([*start, *arguments])


def describe(config: TrainConfig) -> str:
    """The resolved settings as TOML that can be trained again, with the run's size in comments."""
    from trmcli.settings import to_toml
    from trmcli.training.plan import plan

    size = plan(config)
    lines = [
        f"# parameters: {size.parameters:,}",
        *(
            f"# examples in {source}: {'unknown, for it is not here' if count is None else f'{count:,}'}"
            for source, count in size.examples
        ),
        f"# steps: {size.steps:,} of {config.batch_size} examples, {size.examples_seen:,} in all",
        f"# arithmetic: {size.flops:.3g} FLOP a step, {size.flops * size.steps:.3g} in all",
        f"# memory: about {size.memory / 2**30:.2g} GiB",
    ]
    return to_toml(config.to_dict()) + "\n" + "\n".join(lines)


def parse_time(text: str) -> float:
    """Seconds of ``90``, ``90s``, ``9m`` or ``2h``.

    Raises:
        InputError: for anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if match is None:
        raise InputError(f"{text!r} is not a length of time: write 90s, 9m or 2h", "--max-time")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
