"""``Solver.steps``: the one place where recursion runs for inference.

A solver holds a model, cast once to the dtype of computation, and a task. It turns a batch of questions into
a stream of :class:`Step`, one for each supervision step, and takes puzzles out of the batch as they halt. The
command line, the live view, replays, evaluation and the Python API all consume this stream.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trmcli.model import Carry, Output, Relations, TinyRecursiveModel
from trmcli.tasks.base import Bools, Ints, Shape, Task

Halt = Literal["checked", "head", "never"]
HALT_CHOICES: tuple[Halt, ...] = get_args(Halt)
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """The state of a batch after one supervision step; ``b`` puzzles are still in it.

    Attributes:
        number: supervision steps done, from 1.
        rows: ``[b]`` which puzzles of the batch these are.
        tokens: ``[b, L]`` most probable tokens.
        confidence: ``[b, L]`` their probabilities.
        halt: ``[b]`` probability that the answer is exactly right, by the halting head.
        checked: ``[b]`` whether the rules accept the answer.
        done: ``[b]`` puzzles that leave the batch after this step; whoever consumes the steps may add to it.
        seconds: time since the first step began.
    """

    number: int
    rows: Ints
    tokens: Ints
    confidence: Floats
    halt: Floats
    checked: Bools
    done: Bools
    seconds: float


def default_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it faster than float32, else float32."""
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        capability = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
        fast = device.type == "cpu" and capability is not None and capability()
    return torch.bfloat16 if fast else torch.float32


def pick_device(name: str = "auto") -> torch.device:
    """The named device; ``auto`` is CUDA, then Apple's MPS, then the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def build_relations(task: Task, shape: Shape, names: Collection[str]) -> Relations:
    """The relations of these names for one puzzle shape as index tensors, in the task's order."""
    relations = [relation for relation in task.relations(shape) if relation.name in names]
    return Relations.build(
        [torch.from_numpy(relation.index) for relation in relations if relation.kind == "groups"],
        [torch.from_numpy(relation.index) for relation in relations if relation.kind == "neighbours"],
        shape[0] * shape[1],
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


COMMIT_FROM = 5
"""Supervision steps after which a try that commits begins to take guesses as given."""

LEAST_SHARE = 8
"""Puzzles that are worth a thread of their own."""


class Solver:
    """A model that is ready to solve puzzles of one task.

    Args:
        model: trained weights; cast in place to ``dtype``.
        task: how puzzles become tokens and back, and what the rules are.
        device: where to compute.
        dtype: of computation; by default what is fastest on the device.
    """

    def __init__(
        self,
        model: TinyRecursiveModel,
        task: Task,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.device = device or pick_device()
        self.model = model.to(self.device, dtype or default_dtype(self.device)).eval().requires_grad_(False)
        self.task = task
        self._relations: dict[Shape, Relations] = {}
        keep_memory()
        self._workers = torch.get_num_threads() if self.device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(1,))

    def relations(self, shape: Shape) -> Relations:
        if shape not in self._relations:
            names = self.model.config.relation_names
            self._relations[shape] = build_relations(self.task, shape, names).to(self.device)
        return self._relations[shape]

    @torch.inference_mode()
    def steps(
        self,
        tokens: Ints,
        shape: Shape,
        *,
        max_steps: int = 16,
        halt: Halt = "checked",
        commit: bool = False,
    ) -> Iterator[Step]:
        """Refine the answers to a batch of questions, one supervision step after another.

        Args:
            tokens: ``[B, L]`` encoded questions of one shape.
            shape: height and width of the puzzles.
            max_steps: most supervision steps.
            halt: when a puzzle leaves the batch: ``checked``, as soon as the rules accept its answer;
                ``head``, when the halting head says so; ``never``, only after ``max_steps``.
            commit: after each step from :data:`COMMIT_FROM` on, take the surest doubtful cell of each answer
                as given; see :meth:`trmcli.tasks.base.Task.commit`.
        """
        start = time.perf_counter()
        rows = np.arange(len(tokens))
        questions = self.task.decode(tokens, shape)
        relations = self.relations(shape)
        question = self._embed(tokens)
        carry = self.model.initial_carry(len(tokens), tokens.shape[1])
        for number in range(1, max_steps + 1):
            carry, output = self._supervision_step(carry, question, relations)
            confidence, predicted = output.logits.float().softmax(dim=-1).max(dim=-1)
            answers: Ints = predicted.cpu().numpy()
            probability: Floats = output.halt.sigmoid().cpu().numpy()
            checked = self.task.check(questions, self.task.decode(answers, shape))
            done = np.full(len(rows), number == max_steps)
            if halt == "checked":
                done |= checked
            elif halt == "head":
                done |= probability > 0.5
            seconds = time.perf_counter() - start
            yield Step(number, rows, answers, confidence.cpu().numpy(), probability, checked, done, seconds)
            if done.all():
                return
            if commit and number >= COMMIT_FROM:
                tokens = self.task.commit(tokens, answers, confidence.cpu().numpy())
                question = self._embed(tokens)
            if done.any():
                left = np.flatnonzero(~done)
                kept = torch.from_numpy(left).to(self.device)
                rows, questions, tokens = rows[left], questions[left], tokens[left]
                question, carry = question[kept], carry[kept]

    def _embed(self, tokens: Ints) -> Tensor:
        return self.model.embed_question(torch.from_numpy(tokens).to(self.device))

    def _supervision_step(self, carry: Carry, question: Tensor, relations: Relations) -> tuple[Carry, Output]:
        """One supervision step of the batch.

        On a CPU a large batch is shared out between threads that each work alone on their part: tensors are
        small, and this is faster than several threads on every operation.
        """
        shares = min(self._workers, len(question) // LEAST_SHARE)
        if shares < 2:
            return self.model.supervision_step(carry, question, relations)

        def work(answer: Tensor, latent: Tensor, question: Tensor) -> tuple[Carry, Output]:
            with torch.inference_mode():  # it holds in one thread only
                return self.model.supervision_step(Carry(answer, latent), question, relations)

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
