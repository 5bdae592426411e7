"""Whether weights can take a puzzle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task


def check_fit(task: Task, puzzle: Puzzle, config: Mapping[str, object]) -> None:
    """Raise InputError for a puzzle that weights of this configuration cannot take: size or symbols."""
    seq_len, known = config.get("seq_len", 0), config.get("vocab_size")
    if isinstance(seq_len, int) and seq_len not in (0, puzzle.cells.size):
        message = f"has {puzzle.cells.size} cells, and these weights are for puzzles of {seq_len} cells"
        raise InputError(message, puzzle.origin)
    of_cells = config.get("vectors") != "candidates"
    tokens = task.codec.encode(puzzle.cells[None]) if of_cells else task.candidates(puzzle.shape)
    if isinstance(known, int) and tokens.max() >= known:
        message = f"takes {tokens.max() + 1} tokens to write, and these weights know {known}"
        raise InputError(message, puzzle.origin)
