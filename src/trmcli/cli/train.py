"""``trm train``: train a preset or a TOML file of your own."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.training.config import TrainConfig

EXAMPLES = """
Examples:

  trm train sudoku                                 # generated puzzles, into runs/sudoku

  trm train sudoku --data train.csv.gz --max-time 90m

  trm train sudoku --resume                        # go on where it was stopped

  torchrun --standalone --nproc-per-node 4 -m trmcli train sudoku --resume

  trm train my.toml --set batch_size=32 --set model.hidden_size=96 --out runs/narrow

  trm train paper-sudoku-extreme --dry-run         # how large would it be?

  trm train --list                                 # the presets
"""


def train(
    preset: Annotated[str | None, typer.Argument(metavar="PRESET|CONFIG.toml", help="What to train.")] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Train on the puzzles and answers of this file."),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME", help="Start from these weights instead of at random."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run directory; runs/NAME by default."),
    ] = None,
    max_time: Annotated[
        str, typer.Option(metavar="TIME", help="Stop with a checkpoint after 90s, 9m, 2h.")
    ] = "",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint; begin if there is none.")
    ] = False,
    override: Annotated[bool, typer.Option("--override", help="Resume although settings changed.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, in all stages; repeatable."),
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files into DIR/tensorboard as well.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the settings and the run's size, and stop.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="Name the presets.")] = False,
) -> None:
    """Train a model, with live progress, checkpoints and resuming.

    The run directory's report.html shows the curves; ``trm info DIR`` says how far the run is.
    """
    from trmcli.training.config import load_config, presets

    if listing:
        for name, path in presets().items():
            comment = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
            typer.echo(f"{name}\t{comment}")
        return
    if preset is None:
        raise InputError(f"name a preset ({', '.join(presets())}) or a TOML file")
    if init_from is not None:
        settings = [*(settings or ()), f"init_from={json.dumps(init_from)}"]
    config = load_config(preset, data, settings or ())
    seconds = parse_time(max_time) if max_time else float("inf")
    if dry_run:
        typer.echo(describe(config))
        return

    from trmcli.solving.solver import pick_device
    from trmcli.training.ranks import join
    from trmcli.training.run import Observer, run
    from trmcli.ui.dashboard import Dashboard
    from trmcli.ui.observers import Observers, Reporter, TensorBoard

    folder = out or Path("runs") / config.name
    with ExitStack() as stack:
        ranks, place = stack.enter_context(join(pick_device(device)))
        watching: list[Observer] = []
        if ranks.first:
            watching += [stack.enter_context(TensorBoard(folder))] if tensorboard else []
            watching += [stack.enter_context(Dashboard(config, folder)), Reporter(folder)]
        received = run(
            config,
            folder,
            Observers(watching),
            resume=resume,
            override=override,
            max_seconds=seconds,
            device=place,
            ranks=ranks,
        )
    if received:
        raise typer.Exit(128 + received)


def describe(config: TrainConfig) -> str:
    """The resolved settings as TOML that can be trained again, with the run's size in comments."""
    from trmcli.training.plan import plan
    from trmcli.training.run import to_toml

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
        raise InputError(f"{text!r} is no length of time: write 90s, 9m or 2h", "--max-time")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
