"""A part of the terminal that is drawn again and again while the process does something else.

A thread draws, and nothing else does. So the clock goes on however long the rest takes, and no signal finds
the main thread in the middle of a drawing.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live

from trmcli import starting
from trmcli.ui.keys import Keys

TICK = 0.5
"""Seconds between two drawings, where nobody wants others."""


class LivePanel:
    """Draws what ``content`` gives, again and again in the same place, in a thread of its own.

    Where it gives None, what is there stays. A terminal that is resized breaks the lines anew: then it starts
    over. Ctrl-Z gives a whole terminal to the shell, and ``fg`` begins a new panel below. ``keys`` are taken
    as long as it is there. ``error`` is what went wrong with a drawing; nothing is drawn after it.
    """

    def __init__(
        self,
        console: Console,
        content: Callable[[], RenderableType | None],
        tick: float = TICK,
        keys: Keys | None = None,
    ) -> None:
        self.console, self.content, self.tick, self.keys = console, content, tick, keys
        self.error: BaseException | None = None
        self._last: RenderableType = ""
        self._live: Live | None = None
        self._size = console.size
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._draw_on, daemon=True)
        self._handler: Any = None
        self._steady = False
        self._to_suspend = False

    def open(self) -> None:
        starting.erase()
        try:
            if _can_suspend():  # before anything is changed that a sudden stop would leave changed
                self._handler = signal.signal(signal.SIGTSTP, self._suspend)
            if self.keys is not None:
                self.keys.open()
            self._show()
            self._thread.start()
        except BaseException:
            if self.keys is not None:
                self.keys.close()
            self.console.show_cursor(True)
            self._give_back()
            raise
        self._steady = True
        if self._to_suspend:
            self._suspend(signal.SIGTSTP, None)

    def close(self) -> None:
        """Leave the last drawing on the screen, and the cursor below it."""
        self._steady = False
        with ExitStack() as last:  # whatever happens meanwhile, the cursor comes back
            last.callback(self._give_back)
            last.callback(self.console.show_cursor, True)
            if self.keys is not None:
                last.callback(self.keys.close)
            self._end.set()
            if self._thread.ident is not None:
                self._thread.join()
            last.callback(self._hide)
            if self.error is None:
                self._draw()

    def _draw_on(self) -> None:
        try:
            while not self._end.wait(self.tick):
                self._draw()
        except BaseException as error:  # told where somebody hears it
            self.error = error

    def _draw(self) -> None:
        with self._lock:
            if self._live is None:
                return
            if self.console.size != self._size:
                self._size = self.console.size
                self._live.transient = True
                self._hide()
                self.console.clear()
                self._show()
                return
            content = self.content()
            if content is not None:
                self._last = content
                self._live.update(content, refresh=True)

    def _show(self) -> None:
        # Whatever else is written to stderr, such as a warning, goes above the panel.
        self._live = Live(console=self.console, auto_refresh=False, redirect_stdout=False)
        self._live.start()
        self._last = self.content() or self._last
        self._live.update(self._last, refresh=True)

    def _hide(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _give_back(self) -> None:
        """Leave Ctrl-Z to whoever had it before, and do now what it asked for in the meantime."""
        if self._handler is not None:
            signal.signal(signal.SIGTSTP, self._handler)
            self._handler = None
            if self._to_suspend:
                os.kill(os.getpid(), signal.SIGTSTP)

    def _suspend(self, number: int, _: FrameType | None) -> None:
        self._to_suspend = not self._steady  # while the panel opens or closes, Ctrl-Z waits
        if self._to_suspend:
            return
        with self._lock:
            self._hide()
            if self.keys is not None:
                self.keys.pause()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # and here the process stands still until SIGCONT
            signal.signal(number, self._suspend)
            if self.keys is not None:
                self.keys.resume()
            self._size = self.console.size
            self._show()


def _can_suspend() -> bool:
    """Whether Ctrl-Z is a signal here, and left to us to handle."""
    return (
        hasattr(signal, "SIGTSTP")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL
    )
