"""Run directories read back: whole, damaged, going on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.training.history import read_history
from trmcli.training.journal import lines_until


def test_a_run_is_read_back(run_directory: Path) -> None:
    run = read_history(run_directory)
    assert (len(run.of("train")), len(run.of("evaluation"))) == (120, 6)
    assert run.curve("evaluation", "halting") == [(step, 0.75) for step in range(1000, 7000, 1000)]
    assert run.best is not None and (run.best.step, run.best.values["exact"]) == (6000, 0.9)
    assert run.step == 6020  # the checkpoint is newer than the log
    assert run.seconds == 120.5
    assert run.seconds_left == pytest.approx((10000 - 6020) / 50, rel=0.05)


def test_of_equal_evaluations_the_last_is_best(run_directory: Path) -> None:
    with (run_directory / "log.jsonl").open("a") as log:
        log.write('{"kind": "evaluation", "step": 7000, "seconds": 140, "exact": 0.9}\n')
        log.write('{"kind": "evaluation", "step": 8000, "seconds": 160, "exact": 0.1}\n')
    best = read_history(run_directory).best
    assert best is not None and best.step == 7000


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "train", "step": 6050, "sec',
        "",
        "[1, 2]",
        "null",
        '{"kind": "other", "step": 1, "seconds": 1}',
        '{"kind": ["train"], "step": 1, "seconds": 1}',
        '{"kind": "train", "step": 1}',
        '{"kind": "train", "step": NaN, "seconds": 1}',
        '{"kind": "train", "step": 1' + "0" * 400 + ', "seconds": 1}',
        "[" * 100_000,
        "\x00\x00\x00",
    ],
)
def test_a_damaged_line_is_left_out(run_directory: Path, line: str) -> None:
    log = run_directory / "log.jsonl"
    before = read_history(run_directory).entries
    log.write_text(line + "\n" + log.read_text() + line)
    assert read_history(run_directory).entries == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(0, 25_000))
def test_any_bytes_anywhere_leave_the_rest_readable(run_directory: Path, noise: bytes, place: int) -> None:
    log = run_directory / "damaged" / "log.jsonl"
    log.parent.mkdir(exist_ok=True)
    (log.parent / "config.toml").write_bytes((run_directory / "config.toml").read_bytes())
    whole = (run_directory / "log.jsonl").read_bytes()
    log.write_bytes(whole[:place] + noise + whole[place:])
    expected = set(map(repr, read_history(run_directory).entries))
    found = set(map(repr, read_history(log.parent).entries))
    assert len(expected - found) <= 1


def test_what_no_example_showed_is_not_measured(run_directory: Path) -> None:
    with (run_directory / "log.jsonl").open("a") as log:
        log.write(
            '{"kind": "train", "step": 6050, "seconds": 121, "exact": null, "steps": null, "cells": 0.9}\n'
        )
    assert read_history(run_directory).entries[-1].values == {"cells": 0.9}


def test_whether_it_goes_on(run_directory: Path) -> None:
    def silent_for(seconds: float) -> str:
        then = time.time() - seconds
        for path in (run_directory, *run_directory.rglob("*")):
            os.utime(path, (then, then))
        return read_history(run_directory).state

    assert silent_for(10) == "running"
    assert silent_for(300) == "stopped"
    with (run_directory / "log.jsonl").open("a") as log:  # a slow one: the last line took ten minutes
        log.write('{"kind": "train", "step": 6050, "seconds": 720.5}\n')
    assert silent_for(300) == "running"
    (run_directory / "checkpoint" / "step-00010000.safetensors").touch()
    assert silent_for(300) == "finished"


def test_a_run_that_says_that_it_stopped_has_stopped(run_directory: Path) -> None:
    log = run_directory / "log.jsonl"
    with log.open("a") as file:
        file.write('{"kind": "stopped", "step": 6030, "seconds": 130.5, "why": "Ctrl-C", "signal": 2}\n')
    run = read_history(run_directory)
    assert (run.state, run.step, run.seconds) == ("stopped", 6030, 130.5)
    assert run.ending is not None and run.ending.why == "Ctrl-C" and len(run.entries) == 126
    (run_directory / "log.jsonl").write_text(lines_until(log, 6030, 6000))  # as resuming does
    assert read_history(run_directory).ending is None and read_history(run_directory).state == "running"
    assert len(read_history(run_directory).entries) == 126


@pytest.mark.parametrize("line", ['{"kind": "stopped"}', '{"kind": "stopped", "step": 1, "seconds": null}'])
def test_a_damaged_last_line_says_nothing_of_the_end(run_directory: Path, line: str) -> None:
    with (run_directory / "log.jsonl").open("a") as log:
        log.write(line + "\n")
    run = read_history(run_directory)
    assert (run.ending, run.state, run.step) == (None, "running", 6020)


def test_a_run_that_has_logged_nothing(run_directory: Path) -> None:
    (run_directory / "log.jsonl").write_text("")
    (run_directory / "checkpoint" / "step-00006020.safetensors").unlink()
    run = read_history(run_directory)
    assert (run.step, run.seconds, run.seconds_left, run.best, run.state) == (0, 0.0, None, None, "running")


@pytest.mark.parametrize("missing", ["config.toml", "log.jsonl"])
def test_a_folder_that_is_no_run(run_directory: Path, missing: str) -> None:
    (run_directory / missing).unlink()
    with pytest.raises(InputError, match=f"is no run directory: it holds no {missing}"):
        read_history(run_directory)
