"""The dimensions and switches of a model, in one frozen dataclass that is stored with every weights file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, get_args

from trmcli.errors import InputError
from trmcli.settings import Limits, check

Mixer = Literal["mlp", "attention", "relation", "mean"]
Vectors = Literal["cells", "candidates"]
Positions = Literal["none", "rope", "learned"]
RelationKind = Literal["groups", "neighbours"]
Gradient = Literal["round", "step"]

RELATIONAL: tuple[Mixer, ...] = ("relation", "mean")
"""Mixers that exchange along the relations of the task."""

MOST_ROUNDS = 1000
Depth = Annotated[int, Limits(1, MOST_ROUNDS)]
Width = Annotated[int, Limits(1, 2**20)]
Some = Annotated[int, Limits(0, 2**20)]
"""A width, or a number of tokens, of which there may be none."""


@dataclass(frozen=True)
class TRMConfig:
    """A Tiny Recursive Model, or a Hierarchical Reasoning Model.

    HRM (arXiv:2506.21734) is the same loop with two changes, which the paper of TRM undoes and measures one
    by one: y has a network of its own (``answer_layers``), and the gradient goes back through the last update
    of each state only (``gradient="step"``). So it is two settings here, not a second model.

    The paper's letters and the reference's names (``config/arch/trm.yaml``) stand behind the fields.

    Attributes:
        vocab_size: tokens, padding included.
        hidden_size: width D of every vector.
        num_layers: layers of the one network (``L_layers``), 2 in the paper.
        answer_layers: layers of a second network that updates y (``H_layers``); 0: the one network does.
        gradient: how far back it goes: through the last ``round`` (TRM) or the last ``step`` (HRM).
        features: states that the recursion keeps: 2, the answer y and the latent z, or 1, in which a round is
            n + 1 updates of z alone and the heads read z (paper, table 2: "single z").
        mixer: how cells exchange information; see :mod:`trmcli.model.mixers`.
        vectors: what the states have a vector for: each of the ``cells``, or each of the ``candidates``, the
            pairs of a cell and a token that it may hold. Weights then know no tokens, only "open", "given"
            and "ruled out", so that renaming the tokens renames the answer and changes nothing else.
        rounds: T (``H_cycles``): rounds in a supervision step, all but the last without gradient.
        latent_updates: n (``L_cycles``): updates of the latent z in a round.
        expansion: width of the SwiGLU against ``hidden_size``, before the factor 2/3.
        group_expansion: width of the SwiGLUs of the mean mixer's groups, likewise; 0: groups have none.
        ffn_multiple: a SwiGLU's width is rounded up to a multiple of this (256 in the reference).
        num_heads: attention heads; for the relation mixer, heads of each group relation.
        head_size: width of a head; 0 means ``hidden_size / num_heads``.
        neighbour_size: width in which a cell is heard by its neighbours; 0 means all of ``hidden_size``.
        positions: position encoding of the attention mixer.
        seq_len: cells of a puzzle, where the mixer or the positions fix it; 0 means any.
        relations: (name, kind) of each relation, in the task's order, for the relation and mean mixers.
        puzzle_emb_len: tokens in front of the cells that hold the puzzle's embedding (0: none).
        num_puzzles: rows of the table of puzzle embeddings.
        halt_pool: what the halting head reads of y: its ``first`` token (reference) or the ``mean``.
        norm_eps: epsilon of RMSNorm.
        rope_theta: base of the rotary position encoding.
    """

    vocab_size: Width
    hidden_size: Width = 512
    num_layers: Depth = 2
    answer_layers: Annotated[int, Limits(0, 1000)] = 0
    gradient: Gradient = "round"
    features: Annotated[int, Limits(1, 2)] = 2
    mixer: Mixer = "attention"
    vectors: Vectors = "cells"
    rounds: Depth = 3
    latent_updates: Depth = 6
    expansion: Annotated[float, Limits(0.01, 1000)] = 4.0
    group_expansion: Annotated[float, Limits(0, 1000)] = 0.0
    ffn_multiple: Width = 256
    num_heads: Width = 8
    head_size: Some = 0
    neighbour_size: Some = 0
    positions: Positions = "none"
    seq_len: Some = 0
    relations: tuple[tuple[str, RelationKind], ...] = ()
    puzzle_emb_len: Some = 0
    num_puzzles: Annotated[int, Limits(0, 10**9)] = 0
    halt_pool: Literal["first", "mean"] = "first"
    norm_eps: Annotated[float, Limits(1e-30, 1)] = 1e-5
    rope_theta: Annotated[float, Limits(1, 1e30)] = 10000.0

    def __post_init__(self) -> None:
        _check(vars(self))
        if self.features == 1 and self.answer_layers:
            raise ValueError("answer_layers update the answer, which features=1 does not keep")
        if self.features == 1 and self.gradient == "step":
            raise ValueError("gradient=step ends at the last update of y, which features=1 does not keep")
        if self.head_size == 0 and self.hidden_size % self.num_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is no multiple of num_heads {self.num_heads}")
        if self.mixer == "attention" and self.positions == "rope" and self.head_width % 2:
            raise ValueError(f"rope turns pairs of channels: heads cannot be {self.head_width} wide")
        if (self.mixer == "mlp" or self.positions == "learned") and self.seq_len < 1:
            raise ValueError("the mlp mixer and learned positions need seq_len")
        if self.mixer in RELATIONAL and not self.relations:
            raise ValueError(f"the {self.mixer} mixer needs relations")
        if self.mixer in RELATIONAL and self.puzzle_emb_len:
            raise ValueError(f"the {self.mixer} mixer has no place for puzzle embeddings")
        neighbours = any(kind == "neighbours" for _, kind in self.relations)
        if self.neighbour_size and not (neighbours and self.mixer == "relation"):
            raise ValueError("neighbour_size is for the relation mixer, and relations of kind neighbours")
        if self.group_expansion and self.mixer != "mean":
            raise ValueError("group_expansion is for the mean mixer")
        if self.mixer == "mean" and neighbours:
            raise ValueError("the mean mixer takes relations of kind groups only")
        if self.vectors == "candidates" and (self.mixer not in RELATIONAL or neighbours):
            raise ValueError("candidates go with the mixers relation and mean, and relations of kind groups")
        if (self.puzzle_emb_len > 0) != (self.num_puzzles > 0):
            raise ValueError("puzzle_emb_len and num_puzzles go together")

    @property
    def ffn_size(self) -> int:
        """Hidden width of the SwiGLU: 2/3 of ``expansion * hidden_size``, rounded up (``layers.py``)."""
        return self.swiglu_size(self.expansion, self.hidden_size)

    @property
    def group_size(self) -> int:
        """Hidden width of the SwiGLU of each of the mean mixer's relations."""
        return self.swiglu_size(self.group_expansion, self.hidden_size)

    def swiglu_size(self, expansion: float, size: int) -> int:
        """Hidden width of a SwiGLU over ``size`` channels: 2/3 of ``expansion * size``, rounded up."""
        return round_up(max(expansion > 0, round(expansion * size * 2 / 3)), self.ffn_multiple)

    @property
    def updates(self) -> int:
        """Updates of the latent in a round. A single z has one more: the one that is y's elsewhere."""
        return self.latent_updates + (self.features == 1)

    @property
    def head_width(self) -> int:
        return self.head_size or self.hidden_size // self.num_heads

    @property
    def group_relations(self) -> int:
        """Relations of kind groups; candidates have one more, which joins the candidates of a cell."""
        return sum(kind == "groups" for _, kind in self.relations) + (self.vectors == "candidates")

    @property
    def relation_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.relations)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TRMConfig:
        """Build a config from JSON or TOML values.

        Raises:
            ValueError: for an unknown key, a missing one, a wrong type or values that do not fit together.
        """
        try:
            relations = tuple((str(name), kind) for name, kind in values.get("relations", ()))
        except (TypeError, ValueError):
            raise ValueError("relations must be pairs of a name and a kind") from None
        if any(kind not in get_args(RelationKind) for _, kind in relations):
            raise ValueError(f"relations must be of kind {' or '.join(get_args(RelationKind))}")
        values = {**values, "relations": relations}
        _check(values)
        return cls(**values)


def _check(values: Mapping[str, Any]) -> None:
    try:
        check(TRMConfig, values, called="model setting")
    except InputError as error:
        raise ValueError(error.message) from None


def round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
