"""The reference's checkpoints to weights files and back.

Shapes tell most of a model's settings. The others stand in ``all_config.yaml``, which the reference writes
next to its checkpoints: a machine's YAML with one plain ``key: value`` a line, of which a few are needed, so
a pattern reads them and no YAML parser is installed for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trmcli.errors import InputError, did_you_mean
from trmcli.files import new_file
from trmcli.strict_json import load
from trmcli.weights.checkpoint import PREFIX, read_checkpoint, reference_name
from trmcli.weights.files import Card, read_card, save_weights
from trmcli.weights.header import read_header
from trmcli.weights.table import TENSOR, Puzzles, open_table

if TYPE_CHECKING:
    import torch

    from trmcli.model import TRMConfig


@dataclass(frozen=True)
class Settings:
    """What shapes do not tell, by the reference's names; None where nobody has said."""

    H_cycles: int | None = None
    L_cycles: int | None = None
    num_heads: int | None = None
    pos_encodings: str | None = None
    puzzle_emb_len: int | None = None
    expansion: float = 4.0
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0


_KINDS: dict[str, type] = {
    "pos_encodings": str,
    "expansion": float,
    "rms_norm_eps": float,
    "rope_theta": float,
}


def read_settings(config: Path | None, overrides: Iterable[str] = ()) -> Settings:
    """Settings from ``all_config.yaml``, then from ``key=value``.

    Raises:
        InputError: a file cannot be read, a key is unknown or its value is of the wrong kind.
    """
    known = [entry.name for entry in fields(Settings)]
    values: dict[str, Any] = {}
    if config is not None:
        try:
            text = config.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", str(config)) from None
        for key, value in re.findall(r"^ *(\w+): *([^\s#]+) *(?:#.*)?$", text, re.MULTILINE):
            if key in known:
                values[key] = _parse(key, value, str(config))
    for override in overrides:
        key, equals, value = override.partition("=")
        key = key.strip()
        if not equals:
            raise InputError(f"{override!r} is not a setting: write key=value", "--set")
        if key not in known:
            raise InputError(f"unknown setting {key!r}{did_you_mean(key, known, 'settings')}", "--set")
        values[key] = _parse(key, value.strip(), "--set")
    return Settings(**values)


def read_names(checkpoint: Path, identifiers: Path | None) -> list[str]:
    """The names of the rows of puzzle embeddings, from ``identifiers.json``; none where no file has them.

    Args:
        checkpoint: beside which it is looked for.
        identifiers: the file, where somebody names it.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    beside = checkpoint.parent / "identifiers.json"
    if identifiers is None and not beside.is_file():
        return []
    path = identifiers or beside
    try:
        names = load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", str(path)) from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("is not a list of names", str(path))
    return names


def _parse(key: str, value: str, origin: str) -> Any:
    kind = _KINDS.get(key, int)
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"{key} must be {kind.__name__}, not {value!r}", origin) from None


def infer_config(state: Mapping[str, torch.Tensor], settings: Settings, origin: str) -> TRMConfig:
    """The model's settings, from its tensors' shapes where they tell.

    Raises:
        InputError: naming the settings that are missing, or a tensor that does not fit.
    """
    from trmcli.model import TRMConfig

    required = ("embed.weight", "layers.0.ffn.gate_up.weight")
    optional = ("layers.0.mixer.across.down.weight", "embed_positions.weight", "embed_puzzle.weight")
    for name in (*required, *(name for name in optional if name in state)):
        if name not in state or state[name].ndim != 2:
            raise InputError(f"has no usable tensor {reference_name(name)!r}", origin)
    vocab_size, hidden = state["embed.weight"].shape
    across = state.get("layers.0.mixer.across.down.weight")
    learned = state.get("embed_positions.weight")
    puzzles = state.get("embed_puzzle.weight")
    needed = ["H_cycles", "L_cycles"]
    if across is None:
        needed += ["num_heads"] if learned is not None else ["num_heads", "pos_encodings"]
    hierarchical = any(name.startswith("answer_layers.") for name in state)
    if puzzles is not None and not hierarchical:  # one token in HRM, as many as its setting says in TRM
        needed.append("puzzle_emb_len")
    if missing := [name for name in needed if getattr(settings, name) is None]:
        raise InputError(
            f"does not say {', '.join(missing)}: name its all_config.yaml by --config, "
            f"or --set {missing[0]}=…",
            origin,
        )
    if puzzles is not None and puzzles.shape[1] != hidden:
        raise InputError(
            f"has 'puzzle_emb.weights' of width {puzzles.shape[1]}, and only {hidden} is known", origin
        )
    front = 0 if puzzles is None else settings.puzzle_emb_len or 1
    positions: Any = settings.pos_encodings if across is None else "none"  # of no effect on the MLP
    if learned is not None:
        positions = "learned"
    length = next((len(tensor) for tensor in (across, learned) if tensor is not None), None)
    if length is not None and front >= length:
        raise InputError(f"has {length} tokens, which puzzle_emb_len={front} leaves no cell of", origin)
    try:
        config = TRMConfig(
            vocab_size=vocab_size,
            hidden_size=hidden,
            num_layers=_count(state, "layers"),
            answer_layers=_count(state, "answer_layers"),
            gradient="step" if hierarchical else "round",
            mixer="attention" if across is None else "mlp",
            rounds=settings.H_cycles or 0,
            latent_updates=settings.L_cycles or 0,
            expansion=settings.expansion,
            num_heads=settings.num_heads or 1,
            positions=positions,
            seq_len=0 if length is None else length - front,
            puzzle_emb_len=front,
            num_puzzles=0 if puzzles is None else len(puzzles),
            norm_eps=settings.rms_norm_eps,
            rope_theta=settings.rope_theta,
        )
    except ValueError as error:
        raise InputError(str(error), origin) from None
    width = state["layers.0.ffn.gate_up.weight"].shape[0] // 2
    if width != config.ffn_size:
        raise InputError(
            f"has a SwiGLU of width {width}, and expansion={settings.expansion:g} gives {config.ffn_size}: "
            "--set expansion=…",
            origin,
        )
    return config


def _count(state: Mapping[str, Any], level: str) -> int:
    return len({name.split(".")[1] for name in state if name.startswith(f"{level}.")})


def from_reference(
    source: Path,
    target: Path,
    settings: Settings,
    task: str,
    dtype: torch.dtype | None = None,
    names: Sequence[str] = (),
) -> Card:
    """Write the weights file of a reference checkpoint, in float32 if ``dtype`` names no other; its card.

    ``names`` are those of the rows of its table of puzzle embeddings.

    Raises:
        InputError: as :func:`read_checkpoint`, :func:`infer_config` and
            :func:`trmcli.weights.files.save_weights`.
    """
    import torch

    checkpoint = read_checkpoint(source)
    config = infer_config(checkpoint.tensors, settings, str(source))
    for name, tensor in checkpoint.tensors.items():
        _refuse_infinite(tensor, checkpoint.names[name], source)
    averaged = {"averaged": checkpoint.averaged} if checkpoint.averaged else {}
    card = Card(
        name=target.stem,
        task=task,
        config=config.to_dict(),
        training={"converted": f"{source.name}, a checkpoint of TinyRecursiveModels", **averaged},
    )
    if names and len(names) != config.num_puzzles:
        raise InputError(
            f"has {config.num_puzzles} rows of puzzle embeddings, and there are {len(names)} identifiers",
            str(source),
        )
    save_weights(target, checkpoint.tensors, card, dtype or torch.float32, Puzzles(names))
    return card


def _refuse_infinite(tensor: torch.Tensor, name: str, source: Path) -> None:
    """Raise InputError if a number is not finite in float32; piece by piece, for tables can be large."""
    import torch

    for piece in torch.split(tensor.reshape(-1), 1 << 22):
        if not bool(piece.float().isfinite().all()):
            raise InputError(f"tensor {name!r} holds numbers that are not finite", str(source))


def to_reference(source: Path, target: Path) -> list[str]:
    """Write a checkpoint that the reference loads, in float32.

    Returns:
        The settings that it needs, as ``arch.key=value`` of the reference's command line.

    Raises:
        InputError: the reference has no such model, or a file cannot be read or written.
    """
    import torch
    from safetensors import safe_open

    header = read_header(source)
    card = read_card(source, header)
    try:
        config = card.model_config
    except (ValueError, TypeError) as error:
        raise InputError(f"describes no model: {error}", str(source)) from None
    for key, only in (("ffn_multiple", 256), ("head_size", 0), ("halt_pool", "first")):
        if getattr(config, key) != only:
            raise InputError(
                f"has {key}={getattr(config, key)!r}, and the reference only {only!r}", str(source)
            )
    if config.mixer == "relation":
        raise InputError("mixes by relations, which the reference cannot", str(source))
    if (config.answer_layers > 0) != (config.gradient == "step"):
        raise InputError("is half TRM and half HRM, and the reference knows whole ones", str(source))
    tensors = {}
    if table := open_table(source, card.puzzles):
        tensors[PREFIX + reference_name(TENSOR)] = torch.from_numpy(table[:])
    with safe_open(source, "pt") as file:
        for name in header.tensors:
            try:
                theirs = reference_name(name)
            except KeyError:
                raise InputError(f"holds {name!r}, which the reference does not have", str(source)) from None
            tensors[PREFIX + theirs] = file.get_tensor(name).to(torch.float32)
            _refuse_infinite(tensors[PREFIX + theirs], name, source)
    with new_file(target) as temporary:
        torch.save(tensors, temporary)
    values = {
        "H_cycles": config.rounds,
        "L_cycles": config.latent_updates,
        "H_layers": config.answer_layers,
        "L_layers": config.num_layers,
        "hidden_size": config.hidden_size,
        "expansion": f"{config.expansion:g}",
        "num_heads": config.num_heads,
        "pos_encodings": config.positions,
        "puzzle_emb_ndim": config.hidden_size if config.puzzle_emb_len else 0,
        "puzzle_emb_len": config.puzzle_emb_len,
        "mlp_t": config.mixer == "mlp",
    }
    arch = "hrm" if config.answer_layers else "trm"
    return [f"arch={arch}", *(f"arch.{key}={value}" for key, value in values.items())]
