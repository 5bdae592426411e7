"""What is shown when: pace, keys and the end, without a terminal or a clock."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import Origin
from trmcli.solving.answers import Frame, settle
from trmcli.tasks.base import Puzzle
from trmcli.ui.keys import named
from trmcli.ui.player import BEHIND, HOLD, STAY, Playing, solving_clock

QUESTION = np.zeros((4, 4), dtype=np.uint8)
SURE = np.ones((4, 4), dtype=np.float32)


def frames(*steps: int) -> list[Frame]:
    """So many steps of each try."""
    return [
        Frame(attempt, step, QUESTION, SURE, 0.5, False, 0.1)
        for attempt, count in enumerate(steps, start=1)
        for step in range(1, count + 1)
    ]


def playing(*steps: int, fps: float = 4.0, ended: bool = True, stays: bool = True) -> Playing:
    show = Playing(fps, stays, 0.0)
    show.frames += frames(*steps)
    if ended:
        show.ending = settle(Puzzle(QUESTION, Origin("here")), show.frames), "not solved"
    return show


def run(show: Playing, seconds: float, start: float = 0.0, tick: float = 0.01) -> dict[int, float]:
    """When each moment was first seen."""
    seen: dict[int, float] = {}
    for number in range(int(seconds / tick) + 1):
        show.advance(start + number * tick)
        seen.setdefault(show.place, start + number * tick)
    return seen


def test_the_question_is_held_and_the_first_try_paced() -> None:
    seen = run(playing(3), 3)
    assert list(seen) == [-1, 0, 1, 2, 3]
    assert seen[0] == pytest.approx(HOLD, abs=0.02)
    assert [b - a for a, b in pairwise(seen[n] for n in (0, 1, 2, 3))] == pytest.approx([0.25] * 3, abs=0.02)


def test_the_rounds_of_a_step_share_its_time_and_a_pause_shows_what_it_came_to() -> None:
    show = playing(2)
    show.frames[0] = replace(show.frames[0], rounds=tuple(frames(3)))
    seen: dict[tuple[int, int | None], float] = {}
    for number in range(200):
        show.advance(number / 100)
        seen.setdefault((show.place, show.round), number / 100)
    assert list(seen) == [(-1, None), (0, 0), (0, 1), (0, 2), (0, None), (1, None), (2, None)]
    quarter = 0.25 / 4
    expected = [HOLD + quarter * number for number in (0, 1, 2, 3, 4, 8)]
    assert list(seen.values())[1:] == pytest.approx(expected, abs=0.02)
    for key in ("r", "space", "right"):
        show.press(key, 3.0)
    show.advance(3.01)
    assert (show.place, show.round) == (0, None)


def test_a_key_leaves_no_round_of_another_moment() -> None:
    """The next look may come before the next advance: drawing rests while the model works."""
    show = playing(2)
    show.frames[1] = replace(show.frames[1], rounds=tuple(frames(3)))
    for number in range(130):
        show.advance(number / 100)
    assert (show.place, show.round) == (1, 0)
    show.press("left", 1.3)
    assert (show.place, show.round) == (0, None)


def test_without_waiting_no_rounds_are_shown() -> None:
    show = playing(1, fps=0)
    show.frames[0] = replace(show.frames[0], rounds=tuple(frames(3)))
    for _ in range(3):
        show.advance(0.0)
        assert show.round is None


def test_later_tries_hurry_and_do_not_fall_far_behind() -> None:
    seen = run(playing(2, 400), 20)
    assert seen[402] - seen[1] < 8
    assert len(seen) < 120
    few = run(playing(2, BEHIND - 1), 20)
    assert list(few) == list(range(-1, BEHIND + 2))


def test_what_is_not_solved_yet_is_waited_for() -> None:
    show = playing(1, ended=False)
    run(show, 5)
    assert show.place == 0 and not show.over(5) and not show.at_end
    show.frames += frames(2)[1:]
    show.advance(5.0)
    assert show.place == 1


def test_the_end_stays_for_a_while_or_until_a_key() -> None:
    show = playing(1)
    end = run(show, 3)[1]
    assert show.at_end and not show.over(end + STAY - 0.1) and show.over(end + STAY + 0.1)
    show.press("x", end)
    assert show.asked == "next"
    show = playing(1, stays=False)
    end = run(show, 3)[1]
    assert show.over(end + 0.01)


@pytest.mark.parametrize("key", ["x", "other", "enter"])
def test_a_key_that_means_nothing_makes_nobody_wait(key: str) -> None:
    for stays in (True, False):
        show = playing(2, stays=stays)
        show.press(key, 0.1)
        end = run(show, 5, 0.1)[show.last]
        assert show.at_end and show.asked is None and show.over(end + STAY + 0.1)


def test_who_uses_the_keys_is_not_thrown_out() -> None:
    show = playing(2)
    show.press("space", 0.1)
    run(show, 5, 0.1)
    assert show.place == -1 and show.paused
    show.press("space", 6.0)
    run(show, 5, 6.0)
    assert show.at_end and not show.over(1000.0)


def test_steps_go_back_and_forth_and_stop_at_both_ends() -> None:
    show = playing(2)
    run(show, 3)
    for key, place in (("left", 1), ("left", 0), ("left", -1), ("left", -1), ("right", 0), ("right", 1)):
        show.press(key, 3.0)
        assert show.place == place and show.paused
    show.press("right", 3.0)
    show.press("right", 3.0)
    assert show.at_end
    show.press("r", 3.0)
    assert show.place == -1 and not show.paused
    assert run(show, 3, 3.0)[0] == pytest.approx(3 + HOLD, abs=0.02)


def test_the_pace_doubles_and_halves_within_bounds() -> None:
    show = playing(20)
    for _ in range(9):
        show.press("+", 0.0)
    assert show.pace == 16
    for _ in range(20):
        show.press("-", 0.0)
    assert show.pace == 0.125


def test_as_fast_as_it_goes_means_no_waiting_at_all() -> None:
    show = playing(3, fps=0, stays=False)
    seen = []
    for _ in range(5):
        show.advance(0.0)
        seen.append(show.place)
    assert seen == [0, 1, 2, 3, 3] and show.over(0.0)


@pytest.mark.parametrize(("key", "asked"), [("q", "quit"), ("escape", "quit"), ("n", "next")])
def test_keys_that_end_the_show(key: str, asked: str) -> None:
    show = playing(3)
    show.press(key, 0.0)
    assert show.asked == asked and show.over(0.0)


def test_keys_have_names() -> None:
    assert named(" \x1b[D\x1b[C\x1bOCq\x1b[1;5C\x1b") == [
        "space", "left", "right", "right", "q", "other", "escape",
    ]  # fmt: skip


@given(st.text(max_size=20), st.lists(st.sampled_from(["\x1b[D", "\x1b[", "\x1bO", " ", "\xe0"]), max_size=4))
def test_whatever_is_typed_becomes_some_keys(text: str, more: list[str]) -> None:
    typed = text + "".join(more)
    assert len(named(typed)) <= len(typed)
    assert bool(named(typed)) == bool(typed)


@given(st.lists(st.sampled_from(["space", "left", "right", "+", "-", "r", "c", "x"]), max_size=30))
def test_no_keys_lead_to_a_moment_that_is_not_there(keys: list[str]) -> None:
    show = playing(2, 3)
    for number, key in enumerate(keys):
        show.press(key, number * 0.3)
        show.advance(number * 0.3)
        assert -1 <= show.place <= show.last


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="this system does not tell")
def test_the_clock_of_solving_is_that_of_the_main_thread() -> None:
    clock = solving_clock()
    before = clock()
    other = threading.Thread(target=compute)
    other.start()
    other.join()
    assert clock() - before < SECONDS / 2
    compute()
    assert clock() - before >= SECONDS


SECONDS = 0.1


def compute() -> None:
    """Take so many seconds of a processor."""
    end = time.thread_time() + SECONDS
    while time.thread_time() < end:
        pass
