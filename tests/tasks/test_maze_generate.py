"""Generated mazes: what was asked for, none twice, the same for a seed."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from trmcli.errors import InputError
from trmcli.tasks.maze.generate import Kind, canonical, generate_many, parse_options
from trmcli.tasks.maze.grid import GOAL, OPEN, START, WALL
from trmcli.tasks.maze.kind import MazeMaker, MazeRules, maze_task

TASK = maze_task()


def lengths(kind: Kind, count: int, seed: int = 0) -> list[int]:
    made = list(generate_many(kind, count, seed))
    questions, answers = np.stack([one.question for one in made]), np.stack([one.answer for one in made])
    assert questions.shape == (count, *kind.shape)
    assert MazeRules().check(questions, answers).all()
    assert [one.path for one in made] == (answers >= START).sum(axis=(1, 2)).tolist()
    return [one.path for one in made]


def test_open_mazes_have_walls_and_paths_as_asked() -> None:
    kind = Kind("open", (30, 30), (0.35, 0.4), 80)
    assert min(lengths(kind, 4)) >= 80
    walls = [(one.question == WALL).mean() for one in generate_many(Kind("open", (40, 30), (0.2, 0.2)), 20)]
    assert np.mean(walls) == pytest.approx(0.2, abs=0.02)
    assert min(lengths(Kind("open", (3, 4)), 20)) >= 3


def test_perfect_mazes_join_all_cells_in_one_way() -> None:
    kind = Kind("perfect", (9, 15), min_path=8)
    assert min(lengths(kind, 10)) >= 8
    for question, _, _ in generate_many(kind, 10):
        assert (question[[0, -1]] == WALL).all() and (question[:, [0, -1]] == WALL).all()
        free = question != WALL
        assert free[1::2, 1::2].all() and not free[::2, ::2].any()
        corridors = (free[1:] & free[:-1]).sum() + (free[:, 1:] & free[:, :-1]).sum()
        assert corridors == free.sum() - 1  # with all cells joined, a tree
        assert MazeRules().solutions(question) == 1
        for cell in np.argwhere(question == OPEN).tolist():
            to = question.copy()
            to[to == GOAL] = OPEN
            to[tuple(cell)] = GOAL
            assert MazeRules().search(to) is not None


def test_braided_mazes_have_no_dead_ends() -> None:
    kind = Kind("braided", (9, 15), min_path=8)
    assert min(lengths(kind, 10)) >= 8
    for question, _, _ in generate_many(kind, 10):
        free = np.pad(question != WALL, 1).astype(int)
        beside = free[:-2, 1:-1] + free[2:, 1:-1] + free[1:-1, :-2] + free[1:-1, 2:]
        assert (question[[0, -1]] == WALL).all() and (question[:, [0, -1]] == WALL).all()
        assert beside[question != WALL].min() >= 2


def test_caverns_have_walls_that_hang_together() -> None:
    kind = Kind("cavern", (30, 40), min_path=12)
    assert min(lengths(kind, 6)) >= 12
    shares = []
    for question, _, _ in generate_many(kind, 6):
        walls = question == WALL
        around = np.pad(walls, 1, constant_values=True).astype(int)
        beside = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
        assert (beside[walls] == 0).mean() < 0.01  # strewn at random, 4% of them would stand alone
        shares.append(walls.mean())
    assert 0.2 < np.mean(shares) < 0.7
    less, more = (
        np.mean([one.question == WALL for one in generate_many(Kind("cavern", (30, 30), (at, at)), 10)])
        for at in (0.4, 0.5)
    )
    assert less < 0.35 < 0.5 < more


def test_no_maze_equals_another_however_turned() -> None:
    kind = Kind("open", (3, 3), (0.1, 0.5))
    keys = [canonical(one.question) for one in generate_many(kind, 60)]
    assert len(set(keys)) == 60
    assert keys == [canonical(np.rot90(one.question).T) for one in generate_many(kind, 60)]
    others = {canonical(one.question) for one in generate_many(kind, 60, exclude=keys[:30])}
    assert len(others) == 60 and not others & set(keys[:30])
    with pytest.raises(InputError, match=r"found only .* different mazes of this kind, not 100000"):
        list(generate_many(Kind("perfect", (3, 5)), 100_000))


def test_the_same_for_a_seed_whatever_the_number_of_processes() -> None:
    kind = Kind("open", (8, 9))
    alone, together, other = (
        [one.question.tobytes() for one in generate_many(kind, 12, seed, processes)]
        for seed, processes in ((3, 1), (3, 2), (4, 1))
    )
    assert alone == together != other
    assert alone[:5] == [one.question.tobytes() for one in islice(generate_many(kind, 100, 3), 5)]


def test_options_of_training() -> None:
    questions, answers = MazeMaker().make(3, 0, {"kind": "perfect", "size": 7, "min_path": 4})
    assert questions.shape == answers.shape == (3, 7, 7)
    assert MazeRules().check(questions, answers).all()
    assert MazeMaker().make(2, 0, {"size": "4x6", "walls": 0.2})[0].shape == (2, 4, 6)
    assert parse_options() == Kind()
    assert parse_options(walls=" 0.3 - 0.35".strip()).walls == (0.3, 0.35)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "round"}, "there are no 'round' mazes: --kind is open, perfect, braided or cavern"),
        ({"size": "0x0"}, "no mazes of 0x0 are made: a side has 3 to 128 cells"),
        ({"size": 1000}, "no mazes of 1000x1000 are made: a side has 3 to 128 cells"),
        ({"size": "wide"}, "'wide' is no size of a maze: write 30, or 20x30"),
        ({"kind": "perfect", "size": 30}, "a perfect maze has odd sides, such as 21x21, not 30x30"),
        ({"kind": "braided", "size": 30}, "a braided maze has odd sides, such as 21x21, not 30x30"),
        ({"kind": "perfect", "size": 21, "walls": 0.3}, "as its corridors leave: --walls is for open mazes"),
        ({"walls": "many"}, "'many' is no share of walls: write 0.4, or 0.3-0.5"),
        ({"walls": "0.5-0.3"}, "0.5-0.3 is no range"),
        ({"walls": "1.5"}, "1.5-1.5 is no range"),
        ({"min_path": 2}, "no path of a maze of 30x30 has 2 cells"),
        ({"min_path": 901}, "no path of a maze of 30x30 has 901 cells"),
        ({"min_path": "long"}, "'long' is not a number of cells"),
        ({"clues": 3}, "generated mazes have no option clues"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        MazeMaker().make(1, 0, options)


def test_paths_that_no_maze_has_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trmcli.tasks.maze.generate._TRIES", 50)
    with pytest.raises(InputError, match="found no open maze of 8x8 with a path of 60 cells in 50 tries"):
        MazeMaker().make(1, 0, {"size": 8, "min_path": 60})
