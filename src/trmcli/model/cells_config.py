"""The size of :class:`~trmcli.model.cells.CellsModel`; kept apart, for it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = frozenset(
    (
        "near",
        "rays",
        "looks",
        "sights",
        "blocks",
        "objects",
        "grid",
        "cell",
        "features",
        "edges",
        "directions",
    )
)
"""What a cell hears: its 3x3 neighbours; the sums along row and column; single cells, of which ``sights`` are
the first thing each way and its images within its object, ``blocks`` those in the same place of other blocks,
and the others its images in the grid; its object; its colour in the whole grid; the other colours of the
cell; what is said of its object; the border. And whether it tells ``directions`` and symmetries apart: where
it does not, a task that is mirrored or turned is answered mirrored or turned."""


@dataclass(frozen=True)
class CellsConfig:
    """The size of the network.

    Attributes:
        width: D, numbers in a vector; even.
        layers: layers that a pass goes through.
        passes: times that the state goes through the layers in one supervision step.
        code: numbers in the code of a direction or a symmetry.
        expansion: hidden width of the SwiGLU, in widths.
        deaf: what a cell does not hear, of :data:`PARTS`: a network that knows less learns fewer wrong rules.
    """

    width: int = 32
    layers: int = 2
    passes: int = 3
    code: int = 16
    expansion: int = 2
    deaf: frozenset[str] = frozenset()
