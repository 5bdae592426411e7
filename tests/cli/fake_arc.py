"""``trm`` with a stand-in for the fit of networks, for tests of everything around it.

The stand-in knows one rule: outputs are views of the inputs. It answers with the view that all demonstrations
show, and takes no time, so that nothing here depends on how fast a machine is.

Run as ``python fake_arc.py ARGUMENTS``. ``FAKE_ARC`` says what it shall do besides: ``interrupt NAME`` raises
what Ctrl-C raises, with the attempts so far, ``wait NAME`` waits for Ctrl-C or a key and ``mute NAME`` does
so without any attempts, ``play NAME`` tells of steps of an answer, ``die NAME`` ends the process when that
task comes, and ``lose`` tells of a member that was lost in every task.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np

from trmcli.solving.adapted import Adapted, Attempts, Interrupted, Progress
from trmcli.tasks.arc.task import ArcTask, Grid
from trmcli.tasks.arc.views import TURNS, View


def adapt(
    task: ArcTask,
    *,
    budget: float,
    seed: int,
    observe: Callable[[Progress], None] | None = None,
    ended: Callable[[], bool] = lambda: False,
) -> Adapted:
    """Two attempts: the view that fits, and the input as it is."""
    assert task.answers is None, "the solver was given the solutions"
    wanted, path = os.environ.get("FAKE_ARC", ""), os.environ.get("FAKE_ARC_APPEARS")
    if path:  # solutions come into being only while the tasks are answered
        Path(path).write_text(os.environ["FAKE_ARC_TEXT"], encoding="utf-8")
    if wanted == f"die {task.name}":
        os._exit(9)

    def fits(turn: int) -> int:
        return sum(np.array_equal(View(turn).see(pair.question), pair.answer) for pair in task.shown)

    best = max(range(TURNS), key=fits)
    agree = 3 if fits(best) == len(task.shown) else 1
    if observe is not None:
        shown = tuple(View(best).see(pair.question) for pair in task.shown)
        sure = tuple(np.ones(grid.shape, np.float32) for grid in shown)
        right = tuple(np.array_equal(a, pair.answer) for a, pair in zip(shown, task.shown, strict=True))
        observe(Progress(1, "fitting", 0.125, right, shown, 0, 0.1, sure))
    if observe is not None and wanted == f"play {task.name}":
        for step in range(1, 9):
            observe(Progress(1, "answering", 0.125, right, task.tests, step, 0.1, ()))
    tests = tuple(_attempts(View(best).see(grid), grid, agree) for grid in task.tests)
    result = Adapted(task, tests, fits(best), 0.5, 1.0, agree == 3, lost=int(wanted == "lose"))
    if wanted == f"interrupt {task.name}":
        raise Interrupted(result)
    if wanted == f"mute {task.name}":
        result = replace(result, tests=(Attempts((), (), 0, 0),) * len(tests), settled=False)
    if wanted in (f"wait {task.name}", f"mute {task.name}"):
        with suppress(KeyboardInterrupt):
            while not ended():
                time.sleep(0.01)
        raise Interrupted(result)
    return result


def _attempts(first: Grid, second: Grid, agree: int) -> Attempts:
    if np.array_equal(first, second):
        return Attempts((first,), (1.0,), 3, 3)
    return Attempts((first, second), (agree / 3, 1 - agree / 3), agree, 3)


class Members:
    """In place of the processes that fit networks."""

    def __init__(self, processes: int) -> None:
        self.adapt = adapt

    def __enter__(self) -> Members:
        return self

    def __exit__(self, *error: object) -> None:
        pass


stand_in = ModuleType("trmcli.training.members")  # in place of the one that imports torch
stand_in.__dict__["Members"] = Members
sys.modules["trmcli.training.members"] = stand_in

if __name__ == "__main__":
    from trmcli.cli.app import main

    main()
