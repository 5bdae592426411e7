"""Which engine solves, and that both come to the same answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support import environment

from trmcli.cli.common import load_solver
from trmcli.cli.options import Batches, Model
from trmcli.cli.stream import PuzzleStream
from trmcli.model import TRMConfig
from trmcli.solving import crossover
from trmcli.solving.crossover import many, torch_has_more
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.solving.torch_engine import TorchEngine

Run = Callable[..., "subprocess.CompletedProcess[str]"]
EXAMPLES = Path(__file__).parents[2] / "examples"
EASY = "1..4.4.22.4..3.1"


def taken(source: str, machine: Batches = Batches(), limit: int | None = None) -> type:
    """The engine that solves this source."""
    stream = PuzzleStream([source], None)
    first = stream.first()
    solver, _ = load_solver(stream, Model(), machine, first, limit)
    assert next(iter(stream)) is first
    return type(solver.engine)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a Linux system that has neither a GPU nor products of bfloat16."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(crossover, "SYSTEM", tmp_path)
    (tmp_path / "dev").mkdir()
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "cpuinfo").write_text("flags\t\t: sse avx avx2 fma\n")
    return tmp_path


def test_few_puzzles_are_numpys_and_many_are_torchs_where_it_has_more(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = str(EXAMPLES / "sudoku" / "batch.txt")
    assert taken(batch) is NumPyEngine
    (system / "proc" / "cpuinfo").write_text("flags\t\t: avx2 avx512f avx512_bf16 amx_tile\n")
    assert taken(EASY) is taken(batch, limit=3) is NumPyEngine
    assert taken(batch) is TorchEngine
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert taken(EASY) is NumPyEngine  # several processes have the figures of one


@pytest.mark.parametrize("device", ["nvidia0", "nvidia12", "kfd", "dxg"])
def test_a_gpu_is_torchs(system: Path, device: str) -> None:
    (system / "dev" / "nvidia-uvm").touch()  # drivers alone compute nothing
    assert not torch_has_more()
    (system / "dev" / device).touch()
    assert torch_has_more()


def test_what_is_not_known_is_left_to_torch(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (system / "proc" / "cpuinfo").unlink()
    assert torch_has_more()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert torch_has_more()


def test_whoever_names_an_engine_or_a_device_gets_it() -> None:
    batch = str(EXAMPLES / "sudoku" / "batch.txt")
    assert taken(batch, Batches(engine="numpy")) is taken(batch, Batches("cpu", "numpy")) is NumPyEngine
    assert taken(EASY, Batches(engine="torch")) is taken(EASY, Batches("cpu")) is TorchEngine


def test_the_larger_the_model_the_fewer_puzzles_are_many() -> None:
    small = TRMConfig(vocab_size=11, hidden_size=64, num_heads=4)
    paper = TRMConfig(vocab_size=11, mixer="mlp", seq_len=81)
    assert 2 <= many(paper, 81) < 20 < many(small, 81) < many(small, 36)
    assert many(TRMConfig(vocab_size=11, num_layers=1000), 81) == 2


@pytest.mark.parametrize("file", ["sudoku/hard.txt", "sudoku/4x4.txt", "maze/15x15.txt"])
def test_both_engines_solve_the_examples(file: str, trm: Run) -> None:
    keys = ("puzzle", "verified", "tries", "solutions", "method")
    found = []
    for engine in ("numpy", "torch"):
        done = trm("solve", EXAMPLES / file, "--engine", engine, "--json")
        assert done.returncode == 0, done.stderr
        records = [json.loads(line) for line in done.stdout.splitlines()]
        found.append([[record[key] for key in keys] for record in records])
    assert found[0] == found[1]


def test_both_engines_evaluate_alike(trm: Run) -> None:
    figures = [
        json.loads(trm("eval", "-", "--json", "--engine", engine, stdin=f"{EASY}\n" * 2).stdout)
        for engine in ("numpy", "torch")
    ]
    assert figures[0]["solved"] == figures[1]["solved"] == 2


def test_an_engine_that_there_is_not(trm: Run) -> None:
    done = trm("solve", EASY, "--engine", "nunpy")
    assert done.returncode == 2
    assert done.stderr == (
        "trm: error: --engine: 'nunpy' is not one of auto, numpy, torch; did you mean numpy?\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "numpy"], "there is no C compiler: install gcc or clang, or name one in CC"),
        (
            ["--engine", "torch"],
            "torch finds no C++ compiler: install g++, or name another in CXX",
        ),
        ([], "torch finds no C++ compiler: install g++, or name another in CXX"),
    ],
)
@pytest.mark.parametrize("command", ["solve", "eval"])
def test_what_cannot_be_compiled(command: str, options: list[str], message: str, trm: Run) -> None:
    missing = {"CC": "no-such-cc", "CXX": "no-such-c++"}
    done = trm(command, "-", "--compile", "on", "--device", "cpu", *options, stdin=EASY, **missing)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"trm: error: --compile on: {message}\n"


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_compiled_answers_are_the_same_and_nothing_else_is_said_or_left(engine: str, tmp_path: Path) -> None:
    here, kept = tmp_path / "here", tmp_path / "kept"
    here.mkdir()
    found = []
    command = [sys.executable, "-m", "trmcli", "solve", str(EXAMPLES / "sudoku" / "4x4.txt")]
    for when in ("off", "on"):
        done = subprocess.run(
            [*command, "--engine", engine, "--compile", when],
            cwd=here,
            env=environment(TORCHINDUCTOR_CACHE_DIR=str(kept), TRM_CACHE_DIR=str(kept)),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.append((done.stdout, re.sub(r", [^,]*$", "", done.stderr.strip())))
    assert found[0] == found[1] and found[0][0]
    assert any(kept.iterdir()) and not any(here.iterdir())


def test_as_many_tries_at_once_as_the_engine_likes_unless_told_otherwise() -> None:
    stream = PuzzleStream([EASY], None)
    first = stream.first()
    for machine in (Batches(engine="numpy"), Batches(engine="torch", device="cpu")):
        solver, _ = load_solver(stream, Model(), machine, first)
        assert machine.at_once(solver.engine) == solver.engine.batch == 64
        assert replace(machine, batch_size=3).at_once(solver.engine) == 3
