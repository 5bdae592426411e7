"""The table of puzzle embeddings: a file of its own beside the weights, read row by row.

It has a vector for each view of each task, hundreds of times as many numbers as the network, of which a
puzzle needs one row. So it stays on disk. Its file says as well which puzzle each row is of, and what was
learned from. The weights name it, and its name holds its checksum: whatever is interrupted, the two that
belong together are found, or said to be missing.
"""

from __future__ import annotations

import glob
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.files import new_file
from trmcli.weights.header import Header, TensorInfo, read_header, serialized

if TYPE_CHECKING:
    import torch

TENSOR = "embed_puzzle.weight"
"""The table's name among the tensors of a model."""

_NAMES, _LEARNED = "names", "learned"
STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Puzzles:
    """What is known of the puzzles of a table.

    Attributes:
        names: of its rows, in their order; empty where nobody has said.
        learned: what tells the questions that were learned from, as they are in no view
            (:func:`trmcli.tasks.arc.task.digest`).
    """

    names: Sequence[str] = ()
    learned: Sequence[str] = ()


class Table:
    """The rows of a table on disk.

    Attributes:
        path: of the file.
        shape: rows, and numbers in each.
    """

    def __init__(self, path: Path, header: Header) -> None:
        info = header.tensors[TENSOR]
        if info.dtype not in STORED or len(info.shape) != 2:
            raise InputError(f"tensor {TENSOR!r} is not a table of floats", str(path))
        self.path, self.shape = path, (info.shape[0], info.shape[1])
        self._wide = info.dtype != "BF16"
        self._rows: npt.NDArray[Any] = np.memmap(
            path, STORED[info.dtype], "r", header.data_start + info.start, self.shape
        )

    def __getitem__(self, rows: npt.NDArray[np.int64] | slice) -> Floats:
        """Some rows, ``[n, D]`` float32.

        Raises:
            InputError: a number in them is not finite.
        """
        stored = np.asarray(self._rows[rows])
        values = stored.astype(np.float32) if self._wide else widened(stored)
        if not np.isfinite(values).all():
            raise InputError(f"tensor {TENSOR!r} holds numbers that are not finite", str(self.path))
        return values


def widened(bits: npt.NDArray[np.uint16]) -> Floats:
    """The float32 numbers whose upper halves, as bits, are bfloat16."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def open_table(weights: Path, beside: str) -> Table | None:
    """The table in the file ``beside`` the weights that they name; None where they name none.

    Raises:
        InputError: that file is not there, is damaged or holds something else.
    """
    if not beside:
        return None
    path = _path(weights, beside)
    header = read_header(path)
    if TENSOR not in header.tensors:
        raise InputError(f"holds no table of puzzle embeddings, as {weights.name} says it does", str(path))
    return Table(path, header)


def read_puzzles(weights: Path, beside: str) -> Puzzles:
    """What the file ``beside`` the weights says of the puzzles; nothing where there is none.

    Raises:
        InputError: as :func:`open_table`.
    """
    if not beside:
        return Puzzles()
    path = _path(weights, beside)
    header = read_header(path)
    return Puzzles(_lines(path, header, _NAMES), _lines(path, header, _LEARNED))


def write_table(weights: Path, rows: torch.Tensor, puzzles: Puzzles, dtype: torch.dtype) -> str:
    """Write the table of some weights beside them, before the weights themselves; its name.

    Raises:
        InputError: it cannot be written.
    """
    import torch

    tensors = {TENSOR: (rows, dtype)}
    for name, lines in ((_NAMES, puzzles.names), (_LEARNED, puzzles.learned)):
        text = bytearray("\n".join(lines).encode())
        tensors[name] = (torch.frombuffer(text, dtype=torch.uint8) if text else torch.empty(0), torch.uint8)
    check = 0
    for piece in serialized(tensors, {}):
        check = zlib.crc32(piece, check)
    name = f"{weights.stem}.puzzles-{check:08x}.safetensors"
    with new_file(weights.with_name(name)) as temporary, temporary.open("wb") as file:
        file.writelines(serialized(tensors, {}))
    return name


def remove_others(weights: Path, kept: str) -> None:
    """Remove the tables that these weights had before."""
    for other in weights.parent.glob(f"{glob.escape(weights.stem)}.puzzles-*.safetensors"):
        if other.name != kept:
            other.unlink(missing_ok=True)


def _path(weights: Path, beside: str) -> Path:
    if Path(beside).name != beside:
        raise InputError(f"names {beside!r}, which is not a file beside it", str(weights))
    path = weights.with_name(beside)
    if not path.is_file():
        raise InputError(f"{beside}, its table of puzzle embeddings, does not lie beside it", str(weights))
    return path


def _lines(path: Path, header: Header, name: str) -> list[str]:
    """The lines of a text that is stored as bytes."""
    info = header.tensors.get(name, TensorInfo("U8", (0,), 0, 0))
    with path.open("rb") as file:
        file.seek(header.data_start + info.start)
        data = file.read(math.prod(info.shape))
    try:
        return data.decode().split("\n") if data else []
    except UnicodeDecodeError:
        raise InputError(f"is damaged: {name} are not text", str(path)) from None
