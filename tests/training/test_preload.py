"""The process that imports torch for all members: Ctrl-C while it does so, its death, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="members are copies of one process on Linux")

IMPORTING = """
import os, signal, sys, time
class Finder:
    def find_spec(self, name, *rest):
        if name == "trmcli.training.adapt":
            open({mark!r}, "w").close()
            {does}
sys.meta_path.insert(0, Finder())
"""
TASK = '{"train": [{"input": [[1, 2]], "output": [[2, 1]]}], "test": [{"input": [[3, 4]]}]}'


Start = Callable[[str], tuple["subprocess.Popen[str]", Path]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``trm solve`` of a task, where the import does something else; and a file that says that it began."""
    started: list[subprocess.Popen[str]] = []
    folders = os.pathsep.join([str(tmp_path), *sys.path])

    def run(does: str) -> tuple[subprocess.Popen[str], Path]:
        mark = tmp_path / "importing"
        (tmp_path / "sitecustomize.py").write_text(IMPORTING.format(mark=str(mark), does=does))
        process = subprocess.Popen(
            [sys.executable, "-m", "trmcli", "solve", TASK],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": folders},
            start_new_session=True,
        )
        started.append(process)
        return process, mark

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_ctrl_c_ends_a_long_import(start: Start) -> None:
    process, mark = start("time.sleep(600)")
    while not mark.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    said = process.communicate(timeout=60)  # nobody is left who has its pipes
    assert said == ("", "interrupted: 0 of 1 task answered so far\n")
    assert process.returncode == 130


def test_a_death_while_it_imports_is_one_line(start: Start) -> None:
    process, _ = start("os.kill(os.getpid(), signal.SIGKILL)")
    out, error = process.communicate(timeout=60)
    assert out == "" and process.returncode == 2
    assert error == "trm: error: all processes that fit networks were killed: is there enough memory?\n"


def test_what_was_imported_is_not_taken_apart_at_the_end() -> None:
    code = """
import atexit, signal, sys
atexit.register(print, "taken apart")
sys.modules["trmcli.training.adapt"] = sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
import trmcli.training.preload
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
signal.raise_signal(signal.SIGINT)
print("not heard", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("not heard\n", "", 0)
