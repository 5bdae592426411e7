"""What the signs of a maze mean: by themselves, as other programs use them, and by a legend.

With S and G in it a maze is read by :data:`VALUES`. Without them, other letters may be the start and the goal
(:data:`PAIRS`), or digits all that there is (:data:`DIGITS`). A legend comes before all of these.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from trmcli.errors import InputError
from trmcli.tasks.maze.grid import GOAL, LETTERS, OPEN, PATH, START, WALL

WALLS = "#█▓▒■⬛"
BORDER, PASSAGE = "\x02", "\x03"
"""What stands between cells where walls are drawn as lines: no sign of a text, which no legend changes."""
VALUES: Mapping[str, int] = {
    **dict.fromkeys(WALLS + BORDER, WALL),
    **dict.fromkeys(" .·░⬜" + PASSAGE, OPEN),
    "S": START,
    "G": GOAL,
    "o": PATH,
}
PAIRS = ("SE", "SF", "ST", "sg", "se", "AB", "ab")
"""Letters that stand for the start and the goal where there is no S and G."""
DIGITS: Mapping[str, int] = {
    "0": OPEN,
    "1": WALL,
    "2": START,
    "3": GOAL,
    "o": PATH,
    BORDER: WALL,
    PASSAGE: OPEN,
}
"""What digits mean where there is nothing else, and a 2 and a 3 among them."""
MARKS = "*+"
"""Signs with which other programs mark a path: taken for one where they make exactly a shortest path."""

_WORDS = {"wall": WALL, "open": OPEN, "floor": OPEN, "start": START, "goal": GOAL, "end": GOAL, "path": PATH}
_ENTRY = re.compile(r"(.)\s*=\s*([a-z]+)\s*(?:,(?:\s+(?!\s|=))?|$)")


def parse_legend(text: str) -> dict[str, int]:
    """The values of signs from such as ``#=wall,.=open,A=start,B=goal``.

    Raises:
        InputError: it is written otherwise, or says two things of one sign.
    """
    found: dict[str, int] = {}
    at = 0
    while at < len(text):
        entry = _ENTRY.match(text, at)
        if entry is None:
            raise InputError(
                f"{text[at:]!r} is not a legend: write SIGN=wall, open, start, goal or path, with commas "
                "between them, such as '#=wall,.=open,A=start,B=goal'",
                "--legend",
            )
        sign, word = entry.groups()
        if word not in _WORDS:
            raise InputError(
                f"{word!r} is not wall, open, start, goal or path", "--legend", entry.start(2) + 1
            )
        if found.setdefault(sign, _WORDS[word]) != _WORDS[word]:
            raise InputError(f"says two things of {sign!r}", "--legend", entry.start() + 1)
        at = entry.end()
    if not found:
        raise InputError("names no sign: write such as '#=wall,.=open,A=start,B=goal'", "--legend")
    return found


def with_legend(legend: Mapping[str, int]) -> dict[str, int]:
    """The values of all signs. Where a legend names a start or a goal, S or G is none any more."""
    named = set(legend.values())
    kept = {sign: value for sign, value in VALUES.items() if value not in named or value not in (START, GOAL)}
    return {**kept, **legend}


def meanings(used: Collection[str], legend: Mapping[str, int]) -> dict[str, int]:
    """The values of the signs that a maze with these signs has."""
    values = with_legend(legend)
    there = {values[sign] for sign in used if sign in values}
    if START in there and GOAL in there:
        return values
    if not legend and {"2", "3"} <= set(used) <= set(DIGITS):
        return dict(DIGITS)
    for pair in PAIRS:
        if set(pair) <= set(used) and not set(pair) & set(legend):
            return {**values, pair[0]: START, pair[1]: GOAL}
    return values


def letters(counts: Counter[str], values: Mapping[str, int]) -> str:
    """The sign of each value with which to write an answer: those of the maze, as far as it has any."""
    found = list(LETTERS)
    for sign, _ in reversed(counts.most_common()):
        if sign in values and sign not in (BORDER, PASSAGE) and (sign != " " or values[sign] == OPEN):
            found[values[sign]] = sign
    if values.get(found[PATH], PATH) != PATH:
        found[PATH] = next(sign for sign in MARKS + "@%&~^$!?" if sign not in values)
    return "".join(found)
