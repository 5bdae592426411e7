"""What all commands share: help, version, statuses, one line for an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import trmcli

COMMANDS = ["solve", "eval", "train", "download", "info", "convert", "data"]


def test_help_names_every_command(trm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = trm("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"│ {command} " in done.stdout
    assert "Examples:" in done.stdout
    assert "\x1b" not in done.stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['trm', '--help']\n"
        "from trmcli.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pooch', 'requests', 'asyncio', 'safetensors'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [*COMMANDS, "data generate sudoku"])
def test_every_command_has_help_with_examples(
    command: str, trm: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = trm(*command.split(), "--help")
    assert done.returncode == 0
    assert "Usage: trm " in done.stdout
    if command != "data":
        assert f"  trm {command.split()[0]} " in done.stdout.partition("Examples:")[2]


def test_version(trm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert trm("--version").stdout == f"trm {trmcli.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["solve", "--nonsense"], ["solve", "--steps", "0"], ["solve", "--halt", "x"]]
)
def test_bad_usage_is_status_2(
    arguments: list[str], trm: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = trm(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_bad_input_is_one_line(trm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = trm("solve", "no-such-file.txt")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "trm: error: no-such-file.txt: no such file\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "trmcli", "--version"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == "trm: error: No space left on device\n"


def test_a_closed_pipe_is_quiet() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "trmcli", "--version"], stdout=writing, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""
