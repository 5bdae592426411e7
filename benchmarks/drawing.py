"""How much drawing slows solving: the time in supervision steps with a player on a terminal, and without.

Run it with: python benchmarks/drawing.py [--runs 9] [--columns 120 --rows 40] [PUZZLE]

One process on a pseudo-terminal solves the same puzzle again and again, in turn with the player and without,
so that both meet the same machine. The player shows what it shows to people, at its usual pace, while solving
goes on; for the end of the show nobody waits. Drawing shares Python's lock and the processors' caches with
solving, so what is compared is the time in the steps, and beside it the time of the processors, drawing
included. Medians, and the median of the ratios of neighbours.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import statistics
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import RenderableType

from trmcli.cli.watching import filmed
from trmcli.loading import load_engine
from trmcli.solving.answers import Answer
from trmcli.solving.choices import SearchConfig
from trmcli.solving.search import Search
from trmcli.solving.solver import Solver
from trmcli.tasks import read_puzzles
from trmcli.ui.palette import Terminal
from trmcli.ui.player import Player
from trmcli.weights.registry import find_weights

ESCARGOT = Path(__file__).parents[1] / "examples" / "sudoku" / "escargot.txt"
TRIES = 32


class Counted(Player):
    """A player that counts its drawings."""

    drawings = 0

    def _content(self) -> RenderableType | None:
        content = super()._content()
        self.drawings += content is not None
        return content


def solve(puzzle_text: str, runs: int) -> dict[str, object]:
    """Solve on the terminal that this process has; the figures."""
    task, puzzle = next(iter(read_puzzles([puzzle_text])))
    task = task.of(puzzle)
    engine, card = load_engine(find_weights(None, task.name), task, few=True)
    solver, config = Solver(engine), replace(SearchConfig(tries=TRIES), batch_size=1)
    film = filmed(solver, card.name, puzzle, config, "benchmark")

    def once(drawn: bool) -> tuple[float, float, int, int]:
        """Seconds in steps, seconds of the processors, steps, and drawings."""
        before, steps, seconds = time.process_time(), 0, 0.0
        player = Counted(Terminal("dark"), film, stays=False) if drawn else None
        with player or nullcontext():
            for found in Search(solver, [puzzle], config, numbers=[0], shown=True).run():
                if isinstance(found, Answer):
                    seconds = found.seconds
                else:
                    steps += 1
                    if player is not None:
                        player.add(found)
            spent = time.process_time() - before
        return seconds, spent, steps, player.drawings if player is not None else 0

    once(False)
    pairs = []
    for run in range(runs):
        first = bool(run % 2)  # neither kind always comes first
        one, other = once(first), once(not first)
        pairs.append((other, one) if first else (one, other))
    plain, drawn = zip(*pairs, strict=True)
    in_steps, processors = (
        [shown[number] / alone[number] - 1 for alone, shown in pairs] for number in (0, 1)
    )
    return {
        "processors": os.cpu_count(),
        "runs": runs,
        "puzzle": f"{task.name} {puzzle.shape[0]}x{puzzle.shape[1]}",
        "steps": plain[0][2],
        "drawings": statistics.median(one[3] for one in drawn),
        "seconds_in_steps": statistics.median(one[0] for one in plain),
        "seconds_in_steps_drawn": statistics.median(one[0] for one in drawn),
        "slower_in_steps": statistics.median(in_steps),
        "more_of_processors": statistics.median(processors),
    }


def on_terminal(arguments: list[str], rows: int, columns: int) -> bytes:
    """What a child says that has a pseudo-terminal for its standard output."""
    ours, theirs = pty.openpty()
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    child = subprocess.Popen(
        [sys.executable, __file__, "--to", str(writing), *arguments],
        stdin=theirs,
        stdout=theirs,
        env={
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "COLUMNS": str(columns),
            "LINES": str(rows),
        },
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(theirs)
    os.close(writing)

    def drain() -> None:
        try:
            while os.read(ours, 1 << 16):
                pass
        except OSError:  # Linux says so when the other end is closed
            pass

    threading.Thread(target=drain, daemon=True).start()
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    if child.wait():
        raise SystemExit("the process on the terminal failed")
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--columns", type=int, default=120)
    parser.add_argument("--to", type=int, help=argparse.SUPPRESS)
    parser.add_argument("puzzle", nargs="?", default=str(ESCARGOT))
    options = parser.parse_args()
    if options.to is not None:
        with os.fdopen(options.to, "w") as file:
            json.dump(solve(options.puzzle, options.runs), file, indent=1)
        return
    print(on_terminal(["--runs", str(options.runs), options.puzzle], options.rows, options.columns).decode())


if __name__ == "__main__":
    main()
