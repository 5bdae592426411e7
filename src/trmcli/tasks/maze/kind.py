"""Mazes of any rectangle: a shortest path from S to G, in steps up, down, left and right.

Tokens are those of the reference's maze data (``dataset/build_maze_dataset.py``): 0 padding, then ``# SGo``,
that is wall, open, start, goal and path, as 1 to 5. The answer is the maze with ``o`` on the cells between S
and G. Every shortest path is right; where there are several, :meth:`MazeStructure.canonical` names the one to
learn. It also tells an open cell, a cell of the path and S apart by the direction in which G is nearest, as
tokens 6 to 17: a network that has to say this of every cell learns the search itself, wave by wave from G,
and not only where it ends. The answer is the way from S to G that the cells point out. They know it as soon
as the wave from G has come to S; that they are on it, only when a second wave has come back from S.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.tasks.base import (
    Bools,
    Cells,
    Ints,
    Look,
    Puzzle,
    Relation,
    Shape,
    Symmetry,
    Verdict,
)
from trmcli.tasks.lattice import NAMES, dihedral, dihedral_directions, lattice_relations
from trmcli.tasks.lines import Reader
from trmcli.tasks.maze.grid import (
    GOAL,
    LETTERS,
    OPEN,
    PATH,
    START,
    WALL,
    directions,
    follow,
    shortest,
    to_mask,
    to_set,
)
from trmcli.tasks.maze.recognise import is_line, recognises
from trmcli.tasks.maze.rules import problems_of, solved
from trmcli.tasks.maze.text import MazeReader, write
from trmcli.tasks.task import USUAL_STEPS, Codec, Maker, News, Paint, Rules, Structure, Task, Text, Views

_TOKENS: Ints = np.array([2, 1, 3, 4, 5])
_POINTING = {OPEN: 6, PATH: 10, START: 14}
"""Tokens of the cells that point up; down, left and right follow."""
_POINTS = min(_POINTING.values())
_UP: Ints = np.array([_POINTING.get(value, 0) for value in range(5)])
_CELLS: Cells = np.array(
    [OPEN, WALL, OPEN, START, GOAL, PATH, *(value for value in _POINTING for _ in range(4))], dtype=np.uint8
)
_LOOKS: tuple[Look, ...] = ("empty", "solid", "symbol", "symbol", "trail")


class MazeText(Text):
    def reader(self, name: str) -> Reader:
        return MazeReader(name)

    def recognises(self, head: str, whole: bool) -> bool | None:
        return recognises(head, whole)

    def is_argument(self, text: str) -> bool:
        return is_line(text)

    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        return write(puzzle, cells)


class MazeCodec(Codec):
    vocab_size = 18

    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        tokens: Ints = _TOKENS[cells.reshape(len(cells), -1)]
        return tokens

    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        """Mazes with ``o`` on the way from S to G that the cells point out; where they point out none, on the
        cells that say that they are on the path."""
        cells: Cells = _CELLS[tokens].reshape(-1, *shape)
        for answer, said in zip(cells, tokens.reshape(cells.shape), strict=True):
            if said.max(initial=0) < _POINTING[START]:
                continue
            turns = np.where(said < _POINTS, -1, (said - _POINTS) % 4)
            path = follow(answer, [to_set(turns == turn) for turn in range(4)])
            if path:
                answer[answer == PATH] = OPEN
                answer[to_mask(path, shape) & (answer == OPEN)] = PATH
        return cells


class MazeViews(Views):
    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """Rotations and reflections that keep the shape: eight of a square, four of an oblong."""
        every, directions = dihedral(shape), dihedral_directions(shape)
        drawn = rng.integers(len(every), size=count)
        values = np.tile(np.arange(self.vocab_size), (count, 1))
        for up in _POINTING.values():
            values[:, up : up + 4] = up + directions[drawn]
        return Symmetry(every[drawn], values)


class MazePaint(Paint):
    def symbol(self, value: int, shape: Shape) -> str:
        return LETTERS[value]

    def look(self, value: int) -> Look:
        return _LOOKS[value]


class MazeRules(Rules):
    def check(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        """Right is an answer that keeps the question, in which S and G have one neighbour on the path and
        every other cell of the path has two, and whose path has as many cells as a shortest one.

        Such neighbours alone make one path from S to G, and perhaps circles apart from it; but the path takes
        all the cells that there are.
        """
        ok: Bools = ((answers == questions) | ((questions == OPEN) & (answers == PATH))).all(axis=(1, 2))
        on = answers >= START
        around = np.pad(on, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
        beside = around[:, :-2, 1:-1] + around[:, 2:, 1:-1] + around[:, 1:-1, :-2] + around[:, 1:-1, 2:]
        wanted = np.where(answers == PATH, 2, 1)
        ok &= (~on | (beside == wanted)).all(axis=(1, 2))
        cells = on.sum(axis=(1, 2))
        for row in np.flatnonzero(ok):
            ok[row] = len(shortest(questions[row])) == cells[row]
        return ok

    def verify(self, question: Cells, answer: Cells) -> Verdict:
        return Verdict(tuple(problems_of(question, answer)))

    def solutions(self, question: Cells, most_guesses: int | None = None) -> int | None:
        places = shortest(question)
        if not places:
            return 0
        return 1 if all(cells & (cells - 1) == 0 for cells in places) else 2

    def search(self, question: Cells) -> Cells | None:
        """A shortest path by breadth-first search; of several, the one along :func:`directions`."""
        return solved(question)


class MazeStructure(Structure):
    relation_names = NAMES

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        return lattice_relations(shape)

    def candidates(self, shape: Shape) -> Ints:
        """All tokens but padding."""
        return np.arange(1, MazeCodec.vocab_size)

    def canonical(self, questions: Ints, answers: Ints, shape: Shape) -> Ints:
        """The path of :meth:`MazeRules.search`, and where there is a way to G, its direction."""
        labels: Ints = questions.copy()
        for row, question in zip(labels, _CELLS[questions].reshape(-1, *shape), strict=True):
            pointing = directions(question)
            values = question.copy()
            values[to_mask(follow(question, pointing), shape) & (question == OPEN)] = PATH
            for turn, cells in enumerate(pointing):
                here = to_mask(cells, shape).ravel()
                row[here] = _UP[values.ravel()[here]] + turn
        return labels

    def spread(self, labels: Ints, shape: Shape) -> tuple[Ints, Ints]:
        """All news are of G."""
        step = np.array([-shape[1], shape[1], -1, 1])[(labels - _POINTS) % 4]
        following = np.arange(labels.shape[1]) + np.where(labels < _POINTS, 0, step)
        away: Ints = (labels >= _POINTS).astype(np.int64)
        for _ in range(labels.shape[1].bit_length()):  # each time twice as far
            away += np.take_along_axis(away, following, 1)
            following = np.take_along_axis(following, following, 1)
        lost = (labels == _TOKENS[OPEN]) | (labels == _TOKENS[START])
        return np.where(lost, 0, labels), away

    def news(self, vocab_size: int) -> News:
        """The direction alone: that a cell is on the path would be heard later, from S. Of the open cells
        those have to be right alone. Before the news come, one direction is as good as another."""
        plain = super().news(vocab_size)
        learned, needed, undecided = plain.learned.copy(), plain.needed.copy(), plain.undecided.copy()
        for up in _POINTING.values():
            undecided[up : up + 4, up : up + 4] = 0.25
        path, free = _POINTING[PATH] + np.arange(4), _POINTING[OPEN] + np.arange(4)
        learned[path], undecided[path], needed[free] = free, undecided[free], False
        return News(learned, needed, undecided)


class MazeMaker(Maker):
    def make(
        self,
        count: int,
        seed: int,
        options: Mapping[str, Any],
        made: Callable[[int, int], None] = lambda done, count: None,
    ) -> tuple[Cells, Cells]:
        """Options: ``kind`` (``open``, ``perfect``, ``braided`` or ``cavern``), ``size`` (30, or such as
        ``20x30``), ``walls`` (such as ``0.3-0.5``, of open mazes and caverns), ``min_path`` (3: cells of the
        path at least, S and G among them)."""
        from trmcli.tasks.maze.generate import generate_many, parse_options
        from trmcli.tasks.workers import processors

        kind = parse_options(**dict(options))
        puzzles = []
        for puzzle in generate_many(kind, count, seed, processors() if count > 1000 else 1):
            puzzles.append(puzzle)
            made(len(puzzles), count)
        return np.stack([one.question for one in puzzles]), np.stack([one.answer for one in puzzles])


def steps(shape: Shape) -> int:
    """What is known of the way spreads by 15 cells a step; the longer the ways, the more steps they need.

    A path of a perfect maze has as many cells as six times a side or more; these steps cover two and a half
    times that. What stands still ends before (:data:`trmcli.solving.solver.SETTLED`).
    """
    return max(USUAL_STEPS, sum(shape))


def maze_task() -> Task:
    """The kind. It has no givens: a maze with a part of its path is not a question."""
    return Task(
        name="maze",
        text=MazeText(),
        codec=MazeCodec(),
        views=MazeViews(MazeCodec.vocab_size),
        paint=MazePaint(),
        rules=MazeRules(),
        structure=MazeStructure(),
        maker=MazeMaker(),
        steps=steps,
    )
