"""Safetensors files: their headers, checked against the files' sizes, and how they are written.

Reading a header needs neither torch nor NumPy.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trmcli import checks
from trmcli.errors import InputError

if TYPE_CHECKING:
    import torch

_LONGEST_HEADER = 100_000_000
ITEM_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_OTHER_SIZES = {
    **{"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1},
    **{"I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8},
}


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


def read_header(path: str | Path) -> Header:
    """Read the header of a safetensors file and hold it against the file's size.

    Raises:
        InputError: there is no such file, it is of another kind, damaged or cut short.
    """
    path = checks.path("path", path, "the path of a weights file")
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
    values = parse_object(text, "its header", origin)
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


def serialized(
    tensors: Mapping[str, tuple[torch.Tensor, torch.dtype]], metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """A safetensors file in pieces, so that no second copy of a large table is ever in memory.

    Args:
        tensors: by name, each with the type that it has in the file: bfloat16, float32 or uint8.
    """
    import torch

    kinds = {torch.bfloat16: "BF16", torch.float32: "F32", torch.uint8: "U8"}
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name in sorted(tensors):
        tensor, dtype = tensors[name]
        start, end = end, end + tensor.numel() * dtype.itemsize
        header[name] = {"dtype": kinds[dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name in sorted(tensors):
        tensor, dtype = tensors[name]
        for piece in torch.split(tensor.detach().reshape(-1), 1 << 22):
            yield piece.to("cpu", dtype).contiguous().view(torch.uint8).numpy().tobytes()


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


def parse_object(text: str | bytes, what: str, origin: str) -> dict[str, Any]:
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
        size = {**ITEM_SIZES, **_OTHER_SIZES}[dtype] * math.prod(shape)
        if (
            all(type(number) is int and number >= 0 for number in (*shape, start, end))
            and end - start == size
        ):
            return TensorInfo(dtype, shape, start, end)
    except (KeyError, TypeError, ValueError):
        pass
    raise InputError(f"is damaged: its header says nothing usable of tensor {name!r}", origin)
