"""Weights files: one safetensors file holds the tensors and, as its metadata, all there is to say of them.

The metadata's key ``trmcli`` is the JSON of a :class:`Card`. Reading a card needs neither torch nor NumPy, so
that ``trm info`` answers at once. A file is checked against its own header, and the header against the model
that the card describes, before anything big is allocated.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trmcli.errors import InputError
from trmcli.files import new_file

if TYPE_CHECKING:
    import torch

    from trmcli.model import TinyRecursiveModel, TRMConfig

FORMAT = 1
"""Version of the card. A reader refuses versions that it does not know."""

_KEY = "trmcli"
_LONGEST_HEADER = 100_000_000
_ITEM_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_OTHER_SIZES = {
    **{"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1},
    **{"I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8},
}


@dataclass(frozen=True)
class Card:
    """What a weights file says of itself. ``training`` and ``figures`` are free-form JSON.

    Attributes:
        name: what the weights are called.
        task: the puzzle kind they solve.
        config: the fields of :class:`trmcli.model.TRMConfig`; :func:`save_weights` takes them from the model.
        training: recipe, steps, minutes, device, optimiser, data.
        kind: what makes the puzzle kind the one that it is, where its name alone does not say.
        figures: what was measured: dataset, metric, value, the command that measured it.
        dataset: where the training puzzles came from.
        licence: of the weights.
        trained_config_sha256: digest of the training configuration.
        format: version of this layout.
    """

    name: str
    task: str
    config: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    kind: Mapping[str, Any] = field(default_factory=dict)
    figures: Sequence[Mapping[str, Any]] = ()
    dataset: str = ""
    licence: str = ""
    trained_config_sha256: str = ""
    format: int = FORMAT

    @property
    def model_config(self) -> TRMConfig:
        """``config`` as a dataclass.

        Raises:
            ValueError: if it describes no model.
        """
        from trmcli.model.config import TRMConfig

        return TRMConfig.from_dict(self.config)

    def config_for(self, origin: str) -> TRMConfig:
        """The same, of a file.

        Raises:
            InputError: with ``origin`` as the file, if it describes no model.
        """
        try:
            return self.model_config
        except (ValueError, TypeError, ArithmeticError) as error:
            raise InputError(f"describes no model that can be built: {error}", origin) from None

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, origin: str) -> Card:
        """Read a card. Keys that this version does not know are left out.

        Raises:
            InputError: with ``origin`` as the file.
        """
        values = _parse_object(text, "its card", origin)
        if values.get("format") != FORMAT:
            found = values.get("format")
            raise InputError(f"has a card of format {found!r}; this version of trm reads {FORMAT}", origin)
        kinds = {"config": dict, "training": dict, "kind": dict, "figures": list}
        known = {entry.name: values[entry.name] for entry in fields(cls) if entry.name in values}
        for key in ("name", "task", "config"):
            if key not in known:
                raise InputError(f"has a card without {key!r}", origin)
        for key, value in known.items():
            wanted = int if key == "format" else kinds.get(key, str)
            if not isinstance(value, wanted):
                raise InputError(f"has a card whose {key!r} is {value!r}", origin)
        if not all(isinstance(figure, dict) for figure in known.get("figures", ())):
            raise InputError("has a card whose 'figures' are not all objects", origin)
        return cls(**{**known, "figures": tuple(known.get("figures", ()))})


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: ``start`` and ``end`` count bytes from the beginning of the data."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """The checked header of a safetensors file whose data section is whole."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int
    data_size: int


def read_header(path: Path) -> Header:
    """Read the header of a safetensors file and hold it against the file's size.

    Raises:
        InputError: there is no such file, it is of another kind, damaged or cut short.
    """
    origin = str(path)
    try:
        if not path.is_file():
            raise InputError("is a folder, not a weights file" if path.is_dir() else "no such file", origin)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(512)
            length = int.from_bytes(start[:8], "little")
            _check_start(start, length, size, origin)
            text = start[8 : 8 + length] + file.read(max(0, length - len(start[8:])))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", origin) from None
    values = _parse_object(text, "its header", origin)
    metadata = values.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InputError("is damaged: its metadata are not text", origin)
    tensors = {name: _tensor_info(name, entry, origin) for name, entry in values.items()}
    data_size = 0
    for name, info in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if info.start != data_size:
            raise InputError(f"is damaged: tensor {name!r} does not begin where the one before ends", origin)
        data_size = info.end
    promised = 8 + length + data_size
    if size < promised:
        raise InputError(f"is cut short: header promises {promised} bytes, file has {size}", origin)
    if size > promised:
        raise InputError(f"is damaged: header promises {promised} bytes, file has {size}", origin)
    return Header(tensors, metadata, 8 + length, data_size)


def read_card(path: Path, header: Header | None = None) -> Card:
    """The card of a weights file, from its header alone.

    Raises:
        InputError: as :func:`read_header`, or the file is not one of trmcli's.
    """
    header = header or read_header(path)
    if _KEY not in header.metadata:
        raise InputError("is a safetensors file, but not one of trmcli's: it has no card", str(path))
    return Card.from_json(header.metadata[_KEY], str(path))


def load_weights(path: Path) -> tuple[TinyRecursiveModel, Card]:
    """The model of a weights file, in float32 on the CPU, and its card.

    Raises:
        InputError: the file is no whole weights file, its tensors do not fit the model that it describes, or
            their numbers are not finite.
    """
    import torch

    header = read_header(path)
    card = read_card(path, header)
    model = _checked_model(card, {name: info.shape for name, info in header.tensors.items()}, str(path))
    for name, info in header.tensors.items():
        if info.dtype not in _ITEM_SIZES:
            raise InputError(f"tensor {name!r} is of type {info.dtype}, not a float", str(path))
    data = bytearray(header.data_size)
    with path.open("rb") as file:
        file.seek(header.data_start)
        if file.readinto(data) != len(data):
            raise InputError("changed while it was read", str(path))
    dtypes = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    state = {
        name: torch.frombuffer(data, dtype=dtypes[info.dtype], offset=info.start, count=math.prod(info.shape))
        .view(info.shape)
        .to(torch.float32, copy=True)
        for name, info in header.tensors.items()
    }
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            raise InputError(f"tensor {name!r} holds numbers that are not finite", str(path))
    model.load_state_dict(state, assign=True)
    return model, card


def save_weights(
    path: Path,
    model: TinyRecursiveModel | Mapping[str, torch.Tensor],
    card: Card,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a weights file; it is there whole, or as it was before. Equal models give equal bytes.

    Args:
        path: of the new file; its folder must exist.
        model: the model, or its state dict if ``card.config`` is filled in.
        card: what to say of it; ``config`` is taken from the model.
        dtype: of the tensors in the file: bfloat16 (the default) or float32.

    Raises:
        InputError: the tensors do not fit ``card.config``, or the file cannot be written.
    """
    import torch

    if isinstance(model, torch.nn.Module):
        card = replace(card, config=model.config.to_dict())
        state: Mapping[str, torch.Tensor] = model.state_dict()
    else:
        state = model
    _checked_model(card, {name: tuple(tensor.shape) for name, tensor in state.items()}, str(path))
    with new_file(path) as temporary, temporary.open("wb") as file:
        file.writelines(_serialized(state, dtype or torch.bfloat16, {_KEY: card.to_json()}))


def _serialized(
    state: Mapping[str, torch.Tensor], dtype: torch.dtype, metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """A safetensors file in pieces, so that no second copy of a large table is ever in memory."""
    import torch

    kind = {torch.bfloat16: "BF16", torch.float32: "F32"}[dtype]
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in sorted(state):
        start, end = end, end + state[name].numel() * dtype.itemsize
        header[name] = {"dtype": kind, "shape": list(state[name].shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in sorted(state):
        for piece in torch.split(state[name].detach().reshape(-1), 1 << 22):
            yield piece.to("cpu", dtype).contiguous().view(torch.uint8).numpy().tobytes()


def _checked_model(card: Card, shapes: Mapping[str, tuple[int, ...]], origin: str) -> TinyRecursiveModel:
    """A model without memory (on the meta device) that tensors of these shapes fit."""
    try:
        config = card.model_config
        # Every layer has tensors; without this, a damaged number could keep the constructor busy for hours.
        layers = config.num_layers + config.answer_layers
        if layers > len(shapes):
            raise InputError(f"describes {layers} layers and has {len(shapes)} tensors", origin)
        model = _empty_model(config)
    except (ValueError, TypeError, RuntimeError, ArithmeticError) as error:
        raise InputError(f"describes no model that can be built: {error}", origin) from None
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name, shape in expected.items():
        if name not in shapes:
            raise InputError(f"does not fit its own config: tensor {name!r} is missing", origin)
        if shapes[name] != shape:
            found, wanted = list(shapes[name]), list(shape)
            raise InputError(f"does not fit its own config: {name!r} is {found}, not {wanted}", origin)
    for name in shapes:
        if name not in expected:
            raise InputError(f"does not fit its own config: it knows no tensor {name!r}", origin)
    return model


def _empty_model(config: TRMConfig) -> TinyRecursiveModel:
    """A model on the meta device, built without its random initialisation.

    Random numbers on the meta device are drawn by torch's Python decompositions, whose import (sympy) takes
    longer than all else together; so operations that fill a tensor in place are left out.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    from trmcli.model import TinyRecursiveModel

    class SkipFilling(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = func.__name__
            if name.endswith("_") and not name.endswith("__") and name != "requires_grad_":
                return args[0] if args else kwargs["tensor"]
            return func(*args, **(kwargs or {}))

    with torch.device("meta"), SkipFilling():
        return TinyRecursiveModel(config)


def refuse_others(start: bytes, wanted: str, origin: str) -> None:
    """Raise InputError if the first bytes of a file are plainly of another kind than is ``wanted``."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    kind = ""
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        kind, hint = "an HTML page", "the address led to a page about the file, not to the file itself"
    elif text.startswith(b"version https://git-lfs"):
        kind, hint = "a Git LFS pointer", "git lfs pull fetches the file that it stands for"
    elif start.startswith((b"PK\x03\x04", b"\x80\x02")):
        kind, hint = "a PyTorch checkpoint", "trm convert makes weights of it"
    elif start[5:9] == b"\0\0\0{":
        kind, hint = "a safetensors file", "trm takes it as it is if it is one of trm's"
    if kind not in ("", wanted):
        raise InputError(f"is {kind}, not {wanted}: {hint}", origin)


def _check_start(start: bytes, length: int, size: int, origin: str) -> None:
    if size == 0:
        raise InputError("is empty", origin)
    refuse_others(start, "a safetensors file", origin)
    if len(start) < 9 or start[8:9] != b"{" or not 2 <= length <= _LONGEST_HEADER:
        raise InputError("is not a safetensors file", origin)
    if 8 + length > size:
        raise InputError(f"is cut short: header ends at byte {8 + length}, file has {size}", origin)


def _parse_object(text: str | bytes, what: str, origin: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"is damaged: {what} is not JSON", origin) from None
    if not isinstance(values, dict):
        raise InputError(f"is damaged: {what} is no JSON object", origin)
    return values


def _tensor_info(name: str, entry: Any, origin: str) -> TensorInfo:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        size = {**_ITEM_SIZES, **_OTHER_SIZES}[dtype] * math.prod(shape)
        if (
            all(type(number) is int and number >= 0 for number in (*shape, start, end))
            and end - start == size
        ):
            return TensorInfo(dtype, shape, start, end)
    except (KeyError, TypeError, ValueError):
        pass
    raise InputError(f"is damaged: its header says nothing usable of tensor {name!r}", origin)
