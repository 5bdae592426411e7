from __future__ import annotations

from typing import Any

import pytest

from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.model.shapes import tensor_shapes

GROUPS = (("row", "groups"), ("column", "groups"))


@pytest.mark.parametrize(
    "settings",
    (
        {"mixer": "mlp", "seq_len": 15, "puzzle_emb_len": 3, "num_puzzles": 7},
        {"mixer": "attention", "positions": "learned", "seq_len": 15, "puzzle_emb_len": 3, "num_puzzles": 7},
        {"mixer": "attention", "answer_layers": 3, "head_size": 6},
        {"mixer": "relation", "relations": (*GROUPS, ("up", "neighbours"))},
        {"mixer": "relation", "relations": (("up", "neighbours"), ("down", "neighbours"))},
        {
            "mixer": "relation",
            "relations": (("up", "neighbours"), ("down", "neighbours")),
            "neighbour_size": 5,
        },
        {"mixer": "relation", "relations": GROUPS, "vectors": "candidates", "head_size": 5},
        {"mixer": "mean", "relations": GROUPS},
        {"mixer": "mean", "relations": GROUPS, "vectors": "candidates", "group_expansion": 1.5},
        {"mixer": "mean", "relations": GROUPS, "features": 1},
    ),
    ids=str,
)
def test_shapes_are_those_of_the_model(settings: dict[str, Any]) -> None:
    config = TRMConfig(vocab_size=11, hidden_size=24, ffn_multiple=16, expansion=3.0, **settings)
    state = TinyRecursiveModel(config).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert tensor_shapes(config) == expected
