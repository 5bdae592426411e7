"""Puzzles that come through a pipe, one at a time: answers do not wait for what has not come."""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from warm import Warm

FIRST, SECOND = "132.4....4...143", "..1.1.232.4.41.."
ANSWERS = ["1324423134122143", "3214142323414132"]
PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ANSWER = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
HARD = "98.76.5..7..5..6......43...5..8..2...98....1..........2......6...96...52.....79.."


class Conversation:
    """``trm`` between two pipes."""

    def __init__(self, warm: Warm, arguments: Sequence[object], errors: Path) -> None:
        theirs, self.into = os.pipe()
        self.out, answers = os.pipe()
        self.warm, self.errors = warm, errors
        with errors.open("wb") as file:
            self.pid = warm.start(arguments, [theirs, answers, file.fileno()])
        os.close(theirs)
        os.close(answers)

    def say(self, text: str) -> None:
        os.write(self.into, text.encode())

    def hear(self) -> str:
        """The next line, which must come while the pipe is open."""
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([self.out], [], [], 60)[0], "there is no answer"
            piece = os.read(self.out, 1)
            if not piece:
                break
            line += piece
        return line.decode().rstrip("\n")

    def heard(self) -> str:
        return self.errors.read_text(encoding="utf-8")

    def end(self) -> int:
        """Close the pipe, read what is left, and return the status."""
        os.close(self.into)
        return self.leave()

    def leave(self) -> int:
        while os.read(self.out, 1 << 16):
            pass
        os.close(self.out)
        return self.warm.wait()


@pytest.fixture
def options(random_weights: Path) -> list[object]:
    return ["--weights", random_weights, "--steps", 1]


def test_each_puzzle_is_answered_before_the_next_is_sent(
    warm: Warm, options: list[object], tmp_path: Path
) -> None:
    for batch in ([], ["--batch-size", 1], ["--json"], ["--save", tmp_path / "steps.json"]):
        trm = Conversation(
            warm, ["solve", *options, "--tries", 1, "--fallback", "search", *batch], tmp_path / "errors"
        )
        for puzzle, answer in [(PUZZLE, ANSWER), (PUZZLE, ANSWER), (PUZZLE[::-1], ANSWER[::-1])]:
            trm.say(puzzle + "\n")
            line = trm.hear()
            assert (json.loads(line)["answer"] if "--json" in batch else line) == answer
        assert trm.end() == 0
        assert trm.heard().startswith("3 of 3 solved and checked, 3 of them by plain search")
    assert [one["puzzle"] for one in json.loads((tmp_path / "steps.json").read_text())] == [
        PUZZLE,
        PUZZLE,
        PUZZLE[::-1],
    ]


def test_tries_go_on_while_nothing_comes(warm: Warm, options: list[object], tmp_path: Path) -> None:
    """All tries of the first puzzle need many steps; none of them waits for a second puzzle."""
    trm = Conversation(warm, ["solve", *options, "--tries", 20, "--json"], tmp_path / "errors")
    trm.say(PUZZLE + "\n")
    assert json.loads(trm.hear())["tries"] == 20
    assert trm.end() == 1


def test_what_comes_when_does_not_change_the_answers(
    warm: Warm, options: list[object], tmp_path: Path
) -> None:
    def answers(pieces: list[str]) -> Iterator[list[object]]:
        arguments = ["solve", *options, "--tries", 6, "--json", "--seed", 3]
        trm = Conversation(warm, arguments, tmp_path / "errors")
        for piece in pieces:
            trm.say(piece)
            for _ in piece.splitlines():
                one = json.loads(trm.hear())
                yield [one[key] for key in ("answer", "tries", "steps", "origin")]
        trm.end()

    lines = [f"{PUZZLE}\n", f"{PUZZLE[::-1]}\n", f"{PUZZLE}\n"]
    assert list(answers(["".join(lines)])) == list(answers(lines))


def test_predictions_of_an_evaluation_that_waits_are_kept_on_ctrl_c(
    warm: Warm, options: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    trm = Conversation(warm, ["eval", "-", *options, "--json", "--predictions", out], tmp_path / "errors")
    trm.say(f"{PUZZLE}\n" * 3)
    wait_for_idle(trm.pid)
    os.kill(trm.pid, signal.SIGINT)
    figures = json.loads("".join(iter(trm.hear, "")))
    assert trm.leave() == 130
    assert (figures["complete"], figures["puzzles"]) == (False, 3)
    assert len(out.read_text().splitlines()) == 4
    assert trm.heard() == "trm: interrupted after 3 puzzles: partial figures\n"
    os.close(trm.into)


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_ctrl_c_before_the_first_answer_prints_nothing_and_writes_nothing(
    command: str, warm: Warm, options: list[object], tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    old.write_text("old")
    long = ["--until-solved"] if command == "solve" else ["--tries", "1000000"]
    trm = Conversation(
        warm, [command, "-", *options, *long, "--save", old, "--batch-size", 1], tmp_path / "errors"
    )
    trm.say(f"{PUZZLE}\n")
    wait_for_work(trm.pid)
    os.kill(trm.pid, signal.SIGINT)
    assert trm.hear() == ""
    assert trm.leave() == 130
    assert old.read_text() == "old"
    assert "Traceback" not in trm.heard()
    os.close(trm.into)


def test_an_interrupted_solve_says_what_it_had(warm: Warm, options: list[object], tmp_path: Path) -> None:
    trm = Conversation(warm, ["solve", *options, "--tries", 1, "--fallback", "search"], tmp_path / "errors")
    trm.say(f"{PUZZLE}\n{PUZZLE}\n")
    assert [trm.hear(), trm.hear()] == [ANSWER, ANSWER]
    os.kill(trm.pid, signal.SIGINT)
    assert trm.leave() == 130
    assert trm.heard() == "interrupted: 2 of 2 solved so far\n"
    os.close(trm.into)


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_it_ends_though_the_pipe_stays_open(
    command: str, warm: Warm, options: list[object], tmp_path: Path
) -> None:
    """Bad input ends it, and so does a limit; nothing waits for the thread that reads."""
    trm = Conversation(warm, [command, "-", *options], tmp_path / "errors")
    trm.say(f"{PUZZLE}\n{PUZZLE}Q\n")
    assert trm.leave() == 2
    assert trm.heard().splitlines()[-1].startswith("trm: error: <stdin>:2:")
    os.close(trm.into)


def wait_for_work(pid: int) -> None:
    """Wait until a process has computed for a while."""
    start = used(pid)
    while used(pid) < start + 100:
        time.sleep(0.05)


def wait_for_idle(pid: int) -> None:
    """Wait until a process has computed, and does so no more."""
    wait_before, last = used(pid), -1
    while last <= wait_before or used(pid) != last:
        last = used(pid)
        time.sleep(1.0)


def used(pid: int) -> int:
    """Ticks of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
