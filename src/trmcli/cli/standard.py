"""Standard input, output and error, made fit for wherever they lead to.

Outside of a terminal all is UTF-8, whatever the locale says: what we write we read again, on any machine. A
terminal gets what its encoding can show, with replacements for the rest. Streams that are closed are opened
anew, so that no file that is opened later takes their numbers: input is empty then, messages go nowhere, and
results are an error as soon as there are any.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from trmcli import starting


def prepare() -> None:
    """Make the three standard streams fit; to be called once, before anything is read or written."""
    if sys.stdin is None:
        _open(0, os.O_RDONLY)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    if sys.stdout is None:
        _open(1, os.O_RDONLY)  # writing to it fails
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    if sys.stderr is None:
        _open(2, os.O_WRONLY)
        sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w", closefd=False)))
    if isinstance(sys.stdout, io.TextIOWrapper):
        if starting.shown() or isinstance(sys.stdout.buffer, io.RawIOBase):
            # The latter by PYTHONUNBUFFERED: a line would go without its end, and others' words between them.
            results = io.BufferedWriter(_Results(1, "w", closefd=False))
            sys.stdout = io.TextIOWrapper(results, sys.stdout.encoding, line_buffering=sys.stdout.isatty())
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="replace")
        else:
            sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    if isinstance(sys.stderr, io.TextIOWrapper):
        encoding = sys.stderr.encoding if sys.stderr.isatty() else "utf-8"
        messages = io.BufferedWriter(_Messages(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(messages, encoding, "backslashreplace", line_buffering=True)


class _Results(io.FileIO):
    """A terminal with the sign of life on it, which goes before anything else is written."""

    def write(self, data: Any, /) -> int:
        starting.erase()
        return super().write(data)


class _Messages(io.FileIO):
    """Where messages go. A full disk there is not a reason to lose the results."""

    def write(self, data: Any, /) -> int:
        starting.erase()
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError:
            return len(data)


def drop(*streams: object) -> None:
    """Send what is left in the buffers to nowhere, for Python flushes them once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _open(number: int, flags: int) -> None:
    """Let a number that is free mean the null device."""
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
