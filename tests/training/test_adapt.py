"""A network fitted to one made-up ARC task."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from trmcli.errors import Origin
from trmcli.model.cells_config import CellsConfig
from trmcli.solving.adapted import Progress
from trmcli.tasks.arc.tally import Tally
from trmcli.tasks.arc.task import ArcTask, Grid, Pair
from trmcli.training.adapt import Member, fit
from trmcli.training.fitting import MEMBERS, AdaptOptions, FitOptions, Fitted
from trmcli.training.flat import FlatOptimizer
from trmcli.training.job import Job
from trmcli.training.members import adapt, work_alone
from trmcli.training.problem import prepare

QUICK = FitOptions(least=30)


def recolouring(seed: int = 0) -> ArcTask:
    """Red becomes green, in grids of 3 times 4."""
    random = np.random.default_rng(seed)
    inputs = [random.choice([0, 1, 2], (3, 4)).astype(np.uint8) for _ in range(4)]
    outputs = [np.where(grid == 2, 3, grid).astype(np.uint8) for grid in inputs]
    shown = tuple(Pair(question, answer) for question, answer in zip(inputs[:3], outputs, strict=False))
    return ArcTask("recolouring", shown, (inputs[3],), (outputs[3],), Origin("made-up"))


def test_a_recolouring_is_learned_and_applied() -> None:
    task = recolouring()
    assert task.answers is not None
    said: list[Progress] = []
    fitted = fit(task, QUICK, seed=1, observe=said.append)
    assert fitted.right == (True, True, True) and fitted.fitted is not None
    assert (fitted.ballots[0].grids[0] == task.answers[0]).all()
    assert sum(fitted.ballots[0].weights) == pytest.approx(1)
    assert said[-1].stage == "answering" and said[-1].step == QUICK.steps_used
    assert said[-1].shown[0].shape == (3, 4)


def either(whole: bool = False, seed: int = 0) -> ArcTask:
    """Green where either of two blocks has red and the other none; a yellow line is between them.

    The output is a block, or the ``whole`` grid with it in both blocks.
    """
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(5):
        one, other = random.choice([0, 2], (2, 4, 3)).astype(np.uint8)
        grid = np.concatenate((one, np.full((4, 1), 4, np.uint8), other), 1)
        answer = np.where(one != other, 3, 0).astype(np.uint8)
        pairs.append(Pair(grid, np.concatenate((answer, grid[:, 3:4], answer), 1) if whole else answer))
    return ArcTask("either", tuple(pairs[:4]), (pairs[4].question,), (pairs[4].answer,), Origin("made-up"))


@pytest.mark.parametrize("number", [1, 3, 4])
@pytest.mark.parametrize("whole", [False, True])
def test_what_two_blocks_say_of_one_place_is_learned(number: int, whole: bool) -> None:
    task = either(whole)
    assert task.answers is not None
    fitted = fit(task, AdaptOptions().member(number), seed=2)
    assert fitted.fitted is not None and (fitted.ballots[0].grids[0] == task.answers[0]).all()


def largest_of(seed: int = 0) -> ArcTask:
    """The larger of two rectangles, of whatever size, is the output."""
    random = np.random.default_rng(seed)
    pairs = []
    for _ in range(5):
        grid = np.zeros((9, 10), np.uint8)
        tall, wide = random.integers(3, 5), random.integers(3, 6)
        grid[0:tall, 0:wide], grid[6:8, 7:9] = random.permutation(4)[:2] + 1
        if random.random() < 0.5:
            grid = np.ascontiguousarray(grid[::-1, ::-1])
        pairs.append(Pair(grid, np.full((tall, wide), np.argmax(np.bincount(grid[grid > 0])), np.uint8)))
    *shown, last = pairs
    return ArcTask("largest", tuple(shown), (last.question,), (last.answer,), Origin("made-up"))


@pytest.mark.parametrize("number", [1, 4])
def test_the_piece_to_choose_is_learned_and_its_size_need_not_be_guessed(number: int) -> None:
    task = largest_of()
    assert task.answers is not None
    said: list[Progress] = []
    fitted = fit(task, AdaptOptions(QUICK).member(number), seed=1, observe=said.append)
    assert fitted.right == (True,) * 4 and fitted.fitted is not None
    np.testing.assert_array_equal(fitted.ballots[0].grids[0], task.answers[0])
    assert sum(fitted.ballots[0].weights) == pytest.approx(1)
    *_, last = (one for one in said if one.stage == "fitting")
    for grid, sure, pair in zip(last.shown, last.confidence, task.shown, strict=True):
        assert grid.shape == sure.shape and (sure > 0).all()
        assert not last.right[0] or grid.shape == pair.answer.shape
    assert said[-1].stage == "answering" and said[-1].shown[0].shape == said[-1].confidence[0].shape


def test_adapting_twice_with_one_seed_gives_the_same_attempts_in_whatever_processes() -> None:
    options = AdaptOptions(FitOptions(least=6, effort=0.01))
    results = []
    for _ in range(2):
        job = Job(recolouring(), 2, 2, 0, None, options, time.monotonic(), time.monotonic() + 600)
        work_alone(job)
        results.append(job.adapted())
    results.append(adapt(recolouring(), budget=600, processes=2, members=2, most=2, options=options))
    for result in results:
        assert result.tests[0].members == 2 and result.tests[0].votes == results[0].tests[0].votes
        for one, other in zip(result.tests[0].attempts, results[0].tests[0].attempts, strict=True):
            assert (one == other).all()


def test_where_the_size_is_unsure_members_take_both_guesses() -> None:
    """Outputs are a column, as high as the square inputs, or as they are wide."""
    shown = tuple(Pair(np.ones((n, n), np.uint8), np.ones((n, 1), np.uint8)) for n in (2, 3, 4))
    task = ArcTask("column", shown, (np.ones((3, 5), np.uint8),), None, Origin("made-up"))
    options = AdaptOptions(FitOptions(least=3, effort=0.01))
    job = Job(task, 2, 2, 0, None, options, time.monotonic(), time.monotonic() + 600)
    work_alone(job)
    assert [grid.shape for grid in job.adapted().tests[0].attempts] == [(3, 1), (5, 1)]


def said(member: Member, task: ArcTask) -> list[Tensor]:
    """The last logits ``[C, height, width]`` for each test input of a task with the same colours."""
    member.problem, last = prepare(task), {}
    member.tally = [Tally() for _ in member.problem.tests]
    member.vote(lambda number, step, logits: last.update({number: logits}))
    return [last[number] for number in sorted(last)]


def reach(number: int) -> int:
    """How far a cell hears of another one, in a network of this member's kind."""
    task = recolouring()
    grid = (np.indices((9, 9)).sum(0) % 3).astype(np.uint8)  # no line of one colour
    other = grid.copy()
    other[4, 4] = (grid[4, 4] + 1) % 3
    member = Member(prepare(task), AdaptOptions(QUICK).member(number), seed=1)
    member.learn()
    one, two = said(member, replace(task, tests=(grid, other)))
    rows, columns = np.nonzero((one - two).abs().amax(0).numpy() > 1e-5)
    return int(max(abs(rows - 4).max(), abs(columns - 4).max()))


def test_members_differ_in_how_far_a_cell_hears() -> None:
    """Within its own cell, its neighbours and theirs in two passes, or the whole grid."""
    assert [reach(number) for number in range(1, len(MEMBERS) + 1)] == [4, 4, 2, 0, 4, 4, 4, 4, 4]


def test_members_that_are_without_sights_have_none() -> None:
    """The first 8 looks are sights, then come images within objects: 3 where no box is a square."""
    for number in range(1, len(MEMBERS) + 1):
        member = Member(prepare(recolouring()), AdaptOptions(QUICK).member(number), seed=1)
        member.learn()
        for kernels in member.model.kernels(member.code):
            hears = bool((kernels.looks[:11] != 0).any(1).all())
            assert hears is not ("sights" in MEMBERS[number - 1].deaf)
            assert bool((kernels.looks[15:22] != 0).any()) is not ("looks" in MEMBERS[number - 1].deaf)


def test_one_member_takes_colours_alike_that_not_all_demonstrations_show() -> None:
    """Each demonstration has a colour of its own, and the test another: it is treated as theirs are."""
    grids = [np.array([[0, 0, n], [0, n, 5]], np.uint8) for n in (1, 2, 3, 4)]
    shown = tuple(Pair(grid, np.where(grid == 5, 0, grid).astype(np.uint8)) for grid in grids[:3])
    task = ArcTask("own colours", shown, (grids[0], grids[3]), None, Origin("made-up"))
    for number, alike in ((1, False), (2, True)):
        member = Member(prepare(task), AdaptOptions(QUICK).member(number), seed=1)
        for _ in range(3):
            member.learn()
        known, novel = said(member, task)  # colours 0, 1, 2, 3, 4, 5 by number
        assert torch.allclose(known[[0, 4, 2, 3, 1, 5]], novel, atol=1e-4) is alike


def test_a_fit_that_is_looked_at_goes_on_as_if_nobody_had() -> None:
    """What would be answered if it were cut off, and batches of any size, change nothing."""
    kept: list[Fitted] = []
    plain = fit(recolouring(), FitOptions(least=9, effort=0.01), seed=1)
    watched = fit(recolouring(), FitOptions(least=9, effort=0.01), seed=1, keep=kept.append)
    assert kept and kept[0].cut and kept[0].ballots[0].grids and not watched.cut
    assert watched.ballots[0].weights == plain.ballots[0].weights
    assert (watched.updates, watched.loss) == (plain.updates, plain.loss)


class Clock:
    """Every update takes one second; the share of the learning rates in each is kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shares: list[float] = []
        update = FlatOptimizer.update

        def counted(optimizer: FlatOptimizer, share: float) -> None:
            self.shares.append(share)
            update(optimizer, share)

        monkeypatch.setattr(FlatOptimizer, "update", counted)
        monkeypatch.setattr("trmcli.training.adapt.time", self)

    def monotonic(self) -> float:
        return float(len(self.shares))

    def process_time(self) -> float:
        return 0.0


def test_the_learning_rates_fall_when_the_updates_end_or_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred updates fall over the second half; of fifty seconds it is the last third. Nine are made
    between two looks at the number: three steps of three demonstrations."""
    clock = Clock(monkeypatch)
    options = FitOptions(warmup=1, least=300, least_sure=300, effort=0.01)
    fit(recolouring(), options, seed=1)
    plain, clock.shares[:] = clock.shares[:], []
    assert len(plain) == 306 and plain[150] == 1 > plain[160] and plain[299] == 0.05
    fitted = fit(recolouring(), options, seed=1, left=lambda: 50 - clock.monotonic())
    hurried = clock.shares
    assert fitted.cut and 45 <= fitted.updates <= 50
    assert hurried[:32] == plain[:32] and 0.3 < hurried[41] < 0.6 and 0.05 <= hurried[-1] < 0.15
    assert hurried == sorted(hurried, reverse=True)


def test_a_fit_that_ends_before_the_last_of_its_time_does_not_depend_on_it() -> None:
    options = FitOptions(least=9, effort=0.01)
    plain, timed = (
        fit(recolouring(), options, seed=1),
        fit(recolouring(), options, seed=1, left=lambda: 600.0),
    )
    assert (timed.updates, timed.loss, timed.cut) == (plain.updates, plain.loss, False)
    assert timed.ballots[0].weights == plain.ballots[0].weights


def test_a_member_whose_votes_agree_is_done_earlier() -> None:
    """And one whose votes do not is done as late as ever."""
    options = FitOptions(least=120, least_sure=60, loss=0.2, effort=0.01)
    sure, unsure = (fit(recolouring(), replace(options, sure=share), seed=1) for share in (0.5, 1.1))
    assert 60 <= sure.updates < 120 <= unsure.updates < 129
    assert sure.fitted == unsure.fitted and sure.updates >= 2 * (sure.fitted or 99)
    assert sure.right == (True, True, True) and not sure.cut


def test_a_fit_stops_between_two_supervision_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    fitted = fit(recolouring(), QUICK, seed=1, left=lambda: 4 * (clock.monotonic() < 4))
    assert fitted.cut and fitted.updates == 4 and 0 < fitted.weight < 1
    assert fitted.ballots[0].grids


def unequal() -> ArcTask:
    """Red becomes green, in grids of four shapes; two of them have smaller outputs."""
    random = np.random.default_rng(0)
    shown = []
    for (height, width), rows in (((3, 4), 3), ((4, 4), 4), ((3, 4), 3), ((5, 2), 2), ((4, 4), 2)):
        question = random.choice([0, 1, 2], (height, width)).astype(np.uint8)
        shown.append(Pair(question, np.where(question == 2, 3, question)[:rows].astype(np.uint8)))
    return ArcTask("unequal", tuple(shown), (shown[0].question,), None, Origin("made-up"))


def test_an_update_that_was_held_up_does_not_end_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of forty seconds, as when a machine sleeps, among those of one second."""
    clock = Clock(monkeypatch)
    fitted = fit(
        recolouring(), QUICK, seed=1, left=lambda: 90 - clock.monotonic() - 40 * (clock.monotonic() > 12)
    )
    assert fitted.updates >= 45


def test_demonstrations_for_which_the_time_is_short_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of three demonstrations takes a second, and answering three: of fourteen seconds one is left."""
    seconds = [0]

    class Clock:
        def monotonic(self) -> float:
            return float(seconds[0])

        def process_time(self) -> float:
            return 0.0

    plain = F.cross_entropy

    def counted(*arguments: Any, **options: Any) -> Tensor:
        seconds[0] += 1
        return plain(*arguments, **options)

    monkeypatch.setattr("trmcli.training.adapt.time", Clock())
    monkeypatch.setattr("trmcli.training.readings.F.cross_entropy", counted)
    fitted = fit(recolouring(), QUICK, seed=1, left=lambda: 14.0 - seconds[0])
    assert (fitted.cut, fitted.updates, seconds[0]) == (True, 10, 10)
    assert fitted.ballots[0].grids


@pytest.mark.parametrize("task", [recolouring(), unequal(), largest_of()], ids=["alike", "unequal", "pieces"])
def test_each_demonstration_is_learned_from_by_an_update(task: ArcTask) -> None:
    member = Member(prepare(task), QUICK, seed=1)
    still = Member(prepare(task), replace(QUICK, matrix_lr=0.0, lr=0.0, code_lr=0.0), seed=1)
    for one in (member, still):
        one.learn()
        assert one.updates == QUICK.steps * len(task.shown)
        assert len(one.said) == len(one.right) == len(task.shown)
    assert member.loss < still.loss
    firsts = [
        Member(replace(still.problem, shown=(one,)), still.options, seed=1) for one in still.problem.shown
    ]
    for alone, said in zip(firsts, still.said, strict=True):
        alone.learn()
        torch.testing.assert_close(alone.said[0], said)


def turned_grid(grid: Grid, turn: int, mirrored: bool, colours: Grid) -> Grid:
    return np.ascontiguousarray(np.rot90(colours[grid.T if mirrored else grid], turn))


def turned(task: ArcTask, turn: int, mirrored: bool, colours: Grid) -> ArcTask:
    def view(grid: Grid) -> Grid:
        return turned_grid(grid, turn, mirrored, colours)

    shown = tuple(Pair(view(pair.question), view(pair.answer)) for pair in task.shown)
    return ArcTask(task.name, shown, tuple(map(view, task.tests)), None, task.origin)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_without_a_code_choices_follow_the_grids_and_the_colours(turn: int, mirrored: bool) -> None:
    task, colours = largest_of(), np.array([0, 3, 1, 2, 4, 5, 6, 7, 8, 9], np.uint8)
    scores: list[dict[bytes, float]] = []
    for number, one in enumerate((task, turned(task, turn, mirrored, colours))):
        member = Member(prepare(one), QUICK, seed=3)
        asked = member.problem.tests[0]
        assert asked is not None
        state, kernels = member.model.initial(asked.sheet), member.model.kernels(member.code)
        for _ in range(2):
            question = member.model.question(asked.sheet, member.code)
            state = member.model.step(state, question, kernels, asked.sheet)
        votes = asked.reading.votes(asked.reading.said(member.network, state, asked.sheet))
        grids = [grid if number else turned_grid(grid, turn, mirrored, colours) for grid, _ in votes]
        keys = [bytes(grid.shape) + grid.tobytes() for grid in grids]
        scores.append(dict(zip(keys, (share for _, share in votes), strict=True)))
    assert len(scores[0]) > 1 and scores[0] == pytest.approx(scores[1], abs=1e-4)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("task", [recolouring(), either(whole=True, seed=1)], ids=["cells", "blocks"])
def test_without_a_code_answers_follow_the_grids_and_the_colours(
    turn: int, mirrored: bool, task: ArcTask
) -> None:
    colours = np.array([0, 3, 1, 2, 4, 5, 6, 7, 8, 9], np.uint8)
    members = [Member(prepare(one), QUICK, seed=3) for one in (task, turned(task, turn, mirrored, colours))]
    logits = []
    for member in members:
        assert member.problem.tests[0] is not None
        sheet = member.problem.tests[0].sheet
        state, kernels = member.model.initial(sheet), member.model.kernels(member.code)
        for _ in range(3):
            state = member.model.step(state, member.model.question(sheet, member.code), kernels, sheet)
        logits.append(member.model.logits(state, sheet, member.code).detach())
    moved = logits[0].mT if mirrored else logits[0]
    moved = torch.rot90(moved, turn, (1, 2))
    numbers = [one.problem.colours.tolist() for one in members]
    for number, colour in enumerate(numbers[0]):
        same = logits[1][numbers[1].index(colours[colour])]
        torch.testing.assert_close(same, moved[number], atol=1e-4, rtol=1e-4)


def flowing(seed: int = 0) -> ArcTask:
    """Each red cell colours the next one to its right."""
    random = np.random.default_rng(seed)
    grids = [(random.random((5, 6)) < 0.2).astype(np.uint8) * 2 for _ in range(4)]
    pairs = [
        Pair(grid, np.where(np.roll(grid, 1, 1) * (grid == 0) > 0, 3, grid).astype(np.uint8))
        for grid in grids
    ]
    return ArcTask("flowing", tuple(pairs[:3]), (pairs[3].question,), None, Origin("made-up"))


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_where_directions_are_not_told_apart_a_turned_task_is_answered_turned(
    turn: int, mirrored: bool
) -> None:
    options = replace(QUICK, cells=CellsConfig(deaf=frozenset({"directions"})))
    logits = []
    for one in (flowing(), turned(flowing(), turn, mirrored, np.arange(10, dtype=np.uint8))):
        member = Member(prepare(one), options, seed=3)
        member.learn()
        logits += said(member, one)
    moved = torch.rot90(logits[0].mT if mirrored else logits[0], turn, (1, 2))
    torch.testing.assert_close(logits[1], moved, atol=1e-3, rtol=1e-3)
