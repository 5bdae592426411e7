"""Layers in one pass each, by the machine's own C compiler (``fused.c``).

NumPy spends two fifths of a layer beside its products: every sum and every activation goes through memory.
What is compiled stays in the user's cache, for this processor; the next process loads it. Fused and not fused
differ by rounding. That this is all is tried on the network itself, before it is used.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.files import cache_dir, new_file
from trmcli.model.config import TRMConfig
from trmcli.model.layout import Ints, Layout
from trmcli.solving.engine import Numbers
from trmcli.solving.numpy_layers import Room, norm
from trmcli.solving.numpy_mixers import Layer, MeanMixer, Mixer

SOURCE = Path(__file__).with_suffix(".c")
ASKED = "--compile on"
"""What somebody asked for who is told that it cannot be had."""

LONGEST = 60.0
"""Seconds that a compiler may take; it takes half of one."""

DEAD = 1e-6
"""A hidden unit is left out whose three vectors of weights, multiplied, are so much shorter than the longest.

Training drew 12 of the 192 units of ``sudoku-16`` to 3e-8 and less, and 8 of ``sudoku`` to 8e-7.
"""

TOLERANCE = 1e-4
"""By how much a fused layer may differ from NumPy's, as a share of the scale."""


def compiler() -> list[str]:
    """The C compiler's command: ``CC``, or what systems call it.

    Raises:
        InputError: there is none.
    """
    command = shlex.split(os.environ.get("CC", ""))
    for name in command[:1] or ("cc", "gcc", "clang"):
        if sys.platform != "win32" and shutil.which(name) is not None:
            return [name, *command[1:]]
    raise InputError("there is no C compiler: install gcc or clang, or name one in CC", ASKED)


def _processor() -> str:
    """What tells processors apart that share a cache: name of the machine, and what the processor can."""
    told = [platform.machine(), platform.node()]
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text(errors="replace").splitlines()
        told += [line for line in lines if line.startswith(("flags", "Features"))][:1]
    return "\n".join(told)


def _compiled() -> Path:
    """The library, compiled now if it was not. Its name says what it is for, and the hash of what is in it.

    Raises:
        InputError: it cannot be compiled or written, or others could have put it there.
        OSError: its folder cannot be read or made.
    """
    here = "-march=native" if platform.machine() in ("x86_64", "AMD64", "i686") else "-mcpu=native"
    command = [*compiler(), "-O3", here, "-fno-math-errno", "-fPIC", "-shared"]
    purpose = _hash(b"\0".join((SOURCE.read_bytes(), " ".join(command).encode(), _processor().encode())))
    folder = cache_dir() / "fused"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        message = (
            "others may write to this folder, so nothing is loaded from it: name another in TRM_CACHE_DIR"
        )
        raise InputError(message, str(folder))
    for path in folder.glob(f"{purpose}-*.so"):
        if path.stem == f"{purpose}-{_hash(path.read_bytes())}":
            return path
        path.unlink(missing_ok=True)  # half of a library, whose loading would end the process
    library = _compile(command)
    path = folder / f"{purpose}-{_hash(library)}.so"
    with new_file(path) as temporary:
        temporary.write_bytes(library)
    return path


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()[:32]


def _compile(command: Sequence[str]) -> bytes:
    """The library that a compiler makes of the source.

    Raises:
        InputError: it makes none.
    """
    with TemporaryDirectory() as folder:
        library = Path(folder) / "fused.so"
        try:
            ended = subprocess.run(
                [*command, "-o", str(library), str(SOURCE)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LONGEST,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InputError(f"{command[0]} cannot compile here: {error}", ASKED) from None
        if ended.returncode or not library.exists():
            lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
            named = [line for line in lines if "error" in line]
            said = (named or lines or [f"it ended with status {ended.returncode}"])[0]
            raise InputError(f"{command[0]} cannot compile here: {said}", ASKED)
        return library.read_bytes()


@cache
def library() -> ctypes.CDLL:
    """The functions of ``fused.c``.

    Raises:
        InputError: they cannot be compiled, or not be loaded.
    """
    try:
        return ctypes.CDLL(str(_compiled()))
    except OSError as error:
        raise InputError(f"what is compiled cannot be kept or loaded: {error}", ASKED) from None


def _columns(matrix: Numbers, wide: int) -> Numbers:
    """``[depth, outputs]`` to ``[columns, depth, wide]``, the last one filled up with zeros."""
    filled = np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % wide)))
    columns: Numbers = filled.reshape(len(matrix), -1, wide).swapaxes(0, 1)
    return columns


def _one_piece(*parts: Numbers) -> Numbers:
    """Packed parts of each column side by side."""
    packed: Numbers = np.ascontiguousarray(np.concatenate(parts, axis=2), dtype=np.float32)
    return packed


def _packed(gate_up: Numbers, down: Numbers, panel: int) -> tuple[Numbers, Numbers]:
    """A SwiGLU's matrices, with units of nothing added until they fill vectors of the processor."""
    filled = np.pad(down, ((0, -len(down) % (panel // 2)), (0, 0)))
    gate, up = (_columns(-half, panel // 2) for half in gate_up)  # they stand there with signs turned
    return _one_piece(gate, up), _one_piece(_columns(filled, panel))


def _alive(gate_up: Numbers, down: Numbers) -> Ints:
    """The hidden units that are not :data:`DEAD`."""
    lengths = [np.linalg.norm(one, axis=0) for one in (*gate_up, down.T)]
    weight = np.prod(lengths, axis=0)
    return np.flatnonzero(~(weight < DEAD * weight.max()))


class FusedMean:
    """:class:`trmcli.solving.numpy_mixers.MeanMixer`."""

    norm_axis = 2

    def __init__(self, mixer: MeanMixer, functions: ctypes.CDLL) -> None:
        self.mix, self.tile, panel = functions.mix, functions.tile(), functions.panel()
        self.maps = np.stack([_one_piece(_columns(one, panel)) for one in mixer.maps])
        both, none = zip(mixer.gate_up, mixer.down, strict=True), np.zeros((1, 0, 0), np.float32)
        packed = [_packed(gate_up, down, panel) for gate_up, down in both] or [(none, none)]
        self.gate_up, self.down = (np.stack(matrices) for matrices in zip(*packed, strict=True))
        self.hidden = self.down.shape[2]

    def add(self, x: Numbers, layout: Layout, room: Room) -> None:
        count, length, width = x.shape
        sizes, members, group_of = layout.tables
        rows = int((length // sizes).sum()) + 2 * self.tile
        self.mix(
            _address(x),
            count,
            length,
            width,
            len(sizes),
            _address(sizes),
            _address(members),
            _address(group_of),
            _address(self.maps),
            self.hidden,
            _address(self.gate_up),
            _address(self.down),
            _address(room("fused", rows * width + self.tile * self.hidden)),
        )


class FusedLayer:
    """:class:`trmcli.solving.numpy_mixers.Layer`: another mixer than the mean of groups stays NumPy's."""

    def __init__(self, layer: Layer, functions: ctypes.CDLL) -> None:
        self.settle, self.tile, self.eps = functions.settle, functions.tile(), layer.eps
        self.mixer: Mixer = layer.mixer
        if isinstance(layer.mixer, MeanMixer):
            self.mixer = FusedMean(layer.mixer, functions)
        alive = _alive(layer.ffn.gate_up, layer.ffn.down)
        gate_up, down = layer.ffn.gate_up[:, :, alive], layer.ffn.down[alive]
        self.gate_up, self.down = _packed(gate_up, down, functions.panel())

    def update(self, x: Numbers, layout: Layout, room: Room) -> None:
        """``[b, T, D]`` in place."""
        (count, length, width), hidden = x.shape, self.down.shape[1]
        self.mixer.add(x, layout, room)
        normed = self.mixer.norm_axis != 2
        if normed:
            norm(x, self.mixer.norm_axis, self.eps)
        self.settle(
            _address(x),
            count * length,
            width,
            int(normed),
            ctypes.c_float(self.eps),
            hidden,
            _address(self.gate_up),
            _address(self.down),
            _address(room("fused", self.tile * (hidden + width))),
        )


def _address(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    """Where it lies, in one piece and of 32 bits a number."""
    assert array.flags.c_contiguous and array.itemsize == 4
    return ctypes.c_void_p(array.ctypes.data)


def fuse(
    layers: Collection[Layer], layout: Layout, length: int, config: TRMConfig, dtype: npt.DTypeLike
) -> None:
    """Let layers be fused from now on, if all of them can be.

    Args:
        layers: of a network.
        layout, length: of puzzles that they are tried on, and how many vectors these have.
        config: of the network.
        dtype: that they compute in.

    Raises:
        InputError: they cannot be fused here, or would compute something else.
    """
    functions, width = library(), config.hidden_size
    if np.dtype(dtype) != np.float32:
        raise InputError("layers are fused in float32 alone", ASKED)
    if width % functions.panel():
        raise InputError(
            f"vectors of {width} numbers cannot be fused: {functions.panel()} go together", ASKED
        )
    forms = [FusedLayer(layer, functions) for layer in layers]
    for form, layer in zip(forms, layers, strict=True):
        found = np.random.default_rng(0).standard_normal((1, length, width), dtype=np.float32)
        expected, room = found.copy(), Room(np.float32)
        with np.errstate(over="ignore", under="ignore"):
            form.update(found, layout, room)
            layer.update(expected, layout, room)
        if not np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max():
            raise InputError("what the C compiler made computes something else", ASKED)
    for form, layer in zip(forms, layers, strict=True):
        layer.fused = form
