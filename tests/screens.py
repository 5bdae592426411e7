"""What somebody sees: the screen after all that a program has written to its terminal, by pyte."""

from __future__ import annotations

import pyte


def seen(text: str, rows: int = 24, columns: int = 80) -> list[str]:
    """The lines of the screen, without what is blank at their ends and below them."""
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(text)
    lines = [line.rstrip() for line in screen.display]
    while lines and not lines[-1]:
        lines.pop()
    return lines
