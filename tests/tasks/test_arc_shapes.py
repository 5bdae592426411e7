"""The size of the output, told by rules that hold in every demonstration of made-up tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trmcli.errors import Origin
from trmcli.tasks.arc.shapes import Shape, background_of, guess_shapes
from trmcli.tasks.arc.task import ArcTask, Grid, Pair

Rule = Callable[[Grid], Shape]
SIZES = ((3, 4), (6, 2), (4, 9))
ASKED = (5, 8)


def made(rule: Rule, grid: Callable[[Any, int, int], Grid]) -> tuple[ArcTask, Shape]:
    """A task whose outputs have the size that the rule says, and the size of its test's."""
    random = np.random.default_rng(0)
    questions = [grid(random, *size) for size in (*SIZES, ASKED)]
    shown = tuple(Pair(one, np.zeros(rule(one), np.uint8)) for one in questions[:-1])
    return ArcTask("made-up", shown, (questions[-1],), None, Origin("made-up")), rule(questions[-1])


def noise(random: Any, height: int, width: int) -> Grid:
    grid: Grid = random.integers(1, 5, (height, width)).astype(np.uint8)
    grid[0, 0] = 0
    return grid


def boxed(random: Any, height: int, width: int) -> Grid:
    """Black, but for a rectangle somewhere inside."""
    grid = np.zeros((height + 4, width + 4), np.uint8)
    tall, wide = (int(random.integers(1, side + 1)) for side in (height, width))
    grid[2 : 2 + tall, 1 : 1 + wide] = 3
    return grid


def dotted(random: Any, height: int, width: int) -> Grid:
    """Black, with a few single cells apart from each other."""
    grid = np.zeros((2 * height, 2 * width), np.uint8)
    places = random.permutation(height * width)[: int(random.integers(2, 6))]
    grid[2 * (places // width), 2 * (places % width)] = 2
    return grid


def halved(random: Any, height: int, width: int) -> Grid:
    """Two halves beside each other with a blue line between."""
    grid = np.zeros((height, 2 * width + 1), np.uint8)
    grid[:, width] = 1
    grid[:, 0] = 2
    grid[0, 0] = 0
    return grid


def striped(random: Any, height: int, width: int) -> Grid:
    """Rows and columns of equal colours, one to three of each beside each other."""
    grid = np.add.outer(2 * (np.arange(height) % 2), np.arange(width) % 3).astype(np.uint8)
    return grid.repeat(random.integers(1, 4, height), 0).repeat(random.integers(1, 4, width), 1)


def spotted(random: Any, height: int, width: int) -> Grid:
    """Two rectangles with red spots, of which the smaller one has more, and one without."""
    grid = np.zeros((2 * height + 4, 2 * width + 9), np.uint8)
    grid[1 : height + 1, 1 : width + 2] = 1
    grid[height + 3 : 2 * height + 2, 2 : width + 1] = 1
    grid[: height + 2, width + 4 :] = 4
    grid[1, 1] = 2
    grid[height + 3, 2 : width + 1] = 2
    return grid


def two_boxed(random: Any, height: int, width: int) -> Grid:
    """Green in two places, and blue in three others; which has more cells, differs."""
    grid = np.zeros((height + 6, width + 6), np.uint8)
    grid[[1, height], [2, width + 1]] = 3
    grid[2 : 3 + height % 2 * 2, width + 5] = grid[3, 0] = 1
    return grid


def box(grid: Grid, colour: int | None = None) -> Shape:
    rows, columns = np.nonzero(grid if colour is None else grid == colour)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def without_repetition(grid: Grid) -> Shape:
    rows, columns = ((lines[1:] != lines[:-1]).any(1).sum() for lines in (grid, grid.T))
    return int(rows) + 1, int(columns) + 1


RULES: dict[str, tuple[Rule, Any]] = {
    "the input's": (lambda grid: grid.shape, noise),
    "turned": (lambda grid: grid.shape[::-1], noise),
    "a constant": (lambda grid: (3, 7), noise),
    "twice the input's": (lambda grid: (2 * grid.shape[0], 2 * grid.shape[1]), noise),
    "three times as wide": (lambda grid: (grid.shape[0], 3 * grid.shape[1]), noise),
    "a frame around": (lambda grid: (grid.shape[0] + 2, grid.shape[1] + 2), noise),
    "a square of the longer side": (lambda grid: (max(grid.shape), max(grid.shape)), noise),
    "the box around what is lit": (box, boxed),
    "a cell for each object": (lambda grid: (1, int((grid > 0).sum())), dotted),
    "equal lines as one": (without_repetition, striped),
    "the box around green": (lambda grid: box(grid, 3), two_boxed),
    "the object with the most red": (
        lambda grid: (grid.shape[0] // 2 - 3, (grid.shape[1] - 9) // 2 - 1),
        spotted,
    ),
    "a square of the shorter side's square": (lambda grid: (min(grid.shape) ** 2,) * 2, noise),
    "one half of two": (lambda grid: (grid.shape[0], grid.shape[1] // 2), halved),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_holds_gives_the_size(name: str) -> None:
    task, expected = made(*RULES[name])
    assert guess_shapes(task)[0][0] == expected


def test_every_test_input_has_its_own_size() -> None:
    task, _ = made(*RULES["twice the input's"])
    asked = tuple(np.ones(size, np.uint8) for size in ((2, 3), (7, 1)))
    several = ArcTask("made-up", task.shown, asked, None, task.origin)
    assert [guesses[0] for guesses in guess_shapes(several)] == [(4, 6), (14, 2)]


def test_where_two_rules_hold_both_are_guessed() -> None:
    """The demonstrations are square, so a column may be as long as the input is high, or wide."""
    shown = tuple(Pair(np.ones((n, n), np.uint8), np.ones((n, 1), np.uint8)) for n in (2, 3, 5))
    task = ArcTask("made-up", shown, (np.ones(ASKED, np.uint8),), None, Origin("made-up"))
    assert guess_shapes(task) == (((5, 1), (8, 1)),)


def test_a_second_size_is_guessed_only_if_it_is_nearly_as_likely() -> None:
    """Outputs are twice as wide as the inputs; four columns for every dot would be far-fetched."""
    shown = []
    for dots in (1, 2, 3):
        grid = np.zeros((5, 2 * dots), np.uint8)
        grid[2, ::2] = 3
        shown.append(Pair(grid, np.zeros((5, 4 * dots), np.uint8)))
    task = ArcTask("made-up", tuple(shown), (np.eye(5, 9, dtype=np.uint8),), None, Origin("made-up"))
    assert guess_shapes(task) == (((5, 18),),)


def test_no_size_is_guessed_that_no_grid_can_have() -> None:
    task, _ = made(*RULES["three times as wide"])
    wide = ArcTask("made-up", task.shown, (np.ones((4, 20), np.uint8),), None, task.origin)
    assert all(max(shape) <= 30 for shape in guess_shapes(wide)[0])


def test_where_no_rule_holds_there_is_no_guess() -> None:
    sizes = [(5, 7), (29, 3), (11, 23)]
    shown = tuple(Pair(np.zeros((2, 2), np.uint8), np.zeros(size, np.uint8)) for size in sizes)
    task = ArcTask("made-up", shown, (np.zeros((2, 2), np.uint8),), None, Origin("made-up"))
    assert guess_shapes(task) == ((),)


def test_the_background_is_black_or_the_commonest_colour() -> None:
    def of(*rows: list[int]) -> int:
        pair = Pair(np.array(rows, np.uint8), np.zeros((1, 1), np.uint8))
        return background_of(ArcTask("made-up", (pair,), (pair.question,), None, Origin("made-up")))

    assert of([3, 3, 0]) == 0
    assert of([3, 3, 1]) == 3
