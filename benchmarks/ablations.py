"""TRM against HRM and the paper's ablations, on 4x4 Sudoku: the same data, the same number of gradient steps.

    python benchmarks/ablations.py --out benchmarks/results/ablations.json

Each run is the preset ``sudoku-4x4`` with a few settings changed. 2,000 puzzles train and 1,000 others test;
all runs share them. As in the paper, an answer counts after all 16 supervision steps, without checking in
between. The file is written after each run, and runs that it holds are not done again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from functools import cache
from pathlib import Path

import numpy as np
import torch

from trmcli.solving.solver import Solver
from trmcli.solving.torch_engine import TorchEngine
from trmcli.tasks import get_task
from trmcli.tasks.sudoku.kind import SudokuMaker
from trmcli.training.config import TrainConfig, load_config
from trmcli.training.data import Examples
from trmcli.training.setup import Stage
from trmcli.training.trainer import Trainer

HRM = ["model.num_layers=4", "model.answer_layers=4", "model.gradient=step", "model.rounds=2"]
VARIANTS: dict[str, list[str]] = {
    "TRM": [],
    "HRM": [*HRM, "model.latent_updates=2", "halting=q_learning", "ema=0.0"],
    "two networks": ["model.answer_layers=2"],
    "one-step gradient": ["model.gradient=step"],
    "no EMA": ["ema=0.0"],
    "4 layers, n=3": ["model.num_layers=4", "model.latent_updates=3"],
    "T=2, n=2": ["model.rounds=2", "model.latent_updates=2"],
    "single z": ["model.features=1"],
}


@cache
def data(count: int) -> tuple[Examples, Examples]:
    """Puzzles with 4 to 6 givens, two thirds for training and the others for testing; always the same."""
    task = get_task("sudoku")
    questions, answers = SudokuMaker().make(count, 1, {"size": 4, "clues": "4-6"})
    tokens = task.codec.encode(questions).astype(np.uint8)
    assert len(np.unique(tokens, axis=0)) == len(tokens), "test puzzles must not be among the training ones"
    return Examples((4, 4), tokens, task.codec.encode(answers).astype(np.uint8)).split(count // 3, 0)


def exact(trainer: Trainer, examples: Examples) -> float:
    """Share of the puzzles that the averaged weights answer after all supervision steps."""
    solver = Solver(TorchEngine(trainer.averaged_model(), trainer.task, trainer.device, trainer.dtype))
    most = trainer.config.supervision_steps
    tokens = examples.questions.astype(np.int64)
    right = [
        step.checked
        for start in range(0, len(tokens), 256)
        for step in solver.steps(tokens[start : start + 256], (4, 4), max_steps=most, halt="never")
        if step.done.all()  # never before the last step
    ]
    return float(np.concatenate(right).mean())


def train(config: TrainConfig, puzzles: int) -> dict[str, float]:
    """One run, and what came of it."""
    (kept, held), task = data(puzzles), get_task(config.task)
    trainer = Trainer(Stage.of(config, task, [kept]), task, torch.device("cpu"))
    began = time.process_time()
    while trainer.steps_done < config.max_steps:
        trainer.step()
    seconds = round(time.process_time() - began, 1)
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    return {"parameters": parameters, "cpu_seconds": seconds, "exact": exact(trainer, held)}


def table(results: dict[str, dict[str, float]]) -> str:
    """The means over the seeds as a table in Markdown."""
    lines = ["| | parameters | CPU minutes | exact, each seed | mean |", "|---|---|---|---|---|"]
    for name in VARIANTS:
        runs = [run for key, run in sorted(results.items()) if key.rpartition(" / ")[0] == name]
        if runs:
            figures = [100 * run["exact"] for run in runs]
            minutes = statistics.mean(run["cpu_seconds"] / 60 for run in runs)
            each = ", ".join(f"{figure:.1f}" for figure in figures)
            mean = statistics.mean(figures)
            lines.append(f"| {name} | {runs[0]['parameters']:,} | {minutes:.1f} | {each} | {mean:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=800, help="gradient steps of a run")
    parser.add_argument("--puzzles", type=int, default=3000, help="for training and testing together")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    for seed in arguments.seeds:
        for name in arguments.only:
            key = f"{name} / {seed}"
            if key in results:
                continue
            budget = [f"max_steps={arguments.steps}", f"warmup_steps={arguments.steps // 10}"]
            config = load_config("sudoku-4x4", None, [*budget, *VARIANTS[name], f"seed={seed}"])
            results[key] = train(config, arguments.puzzles)
            temporary = arguments.out.with_suffix(".writing")
            temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            temporary.replace(arguments.out)
            print(key, results[key]["exact"], flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
