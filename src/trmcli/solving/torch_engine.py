"""Rounds of supervision steps in PyTorch: for batches and devices.

On a CPU a large batch is shared out between threads, each of which works alone on one small part after
another. What is compiled works on parts of one size.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import torch
from torch import Tensor

from trmcli.errors import InputError
from trmcli.model import Carry, Relations, TinyRecursiveModel, TRMConfig
from trmcli.model import Output as Heads
from trmcli.solving.choices import CompileName
from trmcli.solving.compiled import Compiled, part_rows
from trmcli.solving.engine import Inputs, Numbers, Output, Seen, State, shape_of
from trmcli.tasks.base import Bools, Ints, Shape
from trmcli.tasks.task import Task
from trmcli.tasks.workers import processors


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


@contextmanager
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


LEAST_SHARE = 8
"""Puzzles that are worth a thread of their own. A compiled part has no more: many threads share a batch then,
and little is worked on for nothing where the last part has to be filled up."""

SHARE_BYTES = 4 << 20
"""What the latent of the puzzles may take that a CPU's thread works on at once.

With more, what the network computes on the way leaves the cache and becomes larger than the C library keeps
(:func:`keep_memory`): of the default weights 128 puzzles a thread take twice as long, each, as 16.
"""


class TorchEngine:
    """A :class:`trmcli.solving.engine.Engine` of tensors.

    Args:
        model: trained weights; cast in place to ``dtype``.
        task: says how cells belong together.
        device: where to compute; by default as :func:`pick_device` says.
        dtype: of computation; by default what is fastest on the device.
        rounds: T of a supervision step; by default the configuration's.
        threads: of a CPU that share a large batch, each working alone on its part; by default
            :func:`default_threads`. One puzzle, or few, get one.
        compiling: whether the network is compiled; see :class:`trmcli.solving.compiled.Compiled`.

    Raises:
        InputError: it is to be compiled, and there is no compiler.
    """

    def __init__(
        self,
        model: TinyRecursiveModel,
        task: Task,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        rounds: int | None = None,
        threads: int | None = None,
        compiling: CompileName = "off",
    ) -> None:
        self.device = device or pick_device()
        self.model = model.to(self.device, dtype or default_dtype(self.device)).eval().requires_grad_(False)
        self.batch = 64 if self.device.type == "cpu" else 512
        self.config, self.task, self.rounds = model.config, task, rounds or model.config.rounds
        self._relations: dict[Shape, Relations] = {}
        self._compiled = Compiled(self.model, compiling)
        keep_memory()
        self._workers = (threads or default_threads()) if self.device.type == "cpu" else 1
        self._pool = ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(1,))

    @contextmanager
    def working(self) -> Iterator[None]:
        with torch.inference_mode(), one_thread():
            yield

    def begin(self, inputs: Inputs) -> State[Tensor]:
        puzzle = None if inputs.puzzle is None else torch.from_numpy(inputs.puzzle).to(self.device)
        tokens, relations = torch.from_numpy(inputs.tokens).to(self.device), self.relations(inputs.shape)
        question = self.model.embed_question(tokens, puzzle, relations)
        carry = self.model.initial_carry(len(tokens), relations.length)
        return State(question, carry.answer, carry.latent, inputs.shape)

    def round(self, state: State[Tensor], seen: Seen | None = None) -> tuple[State[Tensor], Output]:
        if seen is not None:
            raise InputError("the NumPy engine alone shows what happens within a step: take --engine numpy")
        carry, heads = self._recur(state)
        output = Output(
            heads.logits.float().softmax(dim=-1).cpu().numpy(),
            heads.halt.sigmoid().cpu().numpy(),
        )
        return State(state.question, carry.answer, carry.latent, state.shape), output

    def take(self, state: State[Tensor], rows: Ints | Bools) -> State[Tensor]:
        kept = torch.from_numpy(rows).to(self.device)
        return State(state.question[kept], state.answer[kept], state.latent[kept], state.shape)

    def join(self, states: Sequence[State[Tensor]]) -> State[Tensor]:
        shape = shape_of(states)
        question, answer, latent = (
            torch.cat([getattr(state, name) for state in states]) for name in ("question", "answer", "latent")
        )
        return State(question, answer, latent, shape)

    def array(self, numbers: Numbers) -> Tensor:
        return torch.from_numpy(numbers).to(self.device, self.model.dtype)

    def relations(self, shape: Shape) -> Relations:
        """The relations of puzzles of this shape, on the device."""
        if shape not in self._relations:
            self._relations[shape] = build_relations(self.task, shape, self.config).to(self.device)
        return self._relations[shape]

    def _recur(self, state: State[Tensor]) -> tuple[Carry, Heads]:
        """One round of the batch, in one part or several.

        On a CPU these are shared out between threads that each work alone on one part after another
        (:func:`one_thread`).
        """
        relations, count = self.relations(state.shape), len(state.question)
        size = self._compiled.size(state, relations, self._most(state))
        model = self._compiled.model if size else self.model
        tensors = state.answer, state.latent, state.question
        if size:
            rows = [part.to(self.device) for part in part_rows(count, size)]
            parts = [tuple(tensor[part] for tensor in tensors) for part in rows]
        else:
            parts = list(zip(*(tensor.tensor_split(self._shares(state)) for tensor in tensors), strict=True))

        def work(part: tuple[Tensor, ...]) -> tuple[Carry, Heads]:
            answer, latent, question = part
            with torch.inference_mode():  # it holds in one thread only
                carry = model.round(Carry(answer, latent), question, relations)
                return carry, model.read(carry.answer, relations)

        if len(parts) == 1 and not size:
            return work(parts[0])
        carries, outputs = zip(*(map if len(parts) == 1 else self._pool.map)(work, parts), strict=True)

        def joined(tensors: Iterable[Tensor]) -> Tensor:
            return torch.cat(tuple(tensors))[:count]

        return (
            Carry(joined(one.answer for one in carries), joined(one.latent for one in carries)),
            Heads(
                joined(one.logits for one in outputs),
                joined(one.halt for one in outputs),
                joined(one.go_on for one in outputs),
            ),
        )

    def _shares(self, state: State[Tensor]) -> int:
        """Parts of a batch that is not compiled: one, or as many for each thread."""
        turns = 1
        if self.device.type == "cpu":
            turns = math.ceil(state.answer.nbytes / (self._workers * SHARE_BYTES))
        shares = min(self._workers * turns, len(state.question) // (LEAST_SHARE if turns == 1 else 1))
        return max(1, shares)

    def _most(self, state: State[Tensor]) -> int:
        """The most puzzles of a compiled part of such a batch; a GPU takes all of them at once."""
        if self.device.type != "cpu" or not len(state.question):
            return len(state.question)
        return max(1, min(LEAST_SHARE, SHARE_BYTES // state.latent[0].nbytes))
