"""Problems of one's own: how pairs are read, what is found in them, and what is said of bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.grid.pairs import GridPair, read_pairs
from trmcli.tasks.grid.spec import GridSpec

CSV = "question,answer\nab/c.,ba/.c\n"
FORMS = {
    "objects": '{"input": [["a", "b"], ["c", "."]], "output": [["b", "a"], [".", "c"]]}\n',
    "rows": '{"question": ["ab", "c."], "answer": ["ba", ".c"], "id": 3}\n',
    "one text": '{"puzzle": "ab/c.", "solution": "ba\\n.c"}\n',
    "csv": CSV,
    "other csv": "id;output;input\n1;ba/.c;ab/c.\n",
    "csv of several lines": 'question,answer\n"ab\nc.","ba\n.c"\n',
    "csv with spaces": "input,output\na b/c .,b a/. c\n",
}


def pairs(text: str) -> list[GridPair]:
    return list(read_pairs("own.txt", text.splitlines()))


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        pairs(text)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_pair_is_read_in_every_form(form: str) -> None:
    [pair] = pairs(FORMS[form])
    assert pair.question == (("a", "b"), ("c", ".")) and pair.answer == (("b", "a"), (".", "c"))


def test_numbers_are_symbols_and_grids_may_differ_in_size() -> None:
    first, second = pairs('{"input": [[1, -2]], "output": [[300]]}\n\n[[7]]\n')
    assert first.question == (("1", "-2"),) and first.answer == (("300",),)
    assert (second.question, second.answer, str(second.origin)) == ((("7",),), None, "own.txt:3")


def test_a_drawn_grid_is_a_question() -> None:
    first, second = pairs("ab\ncd\n\n1 2 10\n")
    assert first.question == (("a", "b"), ("c", "d")) and first.layout == "drawn"
    assert second.question == (("1", "2", "10"),)


def test_a_line_with_slashes_is_a_grid_as_in_tables() -> None:
    first, second, third = pairs("ab/cd\n1 2/10 3\nef\n")
    assert first.question == (("a", "b"), ("c", "d")) and first.layout == "line"
    assert second.question == (("1", "2"), ("10", "3")) and str(second.origin) == "own.txt:2"
    assert third.question == (("e", "f"),)


def test_where_a_slash_is_a_symbol_it_is_one() -> None:
    spec = found('{"input": [["/", "a"]], "output": [["a", "/"]]}\n')
    [puzzle] = read_as(spec, "a/\n")
    assert (
        puzzle.cells.shape == (1, 2)
        and get_task("grid", spec.to_dict()).text.write(puzzle, puzzle.cells) == "a/"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"input": [[1, 2], [3]], "output": [[1]]}',
            "own.txt:1: the input is ragged: row 2 has 1 cell, row 1",
        ),
        ('{"input": [[1]], "output": [[1], [1, 2]]}', "own.txt:1: the output is ragged"),
        ("question,answer\nab,cd\nab/c,ab\n", "own.txt:3: the question is ragged"),
        ('{"input": [[1.5]]}', "the input, row 1, column 1 is 1.5, not a cell"),
        ('{"input": [[true]]}', "column 1 is true, not a cell"),
        ('{"input": 5}', "the input is not a grid: give a list of rows"),
        ('{"input": []}', "the input is not a grid"),
        ('{"input": [[]]}', "the input is 1x0: a grid has 1 to 64 rows and columns"),
        ('{"a": [[1]]}', 'an object with a holds no pair: write {"input": …, "output": …}'),
        ('{"input": [[1]]', "own.txt:1:16: is not JSON: expecting"),
        ('{"input": [[1]], "input": [[1]]}', 'own.txt:1:18: has the key "input" twice'),
        (f'{{"input": [[{"1" * 5000}]]}}', 'column 1 is "1111111111111111111, not a cell'),
        ("input,input\nab,cd\n", "own.txt:1: a table with several columns input"),
        ('question,answer\n"ab\ncd\n', "own.txt:2: the quoted field that begins here does not end"),
        ("question,source,answer\nab\n", "own.txt:2: this line has 1 columns, fewer than the header"),
    ],
)
def test_bad_pairs_are_named_by_line(text: str, message: str) -> None:
    assert message in refused(text)


@given(st.text(alphabet='[]{}",:/ab1\n.', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        for pair in pairs(text):
            assert len({len(row) for row in pair.question}) == 1
    except InputError as error:
        assert str(error).startswith("own.txt:")


grids = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(-3, 12), min_size=width, max_size=width), min_size=1, max_size=3
    )
)


@given(st.lists(st.tuples(grids, grids), min_size=1, max_size=4, unique_by=lambda pair: str(pair[0])))
def test_what_was_read_is_written_as_it_came(
    given_pairs: list[tuple[list[list[int]], list[list[int]]]],
) -> None:
    text = "".join(json.dumps({"input": a, "output": b}) + "\n" for a, b in given_pairs)
    spec = GridSpec.find(pairs(text), {}, "own")
    task = get_task("grid", json.loads(json.dumps(spec.to_dict())))
    puzzles = task.text.read(text.splitlines(), "own.txt")
    for puzzle, (question, answer) in zip(puzzles, given_pairs, strict=True):
        assert puzzle.shape == spec.canvas and puzzle.answer is not None
        tokens = task.codec.encode(puzzle.answer[None])
        assert tokens.min() >= 1 and tokens.max() < task.codec.vocab_size
        assert np.array_equal(task.codec.decode(tokens, puzzle.shape)[0], puzzle.answer)
        assert json.loads(task.text.write(puzzle, puzzle.answer)) == answer
        if spec.sizes != "free":
            assert json.loads(task.text.write(puzzle, puzzle.cells)) == question


def found(text: str, **options: object) -> GridSpec:
    return GridSpec.find(pairs(text), options, "run")


def test_symbols_canvas_and_sizes_are_found() -> None:
    assert found(CSV).symbols == (".", "a", "b", "c")
    assert (found(CSV).canvas, found(CSV).sizes) == ((2, 2), "fixed")
    same = found('{"input": [[10, 2]], "output": [[2, 10]]}\n{"input": [[1], [1]], "output": [[2], [2]]}\n')
    assert (same.symbols, same.canvas, same.sizes) == (("1", "2", "10"), (2, 2), "same")
    assert found('{"input": [[1]], "output": [[1, 1]]}\n').sizes == "free"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (
            CSV + "ab/c.,bb/bb\n",
            {},
            "own.txt:3: disagrees with own.txt:2: the same question has another answer",
        ),
        ("ab\ncd\n", {}, "own.txt:1: has no answer: training needs pairs"),
        ("", {}, "run: holds no pair"),
        (CSV, {"canvas": [1, 2]}, "canvas 1x2 is smaller than the largest grid, 2x2"),
        (CSV, {"canvas": [65, 2]}, "canvas must be rows and columns from 1 to 64"),
        (CSV, {"rename": ["a", "x"]}, "rename names 'x', which no grid holds"),
        (CSV, {"relations": ["rows"]}, "there is no relation 'rows'"),
        (CSV, {"mirror": True}, "[kind] has no setting 'mirror'"),
        (CSV, {"dihedral": "yes"}, "dihedral must be true or false"),
        (CSV, {"canvas": [3, 3], "dihedral": True}, "dihedral needs grids that are all of one size"),
    ],
)
def test_pairs_and_options_that_do_not_fit_are_refused(
    text: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        found(text, **options)
    assert message in str(caught.value)


def read_as(spec: GridSpec, text: str) -> list[Puzzle]:
    return list(get_task("grid", spec.to_dict()).text.read(text.splitlines(), "own.txt"))


def test_a_symbol_that_was_never_learned_is_named_with_its_place() -> None:
    with pytest.raises(InputError) as caught:
        read_as(found(CSV), "ab\nca\n\nab\ncx\n")
    assert str(caught.value) == "own.txt:4: row 2, column 2 is 'x', which is not among ., a, b, c"


def test_a_grid_that_is_larger_than_the_canvas_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_as(found(CSV), "abc\n")
    assert str(caught.value) == "own.txt:1: has a grid of 1x3, larger than the canvas of 2x2"


def test_symmetries_turn_the_grid_and_rename_the_symbols_that_may_be() -> None:
    task = get_task("grid", found(CSV, dihedral=True, rename=["a", "b", "c"]).to_dict())
    drawn = task.views.symmetries((2, 2), 200, np.random.default_rng(0))
    assert len(np.unique(drawn.cells, axis=0)) == 8
    assert len(np.unique(drawn.values, axis=0)) == 6
    assert (drawn.values[:, :3] == [0, 1, 2]).all()  # padding, outside, and the open cell


def test_arrays_are_read_from_a_file(tmp_path: Path) -> None:
    inputs, outputs = np.arange(8).reshape(2, 2, 2), np.arange(12).reshape(2, 2, 3)
    np.savez(tmp_path / "own.npz", inputs=inputs, outputs=outputs)
    first, second = read_pairs(str(tmp_path / "own.npz"), [])
    assert first.question == (("0", "1"), ("2", "3")) and second.answer == (
        ("6", "7", "8"),
        ("9", "10", "11"),
    )
    np.savez(tmp_path / "flat.npz", inputs=inputs[0], outputs=outputs)
    with pytest.raises(InputError, match=r"holds int64 of shape \[2, 2\], not as many"):
        list(read_pairs(str(tmp_path / "flat.npz"), []))


def test_puzzles_of_the_api_may_be_lists() -> None:
    task = get_task("grid", found(CSV).to_dict())
    [(kind, puzzle)] = read_puzzles([["a", "b"], ["c", "."]], task)
    assert kind is task and task.text.write(puzzle, puzzle.cells) == '[["a", "b"], ["c", "."]]'


def test_without_weights_nobody_knows_what_a_grid_is() -> None:
    with pytest.raises(InputError, match="name them with --weights"):
        get_task("grid")
    with pytest.raises(InputError, match="do not describe grids"):
        get_task("grid", {"symbols": []})
