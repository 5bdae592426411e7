"""How large is the output? Simple rules that hold in every demonstration, the likeliest first.

Height and width are each a quantity of the input times a number and plus a number, a part of it, a square or
a product; a rule counts if it gives every demonstration's size. What is likelier is a matter of cost: the
input's own sides first, then what is measured in it; a constant where all outputs are of one size. Rules that
measure one thing both ways are likelier than those that measure two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trmcli.tasks.arc.measures import Quantities, quantities
from trmcli.tasks.arc.task import LARGEST, ArcTask, is_size

Shape = tuple[int, int]


def background_of(task: ArcTask) -> int:
    """Black where any demonstration's input has it, else the commonest colour of the inputs."""
    counts = np.bincount(np.concatenate([pair.question.ravel() for pair in task.shown]))
    return 0 if counts[0] else int(np.argmax(counts))


@dataclass(frozen=True)
class _Rule:
    """One way to come by a side: what it costs, what it is called for either side, how it is reckoned."""

    cost: float
    name: str
    side: Callable[[Quantities], int]

    @property
    def measured(self) -> bool:
        """Whether it goes by more than the sides of the input."""
        return not self.name.startswith(("height", "width", "constant"))


_FACTORS, _ADDED = np.arange(1, 11), np.array([0, 1, -1, 2, -2])
_KEPT = 25
"""Rules for a side that are combined with those for the other."""
_ALIKE, _ONE_THING = 0.6, 3.6
"""What rules that say the same of both sides cost less together; the same, if they measure a thing."""
_UNSURE = 2.0
"""Another size is guessed as well if it costs at most so much more: then the first is often wrong."""


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
        if (own or name in ("shorter", "longer")) and (values * values == wanted).all():
            rules.append(_Rule((0.5 if own else 1.5) + constant, f"{name}^2", _product(name, name)))
    for name in ("height", "width", "shorter", "longer"):
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


def guess_shapes(task: ArcTask) -> tuple[tuple[Shape, ...], ...]:
    """For each test input the size of its output; none if no rule holds, and two where that is unsure."""
    if all(pair.question.shape == pair.answer.shape for pair in task.shown):
        return tuple(((grid.shape[0], grid.shape[1]),) for grid in task.tests)
    background = background_of(task)
    shown = [quantities(pair.question, background) for pair in task.shown]
    asked = [quantities(grid, background) for grid in task.tests]
    common = [name for name in shown[0] if all(name in found for found in shown[1:] + asked)]
    heights = _rules([pair.answer.shape[0] for pair in task.shown], shown, common, "height")
    widths = _rules([pair.answer.shape[1] for pair in task.shown], shown, common, "width")
    pairs = sorted(_pairs(heights, widths), key=lambda pair: pair[0])
    return tuple(_likeliest(pairs, found) for found in asked)


def _pairs(heights: Sequence[_Rule], widths: Sequence[_Rule]) -> list[tuple[float, _Rule, _Rule]]:
    """Rules for both sides, and what they cost together."""
    return [
        (down.cost + across.cost - _saved(down, across), down, across)
        for down in heights
        for across in widths
    ]


def _saved(down: _Rule, across: _Rule) -> float:
    if down.name.replace("height", "width") != across.name.replace("height", "width"):
        return 0.0
    return _ONE_THING if down.measured else _ALIKE


def _likeliest(pairs: list[tuple[float, _Rule, _Rule]], found: Quantities) -> tuple[Shape, ...]:
    costs: dict[Shape, float] = {}
    line = min(found["height"], found["width"]) == 1  # of other grids none is made that only a line may be
    for cost, down, across in pairs:
        shape = down.side(found), across.side(found)
        if is_size(*shape) and (line or max(shape) <= LARGEST):
            costs.setdefault(shape, cost)
        if len(costs) == 2:
            break
    first = min(costs.values(), default=0.0)
    return tuple(shape for shape, cost in costs.items() if cost <= first + _UNSURE)
