"""One self-contained web page that plays a replay: no network, no library, at most 300 kB.

The page holds a script, and what it plays as JSON, packed with zlib: grids and confidence with one sign a
cell. Of very long replays it keeps the first try whole, and every second, fourth, ... step of the later ones.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from trmcli.ui.grid import box_of, conflicts, draws_pictures

if TYPE_CHECKING:
    from trmcli.solving.answers import Frame
    from trmcli.ui.replay import Replay

MOST_BYTES = 300_000
LEVELS = 61
"""Confidence in the page is one of so many levels, from 0 to 1."""
_FIRST = 48
"""The sign of value or level 0; those of the others follow it. None of them needs an escape in JSON."""


def page(replay: Replay) -> str:
    """The page, as HTML."""
    frames = list(replay.frames)
    while True:
        text = _page(replay, frames)
        later = [frame for frame in frames if frame.attempt > 1]
        if len(text.encode()) <= MOST_BYTES or len(later) < 4:
            return text
        kept = {id(frame) for frame in [*later[::2], later[-1]]}
        frames = [frame for frame in frames if frame.attempt == 1 or id(frame) in kept]


def _page(replay: Replay, frames: list[Frame]) -> str:
    packed = b64encode(zlib.compress(json.dumps(_content(replay, frames)).encode(), 9)).decode()
    height, width = replay.answer.puzzle.shape
    title = f"{replay.task.name} {height}x{width}"
    sources = files("trmcli.ui").joinpath("pages")
    parts = {name: sources.joinpath(f"player.{name}").read_text(encoding="utf-8") for name in ("css", "js")}
    template = Template(sources.joinpath("player.html").read_text(encoding="utf-8"))
    left_out = len(replay.frames) - len(frames)
    note = f"{left_out} steps of later tries are left out, to keep this page small." if left_out else ""
    return template.substitute(
        parts,
        title=escape(title),
        origin=escape(replay.origin),
        verdict=escape(replay.verdict),
        note=escape(note),
        data=packed,
    )


def _content(replay: Replay, frames: list[Frame]) -> dict[str, Any]:
    """What the script of the page reads."""
    answer, puzzle = replay.answer, replay.answer.puzzle
    task = replay.task.of(puzzle)
    given = ~task.codec.undecided(puzzle.cells)
    values = np.unique([puzzle.cells, answer.cells, *(frame.cells for frame in frames)])
    symbols = [""] * (int(values.max()) + 1)
    looks = [""] * len(symbols)
    for value in values.tolist():
        symbols[value] = task.paint.symbol(value, puzzle.shape) if value else ""
        looks[value] = task.paint.look(value)
    shown = [*frames, None]
    return {
        "height": puzzle.shape[0],
        "width": puzzle.shape[1],
        "picture": draws_pictures(task),
        "symbols": symbols,
        "looks": looks,
        "boxes": box_of(task, puzzle.shape).ravel().tolist(),
        "question": _signs(puzzle.cells),
        "given": _signs(given.astype(np.uint8)),
        "verdict": replay.verdict,
        "frames": [
            {
                "try": 0 if frame is None else frame.attempt,
                "step": 0 if frame is None else frame.step,
                "halt": round(answer.halt if frame is None else frame.halt, 3),
                "seconds": round(answer.seconds if frame is None else frame.seconds, 3),
                "cells": _signs(answer.cells if frame is None else frame.cells),
                "sure": _signs(np.rint((answer if frame is None else frame).confidence * (LEVELS - 1))),
                "wrong": sorted(conflicts(task, puzzle.cells, (answer if frame is None else frame).cells)),
                "supposed": [] if frame is None else list(frame.supposed),
            }
            for frame in shown
        ],
    }


def _signs(grid: np.ndarray[Any, Any]) -> str:
    """A grid of small whole numbers, one sign each."""
    return "".join(
        chr(_FIRST + number + (number >= 92 - _FIRST)) for number in grid.astype(int).ravel().tolist()
    )
