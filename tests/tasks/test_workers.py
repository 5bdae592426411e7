"""Work in several processes: in order, and never a hang, whichever process is killed at whatever moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from trmcli.errors import InputError
from trmcli.tasks.workers import mapped


def double(number: int) -> int:
    return 2 * number


def stuck(folder: Path, number: int) -> int:
    """The number; from 8 on a file named for the process, and then nothing more."""
    if number >= 8:
        (folder / str(os.getpid())).touch()
        time.sleep(600)
    return number


def large(number: int) -> bytes:
    """More than a pipe holds, so that whoever writes it waits for a reader."""
    return bytes(4_000_000)


def failing(number: int) -> int:
    if number == 13:
        raise InputError("is unlucky", "number 13")
    return number


def pids() -> list[int]:
    return sorted(child.pid for child in multiprocessing.active_children() if child.pid is not None)


def wait_until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 300])
@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_order(count: int, processes: int) -> None:
    with mapped(partial(double), count, processes) as made:
        assert list(made) == [2 * number for number in range(count)]
    assert pids() == []


def test_one_killed_in_its_work_ends_it(tmp_path: Path) -> None:
    with mapped(partial(stuck, tmp_path), 16, 2) as made:
        assert [next(made) for _ in range(8)] == list(range(8))
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
        os.kill(pids()[0], signal.SIGKILL)
        with pytest.raises(ChildProcessError, match="was killed: is there enough memory"):
            next(made)
    assert pids() == []


def test_one_killed_while_it_waits_for_work_ends_it(tmp_path: Path) -> None:
    with mapped(partial(stuck, tmp_path), 9, 2) as made:
        assert [next(made) for _ in range(8)] == list(range(8))
        wait_until(lambda: list(tmp_path.iterdir()))
        idle = set(pids()) - {int(path.name) for path in tmp_path.iterdir()}
        os.kill(idle.pop(), signal.SIGKILL)
        with pytest.raises(ChildProcessError):
            next(made)
    assert pids() == []


def test_one_killed_while_it_writes_ends_it() -> None:
    with mapped(partial(large), 400, 2) as made:
        next(made)
        os.kill(pids()[0], signal.SIGKILL)  # pieces of 64 MB: it has not been read to the end
        with pytest.raises(ChildProcessError):
            list(made)
    assert pids() == []


def test_one_killed_before_anything_is_made_ends_it() -> None:
    with mapped(partial(double), 400, 2) as made:
        os.kill(pids()[1], signal.SIGKILL)
        with pytest.raises(ChildProcessError):
            list(made)
    assert pids() == []


def test_whoever_wants_no_more_leaves_no_process_behind() -> None:
    with mapped(partial(double), 10_000, 2) as made:
        assert next(made) == 0
    assert pids() == []


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_comes_after_the_results_before_it(processes: int) -> None:
    seen = []
    with pytest.raises(InputError, match="number 13: is unlucky") as caught:  # noqa: SIM117
        with mapped(partial(failing), 200, processes) as made:
            for number in made:
                seen.append(number)  # noqa: PERF402
    assert seen == list(range(13))
    if processes > 1:
        assert "in failing" in str(caught.value.__cause__)  # the traceback of the other process
    assert pids() == []


SCRIPT = """
import multiprocessing, os, signal, sys
from functools import partial
from test_workers import double
from trmcli.tasks.workers import mapped

if __name__ == "__main__":
    with mapped(partial(double), 10_000, 2) as made:
        next(made)
        workers = [child.pid for child in multiprocessing.active_children()]
        print(*workers, flush=True)
        if sys.argv[1] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        for worker in workers:
            os.kill(worker, signal.SIGINT)
        print(sum(1 for _ in made))
"""


def script(tmp_path: Path, what: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    folders = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {**os.environ, "PYTHONPATH": folders}
    command = [sys.executable, str(path), what]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=60
    )


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_workers_leave_ctrl_c_to_the_main_process(tmp_path: Path) -> None:
    done = script(tmp_path, "interrupt")
    assert (done.returncode, done.stdout.split()[2:]) == (0, ["9999"]), done.stdout


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_when_the_main_process_is_killed_the_others_end(tmp_path: Path) -> None:
    done = script(tmp_path, "kill")
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == 2, done.stdout
    wait_until(lambda: not any(map(runs, done.stdout.split())))


def runs(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
