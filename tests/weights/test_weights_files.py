from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from trmcli.errors import InputError
from trmcli.files import new_file
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.weights.files import Card, load_weights, read_card, save_weights
from trmcli.weights.header import read_header

CONFIG = TRMConfig(
    vocab_size=11,
    hidden_size=16,
    mixer="relation",
    num_heads=2,
    ffn_multiple=8,
    relations=(("row", "groups"), ("beside", "neighbours")),
)
CARD = Card(
    name="tiny",
    task="sudoku",
    training={"recipe": "none", "steps": 3},
    figures=({"dataset": "d", "metric": "exact", "value": 0.5, "command": "trm eval d"},),
    dataset="generated",
    licence="MIT",
    trained_config_sha256="0" * 64,
)


@pytest.fixture
def model() -> TinyRecursiveModel:
    torch.manual_seed(0)
    return TinyRecursiveModel(CONFIG)


@pytest.fixture
def path(tmp_path: Path, model: TinyRecursiveModel) -> Path:
    save_weights(tmp_path / "tiny.safetensors", model, CARD)
    return tmp_path / "tiny.safetensors"


def rewrite(path: Path, change: Any) -> None:
    """Apply ``change`` to the header's JSON, in place."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def change_card(path: Path, **changes: Any) -> None:
    def change(header: dict[str, Any]) -> None:
        card = json.loads(header["__metadata__"]["trmcli"])
        header["__metadata__"]["trmcli"] = json.dumps({**card, **changes})

    rewrite(path, change)


def change_config(path: Path, **changes: Any) -> None:
    change_card(path, config={**CONFIG.to_dict(), **changes})


def message(path: Path) -> str:
    """The error of loading ``path``, which must name the file and be one line."""
    with pytest.raises(InputError) as caught:
        load_weights(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text.removeprefix(f"{path}: ")


def test_float32_comes_back_exactly(tmp_path: Path, model: TinyRecursiveModel) -> None:
    path = tmp_path / "exact.safetensors"
    save_weights(path, model, CARD, torch.float32)
    loaded, card = load_weights(path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert loaded.config == CONFIG
    assert replace(card, config={}) == CARD


def test_bfloat16_is_rounded_once_and_loads_as_float32(path: Path, model: TinyRecursiveModel) -> None:
    loaded, _ = load_weights(path)
    for name, tensor in model.state_dict().items():
        found = loaded.state_dict()[name]
        assert found.dtype == torch.float32 and torch.equal(found, tensor.bfloat16().float()), name


def test_loaded_model_computes_as_the_saved_one(tmp_path: Path) -> None:
    config = TRMConfig(vocab_size=5, hidden_size=16, mixer="mlp", seq_len=4, ffn_multiple=8, rounds=1)
    model = TinyRecursiveModel(config)
    save_weights(tmp_path / "m.safetensors", model, CARD, torch.float32)
    loaded, _ = load_weights(tmp_path / "m.safetensors")
    tokens = torch.tensor([[1, 2, 3, 4]])
    outputs = [each(each.initial_carry(1, 4), tokens)[1].logits for each in (model, loaded)]
    assert torch.equal(*outputs)
    outputs[1].sum().backward()
    assert loaded.embed.weight.grad is not None


@pytest.mark.parametrize(
    "config",
    [
        TRMConfig(vocab_size=5, hidden_size=16, mixer="attention", num_heads=2, positions="rope"),
        TRMConfig(vocab_size=5, hidden_size=16, num_heads=2, positions="learned", seq_len=6),
        TRMConfig(vocab_size=5, hidden_size=16, num_heads=2, puzzle_emb_len=2, num_puzzles=3),
    ],
)
def test_every_kind_of_model_comes_back(tmp_path: Path, config: TRMConfig) -> None:
    model = TinyRecursiveModel(config)
    save_weights(tmp_path / "m.safetensors", model, CARD, torch.float32)
    loaded, _ = load_weights(tmp_path / "m.safetensors")
    assert loaded.config == config
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))


def test_equal_models_give_equal_bytes(tmp_path: Path, path: Path, model: TinyRecursiveModel) -> None:
    again = tmp_path / "again.safetensors"
    save_weights(again, model.state_dict(), replace(CARD, config=CONFIG.to_dict()))
    assert again.read_bytes() == path.read_bytes()


def test_a_state_dict_that_does_not_fit_is_not_saved(tmp_path: Path, model: TinyRecursiveModel) -> None:
    state = dict(model.state_dict())
    del state["lm_head.weight"]
    path = tmp_path / "bad.safetensors"
    with pytest.raises(InputError, match=r"lm_head\.weight"):
        save_weights(path, state, replace(CARD, config=CONFIG.to_dict()))
    assert list(tmp_path.iterdir()) == []


def test_saving_into_a_missing_folder(tmp_path: Path, model: TinyRecursiveModel) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        save_weights(tmp_path / "no" / "m.safetensors", model, CARD)


def test_an_interrupted_write_leaves_the_old_file(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), new_file(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_reading_a_card_imports_no_torch(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trmcli.weights import read_card;"
        f"assert read_card(Path({str(path)!r})).name == 'tiny';"
        "assert not {'torch', 'numpy', 'safetensors', 'requests', 'rich'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


def test_loading_spends_no_time_on_random_weights(path: Path) -> None:
    """Random numbers on the meta device would import sympy and more, for longer than a second."""
    code = (
        "import sys; from pathlib import Path; from trmcli.weights import load_weights;"
        f"load_weights(Path({str(path)!r}));"
        "assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


def test_card_without_torch_gives_the_config(path: Path) -> None:
    assert read_card(path).model_config == CONFIG


def test_header_shapes_are_those_of_the_model(path: Path, model: TinyRecursiveModel) -> None:
    shapes = {name: info.shape for name, info in read_header(path).tensors.items()}
    assert shapes == {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert message(tmp_path / "none.safetensors") == "no such file"
    assert message(tmp_path) == "is a folder, not a weights file"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty"),
        (b"\x01\x02", "is not a safetensors file"),
        (b"hello, this is some text\n", "is not a safetensors file"),
        ((1 << 60).to_bytes(8, "little") + b"{}", "is not a safetensors file"),
        ((1 << 20).to_bytes(8, "little") + b"{}", "is cut short: header ends at byte 1048584, file has 10"),
        ((4).to_bytes(8, "little") + b"{]]}", "is damaged: its header is not JSON"),
        ((4).to_bytes(8, "little") + b"{\xff\xfe}", "is damaged: its header is not JSON"),
        (
            b"PK\x03\x04" + bytes(100),
            "is a PyTorch checkpoint, not a safetensors file: trm convert makes weights of it",
        ),
        (
            b"\n<!DOCTYPE html><p>Not found",
            "is an HTML page, not a safetensors file: "
            "the address led to a page about the file, not to the file itself",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00",
            "is a Git LFS pointer, not a safetensors file: git lfs pull fetches the file that it stands for",
        ),
    ],
)
def test_what_is_no_safetensors_file(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    assert message(path) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(path: Path, model: TinyRecursiveModel, value: float) -> None:
    state = model.state_dict()
    state["lm_head.weight"].view(-1)[7] = value
    save_weights(path, state, replace(CARD, config=CONFIG.to_dict()))
    assert message(path) == "tensor 'lm_head.weight' holds numbers that are not finite"


def test_deeply_nested_json(tmp_path: Path) -> None:
    text = b'{"a":' + b"[" * 100_000
    path = tmp_path / "deep.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert message(path) == "is damaged: its header is not JSON"


def test_cut_short_at_every_place(path: Path) -> None:
    data = path.read_bytes()
    for size in (1, 8, 9, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        message(path)
    assert message(path) == f"is cut short: header promises {len(data)} bytes, file has {len(data) - 1}"
    path.write_bytes(data + b"x")
    assert "file has" in message(path)


def test_foreign_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2, 3)}, path, {"format": "pt"})
    assert message(path) == "is a safetensors file, but not one of trmcli's: it has no card"


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ({"dtype": "F32", "shape": [4], "data_offsets": [0, 15]}, "x"),
        ({"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}, "x"),
        ({"dtype": "F32", "shape": [4.0], "data_offsets": [0, 16]}, "x"),
        ({"dtype": "C99", "shape": [4], "data_offsets": [0, 16]}, "x"),
        ({"dtype": "F32", "shape": [4]}, "x"),
        ({"dtype": [], "shape": {}, "data_offsets": 3}, "x"),
        (7, "x"),
    ],
)
def test_unusable_tensor_entries(path: Path, entry: Any, name: str) -> None:
    rewrite(path, lambda header: header.update({name: entry}))
    assert message(path) == f"is damaged: its header says nothing usable of tensor {name!r}"


def test_overlapping_tensors(path: Path) -> None:
    rewrite(path, lambda header: header["lm_head.weight"].update(header["embed.weight"]))
    assert "does not begin where the one before ends" in message(path)


def test_tensors_of_another_shape(path: Path) -> None:
    rewrite(path, lambda header: header["embed.weight"].update(shape=[16, 11]))
    assert message(path) == "does not fit its own config: 'embed.weight' is [16, 11], not [11, 16]"


def test_tensors_of_another_name(path: Path) -> None:
    rewrite(path, lambda header: header.update({"tail.weight": header.pop("lm_head.weight")}))
    assert message(path) == "does not fit its own config: tensor 'lm_head.weight' is missing"


def test_tensors_that_are_not_floats(path: Path) -> None:
    rewrite(path, lambda header: header["embed.weight"].update(dtype="I16"))
    assert message(path) == "tensor 'embed.weight' is of type I16, not a float"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"num_layers": 1000}, "describes 1000 layers"),
        ({"hidden_size": 1 << 62}, "describes no model that can be built"),
        ({"hidden_size": 32}, "does not fit its own config"),
        ({"hidden_size": "16"}, "hidden_size must be a whole number"),
        ({"mixer": "magic"}, "mixer must be one of"),
        ({"colour": "red"}, "unknown model setting 'colour'"),
        ({"relations": 5}, "describes no model that can be built"),
        ({"ffn_multiple": 0}, "describes no model that can be built"),
        ({"expansion": float("inf")}, "describes no model that can be built"),
    ],
)
def test_config_that_is_wrong(path: Path, changes: dict[str, Any], expected: str) -> None:
    change_config(path, **changes)
    assert expected in message(path)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"format": 2}, "has a card of format 2; this version of trm reads 1"),
        ({"format": None}, "has a card of format None; this version of trm reads 1"),
        ({"name": 5}, "has a card whose 'name' is 5"),
        ({"config": []}, "has a card whose 'config' is []"),
        ({"figures": [1]}, "has a card whose 'figures' are not all objects"),
    ],
)
def test_card_that_is_wrong(path: Path, changes: dict[str, Any], expected: str) -> None:
    change_card(path, **changes)
    assert message(path) == expected


def test_card_that_is_rubbish(path: Path) -> None:
    rewrite(path, lambda header: header["__metadata__"].update(trmcli="{"))
    assert message(path) == "is damaged: its card is not JSON"
    rewrite(path, lambda header: header.update(__metadata__={"trmcli": 3}))
    assert message(path) == "is damaged: its metadata are not text"


def test_unknown_keys_of_a_card_are_left_out(path: Path) -> None:
    change_card(path, mood="cheerful")
    assert replace(read_card(path), config={}) == CARD
