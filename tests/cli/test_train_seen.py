"""What a real run lets one see: its report, its state, its event files."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TINY = """
name = "tiny"
task = "sudoku"
batch_size = 8
max_steps = 100
supervision_steps = 2
validation_count = 10
eval_every = 50
[model]
mixer = "relation"
hidden_size = 16
num_layers = 1
rounds = 1
latent_updates = 1
num_heads = 1
head_size = 8
ffn_multiple = 8
[[data]]
source = "generated"
count = 40
options = { size = 4, clues = "6-9" }
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def test_a_run_leaves_a_report_and_tells_its_state(trm: Run, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = trm("train", tiny, "--out", folder)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") - page.count('<svg viewBox="0 0 4 4"') == 9, "charts, and boards of 4x4"
    assert "finished" in page and "Parameters" in page
    state = json.loads(trm("info", folder, "--json").stdout)
    assert (state["state"], state["step"], state["max_steps"], state["task"]) == (
        "finished",
        100,
        100,
        "sudoku",
    )
    assert state["validation"]["step"] == 100 and 0 <= state["validation"]["halting"] <= 1
    assert state["training"]["examples_per_second"] > 0 and state["seconds_left"] == 0
    assert state["checkpoints"] == ["checkpoint/step-00000100.safetensors"]
    weights = {"best.safetensors", "last.safetensors"}
    assert {*weights, "config.toml", "log.jsonl", "report.html"} == set(state["files"])

    (folder / "report.html").unlink()
    again = trm("info", folder, "--report")
    assert again.returncode == 0 and again.stderr == f"wrote {folder / 'report.html'}\n"
    assert (folder / "report.html").read_text(encoding="utf-8") == page


def test_a_quiet_run_says_nothing_and_leaves_the_same_files(trm: Run, tiny: Path, tmp_path: Path) -> None:
    loud = trm("train", tiny, "--out", tmp_path / "loud")
    quiet = trm("train", tiny, "--out", tmp_path / "quiet", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert "step 50: " in loud.stderr
    first, second = (sorted(path.name for path in (tmp_path / run).rglob("*")) for run in ("loud", "quiet"))
    assert first == second and "report.html" in first


def test_event_files_for_tensorboard(trm: Run, tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    folder = tmp_path / "run"
    arguments = ("train", tiny, "--out", folder, "--tensorboard")
    stopped = trm(*arguments, "--max-time", "0s")  # after one step
    resumed = trm(*arguments, "--resume")
    assert (stopped.returncode, resumed.returncode) == (0, 0), stopped.stderr + resumed.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(folder / "tensorboard")).Reload()
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for tag, kind, key in (
        ("loss/cells", "train", "token_loss"),
        ("optimiser/learning_rate", "train", "lr"),
        ("exact/validation", "evaluation", "exact"),
        ("halting/validation", "evaluation", "halting"),
    ):
        logged = [(entry["step"], entry[key]) for entry in log if entry["kind"] == kind]
        shown = [(event.step, event.value) for event in events.Scalars(tag)]
        assert shown == [(step, pytest.approx(value)) for step, value in logged] and logged


def test_without_tensorboard_one_line_says_what_to_install(tiny: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['tensorboard'] = None; from trmcli.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", str(tiny), "--out", str(tmp_path / "run"), "--tensorboard"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "trm: error: --tensorboard: TensorBoard is not installed: pip install 'trmcli[tensorboard]'\n"
    )
    assert not (tmp_path / "run").exists()
