"""Checkpoints of the reference: names, shapes, settings, the way back, and what must not be let in."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from trmcli.errors import InputError
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.weights.checkpoint import PREFIX, our_name, read_checkpoint, reference_name
from trmcli.weights.convert import Settings, from_reference, read_settings, to_reference
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


def test_whatever_wraps_a_model_is_seen_through(mlp: Recorded) -> None:
    """Before the names and as keys of their own, in any order and depth."""
    expected = {our_name(name): value for name, value in mlp.state.items()}
    prefixes = [
        "",
        "inner.",
        "model.inner.",
        "module._orig_mod.model.inner.",
        "_orig_mod.module.model.inner.",
    ]
    wrappers: list[list[str]] = [[], ["model"], ["state_dict"], ["model_state_dict"]]
    for prefix, keys in product(prefixes, [*wrappers, ["model", "module", "state_dict"], ["module.model"]]):
        wrapped: dict[str, object] = {
            prefix + name.removeprefix(PREFIX): mlp.state[name] for name in mlp.state
        }
        for key in keys:
            beside = {"step": 100, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3, 3)}}}, "args": "x"}
            wrapped = {**beside, key: wrapped, "rng_state": torch.zeros(5, dtype=torch.uint8)}
        torch.save(wrapped, mlp.checkpoint)
        found = read_checkpoint(mlp.checkpoint)
        assert found.tensors.keys() == expected.keys() and not found.averaged
        assert all(torch.equal(value, expected[name]) for name, value in found.tensors.items())


def test_files_from_before_archives_are_read(mlp: Recorded) -> None:
    torch.save({"state_dict": mlp.state, "epoch": 3}, mlp.checkpoint, _use_new_zipfile_serialization=False)
    assert not zipfile.is_zipfile(mlp.checkpoint)
    found = read_checkpoint(mlp.checkpoint)
    assert torch.equal(found.tensors["lm_head.weight"], mlp.state[PREFIX + "lm_head.weight"])


def test_a_checkpoint_that_holds_itself_ends(mlp: Recorded) -> None:
    wrapped: dict[str, object] = {"state_dict": mlp.state}
    wrapped["model"] = wrapped
    torch.save(wrapped, mlp.checkpoint)
    assert len(read_checkpoint(mlp.checkpoint).tensors) == len(mlp.state)


def test_two_models_in_one_checkpoint_are_refused(mlp: Recorded) -> None:
    other = {name: value + 1 for name, value in mlp.state.items()}
    torch.save({"model": mlp.state, "module": mlp.state}, mlp.checkpoint)
    assert len(read_checkpoint(mlp.checkpoint).tensors) == len(mlp.state)
    torch.save({"model": mlp.state, "module": other}, mlp.checkpoint)
    with pytest.raises(InputError, match=r"two copies that differ: 'model\..* and 'module\."):
        read_checkpoint(mlp.checkpoint)


def test_names_map_both_ways(original: Recorded) -> None:
    for name in original.state:
        assert PREFIX + reference_name(our_name(name)) == name
    for unknown in ("", "layers", "layers.0", "layers.0.mixer", "nothing.0.ffn.down.weight", "x.y.z.w"):
        with pytest.raises(KeyError):
            reference_name(unknown)


@pytest.mark.parametrize(
    ("wrapper", "shown"),
    [
        ("ema_helper", "ema_helper._orig_mod.model.inner"),
        ("ema", "ema._orig_mod.model.inner"),
        ("ema_state_dict", "ema_state_dict._orig_mod.model.inner"),
        ("state_dict_ema", "state_dict_ema._orig_mod.model.inner"),
        ("model.ema.shadow", "model.ema.shadow._orig_mod.model.inner"),
    ],
)
def test_averages_are_preferred(mlp: Recorded, tmp_path: Path, wrapper: str, shown: str) -> None:
    average = {name: torch.full_like(mlp.state[name], 0.5) for name in mlp.state if "lm_head" in name}
    counts = {"num_updates": torch.tensor(7)}
    first = {wrapper: {**counts, **average}, "model": mlp.state, "optimizers": [{"state": {}}], "step": 100}
    for checkpoint in (first, dict(reversed(first.items()))):
        torch.save(checkpoint, mlp.checkpoint)
        found = read_checkpoint(mlp.checkpoint)
        assert bool((found.tensors["lm_head.weight"] == 0.5).all()) and found.averaged == shown
        embedding = mlp.state[PREFIX + "embed_tokens.embedding_weight"]
        assert torch.equal(found.tensors["embed.weight"], embedding)
    settings = read_settings(tmp_path / "all_config.yaml")
    card = from_reference(mlp.checkpoint, tmp_path / "x.safetensors", settings, "sudoku")
    assert card.training["averaged"] == shown


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300])
def test_numbers_that_are_not_finite_are_refused(mlp: Recorded, tmp_path: Path, number: float) -> None:
    """Also those that are too large for float32."""
    name = PREFIX + "L_level.layers.1.mlp.down_proj.weight"
    broken = mlp.state[name].double()
    broken[3, 5] = number
    torch.save({"model": {**mlp.state, name: broken}}, mlp.checkpoint)
    settings = read_settings(tmp_path / "all_config.yaml")
    with pytest.raises(InputError, match=f"tensor 'model.{name}' holds numbers that are not finite"):
        from_reference(mlp.checkpoint, tmp_path / "x", settings, "sudoku")
    assert not (tmp_path / "x").exists()


def test_weights_that_are_not_finite_do_not_go_back(mlp: Recorded, tmp_path: Path) -> None:
    config = TRMConfig(11, 32, num_heads=4)
    model = TinyRecursiveModel(config)
    model.lm_head.weight.data[0, 0] = float("inf")
    save_weights(tmp_path / "ours", model, Card("ours", "sudoku"))
    with pytest.raises(InputError, match=r"ours: tensor 'lm_head.weight' holds numbers that are not finite"):
        to_reference(tmp_path / "ours", tmp_path / "theirs")
    assert not (tmp_path / "theirs").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"\n<!DOCTYPE html>\n<html><title>Sign in</title>",
            "is an HTML page, not a PyTorch checkpoint: the",
        ),
        (b"\xef\xbb\xbf<html lang='en'>", "is an HTML page, not"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 28000000\n",
            "is a Git LFS pointer, not a PyTorch checkpoint: git lfs pull",
        ),
        (GOLDEN[0].read_bytes(), "is a safetensors file, not a PyTorch checkpoint"),
    ],
)
def test_other_files_are_named_for_what_they_are(mlp: Recorded, content: bytes, message: str) -> None:
    mlp.checkpoint.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_checkpoint(mlp.checkpoint)


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
        ({"H_cycles": 0}, "rounds must be a whole number from 1 to"),
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
    for values, message in (({"encoder": torch.ones(2, 2)}, ": it begins with 'encoder'"), ({}, "$")):
        torch.save(values, mlp.checkpoint)
        with pytest.raises(InputError, match=f"holds no tensor of a TRM or HRM{message}"):
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
