"""The networks: configuration, layers, mixers, the Tiny Recursive Model, losses.

The configuration needs no torch, so what does is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trmcli.model.config import RELATIONAL, TRMConfig

if TYPE_CHECKING:
    from trmcli.model.mixers import Relations
    from trmcli.model.trm import Carry, Output, TinyRecursiveModel

__all__ = ["RELATIONAL", "Carry", "Output", "Relations", "TRMConfig", "TinyRecursiveModel"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'mixers' if name == 'Relations' else 'trm'}"), name)
