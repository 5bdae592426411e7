"""Which engine answers sooner: NumPy, which starts at once, or PyTorch, which has to be imported first.

PyTorch answers many puzzles sooner where it has what NumPy has not: a GPU, or products of bfloat16. Elsewhere
NumPy is ahead of it however many there are (docs/performance.md).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from math import prod
from pathlib import Path

from trmcli.model.config import TRMConfig
from trmcli.model.shapes import tensor_shapes

WORTH_IMPORTING = 23.3e9
"""Work of a round of all puzzles from which PyTorch answers sooner: 32 Sudoku.

On 16 cores with AMX a round takes one thread of NumPy 8 ms a puzzle, and PyTorch 3 ms in a batch of 16 and
1.3 ms in one of 64; its import takes 3.4 s. At 18 rounds a puzzle both need 4.6 s for 32 puzzles. With fewer
cores PyTorch catches up later (benchmarks/solve.py measures it, in steps of three rounds).
"""

WORTH_FUSING = 2.2e11
"""Work after which NumPy's layers are compiled (:mod:`trmcli.solving.fused`): 300 rounds of a Sudoku.

They take one thread with AVX2 four seconds. Compiling takes half of one, if it was not done before, and saves
a third of what follows. It is not a time, so that the same puzzles are compiled from the same round on.
"""

SYSTEM = Path("/")
"""Where /proc and /dev are."""

LOOKED_AT = 1000
"""Puzzles that are read, at most, before it is decided: they wait in memory, and nothing is solved."""


def round_work(config: TRMConfig, cells: int) -> float:
    """About how many multiplications a round of one puzzle takes: weights, times vectors, times
    updates. It orders models and sizes; NumPy takes 11 to 29 ps for each of them."""
    vectors = cells * (9 if config.vectors == "candidates" else 1) + config.puzzle_emb_len
    one = tensor_shapes(replace(config, num_layers=1, answer_layers=0))
    weights = sum(prod(shape) for name, shape in one.items() if name.startswith("layers."))
    return float(weights * config.num_layers * vectors * (config.latent_updates + 1))


def many(config: TRMConfig, cells: int) -> int:
    """From how many puzzles of so many cells on PyTorch answers sooner, its import included; at least 2, and
    at most :data:`LOOKED_AT`."""
    return min(LOOKED_AT, max(2, round(WORTH_IMPORTING / round_work(config, cells))))


def torch_has_more() -> bool:
    """Whether PyTorch may have a GPU here, or products of bfloat16. It is not asked, for that takes seconds.

    Of systems other than Linux nothing was measured; what they have is left to PyTorch.
    """
    if sys.platform != "linux":
        return True
    cards = "nvidia[0-9]*", "kfd", "dxg"  # NVIDIA's, AMD's, and those that WSL hands on
    if any(any((SYSTEM / "dev").glob(card)) for card in cards):
        return True
    try:
        return "avx512_bf16" in (SYSTEM / "proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return True
