"""What is known of a problem of one's own: its symbols, how large its grids are, and what may be exchanged.

It is found in the training pairs, besides what the settings say, and travels with the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, cast, get_args

import numpy as np

from trmcli.errors import InputError, did_you_mean
from trmcli.tasks.base import Cells, Puzzle, Shape
from trmcli.tasks.grid.pairs import LARGEST_SIDE, GridPair, Rows
from trmcli.tasks.lattice import NAMES, dihedral

Sizes = Literal["fixed", "same", "free"]

MOST_SYMBOLS = 250
"""Tokens are kept in a byte, and a few of them mean no symbol."""

_OPTIONS = ("canvas", "dihedral", "rename", "relations")
"""What settings may say; the rest is found."""


@dataclass(frozen=True)
class GridSpec:
    """
    Attributes:
        symbols: what cells hold; the cell of value ``n`` holds ``symbols[n - 1]``, and 0 is outside a grid.
        canvas: rows and columns of the largest grid. Smaller ones lie in its upper left corner.
        sizes: ``fixed``: every grid is as large as the canvas. ``same``: every answer is as large as its
            question. ``free``: neither.
        relations: which cells exchange, of those of :mod:`trmcli.tasks.lattice`.
        dihedral: whether what is turned or mirrored has the answer turned or mirrored.
        rename: symbols that may be exchanged for each other.
    """

    symbols: tuple[str, ...]
    canvas: Shape
    sizes: Sizes
    relations: tuple[str, ...] = NAMES
    dihedral: bool = False
    rename: tuple[str, ...] = ()

    @property
    def numbers(self) -> bool:
        """Whether all symbols are whole numbers."""
        return all(symbol.lstrip("-").isdecimal() for symbol in self.symbols)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], origin: str = "the kind grid") -> GridSpec:
        """What :meth:`to_dict` gave.

        Raises:
            InputError: it is something else.
        """
        known = {entry.name for entry in fields(cls)}
        if unknown := [key for key in values if key not in known]:
            raise InputError(f"unknown setting {unknown[0]!r}{did_you_mean(unknown[0], known)}", origin)
        checked = _checked_options({key: values[key] for key in _OPTIONS if key in values}, origin)
        symbols, sizes = values.get("symbols"), cast(Sizes, values.get("sizes"))
        if not _are_texts(symbols) or not symbols or sizes not in get_args(Sizes) or "canvas" not in checked:
            raise InputError("its symbols, canvas and sizes do not describe grids", origin)
        spec = cls(symbols=tuple(symbols), sizes=sizes, **checked)
        spec._check(origin)
        return spec

    @classmethod
    def find(cls, pairs: Iterable[GridPair], options: Mapping[str, Any], origin: str) -> GridSpec:
        """What there is to know of training pairs.

        Args:
            options: ``canvas``, ``dihedral``, ``rename`` and ``relations``, where they are set.
            origin: of the options, for messages.

        Raises:
            InputError: naming the pair that has no answer, disagrees with another, or does not fit; or for
                options that do not fit the pairs.
        """
        if unknown := [key for key in options if key not in _OPTIONS]:
            hint = did_you_mean(unknown[0], _OPTIONS, "settings")
            raise InputError(f"[kind] has no setting {unknown[0]!r}{hint}", origin)
        checked = _checked_options(options, origin)
        known: dict[Rows, GridPair] = {}
        symbols: set[str] = set()
        shapes: set[Shape] = set()
        same = True
        for pair in pairs:
            if pair.answer is None:
                raise InputError("has no answer: training needs pairs", pair.origin)
            before = known.setdefault(pair.question, pair)
            if before.answer != pair.answer:
                message = f"disagrees with {before.origin}: the same question has another answer there"
                raise InputError(message, pair.origin)
            symbols.update(*pair.question, *pair.answer)
            question, answer = _shape(pair.question), _shape(pair.answer)
            shapes |= {question, answer}
            same &= question == answer
        if not known:
            raise InputError("holds no pair", origin)
        ordered = sorted(
            symbols, key=lambda one: (not one.isdecimal(), int(one) if one.isdecimal() else 0, one)
        )
        if len(ordered) > MOST_SYMBOLS:
            raise InputError(f"has {len(ordered)} symbols: at most {MOST_SYMBOLS} can be told apart", origin)
        largest = max(height for height, _ in shapes), max(width for _, width in shapes)
        canvas = checked.setdefault("canvas", largest)
        if canvas[0] < largest[0] or canvas[1] < largest[1]:
            raise InputError(f"canvas {_by(canvas)} is smaller than the largest grid, {_by(largest)}", origin)
        sizes: Sizes = "fixed" if shapes == {canvas} else "same" if same else "free"
        spec = cls(symbols=tuple(ordered), sizes=sizes, **checked)
        spec._check(origin)
        return spec

    def _check(self, origin: str) -> None:
        if len(set(self.symbols)) < len(self.symbols) or len(self.symbols) > MOST_SYMBOLS:
            raise InputError("its symbols are not all different, or too many", origin)
        if missing := [one for one in self.rename if one not in self.symbols]:
            raise InputError(f"rename names {missing[0]!r}, which no grid holds", origin)
        if self.dihedral and self.sizes != "fixed":
            raise InputError("dihedral needs grids that are all of one size", origin)
        if self.dihedral and len(dihedral(self.canvas)) == 1:
            raise InputError(f"dihedral does nothing for grids of {_by(self.canvas)}", origin)

    def puzzle(self, pair: GridPair) -> Puzzle:
        """A pair on the canvas.

        Raises:
            InputError: it is larger, or has a symbol that is not known.
        """
        answer = None if pair.answer is None else self.cells(pair.answer, pair)
        return Puzzle(self.cells(pair.question, pair), pair.origin, pair.layout, answer)

    def cells(self, rows: Rows, pair: GridPair) -> Cells:
        height, width = _shape(rows)
        if height > self.canvas[0] or width > self.canvas[1]:
            message = f"has a grid of {height}x{width}, larger than the canvas of {_by(self.canvas)}"
            raise InputError(message, pair.origin)
        if self.sizes == "fixed" and (height, width) != self.canvas:
            message = f"has a grid of {height}x{width}: all that was learned from are {_by(self.canvas)}"
            raise InputError(message, pair.origin)
        values = {symbol: value for value, symbol in enumerate(self.symbols, 1)}
        cells = np.zeros(self.canvas, dtype=np.uint8)
        for row, signs in enumerate(rows):
            for column, sign in enumerate(signs):
                if sign not in values:
                    there = ", ".join(self.symbols[:12]) + (", …" if len(self.symbols) > 12 else "")
                    message = f"row {row + 1}, column {column + 1} is {sign!r}, which is not among {there}"
                    raise InputError(message, pair.origin)
                cells[row, column] = values[sign]
        return cells


def _numbers_first(symbol: str) -> tuple[bool, int, str]:
    return (False, int(symbol), "") if symbol.isdecimal() else (True, 0, symbol)


def _shape(rows: Rows) -> Shape:
    return len(rows), len(rows[0])


def _by(shape: Shape) -> str:
    return f"{shape[0]}x{shape[1]}"


def _are_texts(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) and one for one in value)


def _checked_options(options: Mapping[str, Any], origin: str) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key, value in options.items():
        if key == "canvas":
            whole = (
                isinstance(value, (list, tuple)) and len(value) == 2 and all(type(n) is int for n in value)
            )
            if not whole or not all(1 <= number <= LARGEST_SIDE for number in value):
                message = f"canvas must be rows and columns from 1 to {LARGEST_SIDE}, as [10, 10]"
                raise InputError(f"{message}, not {value!r}", origin)
            checked[key] = (value[0], value[1])
        elif key == "dihedral":
            if not isinstance(value, bool):
                raise InputError(f"dihedral must be true or false, not {value!r}", origin)
            checked[key] = value
        elif not _are_texts(value):
            raise InputError(f"{key} must be a list of names, not {value!r}", origin)
        else:
            checked[key] = tuple(value)
            if key == "relations" and (unknown := [name for name in value if name not in NAMES]):
                hint = did_you_mean(unknown[0], NAMES, "relations")
                raise InputError(f"there is no relation {unknown[0]!r}{hint}", origin)
    return checked
