"""What all commands share: help, version, statuses, one line for an error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import trmcli

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

COMMANDS = ["solve", "demo", "eval", "train", "download", "info", "convert", "data"]


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


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str, trm: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert trm(option).stdout == f"trm {trmcli.__version__}\n"


def test_trmcli_is_another_name_of_trm() -> None:
    scripts = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"trm": "trmcli.__main__:main", "trmcli": "trmcli.__main__:main"}
    code = (
        "import sys; sys.argv = ['/bin/trmcli', 'info', 'a', 'b']; from trmcli.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.endswith("; see trmcli info --help\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("slove x", "slove: trm has no such command; did you mean solve?"),
        ("data gen", "gen: trm data has no such command; commands are generate, build"),
        ("solve --tris 4", "--tris: no such option; did you mean --tries?"),
        ("solve --zzz", "--zzz: no such option; see trm solve --help"),
        ("solve --steps 0", "--steps: '0' is not a whole number of 1 or more"),
        ("solve --fps fast", "--fps: 'fast' is not 0, and not a number from 0.01 to 1000"),
        ("solve --budget nan", "--budget: 'nan' is not a number of 0 or more"),
        (
            "solve --halt chekced",
            "--halt: 'chekced' is not one of checked, head, never; did you mean checked?",
        ),
        ("solve --task sodoku .", "there is no task 'sodoku'; did you mean sudoku?"),
        ("solve --weights sudoku-smal 1234341221434321", "sudoku-smal: no weights of this name"),
        (
            "solve --device cuda:99 1234341221434321",
            "--device: this machine has no cuda:99 that torch can use",
        ),
        ("eval x --threads many", "--threads (TRM_THREADS): 'many' is not a number of threads"),
        ("info -z", "-z: no such option; see trm info --help"),
        ("info a b", "got unexpected extra argument"),
        ("convert x", "missing option '--output' / '-o'; see trm convert --help"),
        ("data generate sudoku --count 0", "--count: '0' is not a whole number of 1 or more"),
        ("data generate sudoku --count", "option '--count' requires an argument"),
        ("data generate sudoku --format cvs", "--format: 'cvs' is not one of line, csv; did you mean csv?"),
        ("data generate maze --kind opne", "no 'opne' mazes: --kind is open, perfect, braided or cavern"),
        ("train sudko", "sudko: no such preset or file; did you mean sudoku?"),
        ("train no-such", "no-such: no such preset or file; presets are grid, maze-small, maze, paper-arc1"),
        ("train sudoku --set modle.rounds=3", "unknown setting 'modle'; did you mean model?"),
        (
            "train sudoku --set nonsense=1",
            "unknown setting 'nonsense'; all are shown by: trm train PRESET --dry-run\n",
        ),
        (
            "train sudoku --set hidden_size=96",
            "unknown setting 'hidden_size'; did you mean model.hidden_size?",
        ),
        (
            "train sudoku --set model.nonsense=1",
            "unknown model setting 'nonsense'; settings are ",
        ),
        ("train sudoku --set model.ronds=3 --dry-run", "unknown model setting 'ronds'; did you mean rounds?"),
        ("train sudoku --set lr", "--set: 'lr' is not a setting: write key=value"),
        ("train sudoku --max-time long", "--max-time: 'long' is not a length of time: write 90s, 9m or 2h"),
        ("train sudoku --device cdua", "did you mean cuda?"),
        ("train sudoku --out / --device cuda:99", "--device: this machine has no cuda:99 that torch can use"),
        ("info sudko", "sudko: no weights of this name, and no such file; did you mean sudoku?"),
        ("download sudko", "did you mean sudoku?"),
        ("convert x -o y --task sodoku", "there is no task 'sodoku'; did you mean sudoku?"),
        ("convert x -o y --set hedas=4", "--set: unknown setting 'hedas'; settings are "),
        ("convert nowhere -o y.safetensors --set num_heads=4", "nowhere: "),
        ("data build sudoku --csv nowhere.csv --out x", "nowhere.csv: "),
    ],
)
def test_whatever_is_wrong_is_one_line_of_one_form_and_status_2(
    line: str, message: str, trm: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = trm(*line.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("trm: error: ") and done.stderr.count("\n") == 1
    assert message in done.stderr


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
