"""Speed of solving: a cold ``trm solve`` beside ``import torch``, a step of each engine, puzzles a second.

Puzzles a second are given in those of the paper's own model for Sudoku as well (``times_the_papers``).

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
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from revisions import ROOT, in_turns, python, sources
from torch.utils.flop_counter import FlopCounterMode

import trmcli
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.solving import numpy_layers, numpy_mixers
from trmcli.solving.blas import one_thread
from trmcli.solving.choices import EngineName
from trmcli.solving.crossover import torch_has_more
from trmcli.solving.engine import Engine, Inputs, step
from trmcli.solving.evaluation import Evaluation
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.solving.search import SearchConfig, solve_many
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.sudoku.kind import SudokuMaker
from trmcli.training.config import load_config

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
    seconds, processor, memory = json.loads(python(source, ["-c", SPENT, *arguments]))
    return seconds, processor, memory


def cold(places: Mapping[str, Path], runs: int) -> list[dict[str, Any]]:
    """Medians of fresh processes, which take turns; the first round, which compiles modules, is left out."""
    pairs = [(what, code) for what in COLD for code in places]
    rounds = [{pair: spent(COLD[pair[0]], places[pair[1]]) for pair in pairs} for _ in range(1 + runs)][1:]
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


def evaluation(source: Path, data: Path, options: Sequence[str]) -> float:
    """Puzzles a second of ``trm eval``, which ends with 1 where some are not solved."""
    said = python(source, ["-m", "trmcli", "eval", str(data), "--json", *options], check=False)
    rate: float = json.loads(said)["puzzles_per_second"]
    return rate


def step_flops(engine: TorchEngine) -> int:
    """Operations of one supervision step of one 9x9 puzzle."""
    with engine.working(), FlopCounterMode(display=False) as counter:
        step(engine, engine.begin(Inputs(np.ones((1, 81), dtype=np.int64), (9, 9))))
    flops: int = counter.get_total_flops()
    return flops


def ceiling(engine: Engine[Any], runs: int) -> float:
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


def stepped(engine: Engine[Any], size: int, runs: int) -> dict[str, Any]:
    """Milliseconds a puzzle of one supervision step of a batch, by the clock and of processors, the least of
    ``runs`` after the first, which fills caches, and compiles."""
    tokens = np.random.default_rng(0).integers(1, 11, (size, 81))
    best, busy = float("inf"), float("inf")
    with engine.working():
        state = engine.begin(Inputs(tokens, (9, 9)))
        state, _ = step(engine, state)
        for _ in range(runs):
            start, worked = time.perf_counter(), time.process_time()
            state, _ = step(engine, state)
            best = min(best, time.perf_counter() - start)
            busy = min(busy, time.process_time() - worked)
    return {
        "engine": "torch" if isinstance(engine, TorchEngine) else "numpy",
        "dtype": str(state.answer.dtype).removeprefix("torch."),
        "batch_size": size,
        "milliseconds_a_puzzle": 1000 * best / size,
        "processor_milliseconds_a_puzzle": 1000 * busy / size,
    }


def shares(engine: Engine[Any], runs: int) -> dict[str, float]:
    """The share of products, activations and norms in the processor's time, of ``runs`` NumPy steps of one
    puzzle the least of each."""
    places: dict[str, list[tuple[Any, str]]] = {
        "products": [(np, "matmul")],
        "activations": [(numpy_layers, "gate"), (numpy_mixers, "gate")],
        "norms": [(numpy_mixers, "norm")],
        "all": [(engine, "round")],
    }
    spent: dict[str, float] = {}
    state = engine.begin(Inputs(np.ones((1, 81), dtype=np.int64), (9, 9)))

    def timed(what: Any, part: str, *arguments: Any, **named: Any) -> Any:
        start = time.thread_time()
        result = what(*arguments, **named)
        spent[part] = spent.get(part, 0.0) + time.thread_time() - start
        return result

    found = []
    with ExitStack() as patches, engine.working():
        for part, functions in places.items():
            for module, name in functions:
                patches.enter_context(patch.object(module, name, partial(timed, getattr(module, name), part)))
        for _ in range(runs):
            spent.clear()
            step(engine, state)
            found.append(dict(spent))
    least = {part: min(run[part] for run in found) for part in places}
    return {part: seconds / least["all"] for part, seconds in least.items() if part != "all"}


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
    parser.add_argument("--steps", action="store_true", help="measure steps of each engine only")
    options = parser.parse_args()

    figures: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    if options.steps:
        print(json.dumps(figures | steps(options), indent=1))
        return
    with sources(options.against) as places:
        figures["cold"] = cold(places, options.runs)
        if options.against and options.data:
            limit = ["--limit", str(options.count)]
            measure = partial(evaluation, data=Path(options.data), options=limit)
            figures["eval"] = in_turns(places, min(3, options.runs), measure)
    if not options.cold:
        figures |= warm(options)
    print(json.dumps(figures, indent=1))


def papers(size: int, runs: int) -> Iterator[dict[str, Any]]:
    """Puzzles a second of the paper's own model for Sudoku, by engine, a batch of so many.

    It takes 16 steps for each, as the paper evaluates it. It is not trained, which costs the same.
    """
    preset = load_config("paper-sudoku-extreme").parts[-1][1]
    model = TinyRecursiveModel(TRMConfig.from_dict({**preset.model, "num_puzzles": 1}))
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    parameters, task = sum(weight.size for weight in weights.values()), get_task("sudoku")
    for engine in (NumPyEngine(model.config, weights, task), TorchEngine(model, task)):
        row = stepped(engine, size, runs)
        yield {
            **row,
            "parameters": parameters,
            "puzzles_per_second": 1000 / row["milliseconds_a_puzzle"] / preset.supervision_steps,
            "puzzles_per_processor_second": 1000
            / row["processor_milliseconds_a_puzzle"]
            / preset.supervision_steps,
        }


def compiled(weights: str | None, name: EngineName) -> dict[str, Engine[Any]]:
    """The engine, compiled, by its name; nothing where there is no compiler for it."""
    try:
        engine = trmcli.load(weights, engine=name, compile="on").engine
    except trmcli.InputError:
        return {}
    stepped(engine, max(BATCHES), 1)  # it compiles for parts of a large batch
    return {name: engine}


def steps(options: argparse.Namespace) -> dict[str, Any]:
    """What a step takes each engine, not compiled and, where that is possible, compiled."""
    names: tuple[EngineName, ...] = ("torch", "numpy")
    plain: dict[str, Engine[Any]] = {
        name: trmcli.load(options.weights, engine=name, compile="off").engine for name in names
    }
    quick = compiled(options.weights, "torch") | compiled(options.weights, "numpy")
    assert isinstance(plain["torch"], TorchEngine)
    flops = step_flops(plain["torch"])
    most = {name: ceiling(engine, 4 * options.runs) for name, engine in plain.items()}
    found = []
    for size in BATCHES:
        for forms in (plain, quick):
            for name, engine in forms.items():
                row = stepped(engine, size, options.runs)
                share = flops / row["milliseconds_a_puzzle"] * 1000 / most[name]
                found.append({**row, "compiled": forms is quick, "share_of_matmul": share})
                print(json.dumps(found[-1]), file=sys.stderr)
    return {
        "flops_per_step": flops,
        "matmul_flops_per_second": most,
        "steps": found,
        "shares_of_numpy": shares(plain["numpy"], options.runs),
    }


def warm(options: argparse.Namespace) -> dict[str, Any]:
    """Steps of the engines, and puzzles a second of the one that ``trm eval`` takes for many."""
    taken: EngineName = "torch" if torch_has_more() else "numpy"
    figures = steps(options)
    theirs = list(papers(min(16, options.count), min(3, options.runs)))
    best, thrifty = (
        max(row[f"puzzles_per_{kind}"] for row in theirs) for kind in ("second", "processor_second")
    )
    solver, sets, rows = trmcli.load(options.weights, engine=taken), chosen(options.data, options.count), []
    stepped(solver.engine, max(BATCHES), 1)  # after so much work NumPy's is compiled
    rate(solver, list(islice(sets["30 or more clues"], 64)), 64)
    for name, puzzles in sets.items():
        for batch_size in (1, 16, 32, 64, 128, 256):
            worked = time.process_time()
            result = rate(solver, puzzles[: max(16, batch_size * 8)], batch_size)
            worked = time.process_time() - worked
            rows.append(
                {
                    "puzzles": name,
                    "engine": taken,
                    "batch_size": batch_size,
                    "puzzles_per_second": result.puzzles_per_second,
                    "times_the_papers": result.puzzles_per_second / best,
                    "times_the_papers_a_processor_second": result.total.count / worked / thrifty,
                    "steps_per_second": result.total.steps / result.seconds,
                    "solved": result.total.exact,
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr)
    return {
        **figures,
        "papers": theirs,
        "rates": rows,
    }


if __name__ == "__main__":
    main()
