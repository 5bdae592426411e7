"""Members in processes of their own, around a stand-in for the fit: time, Ctrl-C, killed processes.

The name of a task tells what each member does, ``agree kill agree``, and a member's colour is its answer.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from trmcli.errors import Origin
from trmcli.solving.adapted import Adapted, Ballot, Interrupted, Progress, count
from trmcli.tasks.arc.task import ArcTask, Pair
from trmcli.training.fitting import AdaptOptions, Fitted
from trmcli.training.job import Job, Observer, Order
from trmcli.training.members import Members, work_alone

GRID = np.zeros((1, 2), np.uint8)
FOREVER = 600.0


def task(*does: str) -> ArcTask:
    return ArcTask(" ".join(does), (Pair(GRID, GRID), Pair(GRID, GRID)), (GRID,), None, Origin("made-up"))


def answer(colour: int, *, cut: bool = False, fitted: int | None = 5, right: int = 2) -> Fitted:
    ballot = Ballot((np.full((1, 2), colour, np.uint8),), (1.0,))
    return Fitted((ballot,), (right > 0, right > 1), 9, fitted, 0.1, 4, 0.01, 0.01, cut)


def early(colour: int) -> Fitted:
    """What a member would answer that has not learned anything yet."""
    return answer(colour, cut=True, fitted=None, right=0)


def act(
    order: Order,
    left: Callable[[], float],
    observe: Observer | None,
    keep: Callable[[Fitted], None] | None,
) -> Fitted:
    """Do what the task's name says of this member."""
    does = order.task.name.split()[order.member - 1]
    if keep is not None and does != "mute":
        keep(early(7))
    if observe is not None:
        observe(Progress(order.member, "fitting", 0.5, (True, False), (GRID, GRID), 0, 0.1, ()))
    if does == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if does == "deaf":
        time.sleep(FOREVER)
    if does == "stubborn":
        time.sleep(1.0)
    while does == "patient" and left() > 1.0:
        time.sleep(0.005)
    if does == "patient":
        return answer(6, cut=True, fitted=None, right=1)
    if does == "mute":
        time.sleep(max(0.0, order.deadline + 0.3 - time.monotonic()))
    return answer(4 if does.startswith("other") else 3)


@pytest.fixture(scope="module")
def pool() -> Iterator[Members]:
    """Two processes that have started, so that no test waits for imports."""
    with Members(2, act) as members:
        members.adapt(task("agree", "agree"), most=2)
        yield members


def adapted(pool: Members, *does: str, budget: float = FOREVER, observe: Observer | None = None) -> Adapted:
    return pool.adapt(task(*does), budget=budget, most=len(does), observe=observe)


def colours(result: Adapted) -> list[int]:
    return [int(grid[0, 0]) for grid in result.tests[0].attempts]


def test_three_that_agree_settle_a_task(pool: Members) -> None:
    result = adapted(pool, "agree", "other", "agree", "agree", *["patient"] * 5)
    assert result.settled and colours(result) == [3, 4]
    assert (result.tests[0].agreement, result.tests[0].members, result.lost) == (3, 4, 0)


def test_the_first_members_count_and_not_the_quickest() -> None:
    job = Job(task(), 3, 9, 0, None, AdaptOptions(), 0.0, FOREVER, given=5)
    for number in (2, 3, 5):
        job.finish(number, answer(3))
        assert not job.settled
    job.finish(4, answer(4))
    job.finish(1, answer(4))
    assert not job.settled  # three of five are less than two thirds
    job.given = 6
    job.finish(6, answer(3))
    assert job.settled and colours(job.adapted()) == [3, 4]
    assert (job.adapted().tests[0].agreement, job.adapted().tests[0].members) == (4, 6)
    job = Job(task(), 3, 9, 0, None, AdaptOptions(), 0.0, FOREVER, given=4, lost={1})
    for number in (2, 3, 4):
        job.finish(number, answer(3))
    assert job.settled


def test_a_member_that_does_not_answer_is_not_waited_for() -> None:
    with Members(2, act) as pool:
        adapted(pool, "agree", "agree")
        result = adapted(pool, "agree", "deaf", budget=2.0)
    assert colours(result) == [3, 7]  # what it would have answered counts, but less
    assert result.tests[0].votes == pytest.approx((0.75, 0.25))
    assert (result.tests[0].agreement, result.tests[0].members) == (1, 2)


@pytest.mark.parametrize("budget", [0.0, 0.1])
def test_the_first_answer_is_waited_for_when_the_time_is_over(pool: Members, budget: float) -> None:
    assert colours(adapted(pool, "mute", "mute", budget=budget)) == [3]


def test_members_stop_when_the_time_is_over(pool: Members) -> None:
    result = adapted(pool, "patient", "patient", budget=2.0)
    assert colours(result) == [6] and not result.settled
    assert (result.tests[0].agreement, result.tests[0].members, result.fits) == (0, 2, 1)


def test_whoever_is_busy_with_an_earlier_task_is_not_heard(pool: Members) -> None:
    said: list[Progress] = []
    first = adapted(pool, "agree", "agree", "agree", "stubborn")
    second = adapted(pool, "agree", "agree", "agree", observe=said.append)
    assert first.settled and colours(first) == [3]
    assert second.settled and colours(second) == [3]
    assert sorted(one.member for one in said) == [1, 2, 3]


@pytest.mark.parametrize("killed", [1, 3])
def test_a_process_that_is_killed_loses_its_member_alone(pool: Members, killed: int) -> None:
    does = ["agree"] * 4
    does[killed - 1] = "kill"
    result = adapted(pool, *does)
    assert result.settled and colours(result) == [3]
    assert (result.lost, result.tests[0].agreement) == (1, 3)


def test_a_killed_process_is_replaced_for_the_next_task() -> None:
    with Members(1, act) as pool:
        lost = pool.adapt(task("kill", "agree"), most=2)
        assert (lost.lost, colours(lost)) == (1, [7])  # nobody was left for the second
        assert pool.adapt(task("agree", "agree", "agree"), most=3).settled


def test_without_any_answer_from_killed_processes_there_is_an_error() -> None:
    with Members(1, silent_death) as pool, pytest.raises(ChildProcessError, match="enough memory"):
        pool.adapt(task("kill"), most=1)


def silent_death(
    order: Order,
    left: Callable[[], float],
    observe: Observer | None,
    keep: Callable[[Fitted], None] | None,
) -> Fitted:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.mark.parametrize(("does", "expected"), [("stubborn", [7]), ("patient", [6])])
def test_ctrl_c_gives_the_attempts_so_far(pool: Members, does: str, expected: list[int]) -> None:
    def press(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        adapted(pool, does, observe=press)
    assert colours(caught.value.so_far) == expected


def test_somebody_may_want_it_to_end(pool: Members) -> None:
    said: list[Progress] = []
    with pytest.raises(Interrupted) as caught:
        pool.adapt(
            task("patient", "patient"),
            budget=FOREVER,
            most=2,
            observe=said.append,
            ended=lambda: len(said) == 2,
        )
    assert colours(caught.value.so_far) == [6]


def test_members_that_cannot_learn_the_demonstrations_have_no_say() -> None:
    job = Job(task(), 3, 9, 0, None, AdaptOptions(), 0.0, FOREVER, given=5)
    for number in (1, 2):
        job.finish(number, answer(4, fitted=None, right=1))
    assert colours(job.adapted()) == [4]  # unless there is nobody else
    assert (job.adapted().tests[0].agreement, job.adapted().tests[0].members) == (0, 2)
    for number in (3, 4, 5):
        assert not job.settled
        job.finish(number, answer(3))
    assert job.settled and colours(job.adapted()) == [3]
    assert (job.adapted().tests[0].agreement, job.adapted().tests[0].members) == (3, 3)


def test_a_member_cut_off_before_it_fitted_weighs_less() -> None:
    assert answer(3).weight == answer(3, cut=True).weight == 1
    assert [answer(3, cut=True, fitted=None, right=right).weight for right in (0, 1)] == [1 / 3, 2 / 3]
    attempts = count([answer(3).ballots[0], answer(4).ballots[0], answer(4).ballots[0]], [1.0, 0.4, 0.5])
    assert [int(grid[0, 0]) for grid in attempts.attempts] == [3, 4]
    assert attempts.votes == pytest.approx((1 / 1.9, 0.9 / 1.9))
    assert (attempts.agreement, attempts.members) == (1, 3)


def test_in_one_process_members_come_one_after_another() -> None:
    end = time.monotonic() + FOREVER
    job = Job(task("agree", "other", "agree", "agree"), 3, 4, 0, None, AdaptOptions(), 0.0, end)
    work_alone(job, act)
    assert job.settled and colours(job.adapted()) == [3, 4]


SCRIPT = """
import sys
from test_members import act, colours, task
from trmcli.solving.adapted import Interrupted
from trmcli.training.members import Members

if __name__ == "__main__":
    with Members(2, act) as pool:
        try:
            pool.adapt(task("agree", "deaf"), most=2, observe=lambda _: print("busy", flush=True))
        except Interrupted as interrupted:
            print(colours(interrupted.so_far))
            print("torch" in sys.modules)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_a_real_ctrl_c_is_heard_while_members_are_deaf(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    folders = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": folders},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["busy\n"] * 2
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    said, _ = process.communicate(timeout=60)
    assert said in ("[3, 7]\nFalse\n", "[7]\nFalse\n")  # whether or not the other was heard by then
    assert process.returncode == 0
