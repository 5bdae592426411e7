from __future__ import annotations

import hashlib
import json
import os
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
    assert lines[0] == "name: tiny [2J"
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
