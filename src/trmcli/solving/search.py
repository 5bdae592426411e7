"""Tries and selection: from the steps of a batch to one answer a puzzle.

A try runs the puzzle under a random symmetry (the first one as it stands) and undoes the symmetry at the
end. In its later steps it commits: step by step it takes its surest doubtful cell as given, which settles
puzzles that have several solutions and others on which the network cannot make up its mind.
Puzzles can be checked, so nobody has to guess which try was right: the first answer that the rules accept
wins.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from trmcli.solving.solver import Floats, Halt, Solver
from trmcli.tasks.base import Bools, Cells, Ints, Puzzle, Symmetry


@dataclass(frozen=True)
class SearchConfig:
    """How much compute a puzzle may have.

    Attributes:
        max_steps: most supervision steps of a try.
        tries: most tries of a puzzle.
        halt: when a try ends; see :meth:`Solver.steps`.
        commit: whether a try takes guesses as given in its later steps.
        batch_size: most puzzles and tries that are worked on at once.
        seed: of the random symmetries.
    """

    max_steps: int = 16
    tries: int = 1
    halt: Halt = "checked"
    commit: bool = True
    batch_size: int = 64
    seed: int = 0


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
    """

    attempt: int
    step: int
    cells: Cells
    confidence: Floats
    halt: float
    checked: bool
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What became of one puzzle.

    Attributes:
        puzzle: the question.
        cells: ``[height, width]`` the checked answer, or the most trusted one if none was accepted.
        confidence: ``[height, width]`` probability of each cell's value.
        checked: whether the rules accept ``cells``.
        tries: tries begun.
        steps: supervision steps spent, over all tries.
        halt: the halting head's probability for ``cells``.
        seconds: from the first step of its batch until the answer was settled.
        trace_halt: ``[S]`` the halting head's probability after each supervision step of the first try.
        trace_checked: ``[S]`` whether the rules accepted the answer there.
        method: ``model``, or ``search`` if the fallback solved it.
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


def watch(solver: Solver, puzzle: Puzzle, config: SearchConfig) -> Iterator[Frame]:
    """Solve one puzzle, one try after another, and show every supervision step.

    The last frame is the answer if it is checked; otherwise :func:`best_frame` picks one.
    """
    tokens = solver.task.encode(puzzle.cells[None])
    seconds, resumed = 0.0, time.perf_counter()
    for attempt in range(1, config.tries + 1):
        symmetry = symmetry_of(solver, puzzle, attempt, 0, config.seed)
        undo = symmetry.inverse()
        for step in solver.steps(
            symmetry.apply(tokens),
            puzzle.shape,
            max_steps=config.max_steps,
            halt=config.halt,
            commit=config.commit,
        ):
            # The viewer's time, spent between two frames, does not count.
            seconds += time.perf_counter() - resumed
            yield Frame(
                attempt,
                step.number,
                solver.task.decode(undo.apply(step.tokens), puzzle.shape)[0],
                np.take_along_axis(step.confidence, undo.cells, 1)[0].reshape(puzzle.shape),
                float(step.halt[0]),
                bool(step.checked[0]),
                seconds,
            )
            resumed = time.perf_counter()
        if step.checked[0]:
            return


def best_frame(frames: Iterable[Frame]) -> Frame:
    """The checked frame, else the last step of the try that the halting head trusts most."""
    last = {frame.attempt: frame for frame in frames}
    return max(last.values(), key=lambda frame: (frame.checked, frame.halt))


def settle(puzzle: Puzzle, frames: Sequence[Frame]) -> Answer:
    """What :func:`watch` came to, from all of its frames."""
    best, first = best_frame(frames), [frame for frame in frames if frame.attempt == 1]
    return Answer(
        puzzle,
        best.cells,
        best.confidence,
        best.checked,
        frames[-1].attempt,
        len(frames),
        best.halt,
        frames[-1].seconds,
        np.array([frame.halt for frame in first], dtype=np.float32),
        np.array([frame.checked for frame in first], dtype=np.bool_),
    )


def symmetry_of(solver: Solver, puzzle: Puzzle, attempt: int, number: int, seed: int) -> Symmetry:
    """The symmetry of one try: none for the first, else drawn from (seed, number of the puzzle, try)."""
    length = puzzle.cells.size
    if attempt == 1:
        return Symmetry.identity(1, length, solver.task.vocab_size)
    return solver.task.symmetries(puzzle.shape, 1, np.random.default_rng((seed, number, attempt)))


def solve_many(solver: Solver, puzzles: Iterable[Puzzle], config: SearchConfig) -> Iterator[Answer]:
    """Solve a stream of puzzles in batches; one answer each, in order, as the batches finish."""
    chunk: list[Puzzle] = []
    first = 0
    for puzzle in puzzles:
        if chunk and (len(chunk) == config.batch_size or puzzle.shape != chunk[0].shape):
            yield from _solve_chunk(solver, chunk, first, config)
            first += len(chunk)
            chunk = []
        chunk.append(puzzle)
    if chunk:
        yield from _solve_chunk(solver, chunk, first, config)


@dataclass
class _Open:
    """A puzzle on its way: what is best so far, and what it cost."""

    tries: int = 0
    steps: int = 0
    checked: bool = False
    halt: float = -1.0
    tokens: Ints | None = None
    confidence: Floats | None = None
    seconds: float = 0.0


def _solve_chunk(solver: Solver, puzzles: list[Puzzle], first: int, config: SearchConfig) -> Iterator[Answer]:
    shape = puzzles[0].shape
    questions = solver.task.encode(solver.task.stack(puzzles))
    states = [_Open() for _ in puzzles]
    traces: list[list[tuple[float, bool]]] = [[] for _ in puzzles]
    past = 0.0
    while unsolved := [
        n for n, state in enumerate(states) if not state.checked and state.tries < config.tries
    ]:
        # One try each at first; then as many tries of what is left as the batch has room for.
        wide = 1 if states[unsolved[0]].tries == 0 else max(1, config.batch_size // len(unsolved))
        jobs = [
            (n, attempt)
            for n in unsolved
            for attempt in range(states[n].tries + 1, min(config.tries, states[n].tries + wide) + 1)
        ]
        parts = [symmetry_of(solver, puzzles[n], attempt, first + n, config.seed) for n, attempt in jobs]
        symmetry = Symmetry(
            np.concatenate([part.cells for part in parts]), np.concatenate([part.values for part in parts])
        )
        undo = symmetry.inverse()
        owners = np.array([n for n, _ in jobs])
        tokens = symmetry.apply(questions[owners])
        elapsed = 0.0
        for step in solver.steps(
            tokens, shape, max_steps=config.max_steps, halt=config.halt, commit=config.commit
        ):
            elapsed = step.seconds
            for position, row in enumerate(step.rows):
                state = states[owners[row]]
                state.steps += 1
                if jobs[row][1] == 1:
                    traces[owners[row]].append((float(step.halt[position]), bool(step.checked[position])))
                if not step.done[position] or state.checked:
                    continue
                if step.checked[position] or step.halt[position] > state.halt:
                    state.checked, state.halt = bool(step.checked[position]), float(step.halt[position])
                    back = undo[row : row + 1]
                    state.tokens = back.apply(step.tokens[position : position + 1])
                    state.confidence = np.take_along_axis(step.confidence[position][None], back.cells, 1)[0]
                    state.seconds = past + elapsed
            # The other tries of a puzzle that is solved leave with it.
            step.done[:] |= np.array([states[n].checked for n in owners[step.rows]])
        past += elapsed
        for n, attempt in jobs:
            states[n].tries = attempt
    for puzzle, state, trace in zip(puzzles, states, traces, strict=True):
        assert state.tokens is not None and state.confidence is not None
        yield Answer(
            puzzle,
            solver.task.decode(state.tokens, shape)[0],
            state.confidence.reshape(shape),
            state.checked,
            state.tries,
            state.steps,
            state.halt,
            state.seconds,
            np.array([halt for halt, _ in trace], dtype=np.float32),
            np.array([checked for _, checked in trace], dtype=np.bool_),
        )
