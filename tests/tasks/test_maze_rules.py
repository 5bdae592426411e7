"""The rules of mazes against a plain breadth-first search, and what follows from the shape of the grid."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trmcli.tasks.base import Cells, Shape
from trmcli.tasks.lattice import dihedral
from trmcli.tasks.maze.grid import (
    GOAL,
    LETTERS,
    OPEN,
    PATH,
    START,
    WALL,
    directions,
    layers,
    shortest,
    to_mask,
    to_set,
)
from trmcli.tasks.maze.kind import MazeMaker, MazeRules, MazeStructure, maze_task

TASK = maze_task()
Place = tuple[int, int]


def maze(text: str) -> Cells:
    return np.array([[" #SGo".index(sign) for sign in row] for row in text.split("/")], dtype=np.uint8)


def neighbours(place: Place, shape: tuple[int, ...]) -> list[Place]:
    row, column = place
    steps = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return [(r, c) for r, c in steps if 0 <= r < shape[0] and 0 <= c < shape[1]]


def distances(cells: Cells, start: Place) -> dict[Place, int]:
    found, queue = {start: 0}, deque([start])
    while queue:
        here = queue.popleft()
        for there in neighbours(here, cells.shape):
            if cells[there] != WALL and there not in found:
                found[there] = found[here] + 1
                queue.append(there)
    return found


def place_of(cells: Cells, value: int) -> Place:
    [(row, column)] = np.argwhere(cells == value).tolist()
    return row, column


def is_right(question: Cells, answer: Cells) -> bool:
    """By the definition: the marked cells, in the order of their distance from S, are a way to G."""
    changed = answer != question
    if not ((question == OPEN) & (answer == PATH))[changed].all():
        return False
    start, goal = place_of(question, START), place_of(question, GOAL)
    found = distances(question, start)
    marked = [(row, column) for row, column in np.argwhere(answer == PATH).tolist()]
    if goal not in found or any(place not in found for place in marked):
        return False
    way = [start, *sorted(marked, key=found.__getitem__), goal]
    steps = all(there in neighbours(here, question.shape) for here, there in pairwise(way))
    return steps and len(way) == found[goal] + 1


def ways(question: Cells) -> int:
    """How many shortest paths there are."""
    start, goal = place_of(question, START), place_of(question, GOAL)
    found = distances(question, start)
    counts = {start: 1}
    for place in sorted(found, key=found.__getitem__):
        for there in neighbours(place, question.shape):
            if found.get(there) == found[place] + 1:
                counts[there] = counts.get(there, 0) + counts[place]
    return counts.get(goal, 0)


@st.composite
def mazes(draw: st.DrawFn, largest: int = 6) -> Cells:
    height, width = draw(st.integers(1, largest)), draw(st.integers(2, largest))
    size = height * width
    signs = draw(st.lists(st.sampled_from([OPEN, OPEN, WALL]), min_size=size, max_size=size))
    start, goal = draw(st.permutations(range(size)))[:2]
    signs[start], signs[goal] = START, GOAL
    return np.array(signs, dtype=np.uint8).reshape(height, width)


@given(mazes(), st.data())
def test_check_and_verify_agree_with_a_plain_search(question: Cells, data: st.DataObject) -> None:
    found = MazeRules().search(question)
    assert (found is not None) == (ways(question) > 0)
    answer = (question if found is None else found).copy()
    for _ in range(data.draw(st.integers(0, 3))):
        cell = data.draw(st.integers(0, answer.size - 1))
        answer.ravel()[cell] = data.draw(st.integers(OPEN, PATH))
    expected = is_right(question, answer)
    assert MazeRules().check(question[None], answer[None]).tolist() == [expected]
    assert MazeRules().verify(question, answer).ok == expected
    assert found is None or is_right(question, found)
    assert MazeRules().solutions(question) == min(ways(question), 2)


def test_check_is_for_batches() -> None:
    question = maze("S  /   /  G")
    rows = ["Soo/  o/  G", "S  /oo /  G", "S  /o  /ooG", "So /oo /  G", "S  /   /  G", "S#o/  o/  G"]
    answers = np.stack([maze(row) for row in rows])
    right = MazeRules().check(np.repeat(question[None], len(rows), 0), answers)
    assert right.tolist() == [True, False, True, False, False, False]


@pytest.mark.parametrize(
    ("question", "answer", "message", "cells"),
    [
        ("S G", "SoG", "follows the rules", ()),
        ("S G", "S G", "no path leaves S", (0,)),
        ("S  G", "So G", "the path from S breaks off in row 1, column 2", (1,)),
        ("S# /   /G  ", "So /o  /G  ", "the wall in row 1, column 2 became path", (1,)),
        ("S G/   ", "SSG/   ", "an S that was not there in row 1, column 2", (1,)),
        ("S G/   ", "  G/   ", "the S in row 1, column 1 became open", (0,)),
        ("S G/   ", "S#G/ooo", "a wall that was not there in row 1, column 2", (1,)),
        ("S G/   ", "SoG/ o ", "1 cell is marked apart from the path: in row 2, column 2", (4,)),
        ("S G/   ", "SoG/ooo", "3 cells are marked apart from the path: in row 2, column 1", (3, 4, 5)),
        ("S G/   ", "S G/ooo", "the path is not shortest: it has 5 cells, 3 would do", ()),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(question: str, answer: str, message: str, cells: tuple[int, ...]) -> None:
    verdict = MazeRules().verify(maze(question), maze(answer))
    assert message in str(verdict)
    assert cells == next((one.cells for one in verdict.problems if message in one.message), ())


def test_of_several_paths_the_first_direction_wins() -> None:
    found = MazeRules().search(maze("   G/ ## / S  "))
    assert found is not None
    assert np.array_equal(found, maze("   G/ ##o/ Soo"))
    tie = MazeRules().search(maze("S  /   /  G"))
    assert tie is not None and np.array_equal(tie, maze("S  /o  /ooG"))
    assert MazeRules().search(maze("S#G")) is None


def test_labels_do_not_depend_on_how_a_maze_was_turned() -> None:
    question = maze("S   /    / #  /   G")
    found = MazeRules().search(question)
    assert found is not None
    every = TASK.views.symmetries((4, 4), 40, np.random.default_rng(0))
    questions = every.apply(np.repeat(TASK.codec.encode(question[None]), 40, 0))
    answers = every.apply(np.repeat(TASK.codec.encode(found[None]), 40, 0))
    labels = MazeStructure().canonical(questions, answers, (4, 4))
    turned = TASK.codec.decode(questions, (4, 4))
    for label, one in zip(TASK.codec.decode(labels, (4, 4)), turned, strict=True):
        first = MazeRules().search(one)
        assert first is not None and np.array_equal(label, first)
    assert not np.array_equal(labels, answers)
    assert MazeRules().check(turned, TASK.codec.decode(labels, (4, 4))).all()


def test_labels_say_of_every_cell_where_the_goal_is_nearest() -> None:
    """Of two directions that are as good, the first of up, down, left, right."""
    question = maze("G  S/ # #/   #/## #")
    tokens = TASK.codec.encode(question[None])
    up, left = 0, 2
    open_, path, start = 6, 10, 14
    labels = MazeStructure().canonical(tokens, tokens, question.shape)[0].reshape(question.shape)
    assert labels.tolist() == [
        [4, path + left, path + left, start + left],
        [open_ + up, 1, open_ + up, 1],
        [open_ + up, open_ + left, open_ + up, 1],
        [1, 1, open_ + up, 1],
    ]


def test_cells_without_a_way_to_the_goal_point_nowhere() -> None:
    question = maze("GS# ")
    tokens = TASK.codec.encode(question[None])
    assert MazeStructure().canonical(tokens, tokens, question.shape).tolist() == [[4, 16, 1, 2]]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_directions_lead_to_the_goal_by_shortest_ways(seed: int) -> None:
    """Followed from every cell, against a plain search from that cell."""
    (question,), _ = MazeMaker().make(1, seed, {"size": 7, "walls": "0.2-0.4"})
    turns = [to_mask(cells, question.shape) for cells in directions(question)]
    steps = ((-1, 0), (1, 0), (0, -1), (0, 1))
    for cell in np.argwhere((question == OPEN) | (question == START)):
        at, walked = tuple(cell), 0
        while question[at] != GOAL and any(turn[at] for turn in turns):
            move = steps[[bool(turn[at]) for turn in turns].index(True)]
            at, walked = (at[0] + move[0], at[1] + move[1]), walked + 1
        alone = np.where(question == START, OPEN, question)
        alone[tuple(cell)] = START
        assert walked == max(0, len(shortest(alone)) - 1)


def test_tokens_are_the_reference_s() -> None:
    cells = maze("# SGo")
    assert TASK.codec.encode(cells[None]).tolist() == [[1, 2, 3, 4, 5]]
    assert np.array_equal(TASK.codec.decode(np.array([[1, 2, 3, 4, 5]]), (1, 5))[0], cells)
    assert TASK.codec.decode(np.array([[0]]), (1, 1)).tolist() == [[[OPEN]]]


UP, DOWN, LEFT, RIGHT = range(4)
POINTING, ON_PATH, AT_START = 6, 10, 14


def decoded(rows: list[list[int]]) -> str:
    tokens = np.array(rows)
    cells = TASK.codec.decode(tokens.reshape(1, -1), (tokens.shape[0], tokens.shape[1]))[0]
    return "/".join("".join(LETTERS[value] for value in row) for row in cells)


def test_the_answer_is_the_way_that_the_cells_point_out() -> None:
    """Whatever they say of being on the path."""
    right, left = POINTING + RIGHT, ON_PATH + LEFT
    assert decoded([[AT_START + RIGHT, right, right, 4], [left, left, left, left]]) == "SooG/    "
    assert decoded([[AT_START + DOWN, 1], [right, POINTING + DOWN], [2, 4]]) == "S#/oo/ G"


@pytest.mark.parametrize(
    "row",
    [
        [AT_START + RIGHT, POINTING + RIGHT, POINTING + LEFT, 4],  # back and forth for ever
        [AT_START + LEFT, POINTING + RIGHT, POINTING + RIGHT, 4],  # out of the maze
        [AT_START + RIGHT, POINTING + RIGHT, 2, 4],  # to a cell that points nowhere
        [AT_START + RIGHT, POINTING + RIGHT, 1, 4],  # into a wall
        [AT_START + RIGHT, POINTING + RIGHT, AT_START + LEFT, 4],  # from two starts
        [POINTING + RIGHT, POINTING + RIGHT, POINTING + RIGHT, 4],  # from none
    ],
)
def test_where_no_way_is_pointed_out_the_cells_on_the_path_are_marked(row: list[int]) -> None:
    assert "o" not in decoded([row])
    assert decoded([row, [ON_PATH, 5, 2, 1]]).endswith("/oo #")


def test_a_way_does_not_leave_one_side_and_come_in_on_the_other() -> None:
    right = POINTING + RIGHT
    assert decoded([[1, AT_START + RIGHT], [right, 4]]) == "#S/ G"


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), shape=st.sampled_from(["7", "5x8"]))
def test_directions_turn_with_the_maze(seed: int, shape: str) -> None:
    """The labels of a maze, turned, are as good as those of the turned maze, and turn back."""
    (question,), _ = MazeMaker().make(1, seed, {"size": shape, "walls": "0.1-0.4"})
    tokens = np.repeat(TASK.codec.encode(question[None]), 20, 0)
    labels = MazeStructure().canonical(tokens, tokens, question.shape)
    drawn = TASK.views.symmetries(question.shape, 20, np.random.default_rng(seed))
    turned = TASK.codec.decode(drawn.apply(tokens), question.shape)
    moved = drawn.apply(labels)
    unmarked = np.where((moved >= ON_PATH) & (moved < AT_START), moved - ON_PATH + POINTING, moved)
    for answers in (moved, unmarked):
        assert MazeRules().check(turned, TASK.codec.decode(answers, question.shape)).all()
    assert np.array_equal(drawn.inverse().apply(moved), labels)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["open", "braided", "cavern"]))
def test_news_of_the_goal_spread_as_a_plain_search_does(seed: int, kind: str) -> None:
    (question,), _ = MazeMaker().make(1, seed, {"size": 11, "kind": kind, "min_path": 5})
    tokens = TASK.codec.encode(question[None])
    labels = MazeStructure().canonical(tokens, tokens, question.shape)
    known, found = (one.reshape(question.shape) for one in MazeStructure().spread(labels, question.shape))
    cells = layers(to_set(question != WALL), to_set(question == GOAL), question.shape[1] + 1)
    expected = np.zeros_like(found)
    for away, here in enumerate(cells):
        expected[to_mask(here, question.shape)] = away
    assert np.array_equal(found, expected)
    reached = to_mask(sum(cells), question.shape)
    assert np.array_equal(known == 0, ~reached & (question == OPEN))  # of the others nobody ever hears
    assert np.array_equal(known[question == WALL], np.full((question == WALL).sum(), 1))
    decided = TASK.codec.decode(np.where(known == 0, 2, known).reshape(1, -1), question.shape)
    assert MazeRules().check(question[None], decided).all()
    news = MazeStructure().news(TASK.codec.vocab_size)
    undecided = news.undecided[known[reached & (question == OPEN)]]
    path = TASK.codec.decode(labels, question.shape)[0] == PATH
    assert np.array_equal(news.needed[known], path | (question != OPEN) | ~reached)
    plain = np.where(known == 0, 2, news.learned[known]).reshape(1, -1)
    assert not ((plain >= ON_PATH) & (plain < AT_START)).any()
    assert np.array_equal(TASK.codec.decode(plain, question.shape), decided)
    assert (
        undecided
        == np.eye(1, 18, POINTING)[0] / 4 + sum(np.eye(1, 18, POINTING + n)[0] / 4 for n in (1, 2, 3))
    ).all()


@pytest.mark.parametrize(("shape", "count"), [((4, 4), 8), ((1, 1), 8), ((3, 5), 4)])
def test_symmetries_turn_answers_into_answers(shape: Shape, count: int) -> None:
    every = dihedral(shape)
    assert every.shape == (count, shape[0] * shape[1])
    assert (np.sort(every, axis=1) == np.arange(every.shape[1])).all()
    assert every[0].tolist() == list(range(every.shape[1]))
    if every.shape[1] > 1:
        assert len(np.unique(every, axis=0)) == count
        drawn = TASK.views.symmetries(shape, 200, np.random.default_rng(1))
        assert len(np.unique(drawn.cells, axis=0)) == count
        question = np.zeros(shape, dtype=np.uint8)
        question[0, 0], question[-1, 1] = START, GOAL
        tokens = np.repeat(TASK.codec.encode(question[None]), 200, 0)
        found = MazeRules().search(question)
        assert found is not None
        answers = np.repeat(TASK.codec.encode(found[None]), 200, 0)
        assert (
            MazeRules()
            .check(
                TASK.codec.decode(drawn.apply(tokens), shape), TASK.codec.decode(drawn.apply(answers), shape)
            )
            .all()
        )
        assert np.array_equal(drawn.inverse().apply(drawn.apply(tokens)), tokens)


def test_relations() -> None:
    up, down, left, right, row, column = MazeStructure().relations((2, 3))
    assert tuple(one.name for one in MazeStructure().relations((2, 3))) == MazeStructure().relation_names
    assert up.index.tolist() == [[-1], [-1], [-1], [0], [1], [2]]
    assert down.index.tolist() == [[3], [4], [5], [-1], [-1], [-1]]
    assert left.index.tolist() == [[-1], [0], [1], [-1], [3], [4]]
    assert right.index.tolist() == [[1], [2], [-1], [4], [5], [-1]]
    assert row.index.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert column.index.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_mazes_have_no_givens() -> None:
    """A maze with a part of its path is not a question."""
    assert TASK.givens is None
