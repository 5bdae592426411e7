"""Keys, as they are pressed, from the terminal that a show is on.

While somebody reads them they are not echoed, and need no Enter. Whatever ends the show, and Ctrl-Z as well,
gives the terminal back as it was. Ctrl-C and Ctrl-Z stay signals.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from trmcli import starting

if sys.platform == "win32":
    import msvcrt
else:
    import termios

NAMES = {
    "\x1b[C": "right", "\x1b[D": "left", "\x1bOC": "right", "\x1bOD": "left",
    "\xe0M": "right", "\xe0K": "left",
    " ": "space", "\r": "enter", "\n": "enter", "\x1b": "escape",
}  # fmt: skip
"""What terminals send for keys that are not letters."""
WANTED = {"q": "quit", "Q": "quit", "escape": "quit", "n": "next"}
"""What keys ask for in every show."""


def named(typed: str) -> list[str]:
    """The keys in what a terminal sent; sequences of escape that mean nothing here are one key ``other``."""
    keys = []
    while typed:
        size = _length(typed)
        key, typed = typed[:size], typed[size:]
        keys.append(NAMES.get(key, key if size == 1 and key.isprintable() else "other"))
    return keys


def _length(typed: str) -> int:
    """How many characters the first key sent."""
    if typed[0] == "\xe0":
        return 2
    if typed[:2] == "\x1bO":
        return 3
    if typed[:2] in ("\x1b]", "\x1bP"):  # not a key, but the terminal's answer to a question
        ends = [typed.find(end) + len(end) for end in ("\x07", "\x1b\\") if end in typed]
        return min(ends, default=len(typed))
    if typed[:2] != "\x1b[":
        return 1
    return next((n + 1 for n, sign in enumerate(typed) if n > 1 and "@" <= sign <= "~"), len(typed))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the block has ended."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if caught:
        raise KeyboardInterrupt


class Keys:
    """The keys of standard input, if it is a terminal, or else of the terminal that the process is on.

    Attributes:
        there: whether there is a terminal that can be asked.
    """

    def __init__(self) -> None:
        self.there = False
        self._number = -1
        self._opened = False
        self._before: list[Any] = []
        self._handler: Any = None

    def open(self) -> None:
        """Begin to take keys; where there are none to take, this does nothing."""
        starting.erase()
        if sys.platform == "win32":
            self.there = sys.stdin is not None and sys.stdin.isatty()
            return
        try:
            if os.isatty(0):
                self._number = 0
            else:
                self._number, self._opened = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY), True
            self._before = termios.tcgetattr(self._number)
        except OSError:  # there is no terminal
            self._forget()
            return
        except termios.error:
            self._forget()
            return
        if not self._foreground():  # whoever changes a terminal from the background is stopped
            self._forget()
            return
        self.there = True
        if threading.current_thread() is threading.main_thread():
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
                self._handler = signal.signal(signal.SIGTERM, self._terminated)
            self.resume()

    def close(self) -> None:
        """Give the terminal back as it was, without the keys that nobody has read."""
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None
        if self.there:
            if sys.platform != "win32" and self._foreground():
                with suppress(termios.error):
                    termios.tcflush(self._number, termios.TCIFLUSH)
            self.pause()
        self._forget()

    def pause(self) -> None:
        """Give the terminal back for a while."""
        if sys.platform != "win32" and self.there and self._foreground():
            with suppress(termios.error):  # it has gone
                termios.tcsetattr(self._number, termios.TCSANOW, self._before)

    def resume(self) -> None:
        """Take keys again: each as it is typed, and none on the screen."""
        if sys.platform == "win32" or not self.there or not self._foreground():
            return
        with suppress(termios.error):
            mode = termios.tcgetattr(self._number)
            mode[3] &= ~(termios.ECHO | termios.ICANON)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._number, termios.TCSANOW, mode)

    def pressed(self) -> list[str]:
        """Keys since the last call, by name: letters and signs are their own; never waits."""
        return named(self.typed())

    def typed(self, patience: float = 0.0) -> str:
        """What the terminal has sent since the last call; waits at most so many seconds for something."""
        if not self.there:
            return ""
        if sys.platform == "win32":
            typed = ""
            while msvcrt.kbhit():
                typed += msvcrt.getwch()
            return typed
        try:
            if not self._foreground() or not select.select([self._number], [], [], patience)[0]:
                return ""
            typed = os.read(self._number, 1024).decode("latin-1")
        except OSError:
            typed = ""
        if not typed:  # the terminal has gone
            self.there = False
        return typed

    def _foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._number) == os.getpgrp()
        except OSError:
            return False

    def _forget(self) -> None:
        if self._opened:
            os.close(self._number)
        self.there, self._opened, self._number = False, False, -1

    def _terminated(self, number: int, _: FrameType | None) -> None:
        """End as the signal says, but leave a whole terminal."""
        self.pause()
        if sys.stdout.isatty():
            os.write(1, b"\x1b[?25h\n")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
