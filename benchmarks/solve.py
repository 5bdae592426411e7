"""Speed of solving: a cold ``trm solve`` beside ``import torch``, a step of each engine, puzzles a second.

Run it with: python benchmarks/solve.py [--weights NAME|FILE] [--data hard_eval.csv.gz] [--against REVISION]

Arithmetic is given as a share of what one large matrix product reaches here, in the same engine and dtype,
with the same threads. With --against, another revision of the project takes turns with this one. Timings vary
on busy machines: compare figures of one run only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

import trmcli
from trmcli.solving.blas import one_thread
from trmcli.solving.engine import Engine, Inputs
from trmcli.solving.evaluation import Evaluation
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.solving.search import SearchConfig, solve_many
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.sudoku.kind import SudokuMaker

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
BATCHES = (1, 4, 16, 64)

COLD = {
    "import torch": ["-c", "import torch"],
    "trm --help": ["-m", "trmcli", "--help"],
    "trm solve a sudoku": ["-m", "trmcli", "solve", str(EXAMPLES / "sudoku" / "hard.txt"), "--no-live"],
    "trm solve a maze": ["-m", "trmcli", "solve", str(EXAMPLES / "maze" / "15x15.txt"), "--no-live"],
}
"""What a fresh process does."""


SPENT = """
import json, os, subprocess, sys, time
start = time.perf_counter()
null = subprocess.DEVNULL
process = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=null, stderr=null)
_, status, used = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
most = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
print(json.dumps([time.perf_counter() - start, used.ru_utime + used.ru_stime, most]))
sys.exit(process.returncode)
"""
"""A process of its own, for a new process counts the memory of the one that it comes from as its own."""


def spent(arguments: Sequence[str], source: Path) -> tuple[float, float, float]:
    """Seconds on the clock and on processors, and the most MiB in memory, of Python with the code there."""
    environment = {**os.environ, "PYTHONPATH": str(source / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", SPENT, *arguments], check=True, capture_output=True, env=environment
    )
    seconds, processor, memory = json.loads(done.stdout)
    return seconds, processor, memory


def cold(sources: Mapping[str, Path], runs: int) -> list[dict[str, Any]]:
    """Medians of fresh processes, which take turns; the first round, which compiles modules, is left out."""
    pairs = [(what, code) for what in COLD for code in sources]
    rounds = [{pair: spent(COLD[pair[0]], sources[pair[1]]) for pair in pairs} for _ in range(1 + runs)][1:]
    rows = []
    for what, code in pairs:
        seconds, processor, memory = (
            statistics.median(figures) for figures in zip(*(one[what, code] for one in rounds), strict=True)
        )
        ratios = [
            statistics.median(one[what, code][kind] / one["import torch", code][kind] for one in rounds)
            for kind in (0, 1)
        ]
        rows.append(
            {
                "what": what,
                "code": code,
                "seconds": seconds,
                "processor_seconds": processor,
                "memory_mib": memory,
                "seconds_to_import_torch": ratios[0],
                "processor_seconds_to_import_torch": ratios[1],
            }
        )
    return rows


def evaluations(
    sources: Mapping[str, Path], data: Path, options: Sequence[str], runs: int
) -> dict[str, list[float]]:
    """Puzzles a second of ``trm eval``, by code; the codes take turns."""
    found: dict[str, list[float]] = {code: [] for code in sources}
    for _ in range(runs):
        for code, source in sources.items():
            done = subprocess.run(
                [sys.executable, "-m", "trmcli", "eval", str(data), "--json", *options],
                capture_output=True,
                env={**os.environ, "PYTHONPATH": str(source / "src")},
            )
            found[code].append(json.loads(done.stdout)["puzzles_per_second"])
    return found


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """The files of another revision, while the block lasts."""
    with TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", revision], check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def step_flops(engine: TorchEngine) -> int:
    """Operations of one supervision step of one 9x9 puzzle."""
    with engine.working(), FlopCounterMode(display=False) as counter:
        engine.step(engine.begin(Inputs(np.ones((1, 81), dtype=np.int64), (9, 9))))
    flops: int = counter.get_total_flops()
    return flops


def ceiling(engine: TorchEngine | NumPyEngine, runs: int) -> float:
    """Operations a second of a large matrix product in the engine's dtype; the best of ``runs``."""
    x = np.random.default_rng(0).standard_normal((4096, 1024), dtype=np.float32)
    placed = torch.from_numpy(x)
    if isinstance(engine, TorchEngine):
        placed = placed.to(engine.device, engine.model.dtype)
    best = 0.0
    with torch.inference_mode(), one_thread():
        for _ in range(runs):
            start = time.perf_counter()
            if isinstance(engine, TorchEngine):
                F.linear(placed, placed[:1024]).sum().item()
            else:
                np.matmul(x, x[:1024].T)
            best = max(best, 2 * x.size * 1024 / (time.perf_counter() - start))
    return best


def steps(engine: Engine[Any], flops: int, most: float, runs: int) -> Iterator[dict[str, Any]]:
    """Milliseconds a puzzle of one supervision step, the best of ``runs``, by batch size."""
    for size in BATCHES:
        tokens = np.random.default_rng(0).integers(1, 11, (size, 81))
        best = float("inf")
        with engine.working():
            state, _ = engine.step(engine.begin(Inputs(tokens, (9, 9))))
            for _ in range(runs):
                start = time.perf_counter()
                state, _ = engine.step(state)
                best = min(best, time.perf_counter() - start)
        yield {
            "engine": "torch" if isinstance(engine, TorchEngine) else "numpy",
            "dtype": str(state.answer.dtype).removeprefix("torch."),
            "batch_size": size,
            "milliseconds_a_puzzle": 1000 * best / size,
            "share_of_matmul": flops * size / best / most,
        }


def rate(solver: trmcli.Solver, puzzles: list[Puzzle], batch_size: int) -> Evaluation:
    """One try, up to 16 steps with halting."""
    evaluation = Evaluation(16)
    start = time.perf_counter()
    for answer in solve_many(solver, puzzles, SearchConfig(batch_size=batch_size)):
        evaluation.add(answer)
    evaluation.seconds = time.perf_counter() - start
    return evaluation


def chosen(data: str | None, count: int) -> dict[str, list[Puzzle]]:
    """The puzzles of each source of a file, and easy ones."""
    easy, _ = SudokuMaker().make(count, 0, {"size": 9, "clues": "30-36"})
    first = next(puzzle for _, puzzle in read_puzzles([str(EXAMPLES / "sudoku" / "hard.txt")]))
    sets = {"30 or more clues": [Puzzle(cells, first.origin) for cells in easy]}
    for _, puzzle in read_puzzles([data]) if data else ():
        kind = sets.setdefault(puzzle.source, [])
        if len(kind) < count:
            kind.append(puzzle)
    return sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights")
    parser.add_argument("--data", help="CSV with the sources 17clue, magictour, forum_hardest_11")
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--against", metavar="REVISION", help="run this revision of the project as well")
    parser.add_argument("--cold", action="store_true", help="measure fresh processes only")
    options = parser.parse_args()

    figures: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    sources = {"this": ROOT}
    with checkout(options.against) if options.against else TemporaryDirectory() as other:
        if options.against:
            sources[options.against] = Path(other)
        figures["cold"] = cold(sources, options.runs)
        if options.against and options.data:
            limit = ["--limit", str(options.count)]
            figures["eval"] = evaluations(sources, Path(options.data), limit, min(3, options.runs))
    if not options.cold:
        figures |= warm(options)
    print(json.dumps(figures, indent=1))


def warm(options: argparse.Namespace) -> dict[str, Any]:
    """Steps of both engines, and puzzles a second of PyTorch's."""
    solver = trmcli.load(options.weights, engine="torch")
    engines = solver.engine, trmcli.load(options.weights, engine="numpy").engine
    assert isinstance(engines[0], TorchEngine) and isinstance(engines[1], NumPyEngine)
    flops = step_flops(engines[0])
    most = [ceiling(engines[0], 4 * options.runs), ceiling(engines[1], 4 * options.runs)]
    sets, rows = chosen(options.data, options.count), []
    rate(solver, list(islice(sets["30 or more clues"], 64)), 64)
    for name, puzzles in sets.items():
        for batch_size in (1, 16, 32, 64, 128, 256):
            result = rate(solver, puzzles[: max(16, batch_size * 8)], batch_size)
            rows.append(
                {
                    "puzzles": name,
                    "batch_size": batch_size,
                    "puzzles_per_second": result.puzzles_per_second,
                    "steps_per_second": result.total.steps / result.seconds,
                    "share_of_matmul": result.total.steps * flops / result.seconds / most[0],
                    "solved": result.total.exact,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr)
    return {
        "flops_per_step": flops,
        "matmul_flops_per_second": {"torch": most[0], "numpy": most[1]},
        "steps": [row for place in (0, 1) for row in steps(engines[place], flops, most[place], options.runs)],
        "rates": rows,
    }


if __name__ == "__main__":
    main()
