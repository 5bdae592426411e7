"""``trm convert``: the reference's checkpoints to weights files, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from trmcli.checks import need_torch
from trmcli.cli import complete
from trmcli.cli.options import choice
from trmcli.cli.outputs import check_outputs
from trmcli.errors import InputError

EXAMPLES = """
Examples:
  trm convert step_65104 -o mine.safetensors  # beside its all_config.yaml
  trm convert step_1 -o hrm.safetensors --config runs/hrm/all_config.yaml
  trm solve puzzle.txt --weights mine.safetensors
  trm convert step_518071 -o arc.safetensors --task arc
  trm convert mine.safetensors --to reference -o step_0
"""


Direction = Literal["trm", "reference"]
Precision = Literal["float32", "bfloat16"]


def convert(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="File to convert.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")],
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Settings of the run; without it, all_config.yaml beside the checkpoint.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting; repeatable."),
    ] = None,
    task: Annotated[
        str, typer.Option(autocompletion=complete.kinds, metavar="NAME", help="What the model solves.")
    ] = "sudoku",
    identifiers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Names of the rows of puzzle embeddings: the identifiers.json of the folder that it was "
            "trained on; without it, the one beside the checkpoint.",
        ),
    ] = None,
    dtype: Annotated[
        Precision,
        typer.Option(**choice(Precision), metavar="NAME", help="How numbers are kept: float32 or bfloat16."),
    ] = "float32",
    to: Annotated[
        Direction,
        typer.Option(
            **choice(Direction),
            metavar="FORM",
            help="trm: a weights file. reference: a checkpoint of the reference.",
        ),
    ] = "trm",
) -> None:
    """Make a weights file of a checkpoint of TinyRecursiveModels (TRM or HRM).

    Nothing in a checkpoint is run. With --to reference, make a checkpoint
    of a weights file, and print the settings that the reference needs.
    """
    beside = [checkpoint.parent / name for name in ("all_config.yaml", "identifiers.json")]
    check_outputs([checkpoint, config, identifiers, *beside], ("-o", output))
    need_torch("converting")
    if to == "reference":
        from trmcli.weights.convert import to_reference

        typer.echo(" ".join(to_reference(checkpoint, output)))
        return
    from trmcli.tasks import get_task
    from trmcli.weights.convert import from_reference, read_names, read_settings

    kind = get_task(task)
    if config is None and beside[0].is_file():
        config = beside[0]
    known = read_settings(config, settings or ())
    if output.is_dir() or not output.parent.is_dir():
        raise InputError("is a folder, or lies in none", str(output))
    import torch

    names = read_names(checkpoint, identifiers)
    card = from_reference(checkpoint, output, known, kind.name, getattr(torch, dtype), names)
    config_of = card.model_config
    if config_of.vocab_size > kind.codec.vocab_size:
        typer.echo(
            f"{output}: has {config_of.vocab_size} tokens, and {task} only {kind.codec.vocab_size}", err=True
        )
    if averaged := card.training.get("averaged"):
        typer.echo(f"{checkpoint}: took the averaged weights, {averaged}", err=True)
    arch = "HRM" if config_of.answer_layers else "TRM"
    typer.echo(f"{output}\t{arch}, {config_of.mixer}, hidden size {config_of.hidden_size}")
