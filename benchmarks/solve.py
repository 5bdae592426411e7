"""Speed of solving: a cold ``trm solve`` beside ``import torch``, and puzzles a second by batch size.

Run it with: python benchmarks/solve.py [--weights NAME|FILE] [--data hard_eval.csv.gz]

Timings vary on busy machines; compare figures of one run only.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import torch

import trmcli
from trmcli.solving.evaluation import Evaluation
from trmcli.solving.search import SearchConfig, solve_many
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Puzzle

EXAMPLES = Path(__file__).parents[1] / "examples" / "sudoku"


def cold(command: list[str], runs: int) -> float:
    """Median seconds of a whole process."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def rate(solver: trmcli.Solver, puzzles: list[Puzzle], batch_size: int) -> Evaluation:
    """One try, up to 16 steps with halting."""
    evaluation = Evaluation(16)
    start = time.perf_counter()
    for answer in solve_many(solver, puzzles, SearchConfig(batch_size=batch_size)):
        evaluation.add(answer)
    evaluation.seconds = time.perf_counter() - start
    return evaluation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights")
    parser.add_argument("--data", help="CSV with the sources 17clue, magictour, forum_hardest_11")
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()

    trm = [sys.executable, "-m", "trmcli"]
    hard = [*trm, "solve", str(EXAMPLES / "hard.txt"), "--no-live"]
    figures: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "help_seconds": cold([*trm, "--help"], options.runs),
        "import_torch_seconds": cold([sys.executable, "-c", "import torch"], options.runs),
        "solve_one_seconds": cold(hard, options.runs),
    }
    solver = trmcli.load(options.weights)
    task = get_task("sudoku")
    easy, _ = task.generate(options.count, 0, {"size": 9, "clues": "30-36"})
    first = next(puzzle for _, puzzle in read_puzzles([str(EXAMPLES / "hard.txt")]))
    sets = {"30 or more clues": [Puzzle(cells, first.origin) for cells in easy]}
    if options.data:
        for _, puzzle in read_puzzles([options.data]):
            kind = sets.setdefault(puzzle.source, [])
            if len(kind) < options.count:
                kind.append(puzzle)
    rate(solver, list(islice(sets["30 or more clues"], 64)), 64)
    rows = []
    for name, puzzles in sets.items():
        for batch_size in (1, 16, 32, 64, 128, 256):
            part = puzzles[: max(16, min(len(puzzles), batch_size * 8))]
            result = rate(solver, part, batch_size)
            rows.append(
                {
                    "puzzles": name,
                    "batch_size": batch_size,
                    "puzzles_per_second": result.puzzles_per_second,
                    "steps_per_second": result.total.steps / result.seconds,
                    "solved": result.total.exact,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr)
    print(json.dumps({**figures, "rates": rows}, indent=1))


if __name__ == "__main__":
    main()
