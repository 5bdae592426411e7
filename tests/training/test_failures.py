"""What disks do to a run: it ends with one line, and the last good checkpoint is as it was."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from trmcli.errors import InputError
from trmcli.training.checkpoint import list_checkpoints, load_checkpoint
from trmcli.training.config import TrainConfig, load_config
from trmcli.training.journal import Observer
from trmcli.training.run import run

CONFIG = """
task = "sudoku"
batch_size = 8
max_steps = 4
supervision_steps = 4
validation_count = 2
eval_every = 100
save_every = 0.0

[model]
mixer = "relation"
hidden_size = 16
num_layers = 1
rounds = 1
latent_updates = 1
num_heads = 1
ffn_multiple = 8

[[data]]
source = "puzzles.csv"
"""
PUZZLES = "source,question,answer,rating\n" + "test,1..4.4.22.4..3.1,1234341221434321,0\n" * 8


class FillTheDisk(Observer):
    """Fills the disk when a step has been saved."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder, self.step = folder, step

    def saved(self, path: Path) -> None:
        if path.stem.endswith(str(self.step)):
            try:
                with (self.folder / "filling").open("wb", buffering=0) as file:
                    while file.write(b"x" * 4096):
                        pass
            except OSError:
                pass


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.chdir(tmp_path)
    Path("puzzles.csv").write_text(PUZZLES)
    Path("tiny.toml").write_text(CONFIG)
    return load_config("tiny.toml")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(config: TrainConfig, disk: Path) -> None:
    out, cpu = disk / "run", torch.device("cpu")
    watcher = FillTheDisk(disk, 2)
    with pytest.raises(InputError, match=r"step-00000003.safetensors: cannot be written: .*No space left"):
        run(config, out, watcher, device=cpu)
    assert [path.name for path in disk.rglob(".*")] == []
    assert [path.stem for path in list_checkpoints(out / "checkpoint")] == ["step-00000001", "step-00000002"]
    (disk / "filling").unlink()
    run(config, out, watcher, resume=True, device=cpu)
    newest = list_checkpoints(out / "checkpoint")[-1]
    assert load_checkpoint(newest)[1]["step"] == 4


def test_a_disk_that_cannot_be_written(config: TrainConfig, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(InputError, match="run: cannot be written: Read-only file system"):
        run(config, disk / "run", FillTheDisk(disk, 99), device=torch.device("cpu"))


def test_data_that_are_cut_short(config: TrainConfig, tmp_path: Path) -> None:
    packed = gzip.compress(PUZZLES.encode())
    Path("puzzles.csv").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(InputError, match=r"puzzles.csv: is not a whole gzip file"):
        run(config, tmp_path / "run", FillTheDisk(tmp_path, 99), device=torch.device("cpu"))
    Path("puzzles.csv").write_text(PUZZLES[:-10])
    with pytest.raises(InputError, match=r"puzzles.csv:9"):
        run(config, tmp_path / "run", FillTheDisk(tmp_path, 99), device=torch.device("cpu"))
    assert not (tmp_path / "run").exists()
