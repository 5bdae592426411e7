"""What ``torch.save`` wrote: the tensors of a TRM or HRM, found among whatever wraps them.

A checkpoint is a pickle. It is read by ``torch.load(weights_only=True)`` and in no other way, so nothing in
it can run. Newer files are memory-mapped, so that big tables of puzzle embeddings stay on disk until they are
written again.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trmcli.errors import InputError
from trmcli.weights.header import refuse_others

if TYPE_CHECKING:
    import torch

PREFIX = "_orig_mod.model.inner."
"""What stands before every name in the reference, if the model was compiled; less of it does if not."""

WRAPPERS = {
    *("module", "_orig_mod", "model", "inner", "net", "online_model", "shadow"),
    *("state_dict", "model_state", "model_state_dict"),
}
"""What wraps a model in checkpoints, in any order and depth: as a key of its own, or before a name.

``module`` comes from data-parallel training, ``_orig_mod`` from ``torch.compile``, the others from people.
"""

_TOP = {
    "embed_tokens.embedding_weight": "embed.weight",
    "embed_pos.embedding_weight": "embed_positions.weight",
    "puzzle_emb.weights": "embed_puzzle.weight",
    "lm_head.weight": "lm_head.weight",
    "q_head.weight": "halt_head.weight",
    "q_head.bias": "halt_head.bias",
    "H_init": "initial_answer",
    "L_init": "initial_latent",
}
_LEVELS = {"L_level": "layers", "H_level": "answer_layers"}
_IN_LAYER = {
    "mlp_t.gate_up_proj.weight": "mixer.across.gate_up.weight",
    "mlp_t.down_proj.weight": "mixer.across.down.weight",
    "self_attn.qkv_proj.weight": "mixer.qkv.weight",
    "self_attn.o_proj.weight": "mixer.out.weight",
    "mlp.gate_up_proj.weight": "ffn.gate_up.weight",
    "mlp.down_proj.weight": "ffn.down.weight",
}


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one model.

    Attributes:
        tensors: by our names.
        names: what each is called in the file, with what wraps it.
        averaged: what the averaged copy (EMA) is called, if there is one and so was taken.
    """

    tensors: Mapping[str, torch.Tensor]
    names: Mapping[str, str]
    averaged: str = ""


def is_average(segment: str) -> bool:
    """Whether a part of a name marks averaged weights: ``ema``, ``ema_state_dict``, ``model_ema``, ..."""
    return "ema" in segment.split("_")


def bare_name(name: str) -> str:
    """A name without what wraps it."""
    segments = name.split(".")
    while segments and (segments[0] in WRAPPERS or is_average(segments[0])):
        segments.pop(0)
    return ".".join(segments)


def our_name(name: str) -> str:
    """Our name of a tensor of the reference.

    Raises:
        KeyError: if it knows no such tensor.
    """
    bare = bare_name(name)
    if bare in _TOP:
        return _TOP[bare]
    match = re.fullmatch(r"([LH]_level)\.layers\.(\d+)\.(.+)", bare)
    if match is None or match[3] not in _IN_LAYER:
        raise KeyError(name)
    return f"{_LEVELS[match[1]]}.{match[2]}.{_IN_LAYER[match[3]]}"


def reference_name(name: str) -> str:
    """The reference's name, without :data:`PREFIX`, of a tensor of ours: the inverse of :func:`our_name`.

    Raises:
        KeyError: if it has no such tensor.
    """
    top = {ours: theirs for theirs, ours in _TOP.items()}
    if name in top:
        return top[name]
    part, number, rest = name.split(".", 2) if name.count(".") > 1 else (name, "", "")
    levels = {ours: theirs for theirs, ours in _LEVELS.items()}
    inside = {ours: theirs for theirs, ours in _IN_LAYER.items()}
    return f"{levels[part]}.layers.{number}.{inside[rest]}"


def read_checkpoint(path: Path) -> Checkpoint:
    """The tensors of a checkpoint, of its averaged copy where it has one.

    What stands beside the model (optimisers, counters) is left alone. A tensor that has no average is taken
    from the other copy.

    Raises:
        InputError: it is no checkpoint of a TRM or HRM, holds a tensor among the others that nobody knows, or
            two copies that differ.
    """
    import torch

    copies: dict[bool, dict[str, tuple[str, torch.Tensor]]] = {False: {}, True: {}}
    values = _load(path)
    for name, tensor in _model_tensors(values, "", str(path), set()):
        averaged = any(is_average(segment) for segment in name.removesuffix(bare_name(name)).split("."))
        before = copies[averaged].setdefault(our_name(name), (name, tensor))
        if before[1] is not tensor and not torch.equal(before[1], tensor):
            raise InputError(f"holds two copies that differ: {before[0]!r} and {name!r}", str(path))
    if not copies[False] and not copies[True]:
        first = f": it begins with {str(next(iter(values)))!r}" if values else ""
        raise InputError(f"holds no tensor of a TRM or HRM{first}", str(path))
    found = {**copies[False], **copies[True]}
    average = next(iter(copies[True].values()), ("", None))[0]
    return Checkpoint(
        tensors={ours: tensor for ours, (_, tensor) in found.items()},
        names={ours: name for ours, (name, _) in found.items()},
        averaged=average.removesuffix(bare_name(average)).rstrip("."),
    )


def _model_tensors(
    values: Mapping[Any, Any], prefix: str, origin: str, seen: set[int]
) -> Iterator[tuple[str, torch.Tensor]]:
    """Full name and tensor of all that belongs to a model, here and in what is wrapped."""
    if id(values) in seen:  # a pickle may hold itself
        return
    seen.add(id(values))
    known, strange = [], []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if not bare_name(str(key)):
                yield from _model_tensors(value, f"{name}.", origin, seen)
            continue
        try:
            our_name(name)
        except KeyError:
            if hasattr(value, "numel") and value.numel() > 1:  # else it counts something
                strange.append(name)
            continue
        if not hasattr(value, "is_floating_point") or not value.is_floating_point():
            raise InputError(f"holds {name!r}, which is no tensor of floats", origin)
        known.append((name, value))
    if strange and known:
        raise InputError(f"holds {strange[0]!r}, which is no tensor of TRM or HRM", origin)
    yield from known


def _load(path: Path) -> Mapping[Any, Any]:
    import pickle

    import torch

    if not path.is_file():
        raise InputError("is a folder, not a checkpoint" if path.is_dir() else "no such file", str(path))
    try:
        with path.open("rb") as file:
            refuse_others(file.read(512), "a PyTorch checkpoint", str(path))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", str(path)) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that were not written by torch
            # Files from before PyTorch 1.6 are not archives, and cannot be mapped.
            values = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        if found is None and not zipfile.is_zipfile(path):
            raise InputError("is no PyTorch checkpoint that can be read", str(path)) from None
        what = f"names {found[1]}, which" if found else "holds something that"
        raise InputError(f"{what} is no tensor; nothing of it was run", str(path)) from None
    except Exception as error:  # a damaged archive raises whatever it likes
        reason = str(error).partition("\n")[0][:120]
        raise InputError(f"is no PyTorch checkpoint that can be read: {reason}", str(path)) from None
    if not isinstance(values, Mapping):
        raise InputError(f"holds a {type(values).__name__}, not a state dict", str(path))
    return values
