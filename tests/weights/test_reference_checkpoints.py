"""Checkpoints of the reference: names, shapes, settings, the way back, and what must not be let in."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from trmcli.errors import InputError
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.weights.convert import (
    PREFIX,
    Settings,
    from_reference,
    our_name,
    read_checkpoint,
    read_settings,
    reference_name,
    to_reference,
)
from trmcli.weights.files import Card, load_weights, save_weights

GOLDEN = sorted((Path(__file__).parents[1] / "data" / "golden").glob("*.safetensors"))

CLOSE = 2e-6
"""As in tests/model/test_golden.py, whose vectors these are."""

YAML = """\
arch:
  H_cycles: {H_cycles}
  L_cycles: {L_cycles}
  L_layers: 2
  expansion: 4
  forward_dtype: bfloat16
  loss:
    loss_type: stablemax_cross_entropy
    name: losses@ACTLossHead
  mlp_t: {mlp_t}
  num_heads: {num_heads}
  pos_encodings: {pos_encodings}
  puzzle_emb_len: {puzzle_emb_len}
  puzzle_emb_ndim: {puzzle_emb_ndim}
beta1: 0.9
data_paths:
- data/sudoku-extreme-1k-aug-1000
lr: 0.0001
"""


@dataclass
class Recorded:
    """A checkpoint on disk, with its YAML beside it, and what the reference answers with it."""

    checkpoint: Path
    state: dict[str, Tensor]
    tensors: dict[str, Tensor]
    has_puzzles: bool


def recorded(file: Path, folder: Path) -> Recorded:
    with safe_open(file, "pt") as opened:
        theirs = json.loads(opened.metadata()["config"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    state = {name[6:]: value for name, value in tensors.items() if name.startswith("state.")}
    torch.save(state, folder / "step_100")
    values = {"puzzle_emb_len": 0, **theirs}
    (folder / "all_config.yaml").write_text(YAML.format(**values))
    return Recorded(folder / "step_100", state, tensors, theirs["puzzle_emb_ndim"] > 0)


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Recorded:
    return recorded(request.param, tmp_path)


@pytest.fixture
def mlp(tmp_path: Path) -> Recorded:
    (file,) = (file for file in GOLDEN if file.stem == "trm_mlp")
    return recorded(file, tmp_path)


@torch.no_grad()
def test_a_converted_checkpoint_answers_as_the_reference_does(original: Recorded, tmp_path: Path) -> None:
    target = tmp_path / "converted.safetensors"
    settings = read_settings(tmp_path / "all_config.yaml")
    card = from_reference(original.checkpoint, target, settings, "sudoku")
    assert (card.name, card.task) == ("converted", "sudoku")
    model = load_weights(target)[0].double()
    tokens = original.tensors["batch.inputs"].long()
    puzzle = original.tensors["batch.puzzle_identifiers"].long() if original.has_puzzles else None
    carry = model.initial_carry(*tokens.shape)
    for number in range(4):
        carry, output = model(carry, tokens, None, puzzle)
        expected = original.tensors[f"eval.step{number}.logits"]
        torch.testing.assert_close(output.logits, expected, rtol=0, atol=CLOSE)


def test_there_and_back_nothing_changes(original: Recorded, tmp_path: Path) -> None:
    target, back = tmp_path / "converted.safetensors", tmp_path / "back"
    from_reference(original.checkpoint, target, read_settings(tmp_path / "all_config.yaml"), "sudoku")
    arguments = to_reference(target, back)
    assert {"arch.L_layers=2", "arch.hidden_size=32"} <= set(arguments)
    returned = torch.load(back, weights_only=True)
    assert returned.keys() == original.state.keys()
    for name, value in original.state.items():
        assert torch.equal(returned[name], value), name


@pytest.mark.parametrize("cut", ["", "_orig_mod.", "_orig_mod.model.", "_orig_mod.model.inner."])
def test_any_part_of_the_prefix_may_be_missing(mlp: Recorded, cut: str) -> None:
    torch.save({name.removeprefix(cut): value for name, value in mlp.state.items()}, mlp.checkpoint)
    assert set(read_checkpoint(mlp.checkpoint)) == {our_name(name) for name in mlp.state}


def test_names_map_both_ways(original: Recorded) -> None:
    for name in original.state:
        assert PREFIX + reference_name(our_name(name)) == name
    for unknown in ("", "layers", "layers.0", "layers.0.mixer", "nothing.0.ffn.down.weight", "x.y.z.w"):
        with pytest.raises(KeyError):
            reference_name(unknown)


def test_averages_are_preferred(mlp: Recorded, tmp_path: Path) -> None:
    average = {name: torch.full_like(mlp.state[name], 0.5) for name in mlp.state if "lm_head" in name}
    checkpoint = {"model": mlp.state, "optimizers": [{"state": {}}], "step": 100, "ema_helper": average}
    torch.save(checkpoint, mlp.checkpoint)
    state = read_checkpoint(mlp.checkpoint)
    assert bool((state["lm_head.weight"] == 0.5).all())
    assert torch.equal(state["embed.weight"], mlp.state[PREFIX + "embed_tokens.embedding_weight"])


def test_missing_settings_are_named(mlp: Recorded, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not say H_cycles, L_cycles, puzzle_emb_len.*--config"):
        from_reference(mlp.checkpoint, tmp_path / "x", Settings(), "sudoku")
    assert not (tmp_path / "x").exists()


def test_settings_that_do_not_fit_are_refused(mlp: Recorded, tmp_path: Path) -> None:
    known = read_settings(tmp_path / "all_config.yaml")
    for change, message in (
        ({"expansion": 16.0}, "SwiGLU of width 256"),
        ({"puzzle_emb_len": 40}, "has 20 tokens, which puzzle_emb_len=40 leaves no cell of"),
        ({"puzzle_emb_len": 20}, "leaves no cell of"),
        ({"H_cycles": 0}, "rounds must be at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            from_reference(mlp.checkpoint, tmp_path / "x", replace(known, **change), "sudoku")


def test_tensors_of_odd_shapes_are_named(mlp: Recorded, tmp_path: Path) -> None:
    known = read_settings(tmp_path / "all_config.yaml")
    for name in ("embed.weight", "layers.0.mixer.across.down.weight", "embed_puzzle.weight"):
        theirs = reference_name(name)
        torch.save({**mlp.state, PREFIX + theirs: torch.tensor(1.0)}, mlp.checkpoint)
        with pytest.raises(InputError, match=f"has no usable tensor '{re.escape(theirs)}'"):
            from_reference(mlp.checkpoint, tmp_path / "x", known, "sudoku")


def test_overrides_win_and_are_checked(mlp: Recorded, tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "all_config.yaml", ["H_cycles=7", "pos_encodings=none"])
    assert (settings.H_cycles, settings.pos_encodings, settings.puzzle_emb_len) == (7, "none", 4)
    for wrong, message in (
        ("H_cycles", "write key=value"),
        ("depth=1", "unknown setting 'depth'; settings are "),
        ("H_cycles=x", "int"),
    ):
        with pytest.raises(InputError, match=message):
            read_settings(None, [wrong])
    (tmp_path / "all_config.yaml").write_text("arch:\n  num_heads: ${.heads}\n")
    with pytest.raises(InputError, match=r"all_config.yaml: num_heads must be int, not '\${.heads}'"):
        read_settings(tmp_path / "all_config.yaml")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            PREFIX + "L_level.layers.0.router.weight",
            torch.zeros(2, 2),
            "router.weight', which is no tensor of",
        ),
        (PREFIX + "lm_head.weight", torch.zeros(2, dtype=torch.long), "no tensor of floats"),
        (PREFIX + "lm_head.weight", "text", "no tensor of floats"),
        (PREFIX + "lm_head.weight", torch.zeros(3, 3), "'lm_head.weight' is"),
        (PREFIX + "puzzle_emb.weights", torch.zeros(5, 8), "of width 8, and only 32"),
    ],
)
def test_what_is_not_understood_is_named(
    mlp: Recorded, tmp_path: Path, name: str, value: object, message: str
) -> None:
    torch.save({**mlp.state, name: value}, mlp.checkpoint)
    with pytest.raises(InputError, match=message):
        settings = read_settings(tmp_path / "all_config.yaml")
        from_reference(mlp.checkpoint, tmp_path / "x", settings, "sudoku")
    assert not (tmp_path / "x").exists()


def test_damaged_and_other_files_are_refused(mlp: Recorded, tmp_path: Path) -> None:
    whole = mlp.checkpoint.read_bytes()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme", "nothing")
    for content in (b"", b"text", whole[: len(whole) // 2], (tmp_path / "other.zip").read_bytes()):
        mlp.checkpoint.write_bytes(content)
        with pytest.raises(InputError, match="is no PyTorch checkpoint"):
            read_checkpoint(mlp.checkpoint)
    torch.save([1, 2], mlp.checkpoint)
    with pytest.raises(InputError, match="holds a list, not a state dict"):
        read_checkpoint(mlp.checkpoint)
    with pytest.raises(InputError, match="no such file"):
        read_checkpoint(tmp_path / "missing")
    with pytest.raises(InputError, match="is a folder"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            TRMConfig(
                11, 32, num_heads=4, mixer="relation", relations=(("row", "groups"),), ffn_multiple=256
            ),
            "relations",
        ),
        (TRMConfig(11, 32, num_heads=4, ffn_multiple=32), "ffn_multiple=32, and the reference only 256"),
        (TRMConfig(11, 32, num_heads=4, answer_layers=1), "half TRM and half HRM"),
    ],
)
def test_the_reference_cannot_have_what_it_does_not_know(
    tmp_path: Path, config: TRMConfig, message: str
) -> None:
    save_weights(tmp_path / "ours", TinyRecursiveModel(config), Card("ours", "sudoku"))
    with pytest.raises(InputError, match=message):
        to_reference(tmp_path / "ours", tmp_path / "theirs")
    assert not (tmp_path / "theirs").exists()
