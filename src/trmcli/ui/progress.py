"""A progress bar on stderr that leaves stdout alone.

It keeps silent where stderr is not a terminal, and where results may appear on a terminal meanwhile, which
would tear it apart. Rich must not replace ``sys.stdout``: what is printed to a pipe or a file would be lost.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def piped() -> bool:
    """Whether stdout is a pipe. What reads it may show it at any time, on the same terminal."""
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except (OSError, ValueError):  # it is closed, or text in memory
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@contextmanager
def progress(
    description: str, total: int | None = None, *, prints: bool, hidden: bool = False
) -> Iterator[Callable[[], None]]:
    """Show how many things are done; yields what to call after each one.

    Args:
        description: what is being counted, such as ``puzzles solved``.
        total: how many there will be, if that is known.
        prints: whether results are printed to stdout meanwhile.
        hidden: whether to keep silent all the same.
    """
    torn = prints and (sys.stdout.isatty() or piped())
    if hidden or torn or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    if total is not None:
        columns.append(Remaining())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)
