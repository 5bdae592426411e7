"""What the rules say of an answer, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trmcli.tasks.base import Cells, Problem, Shape
from trmcli.tasks.sudoku.grid import SYMBOLS, units


def problems_of(question: Cells, answer: Cells, boxes: Shape | None = None) -> tuple[Problem, ...]:
    """All that is wrong with an answer (``[N, N]``) to a question; nothing if it is right."""
    size, values = len(answer), answer.ravel().tolist()
    problems = [
        Problem(
            f"the given {SYMBOLS[given]} in {_in_words(cell, size)} became {_show(value)}",
            (cell,),
        )
        for cell, (given, value) in enumerate(zip(question.ravel().tolist(), values, strict=True))
        if given and value and given != value
    ]
    outside = tuple(np.flatnonzero(answer > size).tolist())
    if outside:
        problems.append(
            Problem(f"not a digit of a {size}x{size} Sudoku in {_few_names(outside, size)}", outside)
        )
    blank = tuple(np.flatnonzero(answer == 0).tolist())
    if blank:
        are = "1 cell is" if len(blank) == 1 else f"{len(blank)} cells are"
        problems.append(Problem(f"{are} blank: {_few_names(blank, size)}", blank))
    return (*problems, *repeats(answer, boxes))


def _show(value: int) -> str:
    return SYMBOLS[value] if value < len(SYMBOLS) else str(value)


def _name(cell: int, size: int) -> str:
    return f"r{cell // size + 1}c{cell % size + 1}"


def _in_words(cell: int, size: int) -> str:
    return f"row {cell // size + 1}, column {cell % size + 1} ({_name(cell, size)})"


def _few_names(cells: Sequence[int], size: int, most: int = 5) -> str:
    if len(cells) == 1:
        return _in_words(cells[0], size)
    names = ", ".join(_name(cell, size) for cell in cells[:most])
    return names if len(cells) <= most else f"{names} and {len(cells) - most} more"


def _listed(numbers: Sequence[object]) -> str:
    words = [str(number) for number in numbers]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def repeats(cells: Cells, boxes: Shape | None = None) -> Iterator[Problem]:
    """Digits that stand more than once in a row, column or box of ``[N, N]``."""
    size, groups = len(cells), units(len(cells), boxes)
    values = cells.ravel().astype(np.int64)
    bits = np.where((values > 0) & (values <= size), np.int64(1) << np.minimum(values, size), 0)[groups]
    broken = bits.sum(axis=-1) != np.bitwise_or.reduce(bits, axis=-1)  # [3, N]
    for kind, index in np.argwhere(broken).tolist():
        unit = groups[kind, index]
        inside = values[unit]
        for digit in range(1, size + 1):
            where = unit[inside == digit].tolist()
            if len(where) < 2:
                continue
            names = [_name(cell, size) for cell in where]
            times = "twice" if len(where) == 2 else f"{len(where)} times"
            if kind == 0:
                place = f"row {index + 1}: columns {_listed([cell % size + 1 for cell in where])}"
            elif kind == 1:
                place = f"column {index + 1}: rows {_listed([cell // size + 1 for cell in where])}"
            else:
                place = f"box {index + 1}: {_listed(names)}"
            cells_named = "" if kind == 2 else f" ({', '.join(names)})"
            yield Problem(f"digit {SYMBOLS[digit]} stands {times} in {place}{cells_named}", tuple(where))
