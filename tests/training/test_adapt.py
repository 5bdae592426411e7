"""A network fitted to one made-up ARC task."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trmcli.errors import Origin
from trmcli.solving.adapted import Progress
from trmcli.tasks.arc.task import ArcTask, Grid, Pair
from trmcli.training.adapt import Member, fit
from trmcli.training.fitting import AdaptOptions, FitOptions
from trmcli.training.members import adapt
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


def test_one_seed_gives_one_answer_in_whatever_processes() -> None:
    options = AdaptOptions(FitOptions(least=6, effort=0.1))
    alone, together = (
        adapt(recolouring(), processes=processes, members=2, most=2, options=options) for processes in (1, 2)
    )
    assert alone.tests[0].members == together.tests[0].members == 2
    assert alone.tests[0].votes == together.tests[0].votes
    for one, other in zip(alone.tests[0].attempts, together.tests[0].attempts, strict=True):
        assert (one == other).all()


def turned(task: ArcTask, turn: int, mirrored: bool, colours: Grid) -> ArcTask:
    def view(grid: Grid) -> Grid:
        return np.ascontiguousarray(np.rot90(colours[grid.T if mirrored else grid], turn))

    shown = tuple(Pair(view(pair.question), view(pair.answer)) for pair in task.shown)
    return ArcTask(task.name, shown, tuple(map(view, task.tests)), None, task.origin)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_without_a_code_answers_follow_the_grids_and_the_colours(turn: int, mirrored: bool) -> None:
    task = recolouring()
    colours = np.array([0, 3, 1, 2, 4, 5, 6, 7, 8, 9], np.uint8)
    members = [Member(prepare(one), QUICK, seed=3) for one in (task, turned(task, turn, mirrored, colours))]
    logits = []
    for member in members:
        sheet = member.problem.tests[0]
        assert sheet is not None
        state, kernels = member.model.initial(sheet), member.model.kernels(member.code)
        for _ in range(3):
            state = member.model.step(state, member.model.question(sheet, member.code), kernels, sheet)
        logits.append(member.model.logits(state, sheet, member.code)[0].detach())
    moved = logits[0].mT if mirrored else logits[0]
    moved = torch.rot90(moved, turn, (1, 2))
    for colour in range(4):
        torch.testing.assert_close(logits[1][colours[colour]], moved[colour], atol=1e-4, rtol=1e-4)
