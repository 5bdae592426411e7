"""Weights without torch: the same numbers as with it, and the same refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.weights.arrays import load_arrays
from trmcli.weights.files import Card, load_weights, save_weights
from trmcli.weights.table import widened

BUNDLED = sorted((Path(__file__).parents[2] / "weights").glob("*.safetensors"))
CONFIG = TRMConfig(
    vocab_size=11, hidden_size=16, mixer="mean", num_heads=2, ffn_multiple=8, relations=(("row", "groups"),)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_weights(tmp_path / "tiny.safetensors", TinyRecursiveModel(CONFIG), Card("tiny", "sudoku"))
    return tmp_path / "tiny.safetensors"


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Apply ``change`` to the header's JSON."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def change_config(**changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        card = Card.from_json(header["__metadata__"]["trmcli"], "here")
        config = {**card.config, **changes}
        header["__metadata__"]["trmcli"] = replace(card, config=config).to_json()

    return change


def change_tensor(name: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header[name].update(changes)


def rename(header: dict[str, Any]) -> None:
    header["lm_tail.weight"] = header.pop("lm_head.weight")


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: file.stem)
def test_numbers_are_those_that_torch_reads(file: Path) -> None:
    arrays, card = load_arrays(file)
    model, same = load_weights(file)
    assert card == same
    state = model.state_dict()
    assert arrays.keys() == state.keys()
    for name, tensor in state.items():
        assert arrays[name].dtype == np.float32
        np.testing.assert_array_equal(arrays[name], tensor.numpy())


@given(st.lists(st.integers(0, 0xFFFF), min_size=1))
def test_every_bfloat16_is_widened_as_torch_does(bits: list[int]) -> None:
    stored = np.array(bits, dtype=np.uint16)
    expected = torch.from_numpy(stored).view(torch.bfloat16).float()
    np.testing.assert_array_equal(widened(stored), expected.numpy())


@pytest.mark.parametrize("kind", ("F64", "F32", "F16"))
def test_other_floats_are_read_too(path: Path, kind: str) -> None:
    from safetensors.torch import save_file

    model, card = load_weights(path)
    dtype = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16}[kind]
    state = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    save_file(state, path, {"trmcli": card.to_json()})
    arrays, _ = load_arrays(path)
    for name, tensor in load_weights(path)[0].state_dict().items():
        assert arrays[name].dtype == np.float32
        np.testing.assert_array_equal(arrays[name], tensor.numpy())


@pytest.mark.parametrize(
    "change",
    (
        rename,
        change_tensor("embed.weight", shape=[16, 11]),
        change_tensor("embed.weight", dtype="I16"),
        change_config(num_layers=3),
        change_config(num_layers=10**9),
        change_config(hidden_size=0),
        change_config(mixer="none"),
        change_config(vectors="candidates"),
        change_config(wings=2),
    ),
    ids=("name", "shape", "integers", "layers", "many layers", "size", "mixer", "vectors", "unknown"),
)
def test_a_file_that_does_not_fit_is_refused_as_with_torch(
    path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    rewrite(path, change)
    with pytest.raises(InputError) as expected:
        load_weights(path)
    with pytest.raises(InputError) as found:
        load_arrays(path)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("bits", (b"\x80\x7f", b"\x80\xff", b"\xc0\x7f"), ids=("inf", "-inf", "nan"))
def test_numbers_that_are_not_finite_are_refused(path: Path, bits: bytes) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bits)
    with pytest.raises(InputError, match="not finite"):
        load_arrays(path)


def test_half_a_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cut short"):
        load_arrays(path)


def test_no_torch_is_imported(path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from trmcli.weights.arrays import load_arrays
load_arrays(Path({str(path)!r}))
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
