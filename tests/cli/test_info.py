from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from trmcli.cli import info
from trmcli.cli.app import app
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.weights import Card, save_weights


def trm(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def model() -> TinyRecursiveModel:
    return TinyRecursiveModel(TRMConfig(vocab_size=11, hidden_size=16, num_heads=2, ffn_multiple=8))


@pytest.fixture
def path(tmp_path: Path, model: TinyRecursiveModel) -> Path:
    card = Card(
        name="tiny\x1b[2J",
        task="sudoku",
        training={"steps": 3, "data": {"source": "made"}},
        figures=[{"dataset": "extreme", "metric": "exact", "value": 0.5}],
        licence="MIT [sic]",
    )
    save_weights(tmp_path / "tiny.safetensors", model, card, torch.float32)
    return tmp_path / "tiny.safetensors"


def test_card_in_a_pipe(path: Path, model: TinyRecursiveModel) -> None:
    result = trm("info", str(path))
    assert result.exit_code == 0 and result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == r"name: tiny\x1b[2J"
    for line in (
        "task: sudoku",
        f"parameters: {sum(parameter.numel() for parameter in model.parameters())}",
        "stored as: F32",
        f"sha256: {hashlib.sha256(path.read_bytes()).hexdigest()}",
        f"file: {path}",
        "config.hidden_size: 16",
        "training.steps: 3",
        "training.data.source: made",
        "figure: dataset extreme; metric exact; value 0.5",
        "licence: MIT [sic]",
    ):
        assert line in lines


def test_card_as_json(path: Path) -> None:
    values = json.loads(trm("info", str(path), "--json").stdout)
    assert values["name"] == "tiny\x1b[2J" and values["training"]["data"] == {"source": "made"}
    assert TRMConfig.from_dict(values["config"]).hidden_size == 16


def test_card_on_a_terminal(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    info.info(str(path))
    shown = capsys.readouterr().out
    assert "MIT [sic]" in shown and "config.hidden_size" in shown and "\x1b[2J" not in shown


def test_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRM_CACHE_DIR", str(tmp_path))
    lines = trm("info").stdout.splitlines()
    assert f"cache: {tmp_path}" in lines and f"torch: {torch.__version__}" in lines
    assert json.loads(trm("info", "--json").stdout)["python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("name", ["none.safetensors", "nosuch", "."])
def test_what_is_no_weights_file(name: str) -> None:
    result = trm("info", name)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert result.stderr.startswith(f"trm: error: {name}: ")


def test_damaged_file(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    result = trm("info", str(path))
    assert result.exit_code == 2 and "is cut short" in result.stderr


def test_info_imports_no_torch(path: Path) -> None:
    code = (
        f"import sys; from trmcli.cli.info import info; info(); info({str(path)!r});"
        "assert not {'torch', 'numpy', 'pooch', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=os.environ)


def test_a_run_in_a_pipe(run_directory: Path) -> None:
    with (run_directory / "log.jsonl").open("a") as log:
        log.write('{"kind": "train", "step": 6050, "seco')  # cut off
    result = trm("info", str(run_directory))
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    for line in (
        "name: a <b>run</b>",
        "task: sudoku",
        "data: puzzles & answers.csv",
        "steps: 6,020 of 10,000",
        "time: 2:00, 1:22 left",
        "speed: 400 examples/s",
        "loss: 0.5000, cells 0.1000, halting head 0.2000",
        "training: 80.0% exact, 7.00 steps, at step 6,000",
        "validation: 90.0% exact, 4.00 steps, halting head right in 75.0%, at step 6,000",
        "best: 90.0% exact, 4.00 steps, halting head right in 75.0%, at step 6,000",
        "checkpoints: checkpoint/step-00006020.safetensors",
    ):
        assert line in lines
    assert any(line.startswith("state: running, last written to 0:0") for line in lines)
    assert not (run_directory / "report.html").exists()


def test_a_run_that_has_only_begun(run_directory: Path) -> None:
    (run_directory / "log.jsonl").write_text("")
    shutil.rmtree(run_directory / "checkpoint")
    assert "steps: 0 of 10,000" in trm("info", str(run_directory)).stdout.splitlines()
    state = json.loads(trm("info", str(run_directory), "--json").stdout)
    assert state["state"] == "running"
    assert [state[key] for key in ("training", "validation", "best", "seconds_left")] == [None] * 4


def test_a_report_is_of_a_run(path: Path, tmp_path: Path) -> None:
    for arguments in ((str(path),), ("sudoku-small",), ()):
        result = trm("info", *arguments, "--report")
        assert result.exit_code == 2 and "--report: is for run directories" in result.stderr
    (tmp_path / "empty").mkdir()
    result = trm("info", str(tmp_path / "empty"), "--report")
    assert result.exit_code == 2 and "is no run directory: it holds no config.toml" in result.stderr
    assert not list((tmp_path / "empty").iterdir())


def test_a_run_imports_no_torch(run_directory: Path) -> None:
    code = (
        f"import sys; from trmcli.cli.info import info; info({str(run_directory)!r}, report=True);"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert (run_directory / "report.html").exists()
