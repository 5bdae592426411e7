"""A sign of life: a line on the terminal while Python still loads what a command that draws needs.

It imports nothing that Python has not loaded by itself. The line goes before anything else appears: whatever
writes to the terminal erases it first (:mod:`trmcli.cli.standard`), and so does the end, whichever it is.
"""

import atexit
import os
import sys

TEXT = "trm is starting ..."
COMMANDS = ("solve", "demo")
"""Those that draw."""

_SILENT = {"-h", "--help", "--json", "--no-live", "-q", "--quiet"}
_shown = False


def show() -> None:
    """Write the line, if the command line asks for something that is drawn on this terminal."""
    global _shown
    if _wanted():
        _shown = True
        atexit.register(erase)
        os.write(1, TEXT.encode("ascii"))


def erase() -> None:
    """Take the line away again, if it is there."""
    global _shown
    if _shown:
        _shown = False
        blank = " " * len(TEXT)
        os.write(1, f"\r{blank}\r".encode("ascii"))


def shown() -> bool:
    """Whether the line is there."""
    return _shown


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
