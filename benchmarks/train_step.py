"""How fast a training step is, and how near to what the processor can do.

``python benchmarks/train_step.py PRESET... [--batch-size N] [--steps N] [--compile] [--against REVISION]
[--out FILE.json]``

The ceiling is the best rate of one large product in bfloat16, measured in the same process just before. The
arithmetic of a step is counted by :func:`trmcli.training.plan.plan`, products only. Of a preset in stages the
last one is measured, with the T that it ends with. Examples are random tokens, so nobody needs the data: a
step costs the same. The time by part and by operation is measured with one thread, where they come one after
another. With --against, another revision of the project takes turns with this one, each by its own script.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from revisions import in_turns, python, sources
from torch.profiler import ProfilerActivity, profile

from trmcli.solving.torch_engine import pick_device
from trmcli.tasks import get_task
from trmcli.tasks.base import Ints
from trmcli.tasks.task import Task
from trmcli.training.config import DataConfig, TrainConfig, load_config
from trmcli.training.data import Examples
from trmcli.training.plan import plan
from trmcli.training.setup import Stage
from trmcli.training.trainer import Trainer

PARTS = ("data", "forward", "backward", "optimiser", "average")
MOST = 8
"""Operations that are named."""


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def ceiling(device: torch.device, side: int | None = None) -> float:
    """FLOP/s of the best of several products in bfloat16, large ones by default."""
    usual, repeats = (8192, 20) if device.type == "cuda" else (2048, 3)
    side = side or usual
    x = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    best = math.inf
    for _ in range(5):
        wait(device)
        began = time.perf_counter()
        for _ in range(repeats):
            F.linear(x, x)
        wait(device)
        best = min(best, (time.perf_counter() - began) / repeats)
    return 2 * side**3 / best


class AsTheyAre(Examples):
    """Tokens that are neither turned nor labelled anew when they are drawn."""

    def draw(
        self, task: Task, slots: Ints, step: int, config: TrainConfig, rng: np.random.Generator
    ) -> tuple[Ints, Ints, Ints]:
        rows = rng.integers(len(self), size=len(slots))
        return self.questions[rows].astype(np.int64), self.answers[rows].astype(np.int64), np.zeros_like(rows)


def build(config: TrainConfig, device: torch.device) -> Trainer:
    """A trainer whose first source is random tokens of the preset's size."""
    cells = int(config.model.get("seq_len", 0)) or int(config.data[0].options.get("size", 9)) ** 2
    side, rng, task = math.isqrt(cells), np.random.default_rng(0), get_task(config.task)
    usual = min(task.codec.vocab_size, 11)  # those of a 9x9 Sudoku, or all
    values = int(config.model.get("vocab_size", usual))
    tokens = rng.integers(1, values, size=(2, 4096, cells), dtype=np.uint8)
    kind = AsTheyAre if "vocab_size" in config.model else Examples  # the paper's data are augmented already
    examples = kind((side, side), tokens[0], tokens[1])
    config = replace(config, data=config.data[:1])
    return Trainer(Stage.of(config, task, [examples]), task, device)


def measure(config: TrainConfig, device: torch.device, steps: int, side: int | None) -> dict[str, Any]:
    most = ceiling(device, side)
    trainer = build(config, device)
    times = []
    for number in range(steps + 1):
        wait(device)
        began = time.perf_counter()
        trainer.step()
        wait(device)
        if number > 0:  # the first one compiles and fills caches
            times.append(time.perf_counter() - began)
    middle = sorted(times)[len(times) // 2]
    threads = torch.get_num_threads()
    flops = plan(config).flops / middle
    torch.set_num_threads(1)
    parts, operations = profiled(build(config, device), device)
    torch.set_num_threads(threads)
    return {
        "preset": config.name,
        "batch_size": config.batch_size,
        "compiled": config.compile,
        "dtype": str(trainer.dtype).removeprefix("torch."),
        "threads": threads,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "torch": torch.__version__,
        "seconds_a_step": middle,
        "fastest_step": min(times),
        "examples_per_second": config.batch_size / middle,
        "flops": flops,
        "ceiling_flops": most,
        "share_of_ceiling": flops / most,
        "share_of_time": parts,
        "share_of_operations": operations,
        "peak_memory_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
    }


def profiled(trainer: Trainer, device: torch.device) -> tuple[dict[str, float], dict[str, float]]:
    """The share of each part in the time of one step, and that of the operations that take most of it."""
    trainer.step()
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    with profile(activities=activities) as profiler:
        trainer.step()
        wait(device)
    kind, events = "device" if device.type == "cuda" else "cpu", profiler.key_averages()
    found = {event.key: getattr(event, f"{kind}_time_total") for event in events if event.key in PARTS}
    whole = sum(found.values())
    own = {event.key: getattr(event, f"self_{kind}_time_total") / whole for event in events}
    most = sorted(own.items(), key=lambda pair: pair[1], reverse=True)[:MOST]
    parts = {part: round(found.get(part, 0.0) / whole, 4) for part in PARTS}
    return parts, {name: round(share, 4) for name, share in most}


def speed(source: Path, options: Sequence[str]) -> float:
    """Examples a second of a preset, as the script there measures them in a process of its own."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "steps.json"
        python(source, [str(source / "benchmarks" / "train_step.py"), *options, "--out", str(out)])
        (row,) = json.loads(out.read_text(encoding="utf-8"))
    rate: float = row["examples_per_second"]
    return rate


def against(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Each preset with both revisions, in turns."""
    names = ("batch_size", "steps", "side", "device")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    options = [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    options += ["--compile"] * arguments.compile
    with sources(arguments.against) as places:
        for preset in arguments.presets:
            found = in_turns(places, arguments.runs, partial(speed, options=[preset, *options]))
            pairs = zip(found["this"], found[arguments.against], strict=True)
            row = {
                "preset": preset,
                "examples_per_second": found,
                "ratio": statistics.median(one / other for one, other in pairs),
            }
            print(
                f"{preset}: {row['ratio']:.3f} times the examples/s of {arguments.against}, "
                f"the median of {arguments.runs} turns; "
                + ", ".join(f"{code} {statistics.median(rates):.1f}" for code, rates in found.items()),
                flush=True,
            )
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--batch-size", type=int, help="instead of the preset's")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--side", type=int, help="of the matrices of the ceiling; 2048 on a CPU, else 8192")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--against", metavar="REVISION", help="compare with this revision of the project")
    parser.add_argument("--runs", type=int, default=3, help="turns of each revision")
    parser.add_argument("--out", type=Path, help="write all figures as JSON")
    arguments = parser.parse_args()
    rows = list(against(arguments) if arguments.against else alone(arguments))
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def alone(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Each preset, as this revision trains it."""
    device = pick_device(arguments.device)
    for name in arguments.presets:
        config = load_config(name).parts[-1][1]
        config = replace(
            config,
            compile=arguments.compile,
            rounds_curriculum=tuple((0.0, rounds) for _, rounds in config.rounds_curriculum[-1:]),
            batch_size=arguments.batch_size or config.batch_size,
            data=(
                DataConfig(**{**vars(config.data[0]), "weight": 1.0, "count": 2 * config.validation_count}),
            ),
        )
        row = measure(config, device, arguments.steps, arguments.side)
        print(
            f"{name} x {config.batch_size}{' compiled' * config.compile}: "
            f"{row['examples_per_second']:.1f} examples/s, {row['seconds_a_step']:.3f} s a step, "
            f"{row['flops']:.3g} FLOP/s, {row['share_of_ceiling']:.1%} of {row['ceiling_flops']:.3g}; "
            + "; ".join(
                ", ".join(f"{name} {share:.1%}" for name, share in row[shares].items())
                for shares in ("share_of_time", "share_of_operations")
            ),
            flush=True,
        )
        yield row


if __name__ == "__main__":
    main()
