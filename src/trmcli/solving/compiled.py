"""When a network is compiled by ``torch.compile`` for solving, and for how many puzzles at once.

What is compiled is one update of the states, :meth:`trmcli.model.trm.TinyRecursiveModel.network`, for one
number of puzzles of each shape. Batches of every size are worked on in parts of that number, the last of them
filled up with its own rows, so nothing is compiled anew. Compiled and not compiled differ by rounding.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from trmcli.errors import InputError
from trmcli.model import Carry, Relations, TinyRecursiveModel
from trmcli.solving.choices import CompileName
from trmcli.solving.crossover import round_work
from trmcli.solving.engine import State
from trmcli.tasks.base import Shape

FORMS = 64
"""Forms of a network that are compiled, one for each shape of puzzle; in training, for each T and stage of
the run as well. Beyond its own limit, 8, torch would go on without compiling and say so only in a warning."""

WORTH_COMPILING = 2.5e12
"""Work on puzzles of a shape, by :func:`trmcli.solving.crossover.round_work`, after which it is compiled.

It takes one thread with AVX2 about a minute, 3,300 rounds of a Sudoku by the default weights at 18 ms, as
compiling may. Who has worked so long will probably work as long again. It is not a time, so that the same
puzzles are compiled from the same round on, and rounded alike, however busy the machine is.
"""


def can_compile(device: torch.device) -> bool:
    """Whether ``torch.compile`` finds what it needs: on a CPU, a C++ compiler."""
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    return device.type != "cpu" or shutil.which(os.environ.get("CXX", usual)) is not None


def allow_forms() -> None:
    """Let torch compile as many as :data:`FORMS` of one function."""
    import torch._dynamo.config as limits

    limits.recompile_limit = max(limits.recompile_limit, FORMS)


@dataclass
class _Seen:
    """Of puzzles of one shape: work done, the most rows at once, and rows of a part once it is compiled."""

    work: float = 0.0
    most: int = 0
    size: int = 0


class Compiled:
    """The compiled form of a model.

    Args:
        model: ready to be used.
        when: ``on`` at once, ``auto`` after some work (:data:`WORTH_COMPILING`) on a CPU that has a compiler,
            in float32. Rounds of bfloat16 are quick, and compiling takes longer than it saves; what it brings
            on a GPU was not measured. So ``auto`` leaves it out for both.

    Attributes:
        model: the same weights, with updates that are compiled.

    Raises:
        InputError: it is to be on, and there is no compiler.
    """

    def __init__(self, model: TinyRecursiveModel, when: CompileName) -> None:
        able, self._must = can_compile(model.device), when == "on"
        if self._must and not able:
            message = "torch finds no C++ compiler: install g++, or name another in CXX"
            raise InputError(message, "--compile on")
        measured = model.device.type == "cpu" and model.dtype == torch.float32
        self._off = not able or when == "off" or (when == "auto" and not measured)
        self._seen: dict[Shape, _Seen] = {}
        self.model = copy.copy(model)
        self._eager = model

    def size(self, state: State[Tensor], relations: Relations, most: int) -> int:
        """How many puzzles of this batch are a part, ``most`` or fewer; 0 if the round is not to be compiled.

        To be asked before each round, by one thread alone. It is here that a form is compiled, for no more
        puzzles than have come at once by then.

        Raises:
            InputError: torch fails to compile what must be.
        """
        rows = len(state.question)
        if self._off or not rows:
            return 0
        seen = self._seen.setdefault(state.shape, _Seen())
        if seen.size:
            return seen.size
        seen.most = max(seen.most, rows)
        if not self._must and seen.work < WORTH_COMPILING:
            seen.work += rows * round_work(self._eager.config, state.shape[0] * state.shape[1])
            return 0
        if sum(other.size > 0 for other in self._seen.values()) == FORMS:
            return 0
        size = min(most, seen.most)
        if self._compile(state, relations, size):
            seen.size = size
        return seen.size

    def _compile(self, state: State[Tensor], relations: Relations, size: int) -> bool:
        """Whether the form for parts of this size can be used from now on."""
        if "network" not in self.model.__dict__:
            allow_forms()
            names, one = ("network", "answer_network"), self._eager
            forms = {name: torch.compile(getattr(one, name), dynamic=False) for name in names}
            if not one.config.answer_layers:  # it is the same network, and compiled once
                forms["answer_network"] = forms["network"]
            self.model.__dict__.update(forms)
        rows = part_rows(len(state.question), size)[0].to(state.question.device)
        carry, question = Carry(state.answer[rows], state.latent[rows]), state.question[rows]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's own, about itself
                self._eager.round(carry, question, relations)  # relations keep what they find out then
                self.model.round(carry, question, relations)
        except Exception as error:  # whatever a compiler, its headers and a folder for its files come to
            if self._must:
                raise InputError(f"torch cannot compile here: {_said(error)}", "--compile on") from error
            self._off = True
            return False
        return True


def _said(error: Exception) -> str:
    """The line in which a compiler names the cause, else the first of what is said."""
    said = str(getattr(error, "inner_exception", error))
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    named = [line for line in lines if "error: " in line]
    return (named or lines or [type(error).__name__])[0]


def part_rows(count: int, size: int) -> list[Tensor]:
    """``[size]`` numbers of rows for each part of ``count``; the last begins anew where it has too few."""
    return [start + torch.arange(size) % min(size, count - start) for start in range(0, count, size)]
