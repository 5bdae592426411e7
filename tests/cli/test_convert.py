"""``trm convert``: there and back, settings beside the checkpoint, and code that must not run."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch
from safetensors.torch import load_file

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "trm_mlp.safetensors"
SETTINGS = "arch:\n  H_cycles: 3\n  L_cycles: 6\n  num_heads: 4\n  puzzle_emb_len: 4\nlr: 0.0001\n"

Run = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    state = {name[6:]: value for name, value in load_file(GOLDEN).items() if name.startswith("state.")}
    torch.save(state, tmp_path / "step_1")
    return tmp_path / "step_1"


def test_there_and_back(checkpoint: Path, trm: Run, tmp_path: Path) -> None:
    (tmp_path / "all_config.yaml").write_text(SETTINGS)
    target = tmp_path / "sudoku.safetensors"
    done = trm("convert", checkpoint, "-o", target)
    assert (done.returncode, done.stdout) == (0, f"{target}\tTRM, mlp, hidden size 32\n"), done.stderr
    done = trm("convert", target, "--to", "reference", "-o", tmp_path / "back")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("arch=trm arch.H_cycles=3 arch.L_cycles=6 ")
    before, after = torch.load(checkpoint), torch.load(tmp_path / "back")
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_settings_by_hand(checkpoint: Path, trm: Run, tmp_path: Path) -> None:
    target = tmp_path / "sudoku.safetensors"
    done = trm("convert", checkpoint, "-o", target, "--set", "H_cycles=3", "--set", "L_cycles=6")
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not say puzzle_emb_len" in done.stderr and done.stderr.count("\n") == 1
    assert not target.exists()


def test_it_must_have_somewhere_to_write(checkpoint: Path, trm: Run, tmp_path: Path) -> None:
    (tmp_path / "all_config.yaml").write_text(SETTINGS)
    for place in (tmp_path, tmp_path / "missing" / "x.safetensors"):
        done = trm("convert", checkpoint, "-o", place)
        assert done.returncode == 2 and "is a folder, or lies in none" in done.stderr


class Attack:
    """Unpickling this runs a command."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.witness}",)


@pytest.mark.parametrize("form", ["archive", "bare pickle"])
def test_code_in_a_checkpoint_is_refused_and_not_run(trm: Run, tmp_path: Path, form: str) -> None:
    witness, checkpoint = tmp_path / "it-ran", tmp_path / "step_1"
    if form == "archive":
        torch.save({"model": Attack(witness)}, checkpoint)
    else:
        checkpoint.write_bytes(pickle.dumps(Attack(witness)))
    done = trm("convert", checkpoint, "-o", tmp_path / "out.safetensors")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trm: error: ") and done.stderr.count("\n") == 1
    if form == "archive":
        assert "names posix.system, which is no tensor; nothing of it was run" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_1"]
