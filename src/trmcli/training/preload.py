"""What the one process imports that all processes of :mod:`trmcli.training.members` are copies of.

It is for that process alone, which inherits a mask against Ctrl-C. Importing torch takes seconds, and so does
taking it apart at the end. Whoever waits for the last to close stdout, as a shell with a pipe does, shall not
wait for either.
"""

from __future__ import annotations

import atexit
import os
import signal

_before = signal.getsignal(signal.SIGINT)
_heard = _before is not signal.SIG_IGN  # a shell makes its background deaf
if _heard:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

import trmcli.training.adapt  # noqa: E402, F401 - the signals come first

if _heard:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGINT, _before)
atexit.register(os._exit, 0)
