"""What a C compiler made of the layers says what NumPy's say; where that cannot be, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from small_models import SETTINGS, drawn_tokens, made

from trmcli.errors import InputError
from trmcli.solving import fused, numpy_engine
from trmcli.solving.choices import CompileName
from trmcli.solving.crossover import round_work
from trmcli.solving.engine import Inputs, Numbers, Output, State
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.tasks import get_task
from trmcli.tasks.base import Shape
from trmcli.weights.arrays import load_arrays

WEIGHTS = Path(__file__).parents[2] / "weights"
SIZES = (
    *((name, shape) for name in ("sudoku", "sudoku-small") for shape in ((4, 4), (6, 6), (9, 9))),
    *(("sudoku-16", shape) for shape in ((4, 4), (9, 9), (16, 16))),
    *((name, shape) for name in ("maze", "maze-small") for shape in ((5, 8), (21, 21))),
)


def has_compiler() -> bool:
    try:
        return bool(fused.compiler())
    except InputError:
        return False


needs_compiler = pytest.mark.skipif(not has_compiler(), reason="there is no C compiler")


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where these tests keep what is compiled, together. What is loaded is forgotten after each."""
    kept = tmp_path_factory.getbasetemp() / "kept"
    monkeypatch.setenv("TRM_CACHE_DIR", str(kept))
    fused.library.cache_clear()
    yield kept / "fused"
    fused.library.cache_clear()


def engine(
    compiling: CompileName, name: str = "sudoku", dtype: npt.DTypeLike = np.float32, threads: int = 1
) -> NumPyEngine:
    weights, card = load_arrays(WEIGHTS / f"{name}.safetensors")
    task = get_task(card.task)
    return NumPyEngine(card.model_config, weights, task, dtype, threads=threads, compiling=compiling)


def drawn(one: NumPyEngine, shape: Shape = (4, 4), count: int = 2) -> State[Numbers]:
    """Questions, and random states."""
    state = one.begin(Inputs(drawn_tokens(one.task, shape, count), shape))
    states = np.random.default_rng(1).standard_normal((2, *state.question.shape)).astype(one.dtype)
    return replace(state, answer=states[0], latent=states[1])


def round_of(one: NumPyEngine, state: State[Numbers]) -> tuple[State[Numbers], Output]:
    with one.working():
        return one.round(state)


def fuses(one: NumPyEngine) -> bool:
    return all(layer.fused is not None for layer in one._layers)


def assert_close(found: tuple[State[Numbers], Output], expected: tuple[State[Numbers], Output]) -> None:
    (state, output), (other, said) = found, expected
    for ours, theirs in (
        (state.answer, other.answer),
        (state.latent, other.latent),
        (output.probabilities, said.probabilities),
        (output.halt, said.halt),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * max(1.0, np.abs(theirs).max()))


@needs_compiler
@pytest.mark.parametrize(("name", "shape"), SIZES)
def test_a_fused_round_agrees_with_numpy_on_every_bundled_model(name: str, shape: Shape) -> None:
    plain, quick = engine("off", name), engine("on", name)
    found = round_of(quick, drawn(quick, shape))
    assert fuses(quick) and not fuses(plain)
    assert_close(found, round_of(plain, drawn(plain, shape)))
    assert not np.array_equal(found[0].answer, round_of(plain, drawn(plain, shape))[0].answer)


@needs_compiler
@pytest.mark.parametrize("name", SETTINGS)
def test_a_fused_round_agrees_whatever_the_network_is_made_of(name: str) -> None:
    case = made(name, width=32)
    case.model.config = replace(case.model.config, rounds=1)
    plain, quick = case.engine(), case.engine(compiling="on")
    assert_close(round_of(quick, case.drawn(quick)), round_of(plain, case.drawn(plain)))
    assert fuses(quick)
    assert all(layer.fused is not None for layer in quick._answer_layers)


def test_every_bundled_model_is_compared() -> None:
    assert {path.stem for path in WEIGHTS.glob("*.safetensors")} == {name for name, _ in SIZES}


@needs_compiler
def test_a_row_is_rounded_alike_in_every_batch_and_by_any_number_of_threads() -> None:
    one, two = engine("on"), engine("on", threads=2)
    state = drawn(one, (9, 9), 5)
    whole, alone = round_of(two, state)[0], round_of(one, one.take(state, np.array([4])))[0]
    np.testing.assert_array_equal(whole.answer[4:], alone.answer)


@needs_compiler
def test_auto_begins_after_a_fixed_amount_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    one = engine("off")
    monkeypatch.setattr(numpy_engine, "WORTH_FUSING", 8 * round_work(one.config, 16))
    auto, found = engine("auto"), []
    for _ in range(4):
        round_of(auto, drawn(auto, count=3))
        found.append(fuses(auto))
    assert found == [False, False, False, True]


@needs_compiler
def test_the_next_process_compiles_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fused.library()
    (made_once,) = folder.iterdir()
    monkeypatch.setattr(fused, "_compile", lambda _: pytest.fail("it was compiled again"))
    fused.library.cache_clear()
    fused.library()
    assert list(folder.iterdir()) == [made_once]


@needs_compiler
def test_what_is_damaged_is_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRM_CACHE_DIR", str(tmp_path))
    path = fused._compiled()
    path.write_bytes(path.read_bytes()[:1000])
    assert fused.library().panel() in (8, 16, 32)


def test_without_a_compiler_auto_does_without_and_on_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr(numpy_engine, "WORTH_FUSING", 0.0)
    plain, auto = engine("off"), engine("auto")
    found, expected = (round_of(one, drawn(one))[0].answer for one in (auto, plain))
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(InputError, match="compile on: there is no C compiler: install gcc or clang"):
        engine("on")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo; echo 'fused.c:1:1: fatal error: math.h: No such file'; exit 1",
            "1:1: fatal error: math.h: No",
        ),
        ("echo; echo some words; exit 3", "cannot compile here: some words"),
        ("exit 3", "ended with status 3"),
        ("exit 0", "ended with status 0"),
    ],
)
def test_a_compiler_that_fails_is_named_where_it_must_not(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text(f"#!/bin/sh\nexec >&2\n{script}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    monkeypatch.setattr(numpy_engine, "WORTH_FUSING", 0.0)
    with pytest.raises(InputError, match=said):
        engine("on")
    auto = engine("auto")
    round_of(auto, drawn(auto))
    assert not fuses(auto)


@needs_compiler
def test_layers_that_compute_something_else_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "fused.c"
    source = fused.SOURCE.read_text()
    assert "1.6666665459e-1f" in source
    wrong.write_text(source.replace("1.6666665459e-1f", "0.2f"))
    monkeypatch.setattr(fused, "SOURCE", wrong)
    monkeypatch.setattr(numpy_engine, "WORTH_FUSING", 0.0)
    must = engine("on")
    with pytest.raises(InputError, match="computes something else"):
        round_of(must, drawn(must))
    auto, plain = engine("auto"), engine("off")
    found, expected = (round_of(one, drawn(one))[0].answer for one in (auto, plain))
    np.testing.assert_array_equal(found, expected)


@needs_compiler
def test_what_cannot_be_fused_is_named() -> None:
    double = engine("on", dtype=np.float64)
    with pytest.raises(InputError, match="float32 alone"):
        round_of(double, drawn(double))
    narrow = made("means without a SwiGLU", width=12).engine(compiling="on")
    with pytest.raises(InputError, match="vectors of 12 numbers cannot be fused"):
        round_of(narrow, drawn(narrow, (3, 5)))


@needs_compiler
def test_nothing_is_loaded_from_a_folder_that_others_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRM_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numpy_engine, "WORTH_FUSING", 0.0)
    shared = tmp_path / "fused"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(InputError, match=f"{shared}: others may write to this folder"):
        engine("on")
    auto = engine("auto")
    round_of(auto, drawn(auto))
    assert not fuses(auto) and not any(shared.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("TRM_CACHE_DIR", str(file))
    if has_compiler():
        with pytest.raises(InputError, match=f"cannot be kept or loaded: .*{file}"):
            engine("on")
