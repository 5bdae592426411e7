"""Parts for kinds whose grids are square and whose cells are one sign each: enough for most.

The first sign, of value 0, is an open cell. Tokens are values plus one; 0 is padding.

A puzzle is a line of signs, or rows below each other, or stands in a table or in JSON, as pairs of the kind
``grid`` do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError, Origin
from trmcli.tasks import guesses
from trmcli.tasks.base import Cells, Ints, Puzzle, Relation, Shape, Supposition
from trmcli.tasks.grid.pairs import GridPair, Pairs, Rows
from trmcli.tasks.lattice import lattice_names, lattice_relations
from trmcli.tasks.lines import Item, Reader, Record, Skip
from trmcli.tasks.records import Lines
from trmcli.tasks.task import Codec, Givens, Paint, Structure, Text

_SMALLEST_SIDE = 4


class PlainReader(Reader):
    def __init__(self, name: str, signs: str) -> None:
        super().__init__(name)
        self.signs, self.pairs = signs, Pairs(name)

    def line(self, text: str) -> Iterator[Puzzle]:
        self.pairs.name, signs = self.name, text.strip()
        plain = not self.pairs.drawn and self.pairs.columns is None
        if plain and _side(len(signs)) and set(signs) <= set(self.signs):
            yield self._puzzle(GridPair((tuple(signs),), None, Origin(self.name, self.number), "line"))
        else:
            yield from map(self._puzzle, self.pairs.take(text, self.number))

    def record(self, record: Record) -> Iterator[Puzzle]:
        raise AssertionError("this kind reads lines alone")

    def finish(self) -> Iterator[Puzzle]:
        yield from map(self._puzzle, self.pairs.finish())

    def forget(self) -> None:
        self.pairs.forget()

    def _puzzle(self, pair: GridPair) -> Puzzle:
        answer = None if pair.answer is None else self._cells(pair.answer, pair)
        cells = self._cells(pair.question, pair)
        if answer is not None and answer.shape != cells.shape:
            raise InputError("the answer is of another size", pair.origin)
        return Puzzle(cells, pair.origin, pair.layout, answer)

    def _cells(self, rows: Rows, pair: GridPair) -> Cells:
        signs = [sign for row in rows for sign in row]
        side = _side(len(signs))
        if not side or len(rows) not in (1, side):
            message = f"has {len(rows)} rows of {len(rows[0])} cells, which is not a square"
            raise InputError(message, pair.origin)
        for number, sign in enumerate(signs):
            if sign not in self.signs:
                row, column = divmod(number, side)
                message = f"row {row + 1}, column {column + 1} is {sign!r}: a cell is one of {self.signs}"
                raise InputError(message, pair.origin)
        return np.array([self.signs.index(sign) for sign in signs], dtype=np.uint8).reshape(side, side)


class PlainText(Text):
    def __init__(self, signs: str) -> None:
        self.signs = signs

    def reader(self, name: str) -> Reader:
        return PlainReader(name, self.signs)

    def items(self, lines: Iterable[str], name: str, skip: Skip | None = None) -> Iterator[Item]:
        return Lines(lines, name)

    def items_of(self, value: Any, name: str, skip: Skip | None = None) -> Iterator[Item]:
        return Lines([json.dumps(value)], name)

    def is_argument(self, text: str) -> bool:
        """A line of signs, or rows of them with ``/`` in between."""
        signs = text.replace("/", "")
        return set(signs) <= set(self.signs) and bool(_side(len(signs)))

    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        rows = ["".join(self.signs[value] for value in row) for row in cells.tolist()]
        if puzzle.layout == "json":
            return json.dumps(rows, ensure_ascii=False)
        return ("\n" if puzzle.layout == "drawn" else "").join(rows)


class PlainCodec(Codec):
    def __init__(self, signs: str) -> None:
        self.vocab_size = len(signs) + 1

    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        return cells.reshape(len(cells), -1).astype(np.int64) + 1

    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        return np.maximum(tokens.astype(np.int64) - 1, 0).astype(np.uint8).reshape(-1, *shape)


class PlainGivens(Givens):
    """Open cells may be told, taken as given, or supposed, whatever the rules say of the others."""

    def reveal(self, question: Ints, answer: Ints, count: Ints, rng: np.random.Generator) -> Ints:
        return guesses.reveal(question, answer, count, rng)

    def commit(self, questions: Ints, answers: Ints, confidence: npt.NDArray[np.float32]) -> Ints:
        return guesses.commit(questions, answers, confidence)

    def suppose(self, question: Ints, probabilities: npt.NDArray[np.float32]) -> list[Supposition]:
        return guesses.suppose(question, probabilities)


class PlainPaint(Paint):
    def __init__(self, signs: str) -> None:
        self.signs = signs

    def symbol(self, value: int, shape: Shape) -> str:
        return self.signs[value]


class PlainStructure(Structure):
    """Cells up to ``reach`` away, rows and columns; an answer may hold every sign but the first.

    Far ones make what a whole line says together easy to learn, and each costs as much as a near one.
    """

    def __init__(self, signs: str, reach: int = 1) -> None:
        self.signs, self.reach = signs, reach
        self.relation_names = lattice_names(reach)

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        return lattice_relations(shape, self.reach)

    def candidates(self, shape: Shape) -> Ints:
        return np.arange(2, len(self.signs) + 1)


def _side(count: int) -> int:
    """Rows of a square of so many cells; 0 where there is none."""
    side = isqrt(count)
    return side if side * side == count and side >= _SMALLEST_SIDE else 0
