"""The tensors of a weights file as NumPy arrays, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from trmcli.errors import InputError
from trmcli.model.shapes import tensor_shapes
from trmcli.weights.files import Card, read_card
from trmcli.weights.header import read_header
from trmcli.weights.table import STORED, TENSOR, Floats, open_table, widened


def load_arrays(path: Path) -> tuple[dict[str, Floats], Card]:
    """The tensors of a weights file in float32, without a table that lies beside it, and its card.

    Raises:
        InputError: as :func:`trmcli.weights.files.load_weights`.
    """
    header = read_header(path)
    card = read_card(path, header)
    shapes = {name: info.shape for name, info in header.tensors.items()}
    if table := open_table(path, card.puzzles):
        shapes[TENSOR] = table.shape
    check_tensors(card, shapes, str(path))
    arrays = {}
    with path.open("rb") as file:
        for name, info in header.tensors.items():
            if info.dtype not in STORED:
                raise InputError(f"tensor {name!r} is of type {info.dtype}, not a float", str(path))
            file.seek(header.data_start + info.start)
            stored = np.fromfile(file, STORED[info.dtype], math.prod(info.shape))
            if stored.size != math.prod(info.shape):
                raise InputError("changed while it was read", str(path))
            values = widened(stored) if info.dtype == "BF16" else stored.astype(np.float32, copy=False)
            if not np.isfinite(values).all():
                raise InputError(f"tensor {name!r} holds numbers that are not finite", str(path))
            arrays[name] = values.reshape(info.shape)
    return arrays, card


def check_tensors(card: Card, shapes: Mapping[str, tuple[int, ...]], origin: str) -> None:
    """Hold the tensors of a file against the model that its card describes.

    Raises:
        InputError: naming the first one that does not fit, with ``origin`` as the file.
    """
    config = card.config_for(origin)
    layers = config.num_layers + config.answer_layers
    if layers > len(shapes):  # every layer has tensors; a damaged number must not keep us busy for hours
        raise InputError(f"describes {layers} layers and has {len(shapes)} tensors", origin)
    expected = tensor_shapes(config)
    for name, shape in expected.items():
        if name not in shapes:
            raise InputError(f"does not fit its own config: tensor {name!r} is missing", origin)
        if shapes[name] != shape:
            found, wanted = list(shapes[name]), list(shape)
            raise InputError(f"does not fit its own config: {name!r} is {found}, not {wanted}", origin)
    for name in shapes:
        if name not in expected:
            raise InputError(f"does not fit its own config: it knows no tensor {name!r}", origin)
