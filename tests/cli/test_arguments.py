"""Puzzles as arguments of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import Run


@pytest.mark.parametrize("text", ["--3--4--4----2-3", "--3----44----2-3"])
def test_a_puzzle_may_begin_with_a_dash(text: str, trm: Run, random_weights: Path) -> None:
    options = ("--weights", random_weights, "--steps", 1, "--tries", 1)
    for arguments in (
        (text, "--json", *options),
        ("--json", *options, "--", text),
        (*options, "--json", text),
    ):
        done = trm("solve", *arguments)
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["puzzle"] == text.replace("-", ".")


def test_options_are_options_still(trm: Run) -> None:
    done = trm("solve", "--nonsense-option")
    assert done.returncode == 2 and "--nonsense-option" in done.stderr
