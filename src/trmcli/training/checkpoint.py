"""Checkpoints: tensors in safetensors, the rest in JSON, a folder each, written whole and then renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from trmcli.errors import InputError

KEPT = 2
"""How many checkpoints of a run stay on disk."""


def save_checkpoint(folder: Path, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> Path:
    """Write ``folder/step-NNNNNNNN`` and remove all but the newest :data:`KEPT`."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".writing-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    temporary = folder / f".writing-{os.getpid()}"
    temporary.mkdir()
    contiguous = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}
    save_file(contiguous, temporary / "state.safetensors")
    (temporary / "state.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
    for path in temporary.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    final = folder / f"step-{step:08d}"
    if final.exists():
        shutil.rmtree(final)
    temporary.rename(final)
    for old in list_checkpoints(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(folder.glob("step-*"))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and values of one checkpoint.

    Raises:
        InputError: if it is damaged.
    """
    try:
        values = json.loads((path / "state.json").read_text(encoding="utf-8"))
        return load_file(path / "state.safetensors"), values
    except Exception as error:
        raise InputError(f"is not a readable checkpoint: {error}", str(path)) from None


def optimizer_tensors(optimizers: list[torch.optim.Optimizer], names: Mapping[Any, str]) -> dict[str, Tensor]:
    """All optimiser state as ``optimizer.PARAMETER.KEY``."""
    return {
        f"optimizer.{names[parameter]}.{key}": value
        for optimizer in optimizers
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def restore_optimizers(
    optimizers: list[torch.optim.Optimizer], names: Mapping[Any, str], tensors: dict[str, Tensor]
) -> None:
    """The inverse of :func:`optimizer_tensors`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                prefix = f"optimizer.{names[parameter]}."
                optimizer.state[parameter] = {
                    name.removeprefix(prefix): value.to(parameter.device)
                    for name, value in tensors.items()
                    if name.startswith(prefix)
                }
