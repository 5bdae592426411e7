"""The paper's network for ARC: trained on a built folder, killed and resumed, with a vector for each view."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from trmcli.errors import Origin
from trmcli.tasks.arc.task import ArcTask, Pair, digest
from trmcli.training.arc_data import ArcSets, build_arc
from trmcli.training.checkpoint import list_checkpoints, load_checkpoint
from trmcli.training.config import load_config
from trmcli.training.plan import plan
from trmcli.weights.files import load_weights, read_card
from trmcli.weights.table import read_puzzles

SCRIPT = str(Path(__file__).parent / "signalled_run.py")
CONFIG = """
preset = "paper-arc1"
batch_size = 3
max_steps = 6
supervision_steps = 2
validation_count = 2
warmup_steps = 2
eval_every = 3
save_every = 0.0
dtype = "float32"

[model]
hidden_size = 8
num_layers = 1
rounds = 1
latent_updates = 1
num_heads = 1
ffn_multiple = 8
puzzle_emb_len = 1

[[data]]
source = "SOURCE"
"""


def made_up(name: str) -> ArcTask:
    rng = np.random.default_rng([*name.encode()])
    grids = [rng.integers(0, 10, (2, 3)).astype(np.uint8) for _ in range(3)]
    pairs = [Pair(grid, np.fliplr(grid)) for grid in grids]
    return ArcTask(name, tuple(pairs[:2]), (grids[2],), (pairs[2].answer,), Origin(name))


SETS = ArcSets([made_up("a"), made_up("b")], [made_up("c"), made_up("d")])


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arc")
    build_arc(folder / "data", SETS, views=3)
    (folder / "tiny.toml").write_text(CONFIG.replace("SOURCE", str(folder / "data")))
    return folder / "tiny.toml"


def start(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def whole(config: Path) -> Path:
    """A run that nothing interrupted, in a process of its own as well: what others did in one may round."""
    folder = config.parent / "whole"
    assert start(config, folder, "SIGTERM", 99).returncode == 0
    return folder


def state(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(list_checkpoints(folder / "checkpoint")[-1])[0]


def test_a_run_that_is_killed_and_resumed_equals_one_left_in_peace(config: Path, whole: Path) -> None:
    folder = config.parent / "killed"
    done = start(config, folder, "SIGKILL", 4)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert start(config, folder, "SIGKILL", 4).returncode == 0
    expected, found = state(whole), state(folder)
    assert expected.keys() == found.keys()
    assert [name for name, value in expected.items() if not torch.equal(value, found[name])] == []
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".safetensors") == sorted(
        path.name for path in whole.iterdir() if path.suffix == ".safetensors"
    )


def test_only_the_rows_of_views_that_were_seen_have_moved(config: Path, whole: Path) -> None:
    table = state(whole)["model.embed_puzzle.weight"]
    assert table.shape == (17, 8), "one row for <blank>, and one for each of 4 views of 4 tasks"
    moved = table.abs().sum(dim=1) > 0
    assert not moved[0] and 3 <= int(moved.sum()) <= 16
    assert torch.equal(
        load_weights(whole / "last.safetensors")[0].embed_puzzle.weight, table.bfloat16().float()
    )


def test_the_weights_know_the_names_of_their_rows_and_what_they_learned_from(
    config: Path, whole: Path
) -> None:
    card = read_card(whole / "best.safetensors")
    assert card.task == "arc" and card.config["num_puzzles"] == 17
    known = read_puzzles(whole / "best.safetensors", card.puzzles)
    assert list(known.names) == json.loads((config.parent / "data" / "identifiers.json").read_text())
    shown = {digest(pair.question) for task in SETS.tasks for pair in task.shown}
    assert {*known.learned} == shown | {digest(task.tests[0]) for task in SETS.training}


def test_the_weights_of_every_evaluation_stay(whole: Path) -> None:
    kept = sorted((whole / "evaluations").iterdir())
    weights = [path for path in kept if ".puzzles-" not in path.name]
    assert [path.name for path in weights] == ["step-00000003.safetensors", "step-00000006.safetensors"]
    assert [read_card(path).training["steps"] for path in weights] == [3, 6]
    assert sorted({*kept} - {*weights}) == sorted(path.with_name(read_card(path).puzzles) for path in weights)


def test_the_size_counts_the_table(config: Path) -> None:
    size = plan(load_config(str(config)))
    assert size.examples == ((str(config.parent / "data"), 4 * (3 + 3 + 2 + 2)),)
    fewer = plan(load_config(str(config), overrides=["model.num_puzzles=1"]))
    assert size.parameters - fewer.parameters == 16 * 8


def test_a_file_of_tasks_is_not_trained_on_as_it_is(config: Path, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "examples" / "arc" / "fill.json", tmp_path)
    changed = CONFIG.replace("SOURCE", str(tmp_path / "fill.json"))
    (tmp_path / "tiny.toml").write_text(changed)
    done = start(tmp_path / "tiny.toml", tmp_path / "run", "SIGTERM", 1)
    assert done.returncode != 0 and "trm data build arc makes one" in done.stderr
