"""Replays are read as they were written, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_models import small_solver

from trmcli.errors import InputError
from trmcli.solving.answers import Answer, Frame, settle
from trmcli.solving.choices import SearchConfig
from trmcli.solving.search import Search
from trmcli.tasks import read_puzzles
from trmcli.ui.recorded import read_replays
from trmcli.ui.replay import Replay
from trmcli.ui.saving import saving

PUZZLES = {
    "sudoku": "1..4..1..1..2..1",
    "sudoku with wide boxes": "......|......|...1..|......|......|2.....".replace("|", ""),
    "maze": "#####/#S  #/### #/#G  #/#####",
    "oblong maze": "#S #/#  #/#G #",
}

SOLVED = "1234341241232341"


def made(text: str) -> Replay:
    task, puzzle = next(iter(read_puzzles([text])))
    rng = np.random.default_rng(0)
    frames = []
    for attempt, step in ((1, 1), (1, 2), (2, 1)):
        cells = np.where(task.codec.undecided(puzzle.cells), 4, puzzle.cells).astype(np.uint8)
        sure = rng.random(puzzle.shape).astype(np.float32).round(3)
        checked = bool(task.accepts(puzzle.cells[None], cells[None])[0])
        frames.append(Frame(attempt, step, cells, sure, 0.25, checked, 0.5, (1,) * (attempt - 1)))
    return Replay(task, frames, settle(puzzle, frames), "not solved: 3 cells in doubt", True)


def written(file: Path, *replays: Replay) -> Path:
    with saving(file, len(replays) > 1) as add:
        for one in replays:
            add(one)
    return file


@pytest.mark.parametrize("name", PUZZLES)
def test_what_was_saved_is_read_again(name: str, tmp_path: Path) -> None:
    before = made(PUZZLES[name])
    file = written(tmp_path / "one.json", before)
    (after,) = read_replays(file)
    assert after.to_dict() == before.to_dict()
    np.testing.assert_array_equal(after.answer.puzzle.cells, before.answer.puzzle.cells)
    again = written(tmp_path / "two.json", after)
    assert again.read_text() == file.read_text()


def test_several_puzzles_are_read_in_order(tmp_path: Path) -> None:
    file = written(tmp_path / "all.json", *(made(text) for text in PUZZLES.values()))
    assert [one.task.name for one in read_replays(file)] == ["sudoku", "sudoku", "maze", "maze"]


def test_tries_side_by_side_are_read_again(tmp_path: Path) -> None:
    task, puzzle = next(iter(read_puzzles([PUZZLES["sudoku"]])))
    search = Search(small_solver(), [puzzle], SearchConfig(max_steps=3, tries=6, batch_size=4), shown=True)
    *frames, answer = search.run()
    assert isinstance(answer, Answer)
    before = Replay(task, [one for one in frames if isinstance(one, Frame)], answer, "not solved")
    attempts = [one.attempt for one in before.frames]
    assert attempts != sorted(attempts)
    (after,) = read_replays(written(tmp_path / "x.json", before))
    assert after.to_dict() == before.to_dict()
    assert (after.answer.tries, after.answer.try_steps) == (answer.tries, answer.try_steps)


def changed(**values: Any) -> Any:
    return {**made(PUZZLES["sudoku"]).to_dict(), **values}


def frame(**values: Any) -> Any:
    return changed(frames=[{**changed()["frames"][0], **values}])


def second(**values: Any) -> Any:
    first, second, _ = changed()["frames"]
    return changed(frames=[first, {**second, **values}])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"x.json:1:2: is not JSON"),
        ('{"task": 1, "task": 2}', r'x.json:1:13: has the key "task" twice'),
        (f"[{'1' * 5000}]", r"is not an object"),
        ("[]", "holds no replay"),
        ("3", "the file is not an object"),
        (changed(version=9), "the file is not a replay of version 1"),
        (changed(task="chess"), "task cannot be played: there is no task 'chess'"),
        (changed(task="grid"), "task cannot be played"),
        (changed(task=7), "task is not text"),
        (changed(shape=[4]), "shape is not a height and a width"),
        (changed(shape=[0, 4]), r"shape\[0\] is not a whole number from 1 on"),
        (changed(shape=[5, 5]), "puzzle is not one sudoku of 5x5"),
        (changed(puzzle="11.4..1..1..2..1"), "puzzle is not a sudoku"),
        (changed(answer="1"), "answer has 1 cells, and 4x4 are 16"),
        (changed(answer="x" * 16), "answer holds 'x' as cell 1"),
        (changed(verified=True), "verified is true, and no rules accept the answer"),
        (changed(verified=None), "verified is null, and no rules accept the answer"),
        (changed(answer=SOLVED), "verified is false, and the rules accept the answer"),
        (changed(answer="1" * 16), "answer is not what any of the tries in the frames came to"),
        (changed(method="magic"), "method is not one of model, search, count"),
        (changed(method="search"), "method is search, and the rules do not accept the answer"),
        (changed(method="count"), "method is count, and yet there are frames"),
        (changed(frames=[]), "answer is not what any of the tries"),
        (changed(frames=changed()["frames"][1:]), r"frames\[0\].step is not 1, the next step of try 1"),
        (changed(frames=changed()["frames"][:2] * 2), r"frames\[2\].step is not 3, the next step of try 1"),
        (frame(attempt=2), r"frames\[0\].attempt is not 1 or less: tries begin one after another"),
        (frame(checked=True), r"frames\[0\].checked is true, and no rules accept the cells"),
        (frame(cells=SOLVED), r"frames\[0\].checked is false, and the rules accept the cells"),
        (frame(seconds=10**400), r"frames\[0\].seconds is not a number from 0 to 1,000,000,000"),
        (second(seconds=0.25), r"frames\[1\].seconds is less than the 0.5 of the step before"),
        (second(supposed=[1]), r"frames\[1\].supposed is not what try 1 takes as given"),
        (frame(supposed=[2, 1]), r"frames\[0\].supposed does not number each cell once, in order"),
        (frame(cells="1"), r"frames\[0\].cells has 1 cells"),
        (frame(confidence=[0.5]), r"frames\[0\].confidence has 1 numbers for 16 cells"),
        (frame(confidence=[2] * 16), r"frames\[0\].confidence\[0\] is not a number from 0 to 1"),
        (frame(halt=float("nan")), r"frames\[0\].halt is not a number"),
        (frame(supposed=[16]), r"frames\[0\].supposed\[0\] is not a whole number from 0 on below 16"),
        (frame(step=True), r"frames\[0\].step is not a whole number"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(content: Any, message: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        read_replays(file)
    assert "x.json" in str(caught.value)


@pytest.mark.parametrize("name", sorted(changed()))
def test_a_part_that_is_missing_is_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps({key: value for key, value in changed().items() if key != name}))
    with pytest.raises(InputError, match=f"has no '{name}'"):
        read_replays(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    name=st.sampled_from(sorted(changed())),
    value=JSON,
    part=st.sampled_from([None, *sorted(changed()["frames"][0])]),
)
def test_strange_values_are_refused_or_read_but_break_nothing(
    name: str, value: Any, part: str | None, tmp_path: Path
) -> None:
    content = changed(**{name: value}) if part is None else frame(**{part: value})
    file = tmp_path / "x.json"
    file.write_text(json.dumps(content))
    try:
        (read,) = read_replays(file)
    except InputError as error:
        assert str(error).startswith(str(file))
    else:
        assert read.task.name == "sudoku"
