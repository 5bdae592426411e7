"""New mazes: open ones, their walls strewn at random; perfect ones, all cells joined in one way; braided
ones, without dead ends; and caverns, whose walls have grown together.

No two mazes of one run are equal up to rotation and reflection, and none equals a maze that is excluded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Generator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trmcli.errors import InputError
from trmcli.tasks.base import Cells, Shape
from trmcli.tasks.maze.grid import GOAL, LARGEST_SIDE, OPEN, START, WALL, layers, to_mask, to_set
from trmcli.tasks.maze.rules import solved
from trmcli.tasks.workers import mapped

Style = Literal["open", "perfect", "braided", "cavern"]
STYLES: tuple[str, ...] = get_args(Style)
WALLS: dict[str, tuple[float, float]] = {"open": (0.3, 0.5), "cavern": (0.42, 0.5)}
"""The share of walls where nobody says another one. A cavern of 0.42 ends with 33%, one of 0.5 with 61%."""

_TRIES = 20_000
"""Arrangements of walls that are looked at for one maze."""
_TRIES_FOR_NEW = 200


@dataclass(frozen=True)
class Kind:
    """What mazes to make.

    Attributes:
        style: ``open``: every cell is a wall with one probability; ``perfect``: corridors of a random
            spanning tree between the cells of odd row and odd column, inside an outer wall; ``braided``: such
            corridors, with a wall taken away at each dead end; ``cavern``: an open maze whose cells have
            several times become what most cells around them are.
        shape: height and width.
        walls: least and greatest share of walls, of open mazes, and of caverns at first; None: the usual one
            of :data:`WALLS`. Corridors have none.
        min_path: cells of the shortest path at least, S and G among them.
    """

    style: Style = "open"
    shape: Shape = (30, 30)
    walls: tuple[float, float] | None = None
    min_path: int = 3

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise InputError(
                f"there are no {self.style!r} mazes: --kind is {', '.join(STYLES[:-1])} or {STYLES[-1]}"
            )
        sides = f"{self.shape[0]}x{self.shape[1]}"
        if min(self.shape) < 3 or max(self.shape) > LARGEST_SIDE:
            raise InputError(f"no mazes of {sides} are made: a side has 3 to {LARGEST_SIDE} cells")
        if self.style in ("perfect", "braided") and not (self.shape[0] % 2 and self.shape[1] % 2):
            raise InputError(f"a {self.style} maze has odd sides, such as 21x21, not {sides}")
        if self.walls is not None and self.style not in WALLS:
            raise InputError(
                f"a {self.style} maze has as many walls as its corridors leave: "
                "--walls is for open mazes and caverns"
            )
        if self.walls is not None and not 0 <= self.walls[0] <= self.walls[1] < 1:
            raise InputError(f"the share of walls {self.walls[0]}-{self.walls[1]} is no range from 0 to 1")
        if not 3 <= self.min_path <= self.shape[0] * self.shape[1]:
            raise InputError(
                f"no path of a maze of {sides} has {self.min_path} cells, S and G among them: 3 or more"
            )


class Generated(NamedTuple):
    """A new maze, ``[height, width]``, its answer, and how many cells the path has, S and G among them."""

    question: Cells
    answer: Cells
    path: int


def parse_options(
    kind: object = "open", size: object = 30, walls: object = None, min_path: object = 3, **others: Any
) -> Kind:
    """A :class:`Kind` from the words of a command line or a TOML table.

    Raises:
        InputError: for what is no kind, size or range, and for other options.
    """
    if others:
        raise InputError(f"generated mazes have no option {', '.join(sorted(others))}")
    sides = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", str(size))
    if sides is None:
        raise InputError(f"{str(size)!r} is no size of a maze: write 30, or 20x30 for 20 rows of 30 cells")
    share = re.fullmatch(r"(\d*\.?\d+)(?:\s*-\s*(\d*\.?\d+))?", str(walls))
    if share is None and walls is not None:
        raise InputError(f"{str(walls)!r} is no share of walls: write 0.4, or 0.3-0.5 for a range")
    if not isinstance(min_path, int):
        raise InputError(f"{min_path!r} is not a number of cells")
    style: Any = kind
    return Kind(
        style,
        (int(sides[1]), int(sides[2] or sides[1])),
        (float(share[1]), float(share[2] or share[1])) if share else None,
        min_path,
    )


def generate(kind: Kind, random: Random) -> Generated:
    """One random maze.

    Raises:
        InputError: none was found with a path so long.
    """
    draw = {"open": _open, "perfect": _perfect, "braided": _braided, "cavern": _cavern}[kind.style]
    for _ in range(_TRIES):
        cells = draw(kind, random)
        if _place_ends(cells, kind.min_path, random):
            answer = solved(cells)
            assert answer is not None
            return Generated(cells, answer, int((answer >= START).sum()))
    size, hint = f"{kind.shape[0]}x{kind.shape[1]}", ", or set walls near 0.4" if kind.style in WALLS else ""
    raise InputError(
        f"found no {kind.style} maze of {size} with a path of {kind.min_path} cells in {_TRIES} tries: "
        f"ask for shorter paths{hint}"
    )


def _open(kind: Kind, random: Random) -> Cells:
    share = random.uniform(*(kind.walls or WALLS[kind.style]))
    numbers = np.frombuffer(random.randbytes(2 * kind.shape[0] * kind.shape[1]), dtype=np.uint16)
    return np.where(numbers.reshape(kind.shape) < share * 65536, WALL, OPEN).astype(np.uint8)


def _cavern(kind: Kind, random: Random) -> Cells:
    """Four times each cell becomes a wall if it and its eight neighbours are five walls or more, as Johnson,
    Yannakakis and Togelius do (Cellular automata for real-time generation of infinite cave levels, 2010).
    Beyond the rim all is wall."""
    walls = _open(kind, random) == WALL
    for _ in range(4):
        around = np.pad(walls, 1, constant_values=True)
        walls = sliding_window_view(around, (3, 3)).sum(axis=(2, 3)) >= 5
    return np.where(walls, WALL, OPEN).astype(np.uint8)


def _perfect(kind: Kind, random: Random) -> Cells:
    """Walk at random from cell to cell, and go back where there is nothing new: long corridors."""
    height, width = kind.shape
    cells = np.full(kind.shape, WALL, dtype=np.uint8)
    row, column = random.randrange(1, height, 2), random.randrange(1, width, 2)
    cells[row, column] = OPEN
    trail = [(row, column)]
    while trail:
        row, column = trail[-1]
        steps = [(row - 2, column), (row + 2, column), (row, column - 2), (row, column + 2)]
        ways = [(r, c) for r, c in steps if 0 < r < height and 0 < c < width and cells[r, c] == WALL]
        if not ways:
            trail.pop()
            continue
        to = random.choice(ways)
        cells[to] = cells[(row + to[0]) // 2, (column + to[1]) // 2] = OPEN
        trail.append(to)
    return cells


def _braided(kind: Kind, random: Random) -> Cells:
    """Join each dead end of a perfect maze with a corridor beside it, where there is one."""
    cells = _perfect(kind, random)
    height, width = kind.shape
    ends = [(row, column) for row in range(1, height, 2) for column in range(1, width, 2)]
    random.shuffle(ends)
    for row, column in ends:
        steps = [(-1, 0), (1, 0), (0, -1), (0, 1)]
        closed = [(down, right) for down, right in steps if cells[row + down, column + right] == WALL]
        ways = [
            (down, right)
            for down, right in closed
            if 0 < row + down < height - 1 and 0 < column + right < width - 1
        ]
        if len(closed) == 3 and ways:
            down, right = random.choice(ways)
            cells[row + down, column + right] = OPEN
    return cells


def _place_ends(cells: Cells, min_path: int, random: Random) -> bool:
    """Put S and G on open cells whose shortest path is long enough: from a random cell if one has such a
    partner, else from the end that is farthest from it."""
    stride = cells.shape[1] + 1
    free = to_set(cells == OPEN)
    places = np.flatnonzero(cells == OPEN).tolist()
    if not places:
        return False
    row, column = divmod(random.choice(places), cells.shape[1])
    start = 1 << (row * stride + column)
    found = layers(free, start, stride)
    if 1 < len(found) < min_path:
        start = found[-1] & -found[-1]
        found = layers(free, start, stride)
    if len(found) < min_path:
        return False
    far = 0
    for ring in found[min_path - 1 :]:
        far |= ring
    ends = np.flatnonzero(to_mask(far, cells.shape)).tolist()
    cells[to_mask(start, cells.shape)] = START
    cells[divmod(random.choice(ends), cells.shape[1])] = GOAL
    return True


def canonical(cells: Cells) -> tuple[Shape, bytes]:
    """What a maze has in common with those that rotation and reflection make of it, and with no other."""
    turned = [np.rot90(one, turn) for one in (cells, np.fliplr(cells)) for turn in range(4)]
    return min((one.shape, one.tobytes()) for one in turned)


def generate_many(
    kind: Kind,
    count: int,
    seed: int = 0,
    processes: int = 1,
    exclude: Collection[tuple[Shape, bytes]] = (),
) -> Generator[Generated, None, None]:
    """``count`` mazes as :func:`generate` makes them, the same for a seed whatever the number of processes.

    Args:
        exclude: what :func:`canonical` says of mazes that are not to be made.

    Raises:
        InputError: as :func:`generate`, or when no further new maze is found.
    """
    make = partial(_generate_one, kind, seed)
    seen = set(exclude)
    with mapped(make, count, processes) as mazes:
        for index, maze in enumerate(mazes):
            attempt = 0
            while (key := canonical(maze.question)) in seen:
                attempt += 1
                if attempt > _TRIES_FOR_NEW:
                    raise InputError(
                        f"found only {index} different mazes of this kind, not {count}: make them larger"
                    )
                maze = make(index, attempt)
            seen.add(key)
            yield maze


def _generate_one(kind: Kind, seed: int, index: int, attempt: int = 0) -> Generated:
    return generate(kind, Random(f"{seed} {index} {attempt}"))
