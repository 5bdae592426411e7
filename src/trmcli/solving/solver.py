"""``Pool.step``: the one place where recursion runs for inference.

A :class:`Solver` holds a model, cast once to the dtype of computation, and a task. A :class:`Pool` holds the
puzzles that are worked on together: they come and go between supervision steps, so that none waits for
another. ``Solver.steps`` is a pool that is filled once. Everything that solves puzzles consumes the
:class:`Step` that they give.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.errors import InputError
from trmcli.model import Carry, Output, Relations, TinyRecursiveModel, TRMConfig
from trmcli.solving.choices import Halt
from trmcli.tasks.base import Bools, Ints, Shape
from trmcli.tasks.task import Task
from trmcli.tasks.workers import processors

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """The ``b`` puzzles of a pool after one supervision step.

    Attributes:
        rows: ``[b]`` the numbers that the puzzles were added under.
        number: ``[b]`` supervision steps that each of them has had, from 1.
        tokens: ``[b, L]`` most probable tokens.
        probabilities: ``[b, L, V]`` of all tokens.
        halt: ``[b]`` probability that the answer is exactly right, by the halting head.
        checked: ``[b]`` whether the rules accept the answer.
        done: ``[b]`` puzzles that leave the pool after this step; whoever consumes the steps may add to it.
        seconds: time that the pool has worked so far.
    """

    rows: Ints
    number: Ints
    tokens: Ints
    probabilities: Floats
    halt: Floats
    checked: Bools
    done: Bools
    seconds: float

    @cached_property
    def confidence(self) -> Floats:
        """``[b, L]`` probabilities of the tokens."""
        highest: Floats = self.probabilities.max(axis=2)
        return highest


@dataclass(frozen=True)
class Chance:
    """What is random in one try. The numbers come from its own generator, whatever else is in the pool.

    Attributes:
        rng: where the numbers come from.
        restart: whether the try begins with random states, as :meth:`TinyRecursiveModel.initial_carry` has
            them but another in every cell.
        noise: deviation of the Gaussian noise that is added to the latent before every supervision step
            (PTRM, arXiv:2605.19943). The latent itself has a root mean square of one.
    """

    rng: np.random.Generator
    restart: bool = False
    noise: float = 0.0


def default_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it faster than float32, else float32."""
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        capability = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        fast = device.type == "cpu" and capability is not None and capability()
    return torch.bfloat16 if fast else torch.float32


def pick_device(name: str = "auto") -> torch.device:
    """The named device; ``auto`` is CUDA, then Apple's MPS, then the CPU.

    Raises:
        InputError: this machine has no such device.
    """
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    here = ["cuda"] * (cards > 0) + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    if name == "auto":
        return torch.device(here[0])
    if name not in (*here, *(f"cuda:{number}" for number in range(cards))):
        raise InputError(f"this machine has no {name} that torch can use", "--device")
    return torch.device(name)


def build_relations(task: Task, shape: Shape, config: TRMConfig) -> Relations:
    """The relations that a model uses for one puzzle shape as index tensors, in the task's order."""
    relations = [relation for relation in task.relations(shape) if relation.name in config.relation_names]
    return Relations.build(
        [torch.from_numpy(relation.index) for relation in relations if relation.kind == "groups"],
        [torch.from_numpy(relation.index) for relation in relations if relation.kind == "neighbours"],
        shape[0] * shape[1],
        torch.from_numpy(task.candidates(shape)) if config.vectors == "candidates" else None,
    )


@cache
def keep_memory() -> None:
    """Let the C library keep the memory of freed tensors instead of giving it back after every operation.

    Under glibc each result of some megabytes is otherwise mapped, cleared page by page and unmapped again,
    and threads wait for each other in it. Elsewhere this does nothing.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL("libc.so.6")
            trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # malloc.h
            library.mallopt(mmap_threshold, 32 << 20)  # the most that it takes
            library.mallopt(trim_threshold, 1 << 30)
            library.mallopt(top_pad, 64 << 20)


def default_threads() -> int:
    """As many as ``OMP_NUM_THREADS`` says; without it, as the process may use processors."""
    threads = torch.get_num_threads()
    return threads if os.environ.get("OMP_NUM_THREADS") else min(threads, processors())


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let no operation of this thread be shared out between several.

    The parts of an operation are short, and all of them wait for the slowest: beside other work on the same
    processors, a step takes 10 to 30 times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


COMMIT_FROM = 5
"""Supervision steps after which a try that commits begins to take its surest cells as given.

By then the answer hardly moves: of 128 of the forum's hardest, an earlier state of the default weights left
93 open after 6 steps without committing, and 89 after 16 (docs/experiments.md).
"""

SETTLED = 4
"""A try whose answer has stayed the same for so many steps, with nothing left to commit, is over.

Of 350 hard puzzles without committing, 52 tries stood still for four steps with a wrong answer; 21 moved
again within 16 steps, and none became right.
"""

LEAST_SHARE = 8
"""Puzzles that are worth a thread of their own."""

SHARE_BYTES = 4 << 20
"""What the latent of the puzzles may take that a CPU's thread works on at once.

With more, what the network computes on the way leaves the cache and becomes larger than the C library keeps
(:func:`keep_memory`): of the default weights 128 puzzles a thread take twice as long, each, as 16.
"""


class Solver:
    """A model that is ready to solve puzzles of one task.

    Args:
        model: trained weights; cast in place to ``dtype``.
        task: how puzzles become tokens and back, and what the rules are.
        device: where to compute.
        dtype: of computation; by default what is fastest on the device.
        rounds: T of a supervision step; by default the configuration's.
        threads: of a CPU that share a large batch, each working alone on its part; by default
            :func:`default_threads`. One puzzle, or few, get one.
    """

    def __init__(
        self,
        model: TinyRecursiveModel,
        task: Task,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        rounds: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.device = device or pick_device()
        self.model = model.to(self.device, dtype or default_dtype(self.device)).eval().requires_grad_(False)
        self.task = task
        self.rounds = rounds
        self._relations: dict[Shape, Relations] = {}
        keep_memory()
        self._workers = (threads or default_threads()) if self.device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(1,))

    def relations(self, shape: Shape) -> Relations:
        if shape not in self._relations:
            self._relations[shape] = build_relations(self.task, shape, self.model.config).to(self.device)
        return self._relations[shape]

    def steps(
        self,
        tokens: Ints,
        shape: Shape,
        *,
        max_steps: int = 16,
        halt: Halt = "checked",
        commit: bool = False,
        chances: Sequence[Chance | None] | None = None,
        identifiers: Sequence[int | None] | None = None,
    ) -> Iterator[Step]:
        """Refine the answers to a batch of questions, one supervision step after another.

        Args:
            tokens: ``[B, L]`` encoded questions of one shape; their rows are numbered from 0.
            shape: height and width of the puzzles.
            max_steps, halt, commit: see :class:`Pool`.
            chances: what is random, for each question; by default nothing.
            identifiers: which puzzle each question is; see :meth:`embed`.
        """
        pool = Pool(self, shape, max_steps=max_steps, halt=halt, commit=commit)
        pool.add(np.arange(len(tokens)), tokens, chances, identifiers)
        while len(pool):
            yield pool.step()

    def embed(self, tokens: Ints, shape: Shape, identifiers: Sequence[int | None] | None = None) -> Tensor:
        """``[B, L]`` tokens of puzzles of this shape, embedded on the device.

        Args:
            identifiers: the row of each puzzle in the table of puzzle embeddings. They may be left out where
                all puzzles share one row.

        Raises:
            InputError: the model tells puzzles apart, and one has no number, or one that the model lacks.
        """
        rows = self.model.config.num_puzzles
        puzzle = None
        if rows > 1:
            numbers = [None] * len(tokens) if identifiers is None else identifiers
            for number in numbers:
                if number is None:
                    raise InputError(
                        f"the model has a vector for each of {rows} puzzles, and nothing says which of them "
                        "this one is"
                    )
                if not 0 <= number < rows:
                    raise InputError(f"the puzzle has number {number}, and the model vectors 0 to {rows - 1}")
            puzzle = torch.tensor(numbers, dtype=torch.long, device=self.device)
        placed = torch.from_numpy(tokens).to(self.device)
        return self.model.embed_question(placed, puzzle, self.relations(shape))

    def supervision_step(self, carry: Carry, question: Tensor, relations: Relations) -> tuple[Carry, Output]:
        """One supervision step of the batch.

        On a CPU a large batch is shared out between threads that each work alone on one small part after
        another (:func:`one_thread`).
        """
        turns = 1
        if self.device.type == "cpu":
            turns = math.ceil(carry.answer.nbytes / (self._workers * SHARE_BYTES))
        shares = min(self._workers * turns, len(question) // (LEAST_SHARE if turns == 1 else 1))
        if shares < 2:
            return self.model.supervision_step(carry, question, relations, self.rounds)

        def work(answer: Tensor, latent: Tensor, question: Tensor) -> tuple[Carry, Output]:
            with torch.inference_mode():  # it holds in one thread only
                return self.model.supervision_step(Carry(answer, latent), question, relations, self.rounds)

        parts = (tensor.tensor_split(shares) for tensor in (carry.answer, carry.latent, question))
        carries, outputs = zip(*self._pool.map(work, *parts), strict=True)
        return (
            Carry(torch.cat([one.answer for one in carries]), torch.cat([one.latent for one in carries])),
            Output(
                torch.cat([one.logits for one in outputs]),
                torch.cat([one.halt for one in outputs]),
                torch.cat([one.go_on for one in outputs]),
            ),
        )


class Pool:
    """Puzzles of one shape that are worked on together; they come and go between supervision steps.

    Args:
        solver: does the work.
        shape: height and width of the puzzles.
        max_steps: most supervision steps of a puzzle.
        halt: when a puzzle leaves: ``checked``, as soon as the rules accept its answer; ``head``, when the
            halting head says so; both also when the answer has settled (:data:`SETTLED`). Where there are no
            rules, both ask for the head's word, and for an answer that has stood for a step. ``never``: only
            after ``max_steps``.
        commit: after each step from :data:`COMMIT_FROM` on, take the surest doubtful cell of each answer as
            given; see :meth:`trmcli.tasks.task.Givens.commit`.
    """

    def __init__(
        self,
        solver: Solver,
        shape: Shape,
        *,
        max_steps: int = 16,
        halt: Halt = "checked",
        commit: bool = False,
    ) -> None:
        self.solver, self.shape = solver, shape
        self.max_steps, self.halt, self.commit = max_steps, halt, commit
        self.seconds = 0.0
        length = shape[0] * shape[1]
        self._places = np.zeros(
            0,
            dtype=[
                ("row", np.int64),
                ("number", np.int64),  # supervision steps done
                ("same", np.int64),  # how many of the last ones changed nothing
                ("cells", np.uint8, shape),
                ("tokens", np.int64, length),  # the question, with what was committed
                ("answer", np.int64, length),
                ("chance", object),
                ("identifier", object),
            ],
        )
        self._question = solver.embed(np.zeros((0, length), dtype=np.int64), shape)
        self._carry = solver.model.initial_carry(0, solver.relations(shape).length)
        self._last: Step | None = None

    def __len__(self) -> int:
        """Puzzles that the next step works on."""
        return len(self._places) - (0 if self._last is None else int(self._last.done.sum()))

    @torch.inference_mode()
    @one_thread()
    def add(
        self,
        rows: Ints,
        tokens: Ints,
        chances: Sequence[Chance | None] | None = None,
        identifiers: Sequence[int | None] | None = None,
    ) -> None:
        """Take in puzzles.

        Args:
            rows: ``[n]`` what they are called in :class:`Step`.
            tokens: ``[n, L]`` encoded questions.
            chances: what is random, for each; by default nothing.
            identifiers: which puzzle each is; see :meth:`Solver.embed`.
        """
        start = time.perf_counter()
        self._release()
        new = np.zeros(len(rows), dtype=self._places.dtype)
        new["row"], new["tokens"], new["answer"], new["chance"] = rows, tokens, -1, chances
        new["identifier"] = identifiers
        new["cells"] = self.solver.task.codec.decode(tokens, self.shape)
        question = self.solver.embed(tokens, self.shape, identifiers)
        self._places = np.concatenate((self._places, new))
        self._question = torch.cat((self._question, question))
        fresh = self.solver.model.initial_carry(len(rows), self.solver.relations(self.shape).length)
        self._carry = Carry(
            torch.cat((self._carry.answer, fresh.answer)), torch.cat((self._carry.latent, fresh.latent))
        )
        for place in range(len(self._places) - len(rows), len(self._places)):
            chance = self._places["chance"][place]
            if chance is not None and chance.restart:
                self._carry.answer[place] = self._drawn(chance)
                self._carry.latent[place] = self._drawn(chance)
        self.seconds += time.perf_counter() - start

    @torch.inference_mode()
    @one_thread()
    def step(self) -> Step:
        """One supervision step of all puzzles."""
        start = time.perf_counter()
        self._release()
        places, task = self._places, self.solver.task
        for place, chance in enumerate(places["chance"]):
            if chance is not None and chance.noise:
                self._carry.latent[place] += chance.noise * self._drawn(chance)
        self._carry, output = self.solver.supervision_step(
            self._carry, self._question, self.solver.relations(self.shape)
        )
        probabilities: Floats = output.logits.float().softmax(dim=-1).cpu().numpy()
        answers: Ints = probabilities.argmax(axis=-1)
        halt: Floats = output.halt.sigmoid().cpu().numpy()
        checked = task.accepts(places["cells"], task.codec.decode(answers, self.shape))
        unchanged = (answers == places["answer"]).all(axis=1)
        places["number"] += 1
        places["same"] = np.where(unchanged, places["same"] + 1, 0)
        places["answer"] = answers
        done = places["number"] >= self.max_steps
        trusted = (halt > 0.5) & (unchanged | (task.rules is not None))
        if self.halt != "never":
            settled = (places["same"] >= SETTLED) & (places["number"] > (COMMIT_FROM if self.commit else 0))
            done |= settled | (checked if self.halt == "checked" and task.rules else trusted)
        self.seconds += time.perf_counter() - start
        self._last = Step(
            places["row"].copy(),
            places["number"].copy(),
            answers,
            probabilities,
            halt,
            checked,
            done,
            self.seconds,
        )
        return self._last

    def _drawn(self, chance: Chance) -> Tensor:
        """``[P + L, D]`` normal numbers."""
        numbers = chance.rng.standard_normal(self._carry.latent.shape[1:], dtype=np.float32)
        return torch.from_numpy(numbers).to(self._carry.latent)

    def _due(self) -> Bools:
        """Which places take a cell as given before their next step."""
        due: Bools = self._places["number"] >= COMMIT_FROM
        return due & self.commit

    def _release(self) -> None:
        """After a step, let go of what is done, and commit in what stays."""
        if self._last is None:
            return
        last, left = self._last, np.flatnonzero(~self._last.done)
        if len(left) < len(self._places):
            kept = torch.from_numpy(left).to(self.solver.device)
            self._places = self._places[left]
            self._question, self._carry = self._question[kept], self._carry[kept]
        self._last = None
        due = np.flatnonzero(self._due())
        givens = self.solver.task.givens
        if len(due) and givens is not None:
            rows, tokens = left[due], self._places["tokens"][due]
            committed = givens.commit(tokens, last.tokens[rows], last.confidence[rows])
            changed = (committed != tokens).any(axis=1)
            due, committed = due[changed], committed[changed]
            self._places["tokens"][due] = committed
            self._places["same"][due] = 0
            question = self.solver.embed(committed, self.shape, self._places["identifier"][due].tolist())
            self._question[torch.from_numpy(due).to(self.solver.device)] = question
