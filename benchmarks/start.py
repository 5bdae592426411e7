"""How soon a command shows something: from its start to a text on a terminal, by default to the first byte.

Run it with: python benchmarks/start.py [--runs 9] [--until TEXT] [--against REVISION] [-- COMMAND ...]

Each run is a process of its own on a pseudo-terminal of 120 columns and 40 rows, and is ended when the text
is there; ``--until end`` lets it end by itself. They go in turn with a Python that prints an empty line,
which is the least that any command takes, and with another revision, if one is named. Bytecode is there, as
pip leaves it. Seconds by the clock, and those of the processors, which tell more where something else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from revisions import environment, in_turns, sources

HARD = Path(__file__).parents[1] / "examples" / "sudoku" / "hard.txt"
TRM = "import sys; sys.argv[0] = 'trm'; from trmcli.__main__ import main; main()"
"""What the installed script does; ``python -m`` would look for the module first."""


def until(source: Path, arguments: list[str], wanted: str) -> tuple[float, float]:
    """Seconds by the clock and of the processors until Python with these arguments has written a text."""
    ours, theirs = pty.openpty()
    before = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment(source), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    try:
        while not seen or wanted == "end" or wanted.encode() not in seen:
            if not select.select([ours], [], [], 60)[0]:
                raise SystemExit("nothing came within a minute")
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # Linux says so when the other end is closed
                piece = b""
            if not piece:
                if wanted == "end":
                    break
                raise SystemExit(f"it ended without {wanted!r}")
            seen += piece
        seconds = time.perf_counter() - before
    finally:
        os.kill(process.pid, signal.SIGKILL)  # process.kill() may forget what it used
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        os.close(ours)
    return seconds, used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--until", default="", metavar="TEXT", help="what to wait for, or: end")
    parser.add_argument("--against", metavar="REVISION")
    parser.add_argument("command", nargs="*", default=["solve", str(HARD)])
    options = parser.parse_args()
    with sources(options.against) as places:
        for place in places.values():  # writes the bytecode
            until(place, ["-c", TRM, *options.command], options.until)
        least = []

        def once(place: Path) -> tuple[float, float]:
            least.append(until(place, ["-c", "print()"], "\n"))
            return until(place, ["-c", TRM, *options.command], options.until)

        found = in_turns(places, options.runs, once)
    figures: dict[str, object] = {"processors": os.cpu_count(), "runs": options.runs}
    for name, runs in {"python": least, **found}.items():
        clock, spent = (statistics.median(column) for column in zip(*runs, strict=True))
        figures[name] = {"seconds": clock, "least": min(runs)[0], "processor_seconds": spent}
    if options.against is not None:
        pairs = zip(found["this"], found[options.against], strict=True)
        figures["ratio"] = statistics.median(ours[1] / theirs[1] for ours, theirs in pairs)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
