"""What is compiled says what is not compiled says, whatever the size of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import random_tokens, relation_config

from trmcli.errors import InputError
from trmcli.model import TinyRecursiveModel
from trmcli.solving import compiled
from trmcli.solving.choices import CompileName
from trmcli.solving.compiled import can_compile
from trmcli.solving.crossover import round_work
from trmcli.solving.engine import Inputs, Output, State, step
from trmcli.solving.torch_engine import LEAST_SHARE, TorchEngine
from trmcli.tasks import get_task

CPU = torch.device("cpu")
CONFIG = relation_config()

needs_compiler = pytest.mark.skipif(not can_compile(CPU), reason="there is no C++ compiler")


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where torch keeps what it compiles: for all of these tests together."""
    with pytest.MonkeyPatch.context() as patch:
        kept = tmp_path_factory.mktemp("kept")
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(kept))
        yield kept


def engine(compiling: CompileName, threads: int = 1, dtype: torch.dtype = torch.float32) -> TorchEngine:
    torch.manual_seed(0)
    model = TinyRecursiveModel(CONFIG)
    return TorchEngine(model, get_task("sudoku"), CPU, dtype, threads=threads, compiling=compiling)


def drawn(one: TorchEngine, count: int) -> State[torch.Tensor]:
    """Questions of 4x4, and random states."""
    state = one.begin(Inputs(random_tokens(count, 4), (4, 4)))
    states = np.random.default_rng(1).standard_normal((2, *state.question.shape)).astype(np.float32)
    return replace(state, answer=one.array(states[0]), latent=one.array(states[1]))


def stepped(one: TorchEngine, count: int) -> tuple[State[torch.Tensor], Output]:
    with one.working():
        return step(one, drawn(one, count))


def forms() -> int:
    """How many forms torch has compiled in this process."""
    from torch._dynamo.utils import counters

    return counters["stats"]["unique_graphs"]


@pytest.fixture(scope="module")
def both() -> tuple[TorchEngine, TorchEngine]:
    """The same model, not compiled, and compiled by its first step for parts of eight, by two threads."""
    eager, quick = engine("off"), engine("on", threads=2)
    stepped(quick, 3 * LEAST_SHARE)
    return eager, quick


@needs_compiler
@pytest.mark.parametrize("count", [1, LEAST_SHARE, 3 * LEAST_SHARE + 5])
def test_a_compiled_step_agrees_with_one_that_is_not(
    count: int, both: tuple[TorchEngine, TorchEngine]
) -> None:
    (state, output), (other, said) = (stepped(one, count) for one in both)
    for ours, theirs in (
        (other.answer, state.answer),
        (other.latent, state.latent),
        (torch.from_numpy(said.probabilities), torch.from_numpy(output.probabilities)),
        (torch.from_numpy(said.halt), torch.from_numpy(output.halt)),
    ):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() <= 1e-4 * theirs.abs().max()


@needs_compiler
def test_other_sizes_of_batches_compile_nothing_anew(both: tuple[TorchEngine, TorchEngine]) -> None:
    before = forms()
    assert before > 0
    for count in (1, 5, LEAST_SHARE, 17, 70):
        stepped(both[1], count)
    assert forms() == before


@needs_compiler
def test_a_row_is_rounded_alike_in_every_batch(both: tuple[TorchEngine, TorchEngine]) -> None:
    quick = both[1]
    with quick.working():
        state = drawn(quick, 19)
        whole, _ = step(quick, state)
        alone, _ = step(quick, quick.take(state, np.array([18])))
    assert torch.equal(whole.answer[18:], alone.answer)


@needs_compiler
def test_auto_begins_to_compile_after_a_fixed_amount_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    torch._dynamo.reset()  # it would take the form of another engine of the same configuration
    monkeypatch.setattr(compiled, "WORTH_COMPILING", 30 * round_work(CONFIG, 16))
    one, found = engine("auto"), []
    for _ in range(4):
        before = forms()
        stepped(one, 12)
        found.append(forms() - before)
    assert found[:3] == [0, 0, 0] and found[3] > 0


def test_auto_compiles_nothing_where_products_are_of_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    torch._dynamo.reset()
    monkeypatch.setattr(compiled, "WORTH_COMPILING", 0.0)
    before = forms()
    stepped(engine("auto", dtype=torch.bfloat16), 5)
    assert forms() == before


def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A compiler that is there and fails; and nothing compiled before is found."""
    torch._dynamo.reset()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))

    def fails(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("C++ compile error\n\ncc: fatal error: Python.h: No such file\nmore")

    monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", fails)


@needs_compiler
def test_a_compiler_that_fails_is_named_where_it_must_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken(monkeypatch, tmp_path)
    with pytest.raises(
        InputError, match=r"compile on: torch cannot compile here: cc: .*Python\.h: No such file$"
    ):
        stepped(engine("on"), 2)


@needs_compiler
def test_auto_goes_on_where_a_compiler_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken(monkeypatch, tmp_path)
    monkeypatch.setattr(compiled, "WORTH_COMPILING", 0.0)
    eager, (_, output) = stepped(engine("off"), 5)[1], stepped(engine("auto"), 5)
    np.testing.assert_array_equal(output.probabilities, eager.probabilities)


def test_without_a_compiler_auto_does_without_and_on_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(compiled, "WORTH_COMPILING", 0.0)
    before = forms()
    stepped(engine("auto"), 5)
    assert forms() == before
    with pytest.raises(InputError, match="--compile on: torch finds no C\\+\\+ compiler"):
        engine("on")
