"""Training on a problem of one's own: what the settings leave open is found in the pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from trmcli.errors import InputError
from trmcli.tasks.decoding import byte_lines
from trmcli.tasks.grid.pairs import GridPair, read_pairs
from trmcli.tasks.grid.spec import GridSpec
from trmcli.training.config import TrainConfig

_ALIKE: Mapping[str, Any] = {"mixer": "relation", "num_heads": 2, "head_size": 16}
"""Where answers are as large as their questions: cells hear their neighbours, their row and their column."""

_APART: Mapping[str, Any] = {"mixer": "attention", "positions": "learned", "num_heads": 4}
"""Where they are not: a cell may have to hear any other, and where that is."""


def completed(config: TrainConfig) -> TrainConfig:
    """The same run with the kind's settings, the model and the held-out share that suit its pairs.

    Raises:
        InputError: a source cannot be read, or its pairs are no good.
    """
    if config.task != "grid" or "symbols" in config.kind:
        return config
    sources = [entry.source for entry in config.data]
    if not all(sources) or "generated" in sources:
        raise InputError("the task grid learns from your own pairs: name them with --data FILE")
    pairs = [pair for source in sources for pair in _pairs(source)]
    spec = GridSpec.find(pairs, config.kind, config.name)
    chosen = dict(_APART if spec.sizes == "free" else _ALIKE)
    if chosen["mixer"] == "relation":
        chosen["relations"] = list(spec.relations)
    if config.model.get("mixer", chosen["mixer"]) != chosen["mixer"]:
        chosen = {}
    return replace(
        config,
        name=Path(sources[0]).name.partition(".")[0] if config.name == "grid" else config.name,
        kind=spec.to_dict(),
        model={**chosen, **config.model},
        validation_count=min(config.validation_count, max(1, len(pairs) // 10)),
    )


def _pairs(source: str) -> Iterator[GridPair]:
    path = Path(source)
    if not path.exists():
        raise InputError("no such file", source)

    def lines() -> Iterator[str]:
        try:
            with path.open("rb") as file:
                yield from byte_lines(file, source, None)
        except OSError as error:
            raise InputError(error.strerror or str(error), source) from error

    return read_pairs(source, lines())
