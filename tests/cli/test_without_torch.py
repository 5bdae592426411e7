"""Where PyTorch is not installed, all but training and converting works; where it is, it stays unused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Screen, environment

pytestmark = pytest.mark.without_torch

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
EASY = "1..4.4.22.4..3.1"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What PYTHONPATH must be for a Python that finds no torch, wherever it is installed."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n", encoding="utf-8")
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def bare(trm: Run, path: str) -> Run:
    """``trm`` without torch."""

    def run(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return trm(*arguments, stdin=stdin, PYTHONPATH=path)

    return run


@pytest.mark.parametrize("file", ["sudoku/easy.txt", "sudoku/6x6.txt", "maze/10x10.txt"])
def test_examples_are_solved(file: str, bare: Run) -> None:
    done = bare("solve", EXAMPLES / file, "--json")
    assert done.returncode == 0, done.stderr
    assert all(json.loads(line)["verified"] for line in done.stdout.splitlines())


def test_a_puzzle_is_watched_on_a_terminal(terminal: Callable[..., Screen], path: str) -> None:
    screen = terminal("solve", EASY, "--fps", "0", PYTHONPATH=path)
    assert screen.status == 0 and re.search(r"solved and checked\S*: step", screen.text)


def test_many_puzzles_are_evaluated(bare: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    done = bare("eval", "-", "--json", "--tries", "1,2", "--predictions", rows, stdin=f"{EASY}\n" * 3)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["solved"] == 3 and len(rows.read_text().splitlines()) == 4


@pytest.mark.parametrize("strategy", ["guess", "symmetry", "noise", "restart", "mixed"])
def test_every_strategy_tries_again(strategy: str, bare: Run) -> None:
    """A step is too little for this puzzle, whatever a try begins with."""
    options = ("--strategy", strategy, "--tries", "3", "--steps", "1", "--json")
    done = bare("solve", EXAMPLES / "sudoku" / "hard.txt", *options)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["tries"] == 3


def test_every_step_is_saved(bare: Run, tmp_path: Path) -> None:
    saved = tmp_path / "steps.json"
    assert bare("solve", EASY, "--save", saved).returncode == 0
    assert json.loads(saved.read_text(encoding="utf-8"))["frames"]


def test_puzzles_are_made_and_weights_described_and_found(bare: Run) -> None:
    made = bare("data", "generate", "sudoku", "--size", "4", "--count", "2")
    assert made.returncode == 0 and len(made.stdout.splitlines()) == 2, made.stderr
    assert "numpy: " in bare("info").stdout
    assert "parameters: " in bare("info", "sudoku").stdout
    found = bare("download", "sudoku")
    assert found.returncode == 0 and Path(found.stdout.strip()).is_file(), found.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("solve", EASY, "--engine", "torch"), "--engine torch"),
        (("solve", EASY, "--device", "cpu"), "--device cpu"),
        (("eval", EXAMPLES / "sudoku" / "batch.txt", "--engine", "torch"), "--engine torch"),
        (("solve", EXAMPLES / "arc" / "fill.json"), "fitting networks to ARC tasks"),
        (("eval", EXAMPLES / "arc" / "fill.json"), "fitting networks to ARC tasks"),
        (("train", "sudoku-4x4"), "training"),
        (("train", "sudoku-4x4", "--dry-run"), "--dry-run"),
        (("convert", "x.pth", "-o", "y.safetensors", "--task", "sudoku"), "converting"),
    ],
)
def test_what_needs_torch_says_what_to_install(
    arguments: tuple[object, ...], what: str, bare: Run, tmp_path: Path
) -> None:
    done = bare(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"trm: error: {what} needs PyTorch, which is not installed: pip install torch\n"


def test_python_is_told_what_to_install_as_well(path: str) -> None:
    code = """
import trmcli
calls = [
    lambda: trmcli.train("sudoku-4x4"),
    lambda: trmcli.adapt("x.json"),
    lambda: trmcli.load(engine="torch"),
    lambda: trmcli.load(device="cpu"),
    lambda: trmcli.weights.load_weights("x.safetensors"),
    lambda: trmcli.weights.save_weights("x.safetensors", {}, None),
]
for call in calls:
    try:
        call()
    except trmcli.InputError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(PYTHONPATH=path)
    )
    assert done.stderr == ""
    for what, line in zip(
        (
            "training",
            "fitting networks to ARC tasks",
            'engine="torch"',
            'device="cpu"',
            "load_weights",
            "save_weights",
        ),
        done.stdout.splitlines(),
        strict=True,
    ):
        assert line == f"{what} needs PyTorch, which is not installed: pip install torch"


def test_numpy_computes_on_the_cpu_only(bare: Run) -> None:
    done = bare("solve", EASY, "--engine", "numpy", "--device", "cuda")
    assert done.returncode == 2 and "--device: NumPy computes on the CPU, not on cuda" in done.stderr


USES = """
import sys
from trmcli.cli.app import main
sys.argv[0] = "trm"
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
print("uses", *sorted({"torch", "rich"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("solve", EASY),
        ("solve", "-", "--json"),
        ("solve", EASY, "--engine", "numpy", "--batch-size", "2"),
        ("info",),
        ("info", "sudoku"),
        ("download", "sudoku"),
        ("data", "generate", "sudoku", "--size", "4"),
        ("--version",),
    ],
)
def test_torch_and_rich_stay_unused_where_they_are_installed(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USES, *arguments],
        input=EASY,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.stderr.splitlines()[-1] == "uses", done.stderr


def test_a_few_puzzles_are_evaluated_without_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", USES, "eval", "-", "--json"],
        input=EASY,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert "torch" not in done.stderr.splitlines()[-1]
