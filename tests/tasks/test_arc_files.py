"""ARC tasks from files, folders, text and streams; what is wrong with one is said in one line."""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import itertools
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks.arc.files import (
    parse_json,
    read_solutions,
    read_tasks,
    solutions_beside,
    with_solutions,
)
from trmcli.tasks.arc.looks import looks
from trmcli.tasks.arc.shapes import guess_shapes
from trmcli.tasks.arc.task import ArcTask, digest

TASK: dict[str, Any] = {
    "train": [
        {"input": [[1, 2], [3, 4]], "output": [[3, 1], [4, 2]]},
        {"input": [[5, 0, 0]], "output": [[5], [0], [0]]},
    ],
    "test": [{"input": [[7, 8]]}],
}
ANSWER = [[7], [8]]


def write(path: Path, value: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def read(*sources: str, answers: bool = True) -> list[ArcTask]:
    """The tasks, none of which is bad."""

    def fail(error: InputError) -> None:
        raise error

    return read_tasks(sources, fail, answers)


def names(tasks: list[ArcTask]) -> list[str]:
    return [task.name for task in tasks]


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


PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gz", gzip.compress),
    ("bz2", bz2.compress),
    ("xz", lzma.compress),
    ("utf16", lambda text: text.decode().encode("utf-16")),
    ("utf16be", lambda text: "\ufeff".encode("utf-16-be") + text.decode().encode("utf-16-be")),
]
LONG = {f"t{number}": TASK for number in range(1000)}
"""So many that no unpacked beginning of it is all of it."""


@pytest.mark.parametrize("value", [TASK, {"aa": TASK}, LONG], ids=["one", "named", "many"])
@pytest.mark.parametrize(("ending", "pack"), PACKED, ids=[ending for ending, _ in PACKED])
def test_arc_is_recognised_however_it_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, pack: Callable[[bytes], bytes], value: Any
) -> None:
    packed = pack(json.dumps(value).encode())
    path = tmp_path / f"a.json.{ending}"
    path.write_bytes(packed)
    assert looks(str(path))
    for cut in (1, 3, 12, 1000, len(packed)):
        piped(monkeypatch, packed[:cut], *(packed[cut:] and [packed[cut:]]))
        assert looks("-")
        assert len(read("-")) == (len(value) if value is LONG else 1)


@pytest.mark.parametrize(("ending", "pack"), PACKED, ids=[ending for ending, _ in PACKED])
def test_other_packed_files_are_not_taken_for_arc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    puzzle = b"53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
    for text in (puzzle, b'{"puzzle": "%s"}' % puzzle):
        packed = pack(text)
        path = tmp_path / f"a.{ending}"
        path.write_bytes(packed)
        path.with_suffix(".cut").write_bytes(packed[: len(packed) // 2 * 2 - 4])
        assert not looks(str(path)) and not looks(str(path.with_suffix(".cut")))
        piped(monkeypatch, packed)
        assert not looks("-")
        assert sys.stdin.buffer.read() == packed


def test_a_folder_may_hold_packed_files_alone(tmp_path: Path) -> None:
    for name, pack in PACKED[:3]:
        (tmp_path / f"in-{name}.json.{name}").write_bytes(pack(json.dumps(TASK).encode()))
    (tmp_path / "notes.json.txt").write_text("no JSON", encoding="utf-8")
    assert looks(str(tmp_path))
    assert names(read(str(tmp_path))) == ["in-bz2", "in-gz", "in-xz"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.json.txt").write_text("no JSON", encoding="utf-8")
    assert not looks(str(tmp_path / "other"))


def test_a_folder_of_a_data_set_is_of_arc_if_it_holds_tasks(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    write(tmp_path / "train" / "dataset.json", "{}")
    write(tmp_path / "identifiers.json", "[]")
    assert not looks(str(tmp_path))
    write(tmp_path / "test_puzzles.json", json.dumps({"a": TASK}))
    assert looks(str(tmp_path))


def test_two_tasks_of_one_name_are_told_apart(tmp_path: Path) -> None:
    sources = [write(tmp_path / folder / "turn.json", TASK) for folder in "ab"]
    assert names(read(*sources)) == ["turn", "turn (2)"]


def test_standard_input_is_looked_at_and_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(json.dumps(TASK).encode())))
    monkeypatch.setattr(sys, "stdin", stream)
    assert looks("-")
    assert names(read("-")) == ["stdin"]


def test_only_what_shows_pairs_of_grids_is_taken_for_arc(tmp_path: Path) -> None:
    indented = tmp_path / "indented.json"
    indented.write_text(json.dumps({"aa": TASK}, indent=4), encoding="utf-8")
    tests_first = {"aa": {"test": TASK["test"], "train": TASK["train"]}}
    assert all(map(looks, [str(indented), json.dumps(tests_first), write(tmp_path / "t.json", TASK)]))
    assert looks(json.dumps({"train": [], "test": []}))
    puzzle = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
    others = [
        puzzle,
        json.dumps({"puzzle": puzzle}),
        json.dumps({"train": [{"input": puzzle}]}),
        json.dumps([[5, 3, 0], [6, 0, 0]]),
        write(tmp_path / "p.txt", puzzle),
        str(tmp_path / "missing.json"),
        "\0",
    ]
    assert not any(map(looks, others))


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


def test_solutions_are_found_beside_challenges(tmp_path: Path) -> None:
    challenges = write(tmp_path / "x_challenges.json", {"aa": TASK})
    assert solutions_beside(challenges) is None
    solutions = write(tmp_path / "x_solutions.json", {"aa": [ANSWER], "more": [ANSWER]})
    assert str(solutions_beside(challenges)) == solutions
    assert solutions_beside(write(tmp_path / "a.json", TASK)) is None
    (task,) = with_solutions(read(challenges), Path(solutions))
    assert task.answers is not None
    assert task.answers[0].tolist() == ANSWER


@pytest.mark.parametrize(
    ("solutions", "said"),
    [
        ({"bb": [ANSWER]}, "has no solution of task aa"),
        ({"aa": [ANSWER, ANSWER]}, "task aa: has 2 solutions, and"),
        ({"aa": [[[11]]]}, "task aa, solution 1, row 1: cell 1 is 11"),
        ({"aa": 3}, "task aa: is not a list of grids"),
        ({"aa": TASK}, "is not a file of solutions"),
        ([1], "is not a file of solutions"),
        ('{"aa": [', ":1:9: is not JSON"),
    ],
)
def test_solutions_that_do_not_match_are_refused(tmp_path: Path, solutions: Any, said: str) -> None:
    tasks = read(write(tmp_path / "x_challenges.json", {"aa": TASK}))
    path = write(tmp_path / "s.json", solutions)
    with pytest.raises(InputError, match=r".") as caught:
        with_solutions(tasks, Path(path))
    assert str(caught.value).startswith(path)
    assert said in str(caught.value)


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


def test_solutions_of_a_huge_grid_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 31 rows"):
        read_solutions(Path(write(tmp_path / "s.json", {"aa": [[[0, 0]] * 31]})))


def test_the_examples_are_tasks_with_known_outputs() -> None:
    tasks = read(str(Path(__file__).parents[2] / "examples" / "arc"))
    assert names(tasks) == ["beam", "fill", "largest", "shadow", "unfold"]
    assert all(task.answers is not None and len(task.shown) == 4 for task in tasks)


class Pieces(io.RawIOBase):
    """A pipe whose writer is slow: every piece comes by itself, and nothing may be asked for too soon."""

    def __init__(self, *pieces: str | bytes) -> None:
        self.pieces = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.pieces.pop(0) if self.pieces else b""
        if len(piece) > len(buffer):
            piece, rest = piece[: len(buffer)], piece[len(buffer) :]
            self.pieces.insert(0, rest)
        buffer[: len(piece)] = piece
        return len(piece)


def piped(monkeypatch: pytest.MonkeyPatch, *pieces: str | bytes) -> Pieces:
    raw = Pieces(*pieces)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(raw)))
    return raw


def test_a_pipe_may_begin_with_a_bracket_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(TASK, indent=1)
    for cuts in ([2], [1], [3, 20], list(range(1, 60))):
        ends = [0, *cuts, len(text)]
        piped(monkeypatch, *(text[a:b] for a, b in itertools.pairwise(ends)))
        assert looks("-")
        (task,) = read("-")
        assert [len(task.shown), len(task.tests)] == [len(TASK["train"]), len(TASK["test"])]


def test_a_stream_of_other_documents_is_told_by_its_first(monkeypatch: pytest.MonkeyPatch) -> None:
    line = '{"puzzle": "..12...4....1.23"}\n'
    raw = piped(monkeypatch, line[:5], line[5:], line)
    assert not looks("-")
    assert raw.pieces == [line.encode()]  # nobody has waited for the second
    assert sys.stdin.read() == 2 * line


def test_a_large_document_of_something_else_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps([[0] * 50] * 900, indent=1)
    raw = piped(monkeypatch, *(text[n : n + 4096] for n in range(0, len(text), 4096)))
    assert not looks("-")
    assert raw.pieces
    assert sys.stdin.read() == text
