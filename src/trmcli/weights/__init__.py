"""Weights files, the registry of known ones, and downloads. Each is imported when it is asked for, and torch
when a model is."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trmcli.files import cache_dir
    from trmcli.weights.download import fetch
    from trmcli.weights.files import Card, load_weights, read_card, save_weights
    from trmcli.weights.registry import Entry, find_weights

__all__ = [
    "Card",
    "Entry",
    "cache_dir",
    "fetch",
    "find_weights",
    "load_weights",
    "read_card",
    "save_weights",
]

_MODULES = {
    "Entry": "weights.registry",
    "cache_dir": "files",
    "fetch": "weights.download",
    "find_weights": "weights.registry",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"trmcli.{_MODULES.get(name, 'weights.files')}"), name)
