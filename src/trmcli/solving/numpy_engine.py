"""Rounds of supervision steps in plain NumPy: an answer is there before torch would have been imported.

It is :meth:`trmcli.model.TinyRecursiveModel.round` in other words, for every model that there is.
A thread works on a few puzzles at a time, as many as fit its cache; the others wait, which costs nothing.
After some work, layers are compiled (:mod:`trmcli.solving.fused`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from threading import local
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.model.config import TRMConfig
from trmcli.model.layout import Layout
from trmcli.solving.blas import one_thread
from trmcli.solving.choices import CompileName
from trmcli.solving.crossover import WORTH_FUSING, round_work
from trmcli.solving.engine import Inputs, Numbers, Output, Seen, State, shape_of
from trmcli.solving.numpy_layers import Room, Weights, softmax, turned
from trmcli.solving.numpy_mixers import Layer
from trmcli.tasks.base import Bools, Ints, Shape
from trmcli.tasks.task import Task

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

PART = 1536
"""Vectors that are worked on together, where a puzzle has fewer: two Sudoku of candidates.

Products of few groups cost more for each: of one Sudoku at a time a step takes 1.09 times as long, of four as
long as of two.
"""

PARTS = 32
"""A round goes into so many parts before one of them has more than :data:`LEAST` vectors.

They do not depend on the number of threads, and neither does what is found.
"""

LEAST = 768


class Memory(local):
    """Working memory of each thread that asks for it."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self.room = Room(dtype)


class NumPyEngine:
    """A :class:`trmcli.solving.engine.Engine` of NumPy's arrays. It keeps working memory for each thread.

    Args:
        config: of the model.
        weights: its tensors, as :func:`trmcli.weights.arrays.load_arrays` gives them.
        task: says how cells belong together.
        dtype: of computation: float32 or float64.
        rounds: T of a supervision step; by default the configuration's.
        threads: that share the puzzles of a step, each working alone on some of them; by default as many as
            :func:`default_threads` says.
        table: reads rows of a table of puzzle embeddings that is not among ``weights``: ``[B]`` numbers to
            ``[B, D]``.
        compiling: whether a C compiler fuses layers: ``on`` from the first round on; ``auto`` after some work
            (:data:`trmcli.solving.crossover.WORTH_FUSING`), where that is possible.

    Raises:
        InputError: layers are to be fused, and there is no C compiler. A round says so if they cannot be.
    """

    batch = 64

    def __init__(
        self,
        config: TRMConfig,
        weights: Weights,
        task: Task,
        dtype: npt.DTypeLike = np.float32,
        rounds: int | None = None,
        threads: int | None = None,
        table: Callable[[Ints], Numbers] | None = None,
        compiling: CompileName = "off",
    ) -> None:
        self.config, self.task, self.rounds = config, task, rounds or config.rounds
        self.dtype = np.dtype(dtype)
        weights = {name: np.asarray(tensor, self.dtype) for name, tensor in weights.items()}
        self._embed = weights["embed.weight"]
        self._positions = weights.get("embed_positions.weight")
        self._puzzles = table
        if (rows := weights.get("embed_puzzle.weight")) is not None:
            self._puzzles = rows.__getitem__
        self._initial = weights["initial_answer"], weights["initial_latent"]
        self._lm_head = turned(weights["lm_head.weight"])
        self._halt_head, self._halt_bias = weights["halt_head.weight"][0], float(weights["halt_head.bias"][0])
        self._layers = [Layer(config, weights, f"layers.{number}") for number in range(config.num_layers)]
        self._answer_layers = [
            Layer(config, weights, f"answer_layers.{number}") for number in range(config.answer_layers)
        ] or self._layers
        self._threads, self._memory = threads, Memory(self.dtype)
        self._layouts: dict[Shape, Layout] = {}
        self._must, self._until = compiling == "on", math.inf if compiling == "off" else WORTH_FUSING
        if self._must:
            from trmcli.solving.fused import library

            library()
            self._until = 0.0

    def working(self) -> AbstractContextManager[None]:
        return one_thread()

    def begin(self, inputs: Inputs) -> State[Numbers]:
        question = self._question(inputs)
        answer, latent = (np.broadcast_to(state, question.shape) for state in self._initial)
        return State(question, answer, latent, inputs.shape)

    def round(self, state: State[Numbers], seen: Seen | None = None) -> tuple[State[Numbers], Output]:
        count, length, _ = state.question.shape
        layout = self.layout(state.shape)
        self._fuse_in_time(state, layout)
        answer, latent = (np.empty(state.question.shape, self.dtype) for _ in range(2))
        part = max(1, LEAST // length, min(PART // length, count // PARTS)) if seen is None else max(1, count)
        parts = [slice(start, start + part) for start in range(0, count, part)]
        hear = None if seen is None else lambda update, y: seen(update, self._read(y, layout))

        def work(rows: slice) -> Output:
            answer[rows], latent[rows] = state.answer[rows], state.latent[rows]
            # exp(-g) may be infinite, and silu(g) is 0 then.
            with np.errstate(over="ignore", under="ignore"):
                self._recur(state.question[rows], answer[rows], latent[rows], layout, hear)
                return self._read(answer[rows], layout)

        with one_thread():
            outputs = list((map if len(parts) < 2 else self._pool.map)(work, parts))
        output = joined(outputs or [self._read(answer, layout)])
        return replace(state, answer=answer, latent=latent), output

    def _fuse_in_time(self, state: State[Numbers], layout: Layout) -> None:
        """Let the layers be fused, once, if enough was done before a round of these puzzles.

        Raises:
            InputError: they must be, and cannot.
        """
        if self._until > 0:
            self._until -= len(state.question) * round_work(self.config, math.prod(state.shape))
            return
        self._until = math.inf
        try:
            from trmcli.solving.fused import fuse

            layers, length = {*self._layers, *self._answer_layers}, state.question.shape[1]
            fuse(layers, layout, length, self.config, self.dtype)
        except InputError:
            if self._must:
                raise

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # what one puzzle needs not

        return ThreadPoolExecutor(self._threads or default_threads())

    def take(self, state: State[Numbers], rows: Ints | Bools) -> State[Numbers]:
        return State(state.question[rows], state.answer[rows], state.latent[rows], state.shape)

    def join(self, states: Sequence[State[Numbers]]) -> State[Numbers]:
        shape = shape_of(states)
        question, answer, latent = (
            np.concatenate([getattr(state, name) for state in states])
            for name in ("question", "answer", "latent")
        )
        return State(question, answer, latent, shape)

    def array(self, numbers: Numbers) -> Numbers:
        return numbers.astype(self.dtype, copy=False)

    def layout(self, shape: Shape) -> Layout:
        """The relations of puzzles of this shape that the model uses."""
        if shape not in self._layouts:
            used = [one for one in self.task.relations(shape) if one.name in self.config.relation_names]
            self._layouts[shape] = Layout.build(
                [one.index for one in used if one.kind == "groups"],
                [one.index for one in used if one.kind == "neighbours"],
                math.prod(shape),
                self.task.candidates(shape) if self.config.vectors == "candidates" else None,
            )
        return self._layouts[shape]

    def _question(self, inputs: Inputs) -> Numbers:
        """x: ``[B, P + L, D]``, scaled by sqrt(D)."""
        tokens = inputs.tokens
        if self.config.vectors == "candidates":
            given = tokens[..., None] == self.layout(inputs.shape).candidates
            tokens = np.where(given, 1, np.where(given.any(axis=2, keepdims=True), 2, 0)).reshape(
                len(tokens), math.prod(given.shape[1:])
            )
        embedded = self._embed[tokens]
        if self._puzzles is not None:
            numbers = np.zeros(len(tokens), dtype=np.int64) if inputs.puzzle is None else inputs.puzzle
            front = np.zeros((len(tokens), self.config.puzzle_emb_len, embedded.shape[2]), self.dtype)
            front[:, 0] = self._puzzles(numbers)
            embedded = np.concatenate((front, embedded), axis=1)
        if self._positions is not None:
            embedded += self._positions
            embedded *= math.sqrt(0.5)
        embedded *= math.sqrt(self.config.hidden_size)
        return embedded

    def _recur(
        self,
        x: Numbers,
        y: Numbers,
        z: Numbers,
        layout: Layout,
        hear: Callable[[int, Numbers], None] | None = None,
    ) -> None:
        """A round of the recursion; y and z in place (arXiv:2510.04871, figure 3 and table 2).

        ``hear`` gets, after each update but the last, the y that the round would end with there.
        """
        single, room = self.config.features == 1, self._memory.room
        injected = x if single else np.add(y, x, out=room("injected", *x.shape))
        for update in range(1, self.config.updates + 1):
            z += injected
            _update(self._layers, z, layout, room)
            if hear is not None and update < self.config.updates:
                hear(update, self._ended(y.copy(), z, layout, room))
        self._ended(y, z, layout, room)

    def _ended(self, y: Numbers, z: Numbers, layout: Layout, room: Room) -> Numbers:
        """The end of a round: y in place from z, or from both."""
        if self.config.features == 1:
            y[:] = z
        else:
            y += z
            _update(self._answer_layers, y, layout, room)
        return y

    def _read(self, y: Numbers, layout: Layout) -> Output:
        """What the heads say of y."""
        cells = y[:, self.config.puzzle_emb_len :]
        logits = cells @ self._lm_head
        if self.config.vectors == "candidates":
            possible = softmax(logits.reshape(len(y), -1, len(layout.candidates)))
            probabilities = np.zeros((*possible.shape[:2], self.config.vocab_size), self.dtype)
            probabilities[:, :, layout.candidates] = possible
        else:
            probabilities = softmax(logits)
        pooled = y[:, 0] if self.config.halt_pool == "first" else y.mean(axis=1)
        halt = pooled @ self._halt_head
        halt += self._halt_bias
        return Output(probabilities, 1 / (1 + np.exp(-halt)))


def _update(layers: Sequence[Layer], x: Numbers, layout: Layout, room: Room) -> None:
    for layer in layers:
        layer.update(x, layout, room)


def joined(outputs: Sequence[Output]) -> Output:
    """What parts of a batch say, one after another."""
    if len(outputs) == 1:
        return outputs[0]
    probabilities, halt = (
        np.concatenate([getattr(output, name) for output in outputs]) for name in ("probabilities", "halt")
    )
    return Output(probabilities, halt)


def default_threads() -> int:
    """As many as ``OMP_NUM_THREADS`` says; without it, as the process may use processors."""
    from trmcli.tasks.workers import processors

    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) else processors()
