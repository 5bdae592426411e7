"""Whether weights can take a puzzle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.task import Task


def check_fit(task: Task, puzzle: Puzzle, config: Mapping[str, object]) -> None:
    """Raise InputError for a puzzle that weights of this configuration cannot take: size, symbols, relations.

    A package with a kind may have changed since the weights were trained.
    """
    seq_len, known = config.get("seq_len", 0), config.get("vocab_size")
    if isinstance(seq_len, int) and seq_len not in (0, puzzle.cells.size):
        message = f"has {puzzle.cells.size} cells, and these weights are for puzzles of {seq_len} cells"
        raise InputError(message, puzzle.origin)
    of_cells = config.get("vectors") != "candidates"
    tokens = task.codec.encode(puzzle.cells[None]) if of_cells else task.candidates(puzzle.shape)
    if isinstance(known, int) and tokens.max() >= known:
        message = f"takes {tokens.max() + 1} tokens to write, and these weights know {known}"
        raise InputError(message, puzzle.origin)
    relations = config.get("relations") or ()
    had = task.structure.relation_names if task.structure else ()
    if isinstance(relations, Iterable) and (lost := [name for name, _ in relations if name not in had]):
        message = (
            f"these weights need the relation {lost[0]!r}, and {task.name} has {', '.join(had) or 'none'}"
        )
        raise InputError(message)
