"""Tiny Recursive Models that solve puzzles. Importing this imports neither torch nor NumPy.

>>> import trmcli
>>> solver = trmcli.load()  # the Sudoku weights that come with the package
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trmcli import weights
    from trmcli.solving.solver import Solver

    __version__: str

__all__ = ["Solver", "__version__", "load", "weights"]


def load(name: str | None = None, task: str = "sudoku", device: str = "auto") -> Solver:
    """A solver with trained weights.

    Args:
        name: of known weights, or a weights file; without it the task's default.
        task: whose default is wanted.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.

    Raises:
        InputError: there are no such weights, or they cannot be read.
    """
    from trmcli.solving.solver import Solver, pick_device
    from trmcli.tasks import get_task
    from trmcli.weights import find_weights, load_weights

    model, card = load_weights(find_weights(name, task))
    return Solver(model, get_task(card.task), pick_device(device))


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
