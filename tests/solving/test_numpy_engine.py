"""The NumPy engine says what torch says, model for model, from the same states."""

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
from safetensors import safe_open
from small_models import SETTINGS, Case, drawn_tokens, made

from trmcli.model import TinyRecursiveModel
from trmcli.solving import blas, numpy_engine, numpy_layers, numpy_mixers
from trmcli.solving.engine import Inputs, Output, step
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Puzzle, Shape
from trmcli.tasks.maze.kind import MazeRules
from trmcli.tasks.sudoku.kind import SudokuRules
from trmcli.weights.arrays import load_arrays
from trmcli.weights.checkpoint import our_name
from trmcli.weights.convert import Settings, infer_config

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "tests" / "data" / "golden").glob("*.safetensors"))


def bundled(name: str, shape: Shape) -> Case:
    weights, card = load_arrays(ROOT / "weights" / f"{name}.safetensors")
    model, task = TinyRecursiveModel(card.model_config), get_task(card.task)
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    return Case(model, task, Inputs(drawn_tokens(task, shape, 2), shape))


def golden(path: Path) -> Case:
    with safe_open(path, "pt") as file:
        theirs = json.loads(file.metadata()["config"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    state = {our_name(name[6:]): value for name, value in tensors.items() if name.startswith("state.")}
    keys = ("H_cycles", "L_cycles", "num_heads", "pos_encodings")
    settings = Settings(**{key: theirs[key] for key in keys}, puzzle_emb_len=theirs.get("puzzle_emb_len"))
    model = TinyRecursiveModel(infer_config(state, settings, path.name))
    model.load_state_dict(state)
    puzzle = tensors["batch.puzzle_identifiers"].long().numpy() if theirs["puzzle_emb_ndim"] else None
    return Case(model, get_task("sudoku"), Inputs(tensors["batch.inputs"].long().numpy(), (4, 4), puzzle))


CASES: dict[str, Callable[[], Case]] = {
    **{
        f"{name} {height}x{width}": lambda name=name, shape=(height, width): bundled(name, shape)  # type: ignore[misc]
        for name, sizes in (
            ("sudoku", ((4, 4), (6, 6), (9, 9))),
            ("sudoku-small", ((4, 4), (6, 6), (9, 9))),
            ("sudoku-16", ((4, 4), (9, 9), (16, 16))),
            ("maze", ((5, 8), (21, 21))),
            ("maze-small", ((5, 8), (21, 21))),
        )
        for height, width in sizes
    },
    **{path.stem: lambda path=path: golden(path) for path in GOLDEN},  # type: ignore[misc]
    **{name: lambda name=name: made(name) for name in SETTINGS},  # type: ignore[misc]
}


SMALL = [name for name in CASES if not name.endswith(("6x6", "9x9", "16x16", "21x21"))]


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    """Within a share of the scale, which for states and probabilities is one."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


def test_every_bundled_model_is_compared() -> None:
    files = (ROOT / "weights").glob("*.safetensors")
    assert {path.stem for path in files} <= {name.split()[0] for name in CASES}
    assert len(GOLDEN) == 5


def assert_one_step_agrees(case: Case, dtype: type, in_torch: torch.dtype, tolerance: float) -> None:
    engine = case.engine(dtype)
    state = case.drawn(engine)
    answer, latent, probabilities, halt, question = case.in_torch(state, in_torch)
    after, output = step(engine, state)
    for found, expected in (
        (state.question, question),
        (after.answer, answer),
        (after.latent, latent),
        (output.probabilities, probabilities),
        (output.halt, halt),
    ):
        assert found.dtype == dtype
        assert_close(found, expected, tolerance)


@pytest.mark.parametrize("name", CASES)
def test_one_step_from_the_same_states_agrees_with_torch(name: str) -> None:
    assert_one_step_agrees(CASES[name](), np.float64, torch.float64, 1e-9)


@pytest.mark.parametrize("name", sorted(CASES.keys() - SETTINGS.keys()))
def test_one_step_in_float32_agrees_with_torch(name: str) -> None:
    assert_one_step_agrees(CASES[name](), np.float32, torch.float32, 1e-4)


@pytest.mark.parametrize("name", SETTINGS)
def test_one_round_in_float32_agrees_with_torch(name: str) -> None:
    """With random weights, more rounds amplify the rounding without limit."""
    case = made(name)
    case.model.config = replace(case.model.config, rounds=1)
    assert_one_step_agrees(case, np.float32, torch.float32, 1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_the_first_states_are_those_of_torch(name: str) -> None:
    case = CASES[name]()
    engine = case.engine(np.float64)
    state = engine.begin(case.inputs)
    carry = case.model.initial_carry(len(case.inputs.tokens), engine.layout(case.inputs.shape).length)
    np.testing.assert_array_equal(state.answer, carry.answer)
    np.testing.assert_array_equal(state.latent, carry.latent)
    answer, *_ = case.in_torch(state, torch.float64)
    assert_close(step(engine, state)[0].answer, answer, 1e-9)


def test_other_rounds_than_the_configuration_has() -> None:
    case = made("groups and neighbours")
    engine = case.engine(np.float64, rounds=1)
    state = case.drawn(engine)
    assert_close(step(engine, state)[0].answer, case.in_torch(state, torch.float64, rounds=1)[0], 1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_work_in_pieces_comes_to_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]()
    engine = case.engine(np.float64)
    state = case.drawn(engine)
    whole, said = step(engine, state)
    monkeypatch.setattr(numpy_engine, "LEAST", 1)
    monkeypatch.setattr(numpy_layers, "TILE", 4)
    monkeypatch.setattr(numpy_mixers, "TILE", 4)
    monkeypatch.setattr(numpy_mixers, "SCORES", 64)
    pieces, again = step(case.engine(np.float64), state)
    assert_close(pieces.answer, whole.answer, 1e-12)
    assert_close(pieces.latent, whole.latent, 1e-12)
    assert_close(again.probabilities, said.probabilities, 1e-12)


def test_a_step_leaves_its_state_alone_and_keeps_nothing_of_it() -> None:
    case = made("single z")
    engine = case.engine()
    state = case.drawn(engine)
    before = state.answer.copy(), state.latent.copy(), state.question.copy()
    after, output = step(engine, state)
    kept = after.answer.copy(), output.probabilities.copy()
    step(engine, after)
    for found, expected in zip((state.answer, state.latent, state.question), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(after.answer, kept[0])
    np.testing.assert_array_equal(output.probabilities, kept[1])


@pytest.mark.parametrize("rows", (np.array([2, 0]), np.array([True, False, True])), ids=("indices", "mask"))
def test_rows_come_and_go(rows: Any) -> None:
    case = made("attention with learned positions")
    engine = case.engine(np.float64)
    state = case.drawn(engine)
    one, other = engine.take(state, rows), engine.take(state, np.array([1]))
    joined = engine.join([one, other])
    order = [*np.arange(3)[rows], 1]
    after, output = step(engine, joined)
    expected, said = step(engine, state)
    assert_close(after.answer, expected.answer[order], 1e-12)
    assert_close(after.latent, expected.latent[order], 1e-12)
    assert_close(output.probabilities, said.probabilities[order], 1e-12)
    assert_close(output.halt, said.halt[order], 1e-12)


def test_no_rows_are_rows_too() -> None:
    case = made("groups and neighbours")
    engine = case.engine()
    none = engine.take(engine.begin(case.inputs), np.zeros(3, dtype=np.bool_))
    after, output = step(engine, none)
    assert output.probabilities.shape == (0, 15, 18) and output.halt.shape == (0,)
    assert len(engine.join([after, engine.begin(case.inputs)]).answer) == 3


def test_states_of_two_shapes_are_not_joined() -> None:
    case = made("groups and neighbours")
    engine = case.engine()
    turned = Inputs(case.inputs.tokens, (5, 3))
    with pytest.raises(ValueError, match="one shape"):
        engine.join([engine.begin(case.inputs), engine.begin(turned)])
    with pytest.raises(ValueError, match="one shape"):
        engine.join([])


def test_one_engine_serves_several_shapes() -> None:
    for name in ("attention with rotary positions", "groups and neighbours", "candidates by means"):
        small, large = made(name), made(name, (4, 7))
        engine = small.engine(np.float64)
        for case in (small, large, small):
            state = case.drawn(engine)
            assert_close(step(engine, state)[0].answer, case.in_torch(state, torch.float64)[0], 1e-9)


def test_states_lie_in_one_piece_however_they_began() -> None:
    case = made("groups and neighbours")
    engine = case.engine()
    after, _ = step(engine, engine.begin(case.inputs))
    assert after.answer.flags.c_contiguous and after.latent.flags.c_contiguous


def test_probabilities_of_huge_logits_are_numbers() -> None:
    case = made("groups and neighbours")
    case.model.lm_head.weight *= 1e4
    engine = case.engine()
    _, output = step(engine, engine.begin(case.inputs))
    assert_close(output.probabilities.sum(axis=2), np.ones((3, 15)), 1e-5)


def test_a_huge_gate_is_no_warning_and_no_wrong_number() -> None:
    case = made("means without a SwiGLU")
    case.model.config = replace(case.model.config, rounds=1)
    for name, weight in case.model.named_parameters():
        if "ffn.gate_up" in name:
            weight.mul_(1e3)
    assert_one_step_agrees(case, np.float32, torch.float32, 1e-4)


def steps_to_solve(weights: str, source: str) -> tuple[Puzzle, Output, int]:
    """Plain supervision steps, without tries, until the rules accept the answer."""
    arrays, card = load_arrays(ROOT / "weights" / f"{weights}.safetensors")
    task, puzzle = next(read_puzzles([str(ROOT / "examples" / source)]))
    engine = NumPyEngine(card.model_config, arrays, task)
    state = engine.begin(Inputs(task.codec.encode(puzzle.cells[None]), puzzle.shape))
    for number in range(1, 17):
        state, output = step(engine, state)
        if task.accepts(
            puzzle.cells[None], task.codec.decode(output.probabilities.argmax(axis=2), puzzle.shape)
        )[0]:
            return puzzle, output, number
    raise AssertionError("not solved within 16 steps")


@pytest.mark.parametrize("weights", ("sudoku", "sudoku-small"))
def test_a_whole_sudoku_is_solved(weights: str) -> None:
    puzzle, output, _ = steps_to_solve(weights, "sudoku/easy.txt")
    task = get_task("sudoku")
    answer = task.codec.decode(output.probabilities.argmax(axis=2), (9, 9))[0]
    assert SudokuRules().verify(puzzle.cells, answer).ok
    np.testing.assert_array_equal(answer, SudokuRules().search(puzzle.cells))


def test_a_whole_maze_is_solved() -> None:
    puzzle, output, _ = steps_to_solve("maze", "maze/10x10.txt")
    task = get_task("maze")
    answer = task.codec.decode(output.probabilities.argmax(axis=2), puzzle.shape)[0]
    assert MazeRules().verify(puzzle.cells, answer).ok


def test_a_puzzle_is_solved_without_torch() -> None:
    code = f"""
import sys
sys.modules["torch"] = None
from pathlib import Path
import numpy as np
from trmcli.solving.engine import Inputs, step
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.tasks import read_puzzles
from trmcli.weights.arrays import load_arrays
weights, card = load_arrays(Path({str(ROOT / "weights" / "sudoku.safetensors")!r}))
task, puzzle = next(read_puzzles([{str(ROOT / "examples" / "sudoku" / "4x4.txt")!r}]))
engine = NumPyEngine(card.model_config, weights, task)
state, output = step(engine, engine.begin(Inputs(task.codec.encode(puzzle.cells[None]), puzzle.shape)))
answer = task.codec.decode(output.probabilities.argmax(axis=2), puzzle.shape)
sys.exit(not task.accepts(puzzle.cells[None], answer)[0])
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_importing_it_imports_no_torch_and_nothing_slow() -> None:
    slow = ("torch", "safetensors", "typer", "rich", "requests", "pooch", "multiprocessing", "asyncio")
    # What measures coverage may have imported some of them already.
    code = "import sys; before = set(sys.modules); import trmcli.solving.numpy_engine as _; "
    code += f"print(*({set(slow)} & (set(sys.modules) - before)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


THREADS = """
import os, sys
from trmcli.solving import blas
if {early}:
    blas.import_numpy()
import numpy
controls = blas._controls()
if controls is None:
    sys.exit("unknown")
outside = controls[1]()
with blas.one_thread():
    inside = controls[1]()
print(outside, inside, controls[1](), os.environ.get("OPENBLAS_NUM_THREADS"), os.environ["OMP_NUM_THREADS"])
"""


@pytest.mark.parametrize(("early", "expected"), ((False, "2 1 2 None 2"), (True, "1 1 1 None 2")))
def test_products_take_one_thread(early: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if blas._controls() is None:
        pytest.skip("NumPy is built with a library of products that has no threads to set")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    result = subprocess.run(
        [sys.executable, "-c", THREADS.format(early=early)], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == expected


def test_a_round_takes_one_thread_and_gives_the_others_back(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = [4]
    monkeypatch.setattr(blas, "_controls", lambda: (threads.append, lambda: threads[-1]))
    case = made("means without a SwiGLU")
    engine = case.engine()
    engine.round(case.drawn(engine))
    assert threads == [4, 1, 4]


def test_threads_share_the_puzzles_of_a_step_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_engine, "LEAST", 2 * 16)
    monkeypatch.setattr(numpy_engine, "PARTS", 8)  # of 3 puzzles
    weights, card = load_arrays(ROOT / "weights" / "sudoku-small.safetensors")
    found = []
    for threads in (1, 3):
        engine = NumPyEngine(card.model_config, weights, get_task("sudoku"), threads=threads)
        tokens = np.random.default_rng(0).integers(1, 6, (29, 16))
        with engine.working():
            state, _ = step(engine, engine.begin(Inputs(tokens, (4, 4))))
            state, output = step(engine, state)
        found.append((state.answer, state.latent, output.probabilities, output.halt))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
