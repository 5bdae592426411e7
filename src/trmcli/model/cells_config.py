"""The size of :class:`~trmcli.model.cells.CellsModel`; kept apart, for it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CellsConfig:
    """The size of the network.

    Attributes:
        width: D, numbers in a vector; even.
        layers: layers that a pass goes through.
        passes: times that the state goes through the layers in one supervision step.
        code: numbers in the code of a direction or a symmetry.
        expansion: hidden width of the SwiGLU, in widths.
        sights: whether a cell sees the first thing each way, and its images within its object.
    """

    width: int = 32
    layers: int = 2
    passes: int = 3
    code: int = 16
    expansion: int = 2
    sights: bool = True
