"""What tries may take upon themselves in kinds whose open cells have the token 1."""

from __future__ import annotations

import numpy as np

from trmcli.tasks.guesses import commit, reveal, suppose
from trmcli.tasks.plain import PlainGivens

QUESTION = np.array([1, 2, 1, 1])
ANSWER = np.array([3, 2, 2, 3])


def test_open_cells_are_revealed_as_many_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    questions, answers = np.tile(QUESTION, (5, 1)), np.tile(ANSWER, (5, 1))
    told = reveal(questions, answers, np.arange(5), rng)
    assert (told != questions).sum(axis=1).tolist() == [0, 1, 2, 3, 3]
    assert ((told == questions) | (told == answers)).all()


def test_the_surest_doubtful_cell_is_committed() -> None:
    confidence = np.array([[0.6, 0.5, 0.8, 0.95], [0.99, 0.5, 0.99, 0.95]], dtype=np.float32)
    questions, answers = np.tile(QUESTION, (2, 1)), np.tile(ANSWER, (2, 1))
    assert commit(questions, answers, confidence).tolist() == [[1, 2, 2, 1], [1, 2, 1, 1]]


def test_what_the_givens_refute_is_not_committed() -> None:
    confidence = np.array([[0.6, 0.5, 0.8, 0.95]], dtype=np.float32)
    refuted = np.array([[False, False, True, False]])
    assert commit(QUESTION[None], ANSWER[None], confidence, refuted).tolist() == [[3, 2, 1, 1]]


def test_the_cell_that_is_most_in_doubt_is_supposed_with_each_of_its_values() -> None:
    likely = np.array([[0, 0, 0.9, 0.1], [0, 0, 0.5, 0.5], [0, 0, 0.4, 0.6], [0, 0, 1, 0]], dtype=np.float32)
    supposed = PlainGivens().suppose(QUESTION, likely)
    assert [one.question.tolist() for one in supposed] == [[1, 2, 2, 1], [1, 2, 3, 1]]
    np.testing.assert_allclose([one.probability for one in supposed], [0.4, 0.6])
    likely[[0, 2]] = likely[3]
    assert suppose(QUESTION, likely) == []
