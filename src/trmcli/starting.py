"""A sign of life: a line on the terminal while Python still loads what a command that draws needs.

It imports nothing that Python has not loaded by itself. The line goes before anything else appears: whatever
writes to the terminal or takes its keys erases it first (:mod:`trmcli.cli.standard`, :mod:`trmcli.ui.keys`),
and so does every end, whichever it is. Ctrl-Z takes it away as well, and ``fg`` brings it back.
"""

import _signal as signal  # type: ignore[import-not-found]  # what ``signal`` wraps; that takes 3 ms to import
import atexit
import os
import sys

TEXT = "trm is starting ..."
COMMANDS = ("solve", "demo")
"""Those that draw."""

_SILENT = {"-h", "--help", "--json", "--no-live", "-q", "--quiet"}
_ENDS = ("SIGTERM", "SIGQUIT", "SIGHUP", "SIGTSTP")
"""Signals that would end the process, or let it stand still, without any word to it."""
_line = ""


def show() -> None:
    """Write the line, if the command line asks for something that is drawn on this terminal."""
    if _wanted():
        put(TEXT)


def put(line: str) -> None:
    """Write a line that is gone as soon as there is anything else; it has to fit the terminal."""
    global _line
    erase()
    atexit.register(erase)
    for number in _numbers():
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _end)
    _line = line
    os.write(1, line.encode(sys.stdout.encoding, "replace"))


def erase() -> None:
    """Take the line away again, if it is there, and leave signals as they were."""
    global _line
    if not _line:
        return
    long, _line = len(_line), ""
    try:
        blank = " " * min(long + len("^Z"), os.get_terminal_size(1).columns - 1)
        os.write(1, f"\r{blank}\r".encode("ascii"))
    except OSError:  # the terminal has gone
        pass
    try:
        for number in _numbers():
            if signal.getsignal(number) is _end:
                signal.signal(number, signal.SIG_DFL)
    except ValueError:  # in another thread than the main one: `_end` does the same when it is called
        pass


def shown() -> bool:
    """Whether the line is there."""
    return bool(_line)


def _end(number: int, _: object) -> None:
    """What the signal does by itself, on a whole terminal; what follows is after Ctrl-Z and ``fg``."""
    line = _line
    erase()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    if line:
        put(line)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in _ENDS if hasattr(signal, name)]


def _wanted() -> bool:
    """Never off the terminal, and never where somebody types the puzzle into it."""
    words = sys.argv[1:]
    if sys.platform == "win32" or not words or words[0] not in COMMANDS or "-" in words:
        return False
    try:
        terminal = os.isatty(1) and (os.get_terminal_size(1).columns or 80) > len(TEXT)
    except OSError:  # it is closed
        return False
    return (
        terminal and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "") and not _SILENT & {*words}
    )
