"""Runs ``trm`` many times in processes of their own, none of which has to import torch again.

``python warm.py NUMBER`` imports it once. Then it forks, for each request on the socket of that number, a
process with the three streams that come with the request, which does what a fresh one would do.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

HEAVY = (
    "torch._dynamo",  # optimisers import it
    "torch.utils.flop_counter",
    "trmcli.cli.app",
    "trmcli.solving.search",
    "trmcli.training.run",
    "trmcli.ui.dashboard",
    "trmcli.ui.live",
    "trmcli.weights.convert",
)


class Warm:
    """The process that forks, from outside: one ``trm`` at a time."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.requests, theirs = socket.socketpair()
        command = [sys.executable, __file__, str(theirs.fileno())]
        self.server = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, cwd=folder)
        theirs.close()

    def start(self, arguments: Sequence[object], streams: Sequence[int], **variables: str) -> int:
        """Run ``trm ARGUMENTS`` with these as stdin, stdout and stderr; returns the process's number."""
        request = json.dumps([[*map(str, arguments)], variables]).encode()
        socket.send_fds(self.requests, [request], streams)
        return self._number()

    def wait(self) -> int:
        """The exit status."""
        return self._number()

    def run(self, *arguments: object, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``trm ARGUMENTS`` with files for streams."""
        with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            self.start(arguments, [given.fileno(), out.fileno(), err.fileno()], **variables)
            status = self.wait()
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(
                [*map(str, arguments)], status, out.read().decode(), err.read().decode()
            )

    def close(self) -> None:
        self.requests.close()
        self.server.wait(30)

    def _number(self) -> int:
        return int.from_bytes(self.requests.recv(4), "little", signed=True)


def read_terminal(terminal: int) -> bytes:
    """What comes next; nothing when the other end is closed."""
    assert select.select([terminal], [], [], 60)[0]
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux says so
        return b""


def serve(requests: socket.socket) -> None:
    """Each request is JSON, the arguments and the environment; the reply is the process, and its status."""
    while True:
        data, numbers, _, _ = socket.recv_fds(requests, 1 << 20, 3)
        if not data:
            return
        arguments, variables = json.loads(data)
        child = os.fork()
        if child == 0:
            requests.close()
            become(arguments, variables, numbers)
        for number in numbers:
            os.close(number)
        requests.sendall(child.to_bytes(4, "little"))
        _, status = os.waitpid(child, 0)
        requests.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))


def become(arguments: list[str], variables: dict[str, str], numbers: list[int]) -> None:
    """What ``trm ARGUMENTS`` does with these streams."""
    from trmcli.cli.app import main

    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for place, number in enumerate(numbers):
        os.dup2(number, place)
        os.close(number)
    for number in range(3):
        if os.isatty(number):
            fcntl.ioctl(number, termios.TIOCSCTTY, 0)
            break
    os.environ.update(variables)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
    if os.isatty(1):
        sys.stdout.reconfigure(line_buffering=True)
    sys.argv = ["trm", *arguments]
    status = 1
    try:
        main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    for name in HEAVY:
        import_module(name)
    serve(socket.socket(fileno=int(sys.argv[1])))
