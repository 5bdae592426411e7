"""Which boxes the borders of a drawn grid show.

Borders are part of the rules: a drawing that shows other boxes than those of a known shape is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trmcli.tasks.base import Shape
from trmcli.tasks.sudoku.grid import box_shapes
from trmcli.tasks.sudoku.layout import Span

_FAINT, _HEAVY = ":¦┆┊╎", "┃║‖┇┋╏#"
_RULES = frozenset("-─=═━_╌╍┄┅┈┉#~")
_HEAVY_RULES = frozenset("=═━#")
_SEPARATORS = " \t,;'`\""

_NOT_OURS = (
    "the borders drawn here are not those of boxes of {boxes}: other boxes, such as jigsaw, are not supported"
)
_PARTIAL = (
    "a border drawn between two rows does not run from one side to the other: jigsaw boxes are not supported"
)


class BordersError(Exception):
    """The borders belong to another kind of Sudoku; the message says so."""


def in_words(shape: Shape) -> str:
    return f"{shape[0]} rows and {shape[1]} columns"


def boxes_of(
    rows: Sequence[tuple[str, Sequence[Span]]], above: Sequence[Sequence[str]], size: int
) -> Shape | None:
    """The boxes that are drawn, or None if the drawing does not tell.

    Args:
        rows: each row's text, and where its cells stand.
        above: the lines between each row and the one before it, an empty one for a blank line.

    Raises:
        BordersError: they are drawn, but of no shape that is known.
    """
    shapes = box_shapes(size)
    fits = [
        _lines_fit(_upright(rows), {shape: shape[1] for shape in shapes}, size),
        _lines_fit(_level(rows, above), {shape: shape[0] for shape in shapes}, size),
    ]
    told = [fit for fit in fits if fit is not None]
    left = [shape for shape in shapes if all(shape in fit for fit in told)]
    if not left:
        raise BordersError(_NOT_OURS.format(boxes=", or of ".join(map(in_words, shapes))))
    return left[0] if told else None


def _lines_fit(strengths: Sequence[float], thickness: dict[Shape, int], size: int) -> list[Shape] | None:
    """The shapes whose boxes end where the stronger lines are; None if all lines are equal.

    Args:
        strengths: of the lines between one row or column and the next, ``[size - 1]``.
    """
    levels = sorted(set(strengths))
    if len(levels) < 2:
        return None
    strong = [index for index, strength in enumerate(strengths, start=1) if strength == levels[-1]]
    fit = [shape for shape, step in thickness.items() if strong == list(range(step, size, step))]
    if len(levels) == 2 and fit:
        return fit
    # Gaps are often a matter of taste, lines are not.
    return [] if levels[-1] >= 1 else None


def _upright(rows: Sequence[tuple[str, Sequence[Span]]]) -> list[float]:
    """The strengths of the lines between columns, the same in all rows."""
    drawn = {tuple(_bar(text[a:b]) for (_, a), (b, _) in pairwise(s)) for text, s in rows}
    if len(drawn) > 1:
        raise BordersError(
            "the borders drawn between the columns are not the same in all rows: jigsaw boxes are not"
            " supported"
        )
    strengths = list(drawn.pop())
    if any(strengths):
        return strengths
    gaps = [[b - a for (_, a), (b, _) in pairwise(s)] for _, s in rows]
    if all(gap == gaps[0] for gap in gaps):
        return [gap / (max(gaps[0]) + 1) for gap in gaps[0]]
    return strengths


def _bar(between: str) -> float:
    """The strength of what stands between two cells."""
    signs = between.translate(dict.fromkeys(map(ord, _SEPARATORS)))
    if "/" in signs or "\\" in signs or "╱" in signs or "╲" in signs or "╳" in signs:
        raise BordersError(
            "there are diagonal lines between the cells: a Sudoku with diagonals is not supported"
        )
    if len(signs) > 1:
        return 4
    return 0 if not signs else 1 if signs in _FAINT else 3 if signs in _HEAVY else 2


def _level(rows: Sequence[tuple[str, Sequence[Span]]], above: Sequence[Sequence[str]]) -> list[float]:
    """The strengths of the lines between rows, all of which must be as long as each other."""
    pitch = rows[0][1][1][0] - rows[0][1][0][0]
    lengths = [len(line.rstrip()) for lines in above[1:] for line in lines if _RULES.intersection(line)]
    if lengths and max(lengths) - min(lengths) > pitch:
        raise BordersError(_PARTIAL)
    return [
        max((_rule(line, spans) for line in lines), default=0)
        for (_, spans), lines in zip(rows, above[1:], strict=False)
    ]


def _rule(line: str, spans: Sequence[Span]) -> float:
    """The strength of a line below a row: a blank one's is less than 1."""
    text = line.rstrip()
    if not text:
        return 0.5
    if not _RULES.intersection(text):
        return 0
    here = [text[start] for start, _ in spans if start < len(text)]
    pitch = spans[1][0] - spans[0][0]
    holes = " " in here[1:] or " " * max(2, pitch - 1) in text.strip()
    late = len(text) - len(text.lstrip()) > spans[0][0] + 1
    early = len(text) < (spans[0][0] + spans[-1][0]) / 2
    weights = {sign in _HEAVY_RULES for sign in here if sign in _RULES}
    if holes or late or early or len(weights) > 1:
        raise BordersError(_PARTIAL)
    heavy = weights or {any(sign in _HEAVY_RULES for sign in text)}
    return 3 if True in heavy else 2
