from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import trmcli
from trmcli.errors import InputError
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.tasks import get_task
from trmcli.weights import Card, save_weights


def test_importing_it_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, trmcli; trmcli.__version__; trmcli.weights; dir(trmcli);"
        "assert not {'torch', 'numpy', 'rich', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_everything_public_is_there() -> None:
    assert set(trmcli.__all__) <= set(dir(trmcli))
    assert all(hasattr(trmcli, name) for name in trmcli.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = trmcli.nonsense


def test_load_gives_a_solver(tmp_path: Path) -> None:
    task = get_task("sudoku")
    model = TinyRecursiveModel(
        TRMConfig(vocab_size=task.vocab_size, hidden_size=16, num_heads=2, ffn_multiple=8, rounds=1)
    )
    save_weights(tmp_path / "m.safetensors", model, Card("m", "sudoku"), torch.float32)
    solver = trmcli.load(str(tmp_path / "m.safetensors"), device="cpu")
    assert isinstance(solver, trmcli.Solver) and solver.task is task
    tokens = task.encode(np.zeros((1, 4, 4), np.uint8))
    steps = list(solver.steps(tokens, (4, 4), max_steps=2, halt="never"))
    assert [step.number for step in steps] == [1, 2]


def test_load_of_nothing() -> None:
    with pytest.raises(InputError, match="no weights of this name"):
        trmcli.load("nosuch")
