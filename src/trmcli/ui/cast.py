"""Replays as asciinema files, version 2: what the player draws on a terminal, with its times.

The first line is a JSON object that names the version and the size of the terminal; every further line is a
list of the seconds since the start, ``"o"``, and what is written (docs.asciinema.org/manual/asciicast/v2).
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from rich.console import Console

from trmcli.ui.grid import Grid
from trmcli.ui.live import BELOW, Film, Scene
from trmcli.ui.storyboard import pace

if TYPE_CHECKING:
    from trmcli.ui.replay import Replay

_SIZES = ((80, 24), (120, 40), (200, 60))
"""Columns and rows of terminals that people have; the first with room is taken."""
_CLEAR, _HIDE, _SHOW = "\x1b[2J\x1b[H", "\x1b[?25l", "\x1b[?25h"


def cast(replay: Replay, fps: float) -> str:
    """The file, at ``fps`` steps of the first try a second, in 24-bit colours."""
    puzzle, frames = replay.answer.puzzle, replay.frames
    height, width = puzzle.shape
    title = f"{replay.task.name} {height}x{width}"
    steps = max((frame.step for frame in frames), default=1)
    tries = max((frame.attempt for frame in frames), default=1)
    film = Film(replay.task.of(puzzle), puzzle, title, steps, tries)
    columns, rows = _size(film)
    header = {
        "version": 2,
        "width": columns,
        "height": rows,
        "title": f"{title}: {replay.verdict}",
        "env": {"TERM": "xterm-256color"},
    }
    lines, clock = [json.dumps(header)], 0.0
    for number, (place, seconds) in enumerate(pace(replay, fps)):
        ending = (replay.answer, replay.verdict) if place == len(frames) else None
        drawn = _drawn(film.scene(frames, place, ending, False, ""), columns, rows)
        lines.append(json.dumps([round(clock, 3), "o", (_CLEAR if number else _HIDE + _CLEAR) + drawn]))
        clock += seconds
    lines.append(json.dumps([round(clock, 3), "o", _SHOW]))
    return "\n".join(lines) + "\n"


def _console(columns: int, rows: int) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        no_color=False,
        legacy_windows=False,
        width=columns,
        height=rows,
    )


def _size(film: Film) -> tuple[int, int]:
    """Columns and rows of a terminal with room for the board."""
    cells = film.puzzle.cells
    grid = Grid(film.task, cells, cells)
    for columns, rows in _SIZES:
        if grid.fitting(_console(columns, rows), BELOW) is not None:
            return columns, rows
    across, down = grid.size(grid.forms(_console(*_SIZES[-1]))[-1])
    return max(across, _SIZES[0][0]), down + BELOW


def _drawn(scene: Scene, columns: int, rows: int) -> str:
    console = _console(columns, rows)
    with console.capture() as captured:
        console.print(scene)
    return captured.get().rstrip("\n").replace("\n", "\r\n")
