"""``trm convert``: the reference's checkpoints to weights files, and back."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from trmcli.errors import InputError

EXAMPLES = """
Examples:

  trm convert step_65104 -o sudoku.safetensors  # beside its all_config.yaml

  trm convert step_1 -o hrm.safetensors --config runs/hrm/all_config.yaml

  trm solve puzzle.txt --weights sudoku.safetensors

  trm convert sudoku.safetensors --to reference -o step_0
"""


class Direction(str, Enum):
    """Which way to convert."""

    trm = "trm"
    reference = "reference"


class Precision(str, Enum):
    """How tensors are stored."""

    float32 = "float32"
    bfloat16 = "bfloat16"


def convert(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="File to convert.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")],
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Settings of the run; all_config.yaml beside the checkpoint by default.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting; repeatable.", show_default=False),
    ] = None,
    task: Annotated[str, typer.Option(metavar="NAME", help="What the model solves.")] = "sudoku",
    dtype: Annotated[Precision, typer.Option(help="How the tensors are stored.")] = Precision.float32,
    to: Annotated[Direction, typer.Option(help="Which way.")] = Direction.trm,
) -> None:
    """Make a weights file of a checkpoint of TinyRecursiveModels (TRM or HRM).

    Nothing in a checkpoint is run. With --to reference, make a checkpoint
    of a weights file, and print the settings that the reference needs.
    """
    if to is Direction.reference:
        from trmcli.weights.convert import to_reference

        typer.echo(" ".join(to_reference(checkpoint, output)))
        return
    from trmcli.tasks import get_task
    from trmcli.weights.convert import from_reference, read_settings

    kind = get_task(task)
    if config is None and (beside := checkpoint.parent / "all_config.yaml").is_file():
        config = beside
    known = read_settings(config, settings or ())
    if output.is_dir() or not output.parent.is_dir():
        raise InputError("is a folder, or lies in none", str(output))
    import torch

    card = from_reference(checkpoint, output, known, kind.name, getattr(torch, dtype.value))
    config_of = card.model_config
    if config_of.vocab_size > kind.vocab_size:
        typer.echo(
            f"{output}: has {config_of.vocab_size} tokens, and {task} only {kind.vocab_size}", err=True
        )
    arch = "HRM" if config_of.answer_layers else "TRM"
    typer.echo(f"{output}\t{arch}, {config_of.mixer}, hidden size {config_of.hidden_size}")
