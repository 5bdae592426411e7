"""The solver's stream of steps, on small random models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from small_models import model_of, random_tokens, relation_config, small_solver

from trmcli.model import Carry
from trmcli.model.mixers import RelationMixer
from trmcli.solving.choices import Halt
from trmcli.solving.solver import (
    COMMIT_FROM,
    SETTLED,
    Chance,
    Floats,
    Pool,
    Solver,
)
from trmcli.solving.torch_engine import TorchEngine, build_relations, default_threads
from trmcli.tasks import get_task, guesses
from trmcli.tasks.base import Bools, Cells, Ints
from trmcli.tasks.sudoku.kind import SudokuGivens, SudokuRules, SudokuStructure

TASK = get_task("sudoku")


def test_all_puzzles_stay_when_nothing_halts() -> None:
    steps = list(small_solver().steps(random_tokens(3), (9, 9), max_steps=4, halt="never"))
    assert [step.number.tolist() for step in steps] == [[n] * 3 for n in (1, 2, 3, 4)]
    assert all(step.rows.tolist() == [0, 1, 2] for step in steps)
    assert [step.done.all() for step in steps] == [False, False, False, True]
    assert all(step.tokens.shape == (3, 81) for step in steps)
    assert all(((step.confidence > 0) & (step.confidence <= 1)).all() for step in steps)


def test_other_rounds_than_the_configuration_says() -> None:
    three = small_solver(rounds=3)
    model = model_of(small_solver(rounds=1))
    asked = Solver(TorchEngine(model, TASK, torch.device("cpu"), torch.float64, rounds=3))
    answers = [
        solver.steps(random_tokens(2), (9, 9), max_steps=2, halt="never")
        for solver in (three, asked, small_solver(rounds=1))
    ]
    for one, same, other in zip(*answers, strict=True):
        np.testing.assert_array_equal(one.probabilities, same.probabilities)
        assert np.abs(one.probabilities - other.probabilities).max() > 1e-3


def test_the_halting_head_ends_a_try() -> None:
    solver = small_solver()
    model_of(solver).halt_head.bias.data.fill_(5.0)
    (only,) = solver.steps(random_tokens(3), (9, 9), max_steps=16, halt="head")
    assert only.done.all() and (only.halt > 0.5).all()


def test_a_checked_answer_leaves_the_batch() -> None:
    """Random models answer nothing, so the check is replaced by one that likes odd rows."""
    solver = small_solver()
    questions = random_tokens(4)

    class OddRows(SudokuRules):
        def check(self, questions: Cells, answers: Cells) -> Bools:
            odd: Bools = np.arange(len(answers)) % 2 == 1
            return odd

    solver.task = replace(TASK, rules=OddRows())
    rows = [step.rows.tolist() for step in solver.steps(questions, (9, 9), max_steps=3)]
    assert rows == [[0, 1, 2, 3], [0, 2], [0]]


def test_a_puzzle_whose_answer_a_round_has_gets_none_of_the_rounds_that_follow() -> None:
    """Three rounds a step; the rules accept one of three puzzles after the first, one after the second."""
    shown: list[int] = []

    class OneByOne(SudokuRules):
        def check(self, questions: Cells, answers: Cells) -> Bools:
            shown.append(len(answers))
            return np.arange(len(answers)) < (len(shown) < 3)  # the first of those that are left

    solver, alone = small_solver(rounds=3), small_solver(rounds=1)
    tokens = random_tokens(3)
    solver.task = replace(TASK, rules=OneByOne())
    first, second = solver.steps(tokens, (9, 9), max_steps=2)
    assert shown == [3, 2, 1, 1, 1, 1]
    assert first.checked.tolist() == first.done.tolist() == [True, True, False]
    assert second.rows.tolist() == [2]
    rounds = list(alone.steps(tokens, (9, 9), max_steps=6, halt="never"))
    for row in range(3):
        np.testing.assert_allclose(first.confidence[row], rounds[row].confidence[row], atol=1e-5)
    np.testing.assert_allclose(second.confidence[0], rounds[5].confidence[2], atol=1e-5)


@pytest.mark.parametrize("halt", ["head", "never"])
def test_who_does_not_wait_for_the_rules_gets_whole_steps(halt: Halt) -> None:
    shown: list[int] = []

    class All(SudokuRules):
        def check(self, questions: Cells, answers: Cells) -> Bools:
            shown.append(len(answers))
            return np.ones(len(answers), np.bool_)

    solver = small_solver(rounds=3)
    solver.task = replace(TASK, rules=All())
    steps = list(solver.steps(random_tokens(2), (9, 9), max_steps=2, halt=halt))
    assert len(steps) == 2 and all(step.checked.all() for step in steps)
    assert set(shown) == {2}


def test_whoever_consumes_the_steps_may_send_puzzles_away() -> None:
    seen = []
    for step in small_solver().steps(random_tokens(4), (9, 9), max_steps=3, halt="never"):
        seen.append(step.rows.tolist())
        step.done[0] = True
    assert seen == [[0, 1, 2, 3], [1, 2, 3], [2, 3]]


def test_a_puzzle_gets_the_same_answer_alone_and_in_a_batch() -> None:
    solver, tokens = small_solver(), random_tokens(5)
    together = list(solver.steps(tokens, (9, 9), max_steps=3, halt="never"))[-1]
    for row in range(5):
        alone = list(solver.steps(tokens[row : row + 1], (9, 9), max_steps=3, halt="never"))[-1]
        np.testing.assert_allclose(alone.confidence[0], together.confidence[row], atol=1e-5)


@pytest.mark.parametrize(
    ("threads", "puzzles", "sizes"), [(3, 64, [12, 12, 13]), (1, 10, [9, 9, 9, 10]), (2, 10, [9, 9, 9, 10])]
)
def test_a_batch_that_is_shared_between_threads_gives_the_same_answers(
    monkeypatch: pytest.MonkeyPatch, threads: int, puzzles: int, sizes: list[int]
) -> None:
    """So many threads, each with room for so many puzzles at once."""
    tokens = random_tokens(37)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    alone = list(small_solver().steps(tokens, (9, 9), max_steps=3, halt="never"))[-1]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    sharing = small_solver()
    state = model_of(sharing).initial_carry(puzzles, 81).answer
    monkeypatch.setattr("trmcli.solving.torch_engine.SHARE_BYTES", state.nbytes)
    parts: list[int] = []
    whole = model_of(sharing).round

    def watched(carry: Carry, *inputs: Any) -> Carry:
        parts.append(len(carry.answer))
        return whole(carry, *inputs)

    monkeypatch.setattr(model_of(sharing), "round", watched)
    shared = list(sharing.steps(tokens, (9, 9), max_steps=3, halt="never"))[-1]
    assert sorted(parts) == sorted(3 * sizes)
    np.testing.assert_array_equal(alone.tokens, shared.tokens)
    np.testing.assert_allclose(alone.confidence, shared.confidence, atol=1e-5)
    np.testing.assert_allclose(alone.halt, shared.halt, atol=1e-5)


@pytest.mark.parametrize("size", [4, 6, 9, 16])
def test_one_set_of_weights_serves_every_size(size: int) -> None:
    step = next(small_solver().steps(random_tokens(2, size), (size, size), max_steps=1))
    assert step.tokens.shape == (2, size * size)


def test_the_relation_mixer_does_not_see_the_order_of_rows_and_columns() -> None:
    """Permuting bands, stacks and lines permutes the output in the same way: nothing else is encoded."""
    solver = small_solver()
    tokens = random_tokens(6)
    symmetry = TASK.views.symmetries((9, 9), 6, np.random.default_rng(0))
    straight = symmetry.cells.reshape(6, 9, 9)
    keep = np.array([(cells[0] // 9 == cells[0, 0] // 9).all() for cells in straight])  # not transposed
    assert keep.any()
    moved = np.take_along_axis(tokens, symmetry.cells, 1)
    one = list(solver.steps(tokens, (9, 9), max_steps=3, halt="never"))[-1]
    two = list(solver.steps(moved, (9, 9), max_steps=3, halt="never"))[-1]
    expected = np.take_along_axis(one.confidence, symmetry.cells, 1)
    np.testing.assert_allclose(two.confidence[keep], expected[keep], atol=1e-4)


def test_group_attention_equals_masked_attention() -> None:
    """Attention inside gathered groups is full attention with everything outside the group masked."""
    torch.manual_seed(1)
    mixer = RelationMixer(relation_config()).double()
    assert mixer.qkv is not None and mixer.out is not None
    relations = build_relations(TASK, (6, 6), relation_config())
    x = torch.randn(2, 36, 16, dtype=torch.float64)
    heads, width = 2, 4
    parts = mixer.qkv(x).view(2, 36, 3, 3, heads, width)  # cells, relations, q/k/v, heads
    mixed = []
    for number, relation in enumerate(SudokuStructure().relations((6, 6))):
        group_of = np.empty(36, dtype=np.int64)
        for group, cells in enumerate(relation.index):
            group_of[cells] = group
        allowed = torch.from_numpy(group_of[:, None] == group_of[None, :])
        q, k, v = (parts[:, :, number, i].transpose(1, 2) for i in range(3))
        full = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        mixed.append(full.transpose(1, 2).reshape(2, 36, -1))
    expected = mixer.out(torch.cat(mixed, dim=-1))
    torch.testing.assert_close(mixer(x, relations), expected)


def test_committing_gives_the_network_its_own_guesses() -> None:
    """The first steps are the same; after that the question changes."""
    tokens = np.ones((2, 81), dtype=np.int64)
    tokens[:, :17] = 2
    length = COMMIT_FROM + 2
    plain = small_solver().steps(tokens, (9, 9), max_steps=length, halt="never")
    committing = small_solver().steps(tokens, (9, 9), max_steps=length, halt="never", commit=True)
    for one, two in zip(plain, committing, strict=True):
        differs = np.abs(one.confidence - two.confidence).max() > 1e-4
        assert differs == (one.number[0] > COMMIT_FROM)


def test_where_few_cells_are_given_a_try_commits_at_once_and_to_several() -> None:
    """A grid with one given beside one with seventeen, which commits later, one cell after another."""
    tokens = np.ones((2, 81), dtype=np.int64)
    tokens[0, 0] = tokens[1, :17] = 2
    asked: list[np.ndarray] = []

    class Watched(SudokuGivens):
        def commit(self, questions: Ints, answers: Ints, confidence: Floats) -> Ints:
            committed = guesses.commit(questions, np.full_like(answers, 3), np.full_like(confidence, 0.5))
            asked.append((committed > guesses.OPEN).sum(axis=1))
            return committed

    solver = small_solver()
    solver.task = replace(TASK, givens=Watched())
    given: list[list[int]] = []
    for _ in solver.steps(tokens, (9, 9), max_steps=COMMIT_FROM + 2, halt="never", commit=True):
        given.append(sorted({int(count) for counts in asked for count in counts}))
        asked.clear()
    assert given[0] == []
    assert given[1] == [2, 3, 4, 5, 6, 7]
    assert given[4] == [20, 21, 22, 23, 24, 25]
    assert given[5] == [18, 26, 27, 28]


def settled_solver() -> Solver:
    """A model whose answer never changes: its output head is zero, so that token 0 always wins."""
    solver = small_solver()
    model_of(solver).lm_head.weight.data.zero_()
    return solver


def test_a_try_ends_when_its_answer_has_settled() -> None:
    tokens = random_tokens(2)
    assert len(list(settled_solver().steps(tokens, (9, 9)))) == SETTLED + 1
    assert len(list(settled_solver().steps(tokens, (9, 9), halt="never"))) == 16


def test_without_rules_the_halting_head_and_an_answer_that_stands_end_a_try() -> None:
    tokens = random_tokens(2)
    for says_halt, steps in ((True, 2), (False, SETTLED + 1)):
        solver = settled_solver()
        solver.task = replace(TASK, rules=None)
        head = model_of(solver).halt_head
        head.weight.data.zero_()
        head.bias.data.fill_(5.0 if says_halt else -5.0)
        taken = list(solver.steps(tokens, (9, 9)))
        assert len(taken) == steps
        assert not any(step.checked.any() for step in taken)


def test_while_there_is_something_to_commit_no_try_has_settled() -> None:
    solver, tokens = settled_solver(), random_tokens(1)

    class Committing(SudokuGivens):
        def commit(self, questions: Ints, answers: Ints, confidence: object) -> Ints:
            changes.append(len(changes) < 3)
            return np.where(changes[-1], questions % 9 + 1, questions)

    changes: list[bool] = []
    solver.task = replace(TASK, givens=Committing())
    # The question changes after three steps; from then on the answer must stay the same for as long as ever.
    assert len(list(solver.steps(tokens, (9, 9), commit=True))) == COMMIT_FROM + 2 + SETTLED


def test_puzzles_come_and_go_without_touching_each_other() -> None:
    """Some come when others are under way, with committing; each goes as if it were alone."""
    solver, tokens = small_solver(), random_tokens(6)
    options = {"max_steps": COMMIT_FROM + 3, "halt": "never", "commit": True}
    pool = Pool(solver, (9, 9), **options)  # type: ignore[arg-type]
    pool.add(np.arange(3), tokens[:3])
    seen: dict[int, list[np.ndarray]] = {}
    for number in range(COMMIT_FROM + 3):
        step = pool.step()
        for place, row in enumerate(step.rows.tolist()):
            seen.setdefault(row, []).append(step.confidence[place])
        if number < 3:
            pool.add(np.array([3 + number]), tokens[3 + number : 4 + number])
    for row, rest in rest_of(pool).items():
        seen[row] += rest
    for row in range(6):
        alone = list(solver.steps(tokens[row : row + 1], (9, 9), **options))  # type: ignore[arg-type]
        assert len(alone) == len(seen[row])
        for one, two in zip(alone, seen[row], strict=True):
            np.testing.assert_allclose(one.confidence[0], two, atol=1e-5)


def rest_of(pool: Pool) -> dict[int, list[np.ndarray]]:
    rest: dict[int, list[np.ndarray]] = {}
    while len(pool):
        step = pool.step()
        for place, row in enumerate(step.rows.tolist()):
            rest.setdefault(row, []).append(step.confidence[place])
    return rest


@pytest.mark.parametrize(("restart", "noise"), [(True, 0.0), (False, 0.5)])
def test_chance_depends_on_its_own_numbers_only(restart: bool, noise: float) -> None:
    solver, tokens = small_solver(), random_tokens(3)

    def last(rows: list[int], seed: int) -> np.ndarray:
        chances = [
            None if row == 2 else Chance(np.random.default_rng((seed, row)), restart, noise) for row in rows
        ]
        steps = list(solver.steps(tokens[rows], (9, 9), max_steps=3, halt="never", chances=chances))
        return steps[-1].confidence

    together = last([0, 1, 2], 0)
    for row in range(3):
        np.testing.assert_allclose(last([row], 0)[0], together[row], atol=1e-5)
    other = last([0, 1, 2], 1)
    plain = list(solver.steps(tokens, (9, 9), max_steps=3, halt="never"))[-1].confidence
    differs = [
        np.abs(together[row] - values[row]).max() > 1e-3 for values in (other, plain) for row in range(3)
    ]
    assert differs == [True, True, False] * 2


def test_noise_comes_again_in_every_step() -> None:
    """Its numbers go on: a generator that was used for one step gives other noise to the next."""
    solver, tokens = small_solver(), random_tokens(1)
    chance = Chance(np.random.default_rng(0), noise=0.5)
    list(solver.steps(tokens, (9, 9), max_steps=3, halt="never", chances=[chance]))
    spent = np.random.default_rng(0).standard_normal((3, 81, 16), dtype=np.float32)
    following = chance.rng.standard_normal(dtype=np.float32)
    assert following not in spent
    rng = np.random.default_rng(0)
    rng.standard_normal((3, 81, 16), dtype=np.float32)
    assert following == rng.standard_normal(dtype=np.float32)


def test_no_operation_is_shared_between_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever torch would use otherwise, and it is as before when the step is done."""
    seen = []
    solver = small_solver()
    whole = model_of(solver).round

    def watched(*inputs: Any) -> Carry:
        seen.append(torch.get_num_threads())
        return whole(*inputs)

    monkeypatch.setattr(model_of(solver), "round", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        list(solver.steps(random_tokens(2), (9, 9), max_steps=2, halt="never"))
        assert seen == [1, 1] and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_threads_are_as_many_as_there_are_processors_unless_one_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr("trmcli.solving.torch_engine.processors", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert default_threads() == 8
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert default_threads() == 2
