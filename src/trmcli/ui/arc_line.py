"""One line on stderr that says how far an ARC task is, while results go elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from trmcli.ui.live_panel import LivePanel

if TYPE_CHECKING:
    from trmcli.solving.adapted import Progress


@contextmanager
def progress_line(title: str, demonstrations: int, budget: float) -> Iterator[Callable[[Progress], None]]:
    """Show a line that is gone at the end; yields what hears of the progress."""
    begin, done = time.monotonic(), False
    latest: list[Progress] = []

    def content() -> Text:
        if done:
            return Text("", end="")
        spent = time.monotonic() - begin
        state = "starting"
        if latest:
            one = latest[0]
            state = (
                f"member {one.member} answers"
                if one.stage == "answering"
                else f"member {one.member}: {sum(one.right)} of {demonstrations} demonstrations right"
            )
        left = f"{spent:.0f} s, at most {max(0.0, budget - spent):.0f} s left"
        return Text(f"{title}: {state}, {left}", no_wrap=True, overflow="ellipsis")

    def observe(progress: Progress) -> None:
        latest[:] = [progress]

    panel = LivePanel(Console(stderr=True), content)
    panel.open()
    try:
        yield observe
    finally:
        done = True
        panel.close()
