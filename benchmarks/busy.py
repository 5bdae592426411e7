"""One puzzle beside other work: a cold ``trm solve`` while busy loops take the processors.

Run it with: python benchmarks/busy.py [--loops 2] [--runs 5]

It is compared with the same command under OMP_NUM_THREADS=1, in turn, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HARD = Path(__file__).parents[1] / "examples" / "sudoku" / "hard.txt"

LOOP = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: sum(range(100000))"
"""It ends with whoever began it, however that ends."""


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many processes that compute without pause."""
    workers = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(loops)]
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def solve(**variables: str) -> tuple[float, float]:
    """Seconds of a whole ``trm solve``, and what it says that solving took."""
    inherited = {
        key: value for key, value in os.environ.items() if key not in ("OMP_NUM_THREADS", "TRM_THREADS")
    }
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "trmcli", "solve", str(HARD), "--json"],
        check=True,
        capture_output=True,
        env={**inherited, **variables},
    )
    return time.perf_counter() - start, json.loads(done.stdout)["milliseconds"] / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    kinds: dict[str, dict[str, str]] = {"as it is": {}, "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"}}
    seconds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    with busy(options.loops):
        for _ in range(options.runs):
            for kind, variables in kinds.items():
                seconds[kind].append(solve(**variables))
    whole, solving = (
        {kind: statistics.median(run[part] for run in runs) for kind, runs in seconds.items()}
        for part in (0, 1)
    )
    print(
        json.dumps(
            {
                "processors": os.cpu_count(),
                "busy_loops": options.loops,
                "runs": options.runs,
                "command_seconds": whole,
                "solving_seconds": solving,
                "command_ratio": whole["as it is"] / whole["OMP_NUM_THREADS=1"],
                "solving_ratio": solving["as it is"] / solving["OMP_NUM_THREADS=1"],
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
