"""Weights files, the registry of known ones, and downloads. Nothing here imports torch until it is needed."""

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
