"""Views of an ARC task: a turn or reflection of its grids and a renaming of their colours.

A view has the reference's name, ``TASK|||tN|||PERMUTATION``: one of the eight symmetries of the square, and
the new colour of each colour from 0 to 9. Black (0) stays black. Grids are ``[height, width]`` uint8.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trmcli.errors import InputError
from trmcli.tasks.arc.task import Grid

SEPARATOR = "|||"

_TURNS: tuple[Callable[[Grid], Grid], ...] = (
    lambda grid: grid,
    lambda grid: np.rot90(grid, 1),
    lambda grid: np.rot90(grid, 2),
    lambda grid: np.rot90(grid, 3),
    np.fliplr,
    np.flipud,
    lambda grid: grid.T,
    lambda grid: np.fliplr(np.rot90(grid, 1)),
)
"""The symmetries of the square as the reference numbers them (``dataset/common.py``), turns to the left."""
_BACK = (0, 3, 2, 1, 4, 5, 6, 7)
"""Which of them undoes each one."""
TURNS = len(_TURNS)

_NAME = re.compile(r"t([0-7])\|\|\|(\d{10})")


@dataclass(frozen=True)
class View:
    """One way to see a task.

    Attributes:
        turn: which symmetry of the square, 0 to 7.
        colours: the new colour of each colour.
    """

    turn: int = 0
    colours: tuple[int, ...] = tuple(range(10))

    def see(self, grid: Grid) -> Grid:
        """A grid in this view."""
        return np.ascontiguousarray(_TURNS[self.turn](np.array(self.colours, np.uint8)[grid]))

    def back(self, grid: Grid) -> Grid:
        """What :meth:`see` made this grid of."""
        return np.ascontiguousarray(np.argsort(self.colours).astype(np.uint8)[_TURNS[_BACK[self.turn]](grid)])

    def name(self, task: str) -> str:
        """What the reference calls the task in this view."""
        return SEPARATOR.join((task, f"t{self.turn}", "".join(map(str, self.colours))))


PLAIN = View()
"""The task as it is, whose name is its own."""


def parse(name: str) -> tuple[str, View]:
    """A task's name and the view of it, from what :meth:`View.name` wrote.

    Raises:
        InputError: what stands behind the task's name is not a view.
    """
    if SEPARATOR not in name:
        return name, PLAIN
    task, _, view = name.partition(SEPARATOR)
    found = _NAME.fullmatch(view)
    if found is None or len(set(found[2])) != 10:
        raise InputError(f"{name!r} does not name a view: that is TASK|||t0|||0123456789")
    return task, View(int(found[1]), tuple(map(int, found[2])))


def random_view(rng: np.random.Generator) -> View:
    """A view drawn at random: any turn, and the colours but black in any order."""
    return View(int(rng.integers(TURNS)), (0, *rng.permutation(np.arange(1, 10)).tolist()))
