"""Weights files, the registry of known ones, and downloads. Each is imported when it is asked for, and torch
when a model is."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trmcli.weights.download import fetch
    from trmcli.weights.files import Card, load_weights, read_card, save_weights
    from trmcli.weights.registry import Entry, cache_dir, find_weights

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

_REGISTRY = ("Entry", "cache_dir", "find_weights")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "download" if name == "fetch" else "registry" if name in _REGISTRY else "files"
    return getattr(import_module(f"{__name__}.{module}"), name)
