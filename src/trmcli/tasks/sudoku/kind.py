"""Sudoku of 4x4, 6x6 (boxes of 2 rows and 3 columns, or of 3 rows and 2), 9x9 and 16x16.

Tokens are those of the reference's Sudoku data: 0 padding, 1 blank, digit ``d`` is ``d + 1``
(``dataset/build_sudoku_dataset.py``), with room for the sixteen digits of the largest size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.tasks import foreign, guesses
from trmcli.tasks.base import (
    Bools,
    Cells,
    Ints,
    Puzzle,
    Relation,
    Shape,
    Supposition,
    Symmetry,
    Verdict,
)
from trmcli.tasks.lines import Reader
from trmcli.tasks.sudoku.grid import BOX_SHAPES, SYMBOLS, peers, units
from trmcli.tasks.sudoku.layout import write
from trmcli.tasks.sudoku.rules import problems_of
from trmcli.tasks.sudoku.signs import is_comment
from trmcli.tasks.sudoku.text import SudokuReader, is_argument
from trmcli.tasks.task import Codec, Givens, Maker, Paint, Rules, Structure, Task, Text, Views

_MOST_GUESSES = 20_000
"""After so many guesses (a second or two) nobody waits longer to hear how many solutions a puzzle has."""


class SudokuText(Text):
    def reader(self, name: str) -> Reader:
        return SudokuReader(name)

    def recognises(self, head: str, whole: bool) -> bool | None:
        for line in map(str.strip, head.splitlines()):
            if line and not is_comment(line) and not foreign.is_title(line):
                return not foreign.is_foreign(line)
        return False if whole else None

    def is_argument(self, text: str) -> bool:
        """A line of cells, or perhaps one with too few or too many."""
        return is_argument(text)

    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        return write(puzzle, cells)


class SudokuCodec(Codec):
    vocab_size = 18

    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        return cells.reshape(len(cells), -1).astype(np.int64) + 1

    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        values = tokens.astype(np.int64) - 1
        values[(values < 0) | (values > shape[0])] = 0
        return values.astype(np.uint8).reshape(-1, *shape)


class SudokuViews(Views):
    def __init__(self, boxes: Shape | None = None) -> None:
        super().__init__(SudokuCodec.vocab_size)
        self.boxes = boxes

    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """Relabelled digits, permuted bands, stacks, rows in a band and columns in a stack, and transposition
        (where boxes are square)."""
        size = shape[0]
        box_height, box_width = self.boxes or BOX_SHAPES[size]
        rows = _permuted_lines(size, box_height, count, rng)
        columns = _permuted_lines(size, box_width, count, rng)
        cells = rows[:, :, None] * size + columns[:, None, :]
        if box_height == box_width:
            transposed = rng.random(count) < 0.5
            cells[transposed] = cells[transposed].swapaxes(1, 2)
        values = np.tile(np.arange(self.vocab_size), (count, 1))
        values[:, 2 : size + 2] = rng.random((count, size)).argsort(axis=1) + 2
        return Symmetry(cells.reshape(count, size * size), values)

    def usual(self, puzzle: Puzzle) -> Symmetry:
        """Transposed, boxes of 3 rows and 2 columns are boxes of 2 rows and 3."""
        same = super().usual(puzzle)
        if _has_boxes(self.boxes, puzzle):
            return same
        return Symmetry(same.cells.reshape(1, *puzzle.shape).swapaxes(1, 2).reshape(1, -1), same.values)


class SudokuPaint(Paint):
    def symbol(self, value: int, shape: Shape) -> str:
        return SYMBOLS[value]


@dataclass(frozen=True)
class SudokuRules(Rules):
    boxes: Shape | None = None

    def check(self, questions: npt.NDArray[Any], answers: npt.NDArray[Any]) -> Bools:
        count, size = answers.shape[0], answers.shape[-1]
        flat, givens = answers.reshape(count, -1), questions.reshape(count, -1)
        digits = (np.int64(1) << flat.astype(np.int64))[:, units(size, self.boxes)]  # [B, 3, size, size]
        complete = np.bitwise_or.reduce(digits, axis=-1) == (1 << (size + 1)) - 2
        kept: Bools = ((givens == 0) | (givens == flat)).all(axis=1)
        ok: Bools = kept & complete.all(axis=(1, 2))
        return ok

    def verify(self, question: Cells, answer: Cells) -> Verdict:
        return Verdict(problems_of(question, answer, self.boxes))

    def solutions(self, question: Cells, most_guesses: int | None = None) -> int | None:
        from trmcli.tasks.sudoku.search import count_solutions

        most = _MOST_GUESSES if most_guesses is None else most_guesses
        return count_solutions(question, 2, most, self.boxes)

    def search(self, question: Cells) -> Cells | None:
        from trmcli.tasks.sudoku.search import solutions

        return next(iter(solutions(question, 1, self.boxes)), None)


@dataclass(frozen=True)
class SudokuGivens(Givens):
    boxes: Shape | None = None

    def reveal(self, question: Ints, answer: Ints, count: Ints, rng: np.random.Generator) -> Ints:
        return guesses.reveal(question, answer, count, rng)

    def sparse(self, questions: Ints) -> Bools:
        """No 9x9 Sudoku with fewer than 17 givens has one solution (arXiv:1201.0749); the fewest that are
        known of 4x4, 6x6 and 16x16, which are 4, 8 and 55, are more in proportion."""
        few: Bools = (questions > guesses.OPEN).sum(axis=1) * 81 < 17 * questions.shape[1]
        return few

    def commit(self, questions: Ints, answers: Ints, confidence: npt.NDArray[np.float32]) -> Ints:
        together = peers(round(questions.shape[1] ** 0.5), self.boxes)
        refuted = ((answers[:, :, None] == questions[:, None, :]) & together).any(axis=2)
        return guesses.commit(questions, answers, confidence, refuted)

    def suppose(self, question: Ints, probabilities: npt.NDArray[np.float32]) -> list[Supposition]:
        size = round(len(question) ** 0.5)
        together = peers(size, self.boxes)[:, :, None]
        taken = (question[None, :, None] == np.arange(probabilities.shape[1])) & together
        likely = np.where(taken.any(axis=1), 0.0, probabilities)
        likely[:, size + 2 :] = 0.0  # it must be a digit of this size
        return guesses.suppose(question, likely)


class SudokuStructure(Structure):
    relation_names = ("row", "column", "box")

    def __init__(self, boxes: Shape | None = None) -> None:
        self.boxes = boxes

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        height, width = shape
        if height != width or height not in BOX_SHAPES:
            sizes = ", ".join(f"{size}x{size}" for size in BOX_SHAPES)
            raise InputError(f"there is no Sudoku of {height}x{width}: sizes are {sizes}")
        return tuple(
            Relation(name, "groups", index)
            for name, index in zip(self.relation_names, units(shape[0], self.boxes), strict=True)
        )

    def candidates(self, shape: Shape) -> Ints:
        return np.arange(shape[0]) + 2


class SudokuMaker(Maker):
    def make(
        self,
        count: int,
        seed: int,
        options: Mapping[str, Any],
        made: Callable[[int, int], None] = lambda done, count: None,
    ) -> tuple[Cells, Cells]:
        """Options: ``size`` (9), ``clues`` (such as ``22-35``), ``minimal`` (false)."""
        from trmcli.tasks.sudoku.generate import generate_many, parse_clues
        from trmcli.tasks.workers import processors

        unknown = set(options) - {"size", "clues", "minimal"}
        if unknown:
            raise InputError(f"generated Sudoku has no option {', '.join(sorted(unknown))}")
        clues = parse_clues(str(options["clues"])) if "clues" in options else None
        size, minimal = options.get("size", 9), options.get("minimal", False)
        if not isinstance(minimal, bool):
            raise InputError(f"minimal must be true or false, not {minimal!r}")
        puzzles = []
        for puzzle in generate_many(size, count, clues, minimal, seed, processors()):
            puzzles.append(puzzle)
            made(len(puzzles), count)
        return np.stack([one.question for one in puzzles]), np.stack([one.answer for one in puzzles])


def sudoku_task(boxes: Shape | None = None) -> Task:
    """The kind.

    Args:
        boxes: rows and columns of a box; without them those that are usual for the size of a grid.
    """

    def variant(puzzle: Puzzle) -> Task:
        return task if _has_boxes(boxes, puzzle) else sudoku_task(puzzle.boxes)

    task = Task(
        name="sudoku",
        text=SudokuText(),
        codec=SudokuCodec(),
        views=SudokuViews(boxes),
        paint=SudokuPaint(),
        rules=SudokuRules(boxes),
        givens=SudokuGivens(boxes),
        structure=SudokuStructure(boxes),
        maker=SudokuMaker(),
        variant=variant,
    )
    return task


def _has_boxes(boxes: Shape | None, puzzle: Puzzle) -> bool:
    """Whether the boxes of a puzzle are these; None stands for those that are usual for its size."""
    usual = BOX_SHAPES[puzzle.shape[0]]
    return (puzzle.boxes or usual) == (boxes or usual)


def _permuted_lines(size: int, thickness: int, count: int, rng: np.random.Generator) -> Ints:
    """``[count, size]``: line numbers with bands of ``thickness`` lines permuted, and lines within."""
    bands = size // thickness
    outer = rng.random((count, bands)).argsort(axis=1)
    inner = rng.random((count, bands, thickness)).argsort(axis=2)
    return (outer[:, :, None] * thickness + inner).reshape(count, size)
