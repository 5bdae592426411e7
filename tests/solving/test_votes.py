"""The vote over views gives the reference's order, score and submission."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from trmcli.solving.votes import PASSES, Votes, scores
from trmcli.tasks.arc.submission import submission
from trmcli.tasks.arc.tokens import encode

GOLDEN = Path(__file__).parent.parent / "data" / "golden" / "arc_voting.json.gz"
RECORDED: dict[str, Any] = json.loads(gzip.decompress(GOLDEN.read_bytes()))


def grid(rows: list[list[int]]) -> np.ndarray[Any, Any]:
    return np.array(rows, np.uint8)


def recorded_votes() -> Votes:
    votes = Votes()
    for one in RECORDED["predictions"]:
        halt = 1 / (1 + math.exp(-one["q_halt_logit"]))
        votes.add(one["name"], np.array(one["input"]), np.array(one["pred"]), halt)
    return votes


def known_tests() -> dict[str, list[tuple[Any, Any]]]:
    return {
        name: [(grid(pair["input"]), grid(pair["output"])) for pair in puzzle["test"]]
        for name, puzzle in RECORDED["test_puzzles"].items()
    }


def test_the_score_is_that_of_the_reference() -> None:
    expected = RECORDED["expected"]["metrics"]
    assert {
        f"ARC/pass@{k}": score for k, score in scores(recorded_votes(), known_tests()).items()
    } == expected
    assert len(expected) == len(PASSES)


def test_the_submission_is_that_of_the_reference() -> None:
    votes = recorded_votes()
    answers = {
        name: [found for pair in pairs if (found := [vote.grid for vote in votes.of(name, pair[0])])]
        for name, pairs in known_tests().items()
    }
    assert submission(answers) == RECORDED["expected"]["submission"]


def test_of_equally_frequent_grids_the_one_that_the_halting_head_trusts_comes_first() -> None:
    votes, question = Votes(), grid([[1]])
    for colour, halt in ((2, 0.9), (3, 0.5), (3, 0.7), (4, 0.8), (4, 0.6)):
        votes.add("a", encode(question), encode(grid([[colour]])), halt)
    order = [(int(vote.grid[0, 0]), vote.count) for vote in votes.of("a", question)]
    assert order == [(4, 2), (3, 2), (2, 1)]


def test_a_test_without_predictions_has_no_votes_and_counts_as_wrong() -> None:
    assert Votes().of("a", grid([[1]])) == []
    assert scores(Votes(), {"a": [(grid([[1]]), grid([[1]]))]}, (1,)) == {1: 0.0}
