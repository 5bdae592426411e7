from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import trmcli
from trmcli.errors import InputError
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task
from trmcli.weights import Card, save_weights


def test_importing_it_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, trmcli; trmcli.__version__; trmcli.weights; trmcli.InputError; dir(trmcli);"
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
        TRMConfig(vocab_size=task.codec.vocab_size, hidden_size=16, num_heads=2, ffn_multiple=8, rounds=1)
    )
    save_weights(tmp_path / "m.safetensors", model, Card("m", "sudoku"), torch.float32)
    solver = trmcli.load(str(tmp_path / "m.safetensors"), device="cpu")
    assert isinstance(solver, trmcli.Solver) and solver.task is task
    tokens = task.codec.encode(np.zeros((1, 4, 4), np.uint8))
    steps = list(solver.steps(tokens, (4, 4), max_steps=2, halt="never"))
    assert [step.number for step in steps] == [1, 2]


def test_load_of_nothing() -> None:
    with pytest.raises(InputError, match="no weights of this name"):
        trmcli.load("nosuch")
    with pytest.raises(InputError, match="there is no task 'chess'"):
        trmcli.load(task="chess")
    with pytest.raises(InputError, match="rounds must be a whole number from 1, not 0"):
        trmcli.load(rounds=0)
    with pytest.raises(
        InputError, match="there is no device 'abacus': choose auto, cpu, cuda, cuda:N or mps"
    ):
        trmcli.load(device="abacus")


PUZZLE = "1.3..4..4....2.3"
ROWS = [PUZZLE[i : i + 4] for i in range(0, 16, 4)]
NESTED = [[int(sign) if sign != "." else 0 for sign in row] for row in ROWS]
MAZE = "#####\n#S G#\n#####\n"


@pytest.fixture(scope="module")
def solver() -> trmcli.Solver:
    """A model that was never trained."""
    task = get_task("sudoku")
    config = TRMConfig(
        vocab_size=18, hidden_size=16, num_heads=2, ffn_multiple=8, rounds=1, seq_len=16, mixer="mlp"
    )
    return trmcli.Solver(TorchEngine(TinyRecursiveModel(config), task, torch.device("cpu")))


def questions(solver: trmcli.Solver, *sources: object, **numbers: Any) -> list[Any]:
    """What was asked, as ``solve`` read it."""
    limits = {"tries": 1, "max_steps": 1, **numbers}
    return [answer.puzzle.cells.tolist() for answer in trmcli.solve(*sources, solver=solver, **limits)]


@pytest.mark.parametrize(
    ("sources", "count"),
    [
        ([PUZZLE], 1),
        ([PUZZLE, PUZZLE], 2),
        ([[PUZZLE, PUZZLE]], 2),
        ([(PUZZLE,), [PUZZLE]], 2),
        ([f"{PUZZLE}\n{PUZZLE}\n"], 2),
        ([ROWS], 1),
        ([[ROWS, ROWS]], 2),
        ([NESTED], 1),
        ([tuple(map(tuple, NESTED))], 1),
        ([[NESTED, NESTED]], 2),
        ([str(NESTED)], 1),
        ([list(PUZZLE)], 1),
        ([{"puzzle": PUZZLE}], 1),
        ([[{"puzzle": NESTED}, {"puzzle": PUZZLE}]], 2),
        ([np.array(NESTED)], 1),
        ([np.array(NESTED, dtype=np.uint8)], 1),
        ([np.where(np.array(NESTED) == 0, np.nan, NESTED)], 1),
        ([np.array([NESTED] * 3)], 3),
        ([np.array(NESTED).ravel()], 1),
        ([[list(row) for row in np.array(NESTED)]], 1),
        ([[np.array(NESTED), NESTED, PUZZLE]], 3),
        ([np.array([list(row) for row in ROWS])], 1),
        ([torch.tensor(NESTED)], 1),
        ([PUZZLE, NESTED, ROWS], 3),
    ],
)  # fmt: skip
def test_solve_takes_puzzles_in_every_form(sources: list[object], count: int, solver: trmcli.Solver) -> None:
    assert questions(solver, *sources) == [NESTED] * count
    assert questions(solver, iter(sources)) == [NESTED] * count


def test_solve_takes_paths(tmp_path: Path, solver: trmcli.Solver) -> None:
    path = tmp_path / "puzzles.txt"
    path.write_text(f"{PUZZLE}\n" * 2)
    for source in (path, str(path), [path], [str(path)], [path, PUZZLE][:1]):
        assert questions(solver, source) == [NESTED] * 2
    with path.open() as text, path.open("rb") as content:
        assert questions(solver, text, [content]) == [NESTED] * 4
    assert questions(solver, io.StringIO(PUZZLE)) == [NESTED]
    assert questions(solver, [path, NESTED, str(path)]) == [NESTED] * 5


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"tries": 0}, "tries must be a whole number from 1, not 0"),
        ({"tries": 1.5}, "tries must be a whole number from 1, not 1.5"),
        ({"max_steps": -3}, "max_steps must be a whole number from 1, not -3"),
        ({"max_steps": True}, "max_steps must be a whole number from 1, not True"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1, not 0"),
        ({"batch_size": "8"}, "batch_size must be a whole number from 1, not '8'"),
        ({"seed": -1}, "seed must be a whole number from 0, not -1"),
    ],
)
def test_numbers_out_of_range_are_refused_in_the_call(numbers: dict[str, Any], message: str) -> None:
    with pytest.raises(trmcli.InputError, match=f"^{message}$"):
        trmcli.solve(PUZZLE, **numbers)


def test_numbers_of_numpy_are_numbers(solver: trmcli.Solver) -> None:
    assert questions(solver, PUZZLE, tries=np.int64(1), seed=np.uint8(3)) == [NESTED]


def test_what_is_not_there_is_refused_in_the_call(tmp_path: Path) -> None:
    empty: tuple[tuple[Any, ...], ...] = ((), ([],), ((),))
    for sources in empty:
        with pytest.raises(InputError, match=r"^no puzzle given: name a file"):
            trmcli.solve(*sources)
    for missing in ("nofile.txt", tmp_path / "nofile.txt", [PUZZLE, "nofile.txt"]):
        with pytest.raises(InputError, match=r"nofile\.txt: no such file$"):
            trmcli.solve(missing)
    for other in (3, object(), None, b"bytes", {1, 2}, np.float64(3)):
        with pytest.raises(InputError, match="is not a source"):
            trmcli.solve(other)
    assert list(trmcli.solve(iter([]))) == []


def test_the_answers_before_a_bad_puzzle_come_first(solver: trmcli.Solver) -> None:
    answers = trmcli.solve(f"{PUZZLE}\n" * 3 + "113..4..4....2.3\n", solver=solver, tries=1, max_steps=1)
    assert [next(answers).puzzle.origin.line for _ in range(3)] == [1, 2, 3]
    with pytest.raises(InputError, match=r"^<argument>:4: digit 1 stands twice"):
        next(answers)
    answers = trmcli.solve(PUZZLE, MAZE, solver=solver, tries=1, max_steps=1)
    next(answers)
    with pytest.raises(InputError, match="maze"):
        next(answers)
    with pytest.raises(
        InputError, match="is a puzzle of the task sudoku, those before are maze: give them apart"
    ):
        list(trmcli.read_puzzles([MAZE, PUZZLE]))


def test_a_solver_for_something_else_is_refused(solver: trmcli.Solver) -> None:
    with pytest.raises(InputError, match=r"^<argument>:1: is a puzzle of the task maze, not sudoku$"):
        questions(solver, MAZE)
    with pytest.raises(InputError, match="has 81 cells, and these weights are for puzzles of 16 cells"):
        questions(solver, "." * 81)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.full((4, 4), 17), "<array>:1:1: 17 is not a cell"),
        (np.array([*NESTED[:3], [0, 2, 0.5, 3]]), "<array>:4:3: 0.5 is not a cell"),
        (np.array([*NESTED[:3], [0, 2, 5, 3]]), "<array>:4:3: '5' is"),
        (np.array([NESTED, np.full((4, 4), -2)]), "<array>[2]:1:1: -2 is not a cell"),
        ([*NESTED[:3], [0, 2, 3]], "<list>:4:1: row 4 has 3 cells, the rows above have 4"),
        (np.zeros((2, 2, 2, 2, 2)), "<array>[1][1][1]:2:2: "),
        (np.full((4, 4), True), "<array>:1:1: true is not a cell"),
    ],
)
def test_arrays_of_something_else_are_refused_by_row_and_column(value: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        list(trmcli.read_puzzles(value))
    assert str(error.value).startswith(message)


ARC_TASK = {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[1]], "output": [[2]]}]}


@pytest.mark.parametrize(
    ("sources", "numbers", "message"),
    [
        (['{"train": [], "test": []}'], {}, "has no demonstrations"),
        (["none.json"], {}, "no such file"),
        ([{"train": [{"input": [[1]], "output": [[11]]}], "test": []}], {}, "colours are numbers"),
        ([{"train": {1, 2}}], {}, "must be lists of rows"),
        ([], {}, "no task given"),
        (["[]"], {}, "holds no task"),
        ([ARC_TASK], {"budget": -1}, "budget must be a number of seconds"),
        ([ARC_TASK], {"processes": 0}, "processes must be a whole number from 1"),
    ],
)
def test_adapt_refuses_in_the_call_what_it_cannot_fit(
    sources: list[Any], numbers: dict[str, Any], message: str
) -> None:
    with pytest.raises(trmcli.InputError, match=message):
        trmcli.adapt(*sources, **numbers)


def test_adapt_hides_the_outputs_of_tests_and_takes_tasks_as_objects() -> None:
    (adapted,) = trmcli.adapt(ARC_TASK, budget=0, processes=1)
    assert adapted.task.answers is None and len(adapted.tests) == 1
    assert adapted.tests[0].members >= 1
