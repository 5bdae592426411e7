"""ARC tasks from files, folders and text; what is wrong with one is said in one line."""

from __future__ import annotations

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arc_files import ANSWER, TASK, names, read, write
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks.arc.files import (
    parse_json,
    read_tasks,
)
from trmcli.tasks.arc.looks import looks
from trmcli.tasks.arc.shapes import guess_shapes
from trmcli.tasks.arc.task import digest


def problem(source: str) -> str:
    """What is said of the one thing that is bad."""
    bad: list[InputError] = []
    read_tasks([source], bad.append)
    assert len(bad) == 1
    return str(bad[0])


def test_a_task_has_the_name_of_its_file(tmp_path: Path) -> None:
    (task,) = read(write(tmp_path / "00d62c1b.json", TASK))
    assert task.name == "00d62c1b"
    assert [pair.answer.tolist() for pair in task.shown] == [[[3, 1], [4, 2]], [[5], [0], [0]]]
    assert [grid.tolist() for grid in task.tests] == [[[7, 8]]]
    assert task.answers is None
    assert task.tests[0].dtype == np.uint8


@pytest.mark.parametrize("unknown", [{}, {"output": None}, {"output": []}])
def test_an_output_of_a_test_may_be_left_open(tmp_path: Path, unknown: dict[str, Any]) -> None:
    task = {**TASK, "test": [{**TASK["test"][0], **unknown}]}
    assert read(write(tmp_path / "a.json", task))[0].answers is None


def test_outputs_of_tests_are_kept_unless_they_are_to_be_dropped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", {**TASK, "test": [{**TASK["test"][0], "output": ANSWER}]})
    (known,) = read(path)
    assert known.answers is not None
    assert known.answers[0].tolist() == ANSWER
    assert read(path, answers=False)[0].answers is None


def test_collections_name_their_tasks(tmp_path: Path) -> None:
    challenges = write(tmp_path / "c.json", {"aa": TASK, "bb": TASK})
    assert names(read(challenges)) == ["aa", "bb"]
    assert names(read(write(tmp_path / "l.json", [TASK, {**TASK, "id": "own"}]))) == ["l[1]", "own"]
    lines = write(tmp_path / "m.jsonl", json.dumps(TASK) + "\n" + json.dumps({**TASK, "name": "n"}) + "\n")
    assert names(read(lines)) == ["m[1]", "n"]
    assert names(read(json.dumps(TASK))) == ["argument"]


def test_a_collection_may_be_made_of_several(tmp_path: Path) -> None:
    parts = {"train": {"aa": TASK}, "eval": {"bb": TASK, "cc": TASK}}
    source = write(tmp_path / "arc.json", parts)
    assert looks(source)
    assert names(read(source)) == ["aa", "bb", "cc"]
    assert names(read(str(tmp_path))) == ["aa", "bb", "cc"]


def test_folders_are_read_with_all_that_is_in_them(tmp_path: Path) -> None:
    write(tmp_path / "corpus" / "Above" / "Above2.json", TASK)
    write(tmp_path / "corpus" / "Above" / "Above1.json", TASK)
    write(tmp_path / "x_challenges.json", {"aa": TASK})
    write(tmp_path / "x_solutions.json", {"aa": [ANSWER]})
    write(tmp_path / "package.json", {"name": "something else", "train": "of thought"})
    write(tmp_path / ".git" / "hidden.json", TASK)
    assert names(read(str(tmp_path))) == ["Above1", "Above2", "aa"]


def test_packed_files_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    packed = tmp_path / "a.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(TASK).encode()))
    marked = tmp_path / "b.json"
    marked.write_bytes("\ufeff".encode() + json.dumps(TASK).encode())
    assert names(read(str(packed), str(marked))) == ["a", "b"]


def test_two_tasks_of_one_name_are_told_apart(tmp_path: Path) -> None:
    sources = [write(tmp_path / folder / "turn.json", TASK) for folder in "ab"]
    assert names(read(*sources)) == ["turn", "turn (2)"]


def changed(*path: Any, to: Any) -> dict[str, Any]:
    task = copy.deepcopy(TASK)
    place: Any = task
    for key in path[:-1]:
        place = place[key]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return task


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (changed("train", 1, "output", to=[[1], [2, 3]]), "row 2: has 2 cells, the rows above have 1"),
        (changed("test", 0, "input", to=[[7, 10]]), "test 1, input, row 1: cell 2 is 10: colours are"),
        (changed("test", 0, "input", to=[[7, True]]), "test 1, input, row 1: cell 2 is true: colours are"),
        (changed("test", 0, "input", to=[[-1]]), "test 1, input, row 1: cell 1 is -1: colours are"),
        (changed("train", 0, "input", to=[[0, 0]] * 31), "1, input: has 31 rows: a grid has at most 30"),
        (changed("train", 0, "input", to=[[0]] * 901), "has 901 rows: a grid has at most 30, of single"),
        (changed("train", 0, "input", to=[[0] * 31] * 2), "input, row 1: has 31 cells: a row has 1 to 30"),
        (changed("train", 0, "input", to=[[0] * 901]), "row 1: has 901 cells: a row has 1 to 30, a single"),
        (changed("train", 0, "input", to=[[0], [0] * 901]), "row 2: has 901 cells, the rows above have 1"),
        (changed("train", 0, "input", to=[[]]), "train 1, input, row 1: has 0 cells: a row has 1 to 30"),
        (changed("train", 0, "input", to=[1, 2]), "train 1, input: is not a grid: give a list of rows"),
        (changed("train", 0, "output", to=None), "train 1: has no output: a demonstration is a pair"),
        (changed("train", 1, to=7), "train 2: has no input: a demonstration is a pair"),
        (changed("train", to=[]), "task a: has no demonstrations: train needs at least one pair"),
        (changed("train", to=None), "task a: has no demonstrations"),
        (changed("test", to=[]), "task a: has no test: there is nothing to answer"),
        (changed("test", 0, "input", to=None), "test 1: has no input"),
        (changed("test", to=[{"input": [[1]], "output": [[1]]}, {"input": [[1]]}]), "1 of 2 inputs have"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_task_is_named_with_its_place(
    tmp_path: Path, task: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "a.json", task)
    message = problem(path)
    assert message.startswith(f"{path}: task a")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize("line", [[[1, 0] * 450], [[1], [0]] * 450])
def test_a_single_row_or_column_may_be_longer(line: list[list[int]]) -> None:
    (task,) = read(json.dumps({"train": [{"input": line, "output": line}], "test": [{"input": line}]}))
    assert task.tests[0].tolist() == line
    assert digest(task.tests[0]) != digest(task.tests[0].T)
    assert guess_shapes(task) == ((task.tests[0].shape,),)


def test_malformed_json_is_named_with_line_and_column(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.json", '{"train": [\n  {"input": [[1, 2], [3, 4]],\n   "output": [[3, 1] [4, 2]]}\n]}'
    )
    assert problem(path) == f"{path}:3:22: is not JSON: expecting ',' delimiter"
    second = write(tmp_path / "b.json", json.dumps(TASK) + "\n" + '{"train": [')
    assert problem(second).startswith(f"{second}:2:12: is not JSON")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: an ARC task is"),
        ("{}", "holds no task: an ARC task is"),
        ("[1, 2]", "is JSON, but not of ARC: an ARC task is"),
        ('{"aa": [[[1]]]}', "is JSON, but not of ARC: an ARC task is"),
        ("7", "is not a task: an ARC task is"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)
def test_json_of_something_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in problem(write(tmp_path / "a.json", text))


def test_a_missing_file_and_a_folder_without_tasks_are_named(tmp_path: Path) -> None:
    assert problem(str(tmp_path / "missing.json")).endswith("missing.json: no such file")
    assert "is a folder without ARC tasks" in problem(str(tmp_path))


def test_a_number_of_any_length_is_no_colour(tmp_path: Path) -> None:
    text = json.dumps(TASK).replace("[7, 8]", f"[7, {'1' * 5000}]")
    message = problem(write(tmp_path / "a.json", text))
    assert "a.json: task a, test 1, input, row 1: cell 2 is 11111111111111111111…: colours are num" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"train": [{"input": [[1]], "output": [[1]], "output": [[2]]}]}',
            '1:46: has the key "output" twice in one object, in train 1: leave one of them',
        ),
        (f'{json.dumps(TASK)[:-1]},\n "train": []}}', '2:2: has the key "train" twice'),
        (f'{{"aa": {json.dumps(TASK)},\n "aa": {json.dumps(TASK)}}}', '2:2: has the key "aa" twice'),
        ('{"aa": {"train": [], "train": []}}', '1:22: has the key "train" twice in one object, in aa: leave'),
        (f'{{"\\ud83d\\ude00 \\\\ud800": 1,\n "a\\ud800": {json.dumps(TASK)}}}', "2:4: \\ud800 is half"),
        (f'[{json.dumps({**TASK, "name": chr(0xDE00)})}]', "\\ude00 is half of a character"),
    ],
)  # fmt: skip
def test_keys_that_are_there_twice_and_halves_of_characters_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    message = problem(write(tmp_path / "a.json", text))
    assert message.startswith(f"{tmp_path / 'a.json'}:")
    assert said in message


def test_messages_show_a_name_with_its_control_characters_escaped(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"a\nb\x1b[31m\u202e": {"train": [], "test": []}})
    assert f"{path}: task a\\nb\\x1b[31m\\u202e: has no dem" in problem(path)


def test_of_a_collection_with_one_bad_task_the_others_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"aa": TASK, "bb": changed("train", to=[]), "cc": TASK, "dd": 5})
    bad: list[InputError] = []
    assert names(read_tasks([path], bad.append)) == ["aa", "cc"]
    assert ["task bb" in str(bad[0]), "task dd" in str(bad[1])] == [True, True]


def test_in_a_folder_a_bad_file_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    write(tmp_path / "a.json", TASK)
    write(tmp_path / "b.json", '{"train": [')
    bad: list[InputError] = []
    assert names(read_tasks([str(tmp_path)], bad.append)) == ["a"]
    assert "b.json:1:12: is not JSON" in str(bad[0])


grids = st.integers(1, 30).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=30
    )
)
pairs = st.fixed_dictionaries({"input": grids, "output": grids})


@given(st.lists(pairs, min_size=1, max_size=3), st.lists(pairs, min_size=1, max_size=2))
def test_every_task_of_rectangles_is_read_as_it_is(train: list[Any], test: list[Any]) -> None:
    (task,) = read(json.dumps({"train": train, "test": test}))
    assert [{"input": p.question.tolist(), "output": p.answer.tolist()} for p in task.shown] == train
    assert task.answers is not None
    answered = zip(task.tests, task.answers, strict=True)
    assert [{"input": q.tolist(), "output": a.tolist()} for q, a in answered] == test


values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 12) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["train", "test", "input", "output", "a"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values)
def test_whatever_json_there_is_gives_tasks_or_named_problems(value: Any) -> None:
    text = json.dumps(value)
    source = text if text[:1] in "{[" else f"[{text}]"
    bad: list[InputError] = []
    tasks = read_tasks([source], bad.append)
    assert tasks or bad
    assert all("<argument>" in str(error) for error in bad)


@given(st.text(alphabet='{}[]",:0123 \ntrain', max_size=40))
def test_whatever_text_there_is_parses_or_is_refused(text: str) -> None:
    try:
        assert parse_json(text, "x")
    except InputError as error:
        assert str(error).startswith("x:")


def test_the_examples_are_tasks_with_known_outputs() -> None:
    tasks = read(str(Path(__file__).parents[2] / "examples" / "arc"))
    assert names(tasks) == ["beam", "fill", "largest", "shadow", "unfold"]
    assert all(task.answers is not None and len(task.shown) == 4 for task in tasks)
