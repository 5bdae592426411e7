"""How soon a command shows a sign of life: from its start to the first byte on a terminal.

Run it with: python benchmarks/start.py [--runs 9] [COMMAND ...]

Each run is a process of its own on a pseudo-terminal, in turn with ``python -c pass``, which is the
least that any command in Python takes.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path

HARD = Path(__file__).parents[1] / "examples" / "sudoku" / "hard.txt"


def bare() -> float:
    """Seconds of a Python that does nothing."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - start


def first_byte(command: list[str]) -> float:
    """Seconds until ``trm COMMAND`` writes the first byte to its terminal; it is ended then."""
    ours, theirs = pty.openpty()
    start = time.perf_counter()
    # What the installed script does; ``python -m`` would look for the module first.
    program = "import sys; sys.argv[0] = 'trm'; from trmcli.__main__ import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        if not select.select([ours], [], [], 60)[0]:
            raise SystemExit("nothing came within a minute")
        return time.perf_counter() - start
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("command", nargs="*", default=["solve", str(HARD)])
    options = parser.parse_args()
    least, seconds = [], []
    for _ in range(options.runs):
        least.append(bare())
        seconds.append(first_byte(options.command))
    python, first = statistics.median(least), statistics.median(seconds)
    figures = {
        "processors": os.cpu_count(),
        "runs": options.runs,
        "bare_python_seconds": python,
        "first_byte_seconds": first,
        "ratio": first / python,
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
