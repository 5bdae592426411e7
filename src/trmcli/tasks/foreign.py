"""What a text looks like that is not a puzzle."""

from __future__ import annotations

import re
from collections.abc import Sequence

from trmcli.errors import InputError
from trmcli.tasks.records import Line

_RIGHT = (
    "give a Sudoku, as a line of 16, 36, 81 or 256 cells or as a grid, or a maze, drawn with # for walls, S"
    " for the start and G for the goal"
)
_LOOKS = (
    ("a web page or XML", re.compile(r"\s*</?[A-Za-z!?]")),
    (
        "a program",
        re.compile(
            r"\s*(#!|#include|import \w|from \w[\w.]* import|(async )?def \w|class \w|function\b|const \w"
            r"|let \w|var \w|public \w|package \w|using \w|fn \w|int \w|void \w|SELECT\b|return\b|if \()"
        ),
    ),
    ("a program", re.compile(r".*([;{}]|\w\(.*\))\s*$")),
    ("a list of addresses", re.compile(r"\s*\w+://")),
    ("settings", re.compile(r"\s*(\[[A-Za-z][\w. -]*\]\s*$|\w[\w.-]*\s*[=:]\s*\S)")),
    ("a table of numbers", re.compile(r"\s*[-+]?\d+([.]\d+)?([,;\s]+[-+]?\d+([.]\d+)?)+[,;]?\s*$")),
    ("a table", re.compile(r"[^,]*(,(?! )[^,]*){2,}$|[^;]*(;(?! )[^;]*){2,}$|.*\t")),
    ("prose", re.compile(r".*[^\W\d_]{2}.*")),
)
"""What a line looks like; the first that fits counts."""


_TITLE = re.compile(r"\[\w+\]|(?=.*[^\W\d_]{3})[\w #.:'-]{1,40}")
_WORD = re.compile(r"[^\W\d_]{3,}")
_USUAL = re.compile(r"[\d\sa-gxA-PX.*_?|!:;+=#,'`\"/\\¦‖\[\]\u2500-\u257f-]")
"""With what cells are written, of which there may be sixteen kinds, and what is drawn around them."""


def is_title(line: str) -> bool:
    """Whether a line, stripped, may be the title of a puzzle or the name of a part of a file."""
    return _TITLE.fullmatch(line) is not None


def is_foreign(line: str) -> bool:
    """Whether a line is code, or most of its signs are none that a cell is written with."""
    if any(pattern.match(line) for _, pattern in _LOOKS[:2]):
        return True
    words = sum(len(word) for word in _WORD.findall(line) if _USUAL.sub("", word))
    strange = words + len(_USUAL.sub("", _WORD.sub("", line)))
    return 2 * strange > len("".join(line.split()))


def refuse(lines: Sequence[Line]) -> None:
    """Say what these lines look like.

    Raises:
        InputError: always, unless there are only comments and empty lines.
    """
    for line in lines:
        text = line.text.strip()
        if not text or re.match(r"(#|;|//)(?!!|include)", text):
            continue
        look = next((what for what, pattern in _LOOKS if pattern.match(line.text)), None)
        known = f"looks like {look}" if look else "is not a puzzle of a kind that is known"
        raise InputError(f"{known}: {_RIGHT}", line.origin, len(line.text) - len(line.text.lstrip()) + 1)
