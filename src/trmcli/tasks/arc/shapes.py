"""How large is the output? Simple rules that hold in every demonstration, the likeliest first.

Height and width are each a quantity of the input times a number and plus a number, a part of it, a square or
a product; a rule counts if it gives every demonstration's size. What is likelier is a matter of cost: the
input's own sides first, then what is measured in it; a constant where all outputs are of one size.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trmcli.tasks.arc.objects import boxes, connected
from trmcli.tasks.arc.task import ArcTask, Grid

LARGEST = 30
"""Cells each way."""

Quantities = dict[str, int]
Shape = tuple[int, int]


def background_of(task: ArcTask) -> int:
    """Black where any demonstration's input has it, else the commonest colour of the inputs."""
    counts = np.bincount(np.concatenate([pair.question.ravel() for pair in task.shown]))
    return 0 if counts[0] else int(np.argmax(counts))


def quantities(grid: Grid, background: int) -> Quantities:
    """What can be counted and measured in a grid, by name."""
    height, width = grid.shape
    colours = np.unique(grid)
    lit = grid != background
    box_height, box_width = _extent(lit)
    found = {
        "height": height,
        "width": width,
        "shorter": min(height, width),
        "longer": max(height, width),
        "colours": len(colours),
        "other colours": len(colours) - 1,
        "lit": int(lit.sum()),
        "box height": box_height,
        "box width": box_width,
    }
    for name, lines in (("height", grid), ("width", grid.T)):
        separators = [n for n, line in enumerate(lines) if line[0] != background and (line == line[0]).all()]
        ends = [-1, *separators, len(lines)]
        parts = [after - before - 1 for before, after in itertools.pairwise(ends)]
        parts = [part for part in parts if part > 0]
        found[f"separated {name}"] = len(separators) + 1
        found[f"part {name}"] = parts[0] if len(set(parts)) == 1 else -1
        found[f"parts {name}"] = len(parts)
    counts = {int(colour): int((grid == colour).sum()) for colour in colours if colour != background}
    if counts:
        for name, choose in (("commonest", max), ("rarest", min)):
            colour = choose(counts, key=counts.__getitem__)
            found[f"{name} height"], found[f"{name} width"] = _extent(grid == colour)
            found[f"{name} cells"] = counts[colour]
    kinds = (("corner", grid, True), ("side", grid, False), ("mixed", lit.astype(np.int64), True))
    for name, keys, diagonal in kinds:
        labels = connected(keys, diagonal)
        first = np.unique(labels, return_index=True)[1]
        objects = np.flatnonzero(lit.ravel()[first])
        found[f"{name} objects"] = len(objects)
        if len(objects):
            sizes, around = np.bincount(labels.ravel())[objects], boxes(labels)[objects]
            for which, part in (("largest", int(np.argmax(sizes))), ("smallest", int(np.argmin(sizes)))):
                top, bottom, left, right = around[part].tolist()
                found[f"{which} {name} height"] = bottom - top + 1
                found[f"{which} {name} width"] = right - left + 1
    return found


def _extent(lit: npt.NDArray[np.bool_]) -> Shape:
    """Height and width of the box around what is lit; zeros if nothing is."""
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    return (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if len(rows) else (0, 0)


@dataclass(frozen=True)
class _Rule:
    """One way to come by a side: what it costs, what it is called for either side, how it is reckoned."""

    cost: float
    name: str
    side: Callable[[Quantities], int]


_FACTORS, _ADDED = np.arange(1, 11), np.array([0, 1, -1, 2, -2])
_KEPT = 25
"""Rules for a side that are combined with those for the other."""


def _rules(targets: list[int], shown: list[Quantities], common: list[str], side: str) -> list[_Rule]:
    """Rules that give every demonstration's side, the cheapest first."""
    rules = []
    if len(set(targets)) == 1:
        rules.append(_Rule(1.5 if len(targets) > 1 else 4.0, "constant", lambda found: targets[0]))
    wanted = np.array(targets)
    for name in common:
        values = np.array([found[name] for found in shown])
        own = name in ("height", "width")
        constant = 2.0 * (len(set(values.tolist())) == 1)
        base = 0 if name == side else 1 if own or name in ("shorter", "longer") else 3
        if name.startswith("part ") or name in ("box height", "box width"):
            base = 2
        fits = (values[:, None, None] * _FACTORS[:, None] + _ADDED == wanted[:, None, None]).all(0)
        for factor, added in zip(*(index.tolist() for index in np.nonzero(fits)), strict=True):
            times, plus = int(_FACTORS[factor]), int(_ADDED[added])
            cost = base + (0.1 * times if times > 1 else 0) + abs(plus) * 0.5 + constant
            rules.append(_Rule(cost, f"{name}*{times}+{plus}", _line(name, times, plus)))
        if own:
            rules += [
                _Rule(
                    1 + 0.1 * parts + abs(plus) * 0.3 + constant,
                    f"{name}/{parts}+{plus}",
                    _part(name, parts, plus),
                )
                for parts in (2, 3, 4, 5)
                for plus in (0, 1, -1)
                if ((values + plus) % parts == 0).all() and ((values + plus) // parts == wanted).all()
            ]
            if (values * values == wanted).all():
                rules.append(_Rule(0.5 + constant, f"{name}^2", _product(name, name)))
    for name in ("height", "width"):
        for other in ("colours", "other colours", "lit", "corner objects"):
            if all(
                found[name] * found[other] == target for found, target in zip(shown, targets, strict=True)
            ):
                cost = 2.5 + (len(set(targets)) == 1)
                rules.append(_Rule(cost, f"{name}*{other}", _product(name, other)))
    return sorted(rules, key=lambda rule: rule.cost)[:_KEPT]


def _line(name: str, times: int, plus: int) -> Callable[[Quantities], int]:
    return lambda found: found[name] * times + plus


def _part(name: str, parts: int, plus: int) -> Callable[[Quantities], int]:
    return lambda found: (found[name] + plus) // parts


def _product(name: str, other: str) -> Callable[[Quantities], int]:
    return lambda found: found[name] * found[other]


def guess_shapes(task: ArcTask, most: int = 2) -> tuple[tuple[Shape, ...], ...]:
    """For each test input the sizes that its output may have, the likeliest first; none if no rule holds."""
    if all(pair.question.shape == pair.answer.shape for pair in task.shown):
        return tuple(((grid.shape[0], grid.shape[1]),) for grid in task.tests)
    background = background_of(task)
    shown = [quantities(pair.question, background) for pair in task.shown]
    asked = [quantities(grid, background) for grid in task.tests]
    common = [name for name in shown[0] if all(name in found for found in shown[1:] + asked)]
    heights = _rules([pair.answer.shape[0] for pair in task.shown], shown, common, "height")
    widths = _rules([pair.answer.shape[1] for pair in task.shown], shown, common, "width")
    pairs = sorted(_pairs(heights, widths), key=lambda pair: pair[0])
    return tuple(_first(pairs, found, most) for found in asked)


def _pairs(heights: Sequence[_Rule], widths: Sequence[_Rule]) -> list[tuple[float, _Rule, _Rule]]:
    """Rules for both sides; those that say the same of both are likelier."""
    return [
        (down.cost + across.cost - 0.6 * _alike(down.name, across.name), down, across)
        for down in heights
        for across in widths
    ]


def _alike(down: str, across: str) -> bool:
    return down.replace("height", "width") == across.replace("height", "width")


def _first(pairs: list[tuple[float, _Rule, _Rule]], found: Quantities, most: int) -> tuple[Shape, ...]:
    shapes = Counter[Shape]()
    for _, down, across in pairs:
        shape = down.side(found), across.side(found)
        if all(0 < side <= LARGEST for side in shape):
            shapes[shape] += 1
        if len(shapes) == most:
            break
    return tuple(shapes)
