"""Tiny Recursive Models that solve puzzles. Importing this imports neither torch nor NumPy.

>>> import trmcli
>>> for answer in trmcli.solve("puzzles.txt"):  # or the puzzle itself as text
...     print(answer.checked, answer.cells)

:func:`load` gives a solver with chosen weights; its ``steps`` are what ``solve`` and the live view consume.
"""

from __future__ import annotations

from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trmcli import weights
    from trmcli.solving.search import Answer
    from trmcli.solving.solver import Solver

    __version__: str

__all__ = ["Solver", "__version__", "load", "solve", "weights"]


def load(
    name: str | None = None, task: str = "sudoku", device: str = "auto", rounds: int | None = None
) -> Solver:
    """A solver with trained weights.

    Args:
        name: of known weights, or a weights file; without it the task's default.
        task: whose default is wanted.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
        rounds: T of a supervision step; by default as many as the weights are meant for.

    Raises:
        InputError: there are no such weights, or they cannot be read.
    """
    from trmcli.solving.solver import Solver, pick_device
    from trmcli.tasks import get_task
    from trmcli.weights import find_weights, load_weights

    model, card = load_weights(find_weights(name, task))
    return Solver(model, get_task(card.task), pick_device(device), rounds=rounds)


def solve(
    *sources: str,
    solver: Solver | None = None,
    tries: int = 32,
    max_steps: int = 16,
    batch_size: int = 64,
    seed: int = 0,
) -> Iterator[Answer]:
    """Solve puzzles and check the answers; one ``Answer`` each, in order.

    Args:
        sources: files, ``-`` for standard input, or puzzles as text.
        solver: from :func:`load`; without it the default weights of the first puzzle's task.
        tries: most tries of a puzzle; the first checked answer ends them.
        max_steps: most supervision steps of a try.
        batch_size: puzzles and tries worked on at once.
        seed: of the random symmetries that tries begin with.

    Raises:
        InputError: for bad input, naming file, line and column.
    """
    from trmcli.solving.search import SearchConfig, solve_many
    from trmcli.tasks import read_puzzles

    pairs = read_puzzles(sources, solver.task.name if solver else None)
    task, first = next(pairs)
    solver = solver or load(task=task.name)
    config = SearchConfig(max_steps, tries, batch_size=batch_size, seed=seed)
    yield from solve_many(solver, chain([first], (puzzle for _, puzzle in pairs)), config)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("trmcli")
        except PackageNotFoundError:
            return "0+unknown"
    if name == "Solver":
        return import_module("trmcli.solving.solver").Solver
    if name == "weights":
        return import_module("trmcli.weights")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
