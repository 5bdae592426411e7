"""Speed of solving: a cold ``trm solve`` beside ``import torch``, and puzzles a second by batch size.

Arithmetic is given as a share of what one large matrix product reaches here with the same threads.

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

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

import trmcli
from trmcli.solving.evaluation import Evaluation
from trmcli.solving.search import SearchConfig, solve_many
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.sudoku.kind import SudokuMaker

EXAMPLES = Path(__file__).parents[1] / "examples" / "sudoku"


def cold(command: list[str], runs: int) -> float:
    """Median seconds of a whole process."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


PARTS = """
import json, sys, time
start = time.perf_counter()
import torch
from trmcli.solving.search import SearchConfig, solve_many
imported = time.perf_counter()
import trmcli
from trmcli.tasks import read_puzzles
puzzles = [puzzle for _, puzzle in read_puzzles([sys.argv[1]])]
solver = trmcli.load(sys.argv[2] or None)
loaded = time.perf_counter()
list(solve_many(solver, puzzles, SearchConfig(tries=32)))
print(json.dumps([imported - start, loaded - imported, time.perf_counter() - loaded]))
"""


def parts(file: Path, weights: str | None, runs: int) -> dict[str, float]:
    """Median seconds that a fresh process spends on importing, on loading weights and on solving a file."""
    command = [sys.executable, "-c", PARTS, str(file), weights or ""]
    rows = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    import_, load, solve = map(statistics.median, zip(*rows, strict=True))
    return {"import": import_, "load": load, "solve": solve}


def step_flops(solver: trmcli.Solver) -> int:
    """Operations of one supervision step of one 9x9 puzzle."""
    relations = solver.relations((9, 9))
    question = solver.embed(np.ones((1, 81), dtype=np.int64), (9, 9))
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        solver.model.supervision_step(solver.model.initial_carry(1, relations.length), question, relations)
    flops: int = counter.get_total_flops()
    return flops


def ceiling(solver: trmcli.Solver, runs: int) -> float:
    """Operations a second of a large matrix product in the solver's dtype; the best of ``runs``."""
    x = torch.randn(4096, 1024).to(solver.device, solver.model.dtype)
    weight = torch.randn(1024, 1024).to(x)
    best = 0.0
    with torch.inference_mode():
        for _ in range(runs):
            start = time.perf_counter()
            F.linear(x, weight).sum().item()
            best = max(best, 2 * x.numel() * len(weight) / (time.perf_counter() - start))
    return best


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
    if options.weights:
        hard += ["--weights", options.weights]
    figures: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "help_seconds": cold([*trm, "--help"], options.runs),
        "import_torch_seconds": cold([sys.executable, "-c", "import torch"], options.runs),
        "solve_one_seconds": cold(hard, options.runs),
        "solve_one_parts": parts(EXAMPLES / "hard.txt", options.weights, options.runs),
    }
    solver = trmcli.load(options.weights)
    flops, most = step_flops(solver), ceiling(solver, 4 * options.runs)
    figures |= {"flops_per_step": flops, "matmul_flops_per_second": most}
    easy, _ = SudokuMaker().make(options.count, 0, {"size": 9, "clues": "30-36"})
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
            part = puzzles[: max(16, batch_size * 8)]
            result = rate(solver, part, batch_size)
            rows.append(
                {
                    "puzzles": name,
                    "batch_size": batch_size,
                    "puzzles_per_second": result.puzzles_per_second,
                    "steps_per_second": result.total.steps / result.seconds,
                    "share_of_matmul": result.total.steps * flops / result.seconds / most,
                    "solved": result.total.exact,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr)
    print(json.dumps({**figures, "rates": rows}, indent=1))


if __name__ == "__main__":
    main()
