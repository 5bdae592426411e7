"""Weights files: one safetensors file holds the tensors and, as its metadata, all there is to say of them.

The table of puzzle embeddings of a model that tells puzzles apart lies beside it: see
:mod:`trmcli.weights.table`.

The metadata's key ``trmcli`` is the JSON of a :class:`Card`. Reading a card needs neither torch nor NumPy, so
that ``trm info`` answers at once. A file is checked against its own header, and the header against the model
that the card describes, before anything big is allocated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trmcli.checks import need_torch
from trmcli.errors import InputError
from trmcli.files import new_file
from trmcli.weights.header import ITEM_SIZES, Header, parse_object, read_header, serialized

if TYPE_CHECKING:
    import torch

    from trmcli.model import TinyRecursiveModel, TRMConfig
    from trmcli.weights.table import Puzzles, Table

FORMAT = 1
"""Version of the card. A reader refuses versions that it does not know."""

_KEY = "trmcli"


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
        puzzles: the file beside that has the table of puzzle embeddings; empty where there is none.
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
    puzzles: str = ""
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
        values = parse_object(text, "its card", origin)
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


def read_card(path: str | Path, header: Header | None = None) -> Card:
    """The card of a weights file, from its header alone.

    Raises:
        InputError: as :func:`read_header`, or the file is not one of trmcli's.
    """
    header = header or read_header(path)
    if _KEY not in header.metadata:
        raise InputError("is a safetensors file, but not one of trmcli's: it has no card", str(path))
    return Card.from_json(header.metadata[_KEY], str(path))


def load_weights(path: str | Path, mapped: bool = False) -> tuple[TinyRecursiveModel, Card]:
    """The model of a weights file, in float32 on the CPU, and its card.

    Args:
        mapped: whether a table of puzzle embeddings that lies beside stays on disk, where the model reads the
            rows that it needs. It is not among the model's parameters then.

    Raises:
        InputError: the file is no whole weights file, its tensors do not fit the model that it describes, or
            their numbers are not finite; or PyTorch is not installed.
    """
    need_torch("load_weights")
    import torch

    from trmcli.weights.table import TENSOR, open_table

    header, path = read_header(path), Path(path)
    card = read_card(path, header)
    shapes = {name: info.shape for name, info in header.tensors.items()}
    if table := open_table(path, card.puzzles):
        shapes[TENSOR] = table.shape
    model = _checked_model(card, shapes, str(path))
    for name, info in header.tensors.items():
        if info.dtype not in ITEM_SIZES:
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
    if table and mapped:
        model.add_module(TENSOR.partition(".")[0], _stored_rows(table))
    elif table:
        state[TENSOR] = torch.from_numpy(table[:])
    model.load_state_dict(state, assign=True)
    return model, card


def save_weights(
    path: Path,
    model: TinyRecursiveModel | Mapping[str, torch.Tensor],
    card: Card,
    dtype: torch.dtype | None = None,
    puzzles: Puzzles | None = None,
) -> None:
    """Write a weights file, and beside it the table of a model that tells puzzles apart; it is there
    whole, or as it was before. Equal models give equal bytes.

    Args:
        path: of the new file; its folder must exist.
        model: the model, or its state dict if ``card.config`` is filled in.
        card: what to say of it; ``config`` is taken from the model.
        dtype: of the tensors in the file: bfloat16 (the default) or float32.
        puzzles: what is known of the puzzles that the model tells apart.

    Raises:
        InputError: the tensors do not fit ``card.config``, or the file cannot be written; or PyTorch is not
            installed.
    """
    need_torch("save_weights")
    import torch

    from trmcli.weights.table import TENSOR, Puzzles, remove_others, write_table

    if isinstance(model, torch.nn.Module):
        card = replace(card, config=model.config.to_dict())
        state: Mapping[str, torch.Tensor] = model.state_dict()
    else:
        state = model
    _checked_model(card, {name: tuple(tensor.shape) for name, tensor in state.items()}, str(path))
    dtype, beside = dtype or torch.bfloat16, ""
    if TENSOR in state and len(state[TENSOR]) > 1:
        beside = write_table(path, state[TENSOR], puzzles or Puzzles(), dtype)
    tensors = {name: (tensor, dtype) for name, tensor in state.items() if not (beside and name == TENSOR)}
    with new_file(path) as temporary, temporary.open("wb") as file:
        file.writelines(serialized(tensors, {_KEY: replace(card, puzzles=beside).to_json()}))
    remove_others(path, beside)


def _stored_rows(table: Table) -> torch.nn.Module:
    """What stands in a model for a table that stays on disk: ``[B]`` numbers to ``[B, D]`` float32."""
    import torch

    class StoredRows(torch.nn.Module):
        def forward(self, numbers: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(table[numbers.cpu().numpy()]).to(numbers.device)

    return StoredRows()


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
