"""Kill a training run again and again at random moments, and see that nothing is lost.

``python benchmarks/kill_runs.py --kills 50``: a tiny run that saves after every step is started, and gets
SIGKILL after a random time, in a forked process so that the start is cheap. After each kill there must be a
checkpoint that can be read, no older than the last one that was reported, and every other file whole. In the
end the run is finished in peace, must leave no temporary file, and must equal one that was never killed, bit
for bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
from itertools import permutations
from pathlib import Path

import torch
import torch._dynamo  # what every first optimiser imports, for seconds; here once for all processes

from trmcli.training.checkpoint import list_checkpoints, load_checkpoint
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.journal import Observer
from trmcli.training.run import run
from trmcli.training.trainer import Trainer
from trmcli.weights.files import load_weights

CONFIG = TrainConfig(
    name="kill-runs",
    task="sudoku",
    model={
        **{"mixer": "relation", "hidden_size": 64, "num_layers": 1, "rounds": 1, "latent_updates": 1},
        **{"num_heads": 2, "ffn_multiple": 8},
    },
    data=(DataConfig("puzzles.csv"),),
    validation_count=4,
    batch_size=8,
    supervision_steps=4,
    eval_every=10,
    save_every=0.0,
    max_steps=1_000_000,
    decay_fraction=0.0,  # so that the rate does not depend on where the run ends
)


class Reporter(Observer):
    """Tells the parent process which steps have been saved."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        os.write(self.pipe, f"{resumed_from}\n".encode())

    def saved(self, path: Path) -> None:
        os.write(self.pipe, f"{int(path.stem.removeprefix('step-'))}\n".encode())


def killed_after(folder: Path, seconds: float) -> tuple[int, int]:
    """Run until SIGKILL comes; the step that the run began with, and the last one that it reported."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        status = 1
        try:
            run(CONFIG, folder, Reporter(theirs), resume=True, device=torch.device("cpu"))
            status = 0
        finally:
            os._exit(status)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        first = pipe.readline()  # from here on the run writes
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        steps = [int(line) for line in [first, *pipe] if line.endswith("\n")]
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"the run ended by itself with status {status}")
    return steps[0], steps[-1]


def write_puzzles(path: Path) -> None:
    """One 4x4 puzzle under all renamings of its digits."""
    lines = ["source,question,answer,rating"]
    for digits in permutations("1234"):
        renamed = str.maketrans("1234", "".join(digits))
        lines.append(
            f"kill,{'1..4.4.22.4..3.1'.translate(renamed)},{'1234341221434321'.translate(renamed)},0"
        )
    path.write_text("\n".join(lines) + "\n")


def temporary_files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob(".*")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=1.0, help="seconds until a kill, at most")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng, began = random.Random(arguments.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        write_puzzles(Path("puzzles.csv"))
        folder = Path("killed")
        reported = left_over = lost = damaged = 0
        for _ in range(arguments.kills):
            first, last = killed_after(folder, rng.uniform(0.0, arguments.longest))
            lost += first < reported
            reported = last
            left_over += bool(temporary_files(folder))
            found = list_checkpoints(folder / "checkpoint")
            for path in found:
                load_checkpoint(path)  # raises InputError where it is damaged
            damaged += reported > 0 and not found
            if (folder / "best.safetensors").exists():
                load_weights(folder / "best.safetensors")
        last_step = reported + 5
        finished = TrainConfig(**{**vars(CONFIG), "max_steps": last_step})
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for place in (folder, Path("whole")):
            run(finished, place, Reporter(nowhere), resume=True, override=True, device=torch.device("cpu"))
        states = [
            load_checkpoint(list_checkpoints(place / "checkpoint")[-1])[0]
            for place in (folder, Path("whole"))
        ]
        different = [name for name, value in states[0].items() if not torch.equal(value, states[1][name])]
        figures = {
            "kills": arguments.kills,
            "steps": last_step,
            "kills_that_left_a_temporary_file": left_over,
            "runs_without_a_good_checkpoint": damaged,
            "runs_that_lost_a_saved_step": lost,
            "temporary_files_in_the_end": len(temporary_files(folder)),
            "tensors_that_differ_from_a_whole_run": len(different),
            "seconds": round(time.monotonic() - began, 1),
        }
    print(json.dumps(figures))
    raise SystemExit(int(bool(damaged or lost or different or figures["temporary_files_in_the_end"])))


if __name__ == "__main__":
    main()
