"""What tries buy: the figures of docs/test-time-compute.md, one resumable command each.

Run it with: OMP_NUM_THREADS=1 python benchmarks/test_time_compute.py RUN --data hard_eval.csv.gz

A run writes benchmarks/results/RUN.json. Until it is done, RUN.partial.json beside it holds what has been
counted so far; the same command goes on from there, with the same outcome as without the interruption.
``plot`` draws the runs that compare strategies and are done, as docs/strategies.svg.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import count, islice
from pathlib import Path

import torch

import trmcli
from trmcli.solving.choices import STRATEGIES, Strategy
from trmcli.solving.evaluation import Evaluation, Point
from trmcli.solving.search import SearchConfig, solve_many
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.ui.plots import over_tries
from trmcli.ui.plots_svg import svg

RESULTS = Path(__file__).parent / "results"
DRAWING = Path(__file__).parents[1] / "docs" / "strategies.svg"
EVERY = 60.0
"""Seconds between two writings of what has been counted."""


@dataclass(frozen=True)
class Run:
    """What is measured.

    Attributes:
        puzzles: the first so many of each source, one source after another; None for all.
        tries: most tries, read off at every power of two up to it.
    """

    puzzles: dict[str, int | None]
    tries: int
    strategy: Strategy = "guess"
    max_steps: int = 16
    batch_size: int = 64
    seed: int = 0


SAMPLE: dict[str, int | None] = {"17clue": 100, "magictour": 80, "forum_hardest_11": 30}
RUNS = {
    "17clue": Run({"17clue": None}, 256),
    "magictour": Run({"magictour": None}, 256),
    "forum": Run({"forum_hardest_11": 200}, 256),
    "hard": Run({"17clue": None, "magictour": None, "forum_hardest_11": None}, 64),
    **{f"strategy-{name}": Run(SAMPLE, 16, name) for name in STRATEGIES},
}


def chosen(data: str, wanted: dict[str, int | None]) -> Iterator[Puzzle]:
    """The first puzzles of each source, one source after another."""
    for source, most in wanted.items():
        every = (puzzle for _, puzzle in read_puzzles([data]) if puzzle.source == source)
        yield from islice(every, most)


def measure(name: str, run: Run, data: str, weights: str | None, results: Path) -> None:
    """Do one run, or what is left of it."""
    partial, result = results / f"{name}.partial.json", results / f"{name}.json"
    limits = tuple(2**power for power in range(run.tries.bit_length()) if 2**power <= run.tries)
    evaluation = Evaluation(run.max_steps, limits)
    before, peak = 0.0, 0.0
    if partial.exists():
        state = json.loads(partial.read_text())
        evaluation.absorb(state["counts"])
        before, peak = state["seconds"], state["peak"]
        print(f"{name}: going on after {evaluation.total.count} puzzles")
    config = SearchConfig(run.max_steps, run.tries, "checked", True, run.batch_size, run.seed, run.strategy)
    done = evaluation.total.count
    solver = trmcli.load(weights)
    start = saved = time.perf_counter()
    for answer in solve_many(solver, islice(chosen(data, run.puzzles), done, None), config, count(done)):
        evaluation.add(answer)
        evaluation.seconds = before + time.perf_counter() - start
        peak = max(peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        if time.perf_counter() - saved > EVERY:
            saved = time.perf_counter()
            state = {"counts": evaluation.pack(), "seconds": evaluation.seconds, "peak": peak}
            write(partial, json.dumps(state))
            print(f"{name}: {evaluation.total.solved} of {evaluation.total.count} solved", flush=True)
    figures = {
        "command": f"python benchmarks/test_time_compute.py {name} --data {Path(data).name}",
        "date": date.today().isoformat(),
        "machine": platform.processor() or platform.machine(),
        "device": str(getattr(solver.engine, "device", "cpu")),
        "threads": torch.get_num_threads(),
        "weights": weights or "default",
        "run": asdict(run),
        "peak_memory_mib": round(peak),
        **evaluation.to_dict(),
    }
    write(result, json.dumps(figures, indent=1) + "\n")
    partial.unlink(missing_ok=True)
    print(json.dumps({key: figures[key] for key in ("puzzles", "solved", "by_tries")}, indent=1))


def write(path: Path, text: str) -> None:
    """Write a whole file under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def plot(results: Path, drawing: Path) -> None:
    """Exact accuracy of each strategy on the sample of magictour."""
    curves: dict[str, list[Point]] = {}
    for name in STRATEGIES:
        figures = json.loads((results / f"strategy-{name}.json").read_text())
        curves[name] = [
            Point(
                one["tries"],
                one["exact_accuracy"],
                tuple(one["interval_95"]),
                one["mean_steps"],
                one["seconds"],
            )
            for one in figures["sources"]["magictour"]["by_tries"]
        ]
    title = "magictour: exact accuracy by strategy and tries"
    write(drawing, svg([over_tries(curves, title)], title))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", choices=[*RUNS, "plot"])
    parser.add_argument("--data", default="hard_eval.csv.gz", help="CSV with the columns source and question")
    parser.add_argument("--weights")
    parser.add_argument("--limit", type=int, help="at most so many puzzles of each source")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--drawing", type=Path, default=DRAWING, metavar="FILE")
    options = parser.parse_args()
    if options.run == "plot":
        plot(options.results, options.drawing)
        return
    run = RUNS[options.run]
    if options.limit is not None:
        most = {source: min(options.limit, count or options.limit) for source, count in run.puzzles.items()}
        run = replace(run, puzzles={**most})
    measure(options.run, run, options.data, options.weights, options.results)


if __name__ == "__main__":
    main()
