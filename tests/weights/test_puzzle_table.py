"""The table of puzzle embeddings lies beside the weights, belongs to them, and is read by rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from trmcli.errors import InputError
from trmcli.loading import load_engine
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.solving.engine import Engine
from trmcli.solving.solver import Solver
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task
from trmcli.weights.files import Card, load_weights, read_card, save_weights
from trmcli.weights.header import read_header
from trmcli.weights.table import Puzzles, Table, read_puzzles

CONFIG = TRMConfig(
    vocab_size=12, hidden_size=16, num_layers=1, num_heads=2, ffn_multiple=8, rounds=1, latent_updates=1,
    positions="rope", puzzle_emb_len=2, num_puzzles=5,
)  # fmt: skip
ARC = get_task("arc")


def model(seed: int = 0, config: TRMConfig = CONFIG) -> TinyRecursiveModel:
    torch.manual_seed(seed)
    made = TinyRecursiveModel(config)
    with torch.no_grad():
        made.embed_puzzle.weight.normal_()
    return made


def save(folder: Path, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    path = folder / "w.safetensors"
    puzzles = Puzzles(["<blank>", "a", "a|||t1|||0123456789", "ü", ""], ["1a", "2b"])
    save_weights(path, model(seed), Card("w", "arc"), dtype, puzzles)
    return path


def test_the_table_is_a_file_of_its_own_that_the_weights_name(tmp_path: Path) -> None:
    path = save(tmp_path)
    (beside,) = (other for other in tmp_path.iterdir() if other != path)
    assert read_card(path).puzzles == beside.name
    assert "embed_puzzle.weight" not in load_file(path)
    assert torch.equal(load_file(beside)["embed_puzzle.weight"], model().embed_puzzle.weight.detach())
    known = read_puzzles(path, beside.name)
    assert (list(known.names), list(known.learned)) == (
        ["<blank>", "a", "a|||t1|||0123456789", "ü", ""],
        ["1a", "2b"],
    )


def test_a_model_that_tells_no_puzzles_apart_is_one_file_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, model(config=replace(CONFIG, num_puzzles=1)), Card("w", "arc"))
    assert list(tmp_path.iterdir()) == [path] and "embed_puzzle.weight" in load_file(path)


def test_loaded_whole_the_model_is_what_was_saved(tmp_path: Path) -> None:
    loaded, _ = load_weights(save(tmp_path))
    for name, tensor in model().state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_mapped_the_model_answers_the_same_and_holds_no_table(tmp_path: Path) -> None:
    path = save(tmp_path)
    (whole, _), (mapped, _) = load_weights(path), load_weights(path, mapped=True)
    assert "embed_puzzle.weight" not in mapped.state_dict()
    tokens, puzzle = torch.randint(0, 12, (3, 9)), torch.tensor([4, 1, 4])
    assert torch.equal(whole.embed_question(tokens, puzzle), mapped.embed_question(tokens, puzzle))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_engines_read_the_rows_of_the_puzzles_that_are_asked(tmp_path: Path, dtype: torch.dtype) -> None:
    path = save(tmp_path, dtype=dtype)
    tokens = np.tile(np.random.default_rng(0).integers(0, 12, 9), (4, 1))
    engines: list[Engine[Any]] = [
        load_engine(path, ARC, "numpy")[0],
        TorchEngine(load_weights(path, mapped=True)[0], ARC, torch.device("cpu"), torch.float32),
    ]
    answers = []
    for engine in engines:
        steps = Solver(engine).steps(tokens, (3, 3), max_steps=2, halt="never", identifiers=[1, 2, 1, 4])
        answers.append(list(steps)[-1].probabilities)
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)
    np.testing.assert_allclose(answers[0][0], answers[0][2], atol=1e-6)
    assert np.abs(answers[0][0] - answers[0][1]).max() > 1e-3


def test_saving_again_leaves_one_table_and_a_kill_between_the_two_files_leaves_the_old_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path, seed=1)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("trmcli.weights.files.new_file", killed)
        save(tmp_path, seed=2)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    torch.testing.assert_close(load_weights(path)[0].state_dict(), model(1).state_dict(), rtol=0, atol=0)
    save(tmp_path, seed=2)
    assert len(list(tmp_path.iterdir())) == 2
    torch.testing.assert_close(load_weights(path)[0].state_dict(), model(2).state_dict(), rtol=0, atol=0)


def test_a_table_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    path = save(tmp_path)
    beside = tmp_path / read_card(path).puzzles
    whole = beside.read_bytes()
    beside.unlink()
    for load in (lambda: load_weights(path), lambda: load_engine(path, ARC, "numpy")):
        with pytest.raises(InputError, match=r"w.puzzles-.*does not lie beside it"):
            load()
    beside.write_bytes(whole[:-40])
    with pytest.raises(InputError, match="cut short"):
        load_weights(path)
    save_weights(tmp_path / "x.safetensors", model(config=replace(CONFIG, num_puzzles=7)), Card("x", "arc"))
    beside.write_bytes((tmp_path / read_card(tmp_path / "x.safetensors").puzzles).read_bytes())
    with pytest.raises(InputError, match=r"'embed_puzzle.weight' is \[7, 16\], not \[5, 16\]"):
        load_weights(path)


def test_a_row_that_is_not_finite_is_named_when_it_is_read(tmp_path: Path) -> None:
    broken = model()
    with torch.no_grad():
        broken.embed_puzzle.weight[3, 2] = float("nan")
    path = tmp_path / "w.safetensors"
    save_weights(path, broken, Card("w", "arc"))
    beside = tmp_path / read_card(path).puzzles
    table = Table(beside, read_header(beside))
    assert table[np.array([0, 4])].shape == (2, 16)
    with pytest.raises(InputError, match="not finite"):
        table[np.array([3])]
