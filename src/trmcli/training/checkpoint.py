"""Checkpoints: one safetensors file each, with the rest as JSON in its metadata.

A file is whole when it gets its name, so there is never a moment without a good checkpoint; a checksum tells
when a disk has damaged it since.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from trmcli.errors import InputError
from trmcli.files import new_file

KEPT = 2
"""How many checkpoints of a run stay on disk."""

State = tuple[dict[str, Tensor], dict[str, Any]]
"""A checkpoint's tensors, and its other values."""


def save_checkpoint(folder: Path, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> Path:
    """Write ``folder/step-NNNNNNNN.safetensors`` and remove all but it and the newest before it.

    Raises:
        InputError: it cannot be written; the older ones are as they were.
    """
    path = folder / f"step-{step:08d}.safetensors"
    text = json.dumps(values)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob(".step-*"):
            left_over.unlink(missing_ok=True)
        whole = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}
        metadata = {"values": text, "crc32": str(_checksum(whole, text))}
        with new_file(path) as temporary:
            # Not by save_file, which writes under a name of its own first, to be left behind when killed.
            temporary.write_bytes(save(whole, metadata))
        before = [other for other in list_checkpoints(folder) if other < path]
        for other in list_checkpoints(folder):  # what is newer is damaged, or of a future that was given up
            if other != path and other not in before[1 - KEPT :]:
                other.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot be written: {error}", str(path)) from None
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def load_checkpoint(path: Path) -> State:
    """One checkpoint.

    Raises:
        InputError: if it is damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        # Copies: what is loaded is the file itself in memory, which may yet change.
        tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
        if _checksum(tensors, metadata["values"]) != int(metadata["crc32"]):
            raise ValueError("its checksum is wrong")
        return tensors, json.loads(metadata["values"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"is not a readable checkpoint: {error}", str(path)) from None


def load_newest(folder: Path) -> State | None:
    """The newest checkpoint that can be read, None where there is none. Says on stderr what it passes over.

    Raises:
        InputError: there are checkpoints, and all are damaged.
    """
    passed_over: list[InputError] = []
    for path in reversed(list_checkpoints(folder)):
        try:
            state = load_checkpoint(path)
        except InputError as error:
            passed_over.append(error)
            continue
        for damage in passed_over:
            print(f"trm: warning: {damage}: going on from {path.name}", file=sys.stderr)
        return state
    if passed_over:
        raise passed_over[0]
    return None


def _checksum(tensors: Mapping[str, Tensor], text: str) -> int:
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return total


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
                    # Counters stay on the CPU, where reading them waits for nothing, unless fused kernels do.
                    key: value if key == "step" and not group.get("fused") else value.to(parameter.device)
                    for name, value in tensors.items()
                    if name.startswith(prefix)
                    for key in [name.removeprefix(prefix)]
                }
