"""What a search shows and what it comes to: frames, and the answer that is chosen among the tries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from trmcli.solving.choices import Select
from trmcli.solving.engine import Inner
from trmcli.solving.solver import Floats
from trmcli.tasks.base import Bools, Cells, Judgement, Puzzle


@dataclass(frozen=True)
class Frame:
    """One puzzle after one supervision step, in the puzzle's own orientation: what a view shows.

    Attributes:
        attempt: which try, from 1.
        step: which supervision step of the try, from 1.
        cells: ``[height, width]`` the answer so far.
        confidence: ``[height, width]`` probability of each cell's value.
        halt: the halting head's probability that the answer is right.
        checked: whether the rules accept it.
        seconds: since the first step of the first try, without the time that the consumer took.
        supposed: flat indices of the cells that the try takes as given from its start.
        ruled: whether there are rules that can accept an answer.
        number: the puzzle's, among those that are solved with it.
        inner: where within the step this is; None after the whole step, which alone counts.
        rounds: after a whole step, the same after each of its rounds but the last, where that was asked for.
    """

    attempt: int
    step: int
    cells: Cells
    confidence: Floats
    halt: float
    checked: bool
    seconds: float
    supposed: tuple[int, ...] = ()
    ruled: bool = True
    number: int = 0
    inner: Inner | None = None
    rounds: tuple[Frame, ...] = ()

    def right(self, puzzle: Puzzle) -> bool:
        """Whether the rules accept the answer; without rules, whether it is the known one."""
        known = None if self.ruled else puzzle.answer
        return self.checked if known is None else np.array_equal(known, self.cells)


@dataclass(frozen=True)
class Answer:
    """What became of one puzzle.

    Attributes:
        puzzle: the question.
        cells: ``[height, width]`` the checked answer, or the most trusted one if none was accepted.
        confidence: ``[height, width]`` probability of each cell's value.
        checked: whether the rules accept ``cells``.
        tries: the number of the try that solved it; if none did, how many there were.
        steps: supervision steps of these tries together.
        halt: the halting head's probability for ``cells``.
        seconds: from the first step of its first try until the answer was settled.
        trace_halt: ``[S]`` the halting head's probability after each supervision step of the first try.
        trace_checked: ``[S]`` whether the answer was right there; see :meth:`Frame.right`.
        method: ``model``, ``search`` if the fallback solved it, or ``count`` if there was nothing to solve.
        try_steps: supervision steps of each of the tries.
        ruled: whether there are rules that can accept an answer.
    """

    puzzle: Puzzle
    cells: Cells
    confidence: Floats
    checked: bool
    tries: int
    steps: int
    halt: float
    seconds: float
    trace_halt: Floats
    trace_checked: Bools
    method: str = "model"
    try_steps: tuple[int, ...] = ()
    ruled: bool = True

    @property
    def verified(self) -> bool | None:
        """Whether the answer is right; None if nothing can tell."""
        return {"right": True, "wrong": False, "unknown": None}[self.judgement]

    @property
    def judgement(self) -> Judgement:
        """By the rules; without rules by the known answer, if there is one."""
        if self.ruled:
            return "right" if self.checked else "wrong"
        if self.puzzle.answer is None:
            return "unknown"
        return "right" if np.array_equal(self.cells, self.puzzle.answer) else "wrong"


def choose(endings: Iterable[Frame], select: Select = "halt") -> Frame:
    """The first try that the rules accept; without one, what ``select`` says."""
    endings = list(endings)
    accepted = [frame for frame in endings if frame.checked]
    if accepted:
        return min(accepted, key=lambda frame: frame.attempt)
    votes = Counter(frame.cells.tobytes() for frame in endings if select == "vote")
    return max(endings, key=lambda frame: (votes[frame.cells.tobytes()], frame.halt, -frame.attempt))


def settle(puzzle: Puzzle, frames: Sequence[Frame], select: Select = "halt") -> Answer:
    """What a puzzle came to, from all of its frames. Tries that ran beside the right one do not count."""
    if not frames:
        return untried(puzzle)
    endings = {frame.attempt: frame for frame in frames}
    first = [(frame.halt, frame.right(puzzle)) for frame in frames if frame.attempt == 1]
    best = choose(endings.values(), select)
    last = best.attempt if best.checked else max(endings)
    steps = [frame.step for attempt, frame in endings.items() if attempt <= last]
    return concluded(puzzle, best, steps, first, frames[-1].seconds)


def untried(puzzle: Puzzle) -> Answer:
    """Of a puzzle without solution: the question as it stands."""
    nowhere, nothing = np.zeros(puzzle.shape, dtype=np.float32), np.zeros(0, dtype=np.float32)
    never = np.zeros(0, dtype=np.bool_)
    return Answer(puzzle, puzzle.cells, nowhere, False, 0, 0, 0.0, 0.0, nothing, never, method="count")


def concluded(
    puzzle: Puzzle, best: Frame, steps: Sequence[int], trace: Sequence[tuple[float, bool]], seconds: float
) -> Answer:
    """The answer to a puzzle whose tries are over.

    Args:
        best: what the chosen try came to.
        steps: supervision steps of each try that counts.
        trace: halting probability, and whether the answer was right, after each step of the first try.
        seconds: what they took.
    """
    return Answer(
        puzzle,
        best.cells,
        best.confidence,
        best.checked,
        len(steps),
        sum(steps),
        best.halt,
        seconds,
        np.array([halt for halt, _ in trace], dtype=np.float32),
        np.array([right for _, right in trace], dtype=np.bool_),
        try_steps=tuple(steps),
        ruled=best.ruled,
    )
