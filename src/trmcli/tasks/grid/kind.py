"""A problem of one's own: grids in, grids out, learned from pairs alone.

Nobody knows the rules, so an answer is right if it is the known one, and else unchecked. All grids lie on one
canvas, the smaller ones in its upper left corner. Tokens: 0 padding, 1 outside the grid, then the symbols.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.tasks.base import Bools, Cells, Ints, Look, Puzzle, Relation, Shape, Symmetry
from trmcli.tasks.grid.pairs import Pairs, stored_pairs
from trmcli.tasks.grid.spec import GridSpec
from trmcli.tasks.lattice import NAMES, dihedral, lattice_relations
from trmcli.tasks.lines import Item, Reader, Record, Skip
from trmcli.tasks.records import Lines
from trmcli.tasks.task import Codec, Paint, Structure, Task, Text, Views


class GridReader(Reader):
    def __init__(self, name: str, spec: GridSpec) -> None:
        super().__init__(name)
        self.spec, self.pairs = spec, Pairs(name, slashes="/" not in spec.symbols)

    def line(self, text: str) -> Iterator[Puzzle]:
        self.pairs.name = self.name
        yield from map(self.spec.puzzle, self.pairs.take(text, self.number))

    def record(self, record: Record) -> Iterator[Puzzle]:
        raise AssertionError("the kind grid reads lines alone")

    def finish(self) -> Iterator[Puzzle]:
        yield from map(self.spec.puzzle, self.pairs.finish())

    def forget(self) -> None:
        self.pairs.forget()


class GridText(Text):
    def __init__(self, spec: GridSpec) -> None:
        self.spec = spec

    def reader(self, name: str) -> Reader:
        return GridReader(name, self.spec)

    def items(self, lines: Iterable[str], name: str, skip: Skip | None = None) -> Iterator[Item]:
        return Lines(lines, name)

    def items_of(self, value: Any, name: str, skip: Skip | None = None) -> Iterator[Item]:
        try:
            return Lines([json.dumps(value)], name)
        except (TypeError, ValueError):
            raise InputError("is not a grid: give a list of rows", name) from None

    def is_argument(self, text: str) -> bool:
        """Rows of learned symbols, with ``/`` between them."""
        cells = text.replace("/", " ").split()
        return all(cell in self.spec.symbols or set(cell) <= set(self.spec.symbols) for cell in cells)

    def stored(self, path: Path, split: str = "test") -> Iterator[Puzzle] | None:
        pairs = stored_pairs(path, split)
        return None if pairs is None else map(self.spec.puzzle, pairs)

    def write(self, puzzle: Puzzle, cells: Cells) -> str:
        """A line of JSON, a line with ``/`` between the rows, or rows below each other. The grid is as large
        as its question, or where sizes are free as what is filled; a hole in it is written as ``?``."""
        extent = cells if self.spec.sizes == "free" else puzzle.cells
        rows, columns = np.flatnonzero(extent.any(axis=1)), np.flatnonzero(extent.any(axis=0))
        height, width = (int(one[-1]) + 1 if len(one) else 0 for one in (rows, columns))
        signs = [
            [self.spec.symbols[value - 1] if value else "?" for value in row]
            for row in cells[:height, :width].tolist()
        ]
        if puzzle.layout == "json":
            numbers = self.spec.numbers
            return json.dumps(
                [[int(one) if numbers and one != "?" else one for one in row] for row in signs],
                ensure_ascii=False,
            )
        between = " " if any(len(symbol) > 1 for symbol in self.spec.symbols) else ""
        return ("/" if puzzle.layout == "line" else "\n").join(between.join(row) for row in signs)


class GridCodec(Codec):
    def __init__(self, spec: GridSpec) -> None:
        self.spec = spec
        self.vocab_size = len(spec.symbols) + 2

    def encode(self, cells: npt.NDArray[Any]) -> Ints:
        return cells.reshape(len(cells), -1).astype(np.int64) + 1

    def decode(self, tokens: npt.NDArray[Any], shape: Shape) -> Cells:
        return np.maximum(tokens.astype(np.int64) - 1, 0).astype(np.uint8).reshape(-1, *shape)

    def undecided(self, question: Cells) -> Bools:
        inside: Bools = (question != 0) | (self.spec.sizes == "free")
        return inside


class GridViews(Views):
    def __init__(self, spec: GridSpec) -> None:
        super().__init__(len(spec.symbols) + 2)
        self.spec = spec
        self.renamed = np.array([spec.symbols.index(one) + 2 for one in spec.rename], dtype=np.int64)

    def symmetries(self, shape: Shape, count: int, rng: np.random.Generator) -> Symmetry:
        """Turns and mirror images, and other names for the symbols, where the settings allow them."""
        same = super().symmetries(shape, count, rng)
        cells, values = same.cells, same.values
        if self.spec.dihedral:
            every = dihedral(shape)
            cells = every[rng.integers(len(every), size=count)]
        if len(self.renamed):
            order = rng.random((count, len(self.renamed))).argsort(axis=1)
            values[:, self.renamed] = self.renamed[order]
        return Symmetry(cells, values)


class GridPaint(Paint):
    def __init__(self, spec: GridSpec) -> None:
        self.spec = spec

    def symbol(self, value: int, shape: Shape) -> str:
        return self.spec.symbols[value - 1] if value else " "

    def look(self, value: int) -> Look:
        return "symbol" if value else "empty"


class GridStructure(Structure):
    def __init__(self, spec: GridSpec) -> None:
        self.relation_names = tuple(name for name in NAMES if name in spec.relations)
        self.tokens = len(spec.symbols) + 2

    def relations(self, shape: Shape) -> tuple[Relation, ...]:
        return tuple(one for one in lattice_relations(shape) if one.name in self.relation_names)

    def candidates(self, shape: Shape) -> Ints:
        """All tokens but padding."""
        return np.arange(1, self.tokens)


def grid_task(settings: Mapping[str, Any]) -> Task:
    """The kind, of what :meth:`GridSpec.to_dict` says.

    Raises:
        InputError: the settings say too little, or something else.
    """
    if not settings:
        raise InputError("what a grid is stands in the weights: name them with --weights")
    spec = GridSpec.from_dict(settings)
    return Task(
        name="grid",
        text=GridText(spec),
        codec=GridCodec(spec),
        views=GridViews(spec),
        paint=GridPaint(spec),
        structure=GridStructure(spec),
    )
