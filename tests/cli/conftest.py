"""``trm`` as people run it: in a process of its own, in a pipe or on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Run, Screen, environment, resize, runner
from warm import Warm


@pytest.fixture(scope="session")
def trm() -> Run:
    """Run ``trm ARGUMENTS`` with ``stdin`` as text, and capture everything."""
    return runner("-m", "trmcli")


@pytest.fixture(scope="session")
def terminal() -> Callable[..., Screen]:
    """Run ``trm ARGUMENTS`` on a pseudo-terminal of ``rows`` and ``columns``.

    ``on`` is (a text to wait for, what to do with the terminal's number when it has appeared); ``program`` is
    run in place of ``trm``.
    """

    def run(
        *arguments: object,
        rows: int = 40,
        columns: int = 100,
        on: tuple[str, Callable[[int], object]] | None = None,
        program: Path | None = None,
        **variables: str,
    ) -> Screen:
        ours, theirs = pty.openpty()
        resize(theirs, rows, columns)
        process = subprocess.Popen(
            # The terminal becomes the controlling one, so that Ctrl-C in it is a signal.
            [sys.executable, "-c", _ON_TERMINAL.format(str(program or "")), *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(**{"TERM": "xterm-256color", "COLORTERM": "truecolor", **variables}),
            start_new_session=True,
        )
        os.close(theirs)
        seen, waiting, end = b"", on, time.monotonic() + 120
        try:
            while time.monotonic() < end:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    piece = os.read(ours, 1 << 16)
                except OSError:  # Linux says so when the other end is closed
                    break
                if not piece:
                    break
                seen += piece
                if waiting is not None and waiting[0].encode() in seen:
                    waiting[1](ours)
                    waiting = None
            # A typed Ctrl-C makes the kernel drop what was not read yet, so half a character may be left.
            return Screen(process.wait(10), seen.decode(errors="replace"))
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    return run


_ON_TERMINAL = """
import fcntl, runpy, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.argv[0] = "trm"
program = {!r}
if program:
    runpy.run_path(program, run_name="__main__")
else:
    runpy.run_module("trmcli", run_name="__main__", alter_sys=False)
"""


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Sudoku model that was never trained, and so solves nothing."""
    import torch

    from trmcli.model import TinyRecursiveModel, TRMConfig
    from trmcli.tasks.sudoku.kind import SudokuStructure
    from trmcli.weights.files import Card, save_weights

    torch.manual_seed(0)
    config = TRMConfig(
        vocab_size=18,
        hidden_size=16,
        mixer="relation",
        relations=tuple((name, "groups") for name in SudokuStructure().relation_names),
        num_heads=2,
        ffn_multiple=8,
        rounds=2,
        latent_updates=2,
    )
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, TinyRecursiveModel(config), Card(name="random", task="sudoku"))
    return path


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Runs ``trm`` in processes that need not import torch."""
    folder = tmp_path_factory.mktemp("warm")
    one = Warm(folder, environment(TERM="xterm-256color"))
    yield one
    one.close()
