"""Whether the terminal's paper is light: what it says of itself, if it says anything.

``COLORFGBG`` is asked first (rxvt, Konsole and others set it), then the terminal (xterm's OSC 11). With the
question goes another that every terminal answers (DA1), so that nobody waits for one that does not know the
first.
"""

from __future__ import annotations

import os
import re
import sys
import time
from functools import cache

from trmcli.ui.keys import Keys

PATIENCE = 0.15
"""Seconds in which the terminal may answer. What comes later is taken for keys that mean nothing."""

_QUESTION = b"\x1b]11;?\x1b\\\x1b[c"
_PAPER = re.compile(r"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
_END = re.compile(r"\x1b\[\?[0-9;]*c")


@cache
def is_light() -> bool:
    """Whether text should be dark here; False where nothing says so."""
    said = by_environment(os.environ.get("COLORFGBG", ""))
    if said is None:
        said = by_answer(_asked())
    return bool(said)


def by_environment(value: str) -> bool | None:
    """What ``COLORFGBG`` says, ``ink;paper`` or ``ink;default;paper`` by the numbers of the 16 colours."""
    paper = value.rpartition(";")[2]
    if not paper.isdecimal() or not int(paper) < 16:
        return None
    return int(paper) in (7, *range(9, 16))


def by_answer(answer: str) -> bool | None:
    """What an answer says, such as ``ESC ]11;rgb:ffff/ffff/dddd``; lightness is counted as in Rec. 709."""
    found = _PAPER.search(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / int("f" * len(part), 16) for part in found.groups())
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5


def _asked() -> str:
    """The terminal's answer, as far as it came in time."""
    keys, answer = Keys(), ""
    if sys.platform == "win32" or not os.isatty(1):
        return answer
    keys.open()
    try:
        if not keys.there:
            return answer
        os.write(1, _QUESTION)
        until = time.monotonic() + PATIENCE
        while not _END.search(answer) and (left := until - time.monotonic()) > 0:
            answer += keys.typed(left)
        return answer
    finally:
        keys.close()
