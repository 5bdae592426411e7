"""stdout belongs to the results, whichever of stdin, stdout and stderr are the terminal."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
from support import resize
from warm import Warm, read_terminal

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "data" / "golden" / "trm_mlp.safetensors"
SMALL = "132.4....4...143\n..1.1.232.4.41..\n"
TINY = """
name = "tiny"
task = "sudoku"
batch_size = 4
max_steps = 4
supervision_steps = 2
validation_count = 2
eval_every = 2
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
source = "few.csv"
"""
TABLE = """\
source,question,answer,rating
generated,132.4....4...143,1324423134122143,0
generated,..1.1.232.4.41..,3214142323414132,0
generated,...4341.4..11..3,2134341243211243,0
generated,.14..31212..3...,2143431212343421,0
generated,..34...121.34.1.,1234342121434312,0
generated,.1.2.241..1...23,4132324123141423,0
"""
GENERATED = """\
..96.....5.1.2.7.......9..2........7....713.96.3.928.5.......84..8......7....39..
..........389...717......6.8...2.3...6..3.29...4...8...7...........1..5.1.65.4.3.
6.49.3......8...65.....2.8.7.8.........17.2....26.....21....7.....2...4..5.....9.
"""
NINE = """\
question,answer
53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79,\
534678912672195348198342567859761423426853791713924856961537284287419635345286179
"""


@dataclass(frozen=True)
class Shown:
    """What a command left on the terminal, and in the files that stood in for it."""

    status: int
    terminal: str
    out: str
    err: str


Runner = Callable[..., Shown]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Runner:
    """Run ``trm ARGUMENTS`` with each of the three streams on one terminal or not: ``on`` says which.

    Off the terminal, stdin is a pipe that holds ``text``, and stdout and stderr are files.
    """
    folder = tmp_path_factory.mktemp("streams")

    def run(*arguments: object, on: tuple[bool, bool, bool], text: str = "", **variables: str) -> Shown:
        main, screen = pty.openpty()
        resize(screen, 50, 120)
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        files = [(folder / name).open("w+b") for name in ("out", "err")]
        instead = [reading, *(file.fileno() for file in files)]
        numbers = [screen if terminal else other for terminal, other in zip(on, instead, strict=True)]
        warm.start(arguments, numbers, **variables)
        os.close(screen)
        os.close(reading)
        seen = b""
        while piece := read_terminal(main):  # until the last process has closed its end
            seen += piece
        status = warm.wait()
        os.close(main)
        out, err = (Path(file.name).read_text(encoding="utf-8") for file in files)
        for file in files:
            file.close()
        return Shown(status, seen.decode().replace("\r\n", "\n"), out, err)

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, random_weights: Path) -> Path:
    """A folder with something for each command."""
    import torch
    from safetensors.torch import load_file

    folder = tmp_path_factory.mktemp("place")
    (folder / "few.txt").write_text(SMALL)
    (folder / "tiny.toml").write_text(TINY)
    state = {name[6:]: value for name, value in load_file(GOLDEN).items() if name.startswith("state.")}
    torch.save(state, folder / "step_1")
    (folder / "all_config.yaml").write_text(
        "arch:\n  H_cycles: 3\n  L_cycles: 6\n  num_heads: 4\n  puzzle_emb_len: 4\n"
    )
    (folder / "few.csv").write_text(TABLE)
    (folder / "nine.csv").write_text(NINE)
    (folder / "random.safetensors").write_bytes(random_weights.read_bytes())
    return folder


QUICK = "--weights {place}/random.safetensors --steps 1"
NOTHING = "^$"
SOLVED = "(?m)^1324423134122143\n3214142323414132$"
COMMANDS = {
    # what is run, its status, and what stdout must hold, on the terminal and off it
    "solve": (f"solve INPUT {QUICK} --tries 1 --fallback search", 0, SOLVED),
    "solve --json": (f"solve INPUT {QUICK} --tries 1 --json", 1, r'(?m)^\{.*"solutions": .*\}\n\{.*\}$'),
    "eval": (f"eval INPUT {QUICK}", 1, r"all\s+2\s+0\.00%.*\n(?s:.*)puzzles/s, \d+\.\d s"),
    "data generate sudoku": (
        "data generate sudoku --count 3 --clues 22-35 --minimal --seed 1",
        0,
        f"^{re.escape(GENERATED)}$",
    ),
    "data generate maze": (
        "data generate maze --count 2 --size 6",
        0,
        r"^([# .SG]{6}\n){6}\n([# .SG]{6}\n){6}$",
    ),
    "data generate -o": ("data generate sudoku --size 4 --count 3 -o {place}/made.txt", 0, NOTHING),
    "data build": (
        "data build sudoku --csv {place}/nine.csv --out {place}/built-{number}",
        0,
        r"train\t1 examples",
    ),
    "download --list": ("download --list", 0, r"sudoku-small\s+sudoku\s+.*\bbundled\b"),
    "info": ("info", 0, r"(?m)^torch.*\d"),
    "info sudoku": ("info sudoku", 0, r"(?m)^task:?\s+sudoku\b"),
    "train --dry-run": ("train sudoku-4x4 --dry-run", 0, r"(?m)^# parameters: \d"),
    "train": ("train {place}/tiny.toml --data {place}/few.csv --out {place}/run-{number}", 0, NOTHING),
    "convert": ("convert {place}/step_1 -o {place}/made.safetensors", 0, r"TRM, mlp, hidden size 32\n$"),
    "--help": ("--help", 0, "Usage: trm "),
}
STREAMS = list(product((False, True), repeat=3))
QUIET_AT_FIRST = ("eval", "train /", "data generate sudoku --size 4")
HIDE = "\x1b[?25l"
"""Hides the cursor: a bar begins."""
END_OF_BAR = re.compile(r"\x1b\[\?25h(?:[\r\n]*\x1b\[\d?[A-HK])*")
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@pytest.mark.parametrize("on", STREAMS, ids=lambda on: "".join("ft"[terminal] for terminal in on))
@pytest.mark.parametrize("name", COMMANDS)
def test_stdout_gets_the_results_and_nothing_else(
    name: str, on: tuple[bool, bool, bool], run: Runner, place: Path
) -> None:
    line, status, wanted = COMMANDS[name]
    line = line.replace("INPUT", "{place}/few.txt" if on[0] else "-")
    line = line.format(place=place, number=STREAMS.index(on))
    shown = run(*line.split(), on=on, text=SMALL)
    assert shown.status == status, shown
    assert "Traceback" not in shown.terminal + shown.err
    if not on[2]:
        assert "\x1b" not in shown.err
    if not on[1]:
        assert re.search(wanted, shown.out), shown
        assert "\x1b" not in shown.out
        assert wanted == NOTHING or not re.search(wanted, shown.terminal)
        return
    assert shown.out == ""
    if wanted == NOTHING and not on[2]:
        assert shown.terminal == ""
    if name == "solve":  # a batch that fits the terminal stays on it as it was drawn, and is not printed
        assert "1 3 2 4" in re.sub(r"[┃│ ]+", " ", COLOUR.sub("", shown.terminal))
        assert "2 of 2 solved" in shown.terminal + shown.err
        return
    if wanted != NOTHING:  # what is drawn while nothing is printed is gone when something is
        left = COLOUR.sub("", END_OF_BAR.split(shown.terminal)[-1])
        assert "\x1b" not in left
        assert re.search(wanted if not on[2] else wanted.strip(NOTHING), left), shown
    if not line.startswith(QUIET_AT_FIRST):
        assert HIDE not in shown.terminal, "a bar where results are printed"


@pytest.mark.parametrize("name", ["solve", "eval", "train", "data generate sudoku"])
def test_a_quiet_command_leaves_the_terminal_empty(name: str, run: Runner, place: Path) -> None:
    line, status, wanted = COMMANDS[name]
    for quiet in ((), ("--quiet",)):
        words = line.replace("INPUT", "-").format(place=place, number=f"quiet{len(quiet)}").split()
        shown = run(*words, *quiet, on=(False, False, True), text=SMALL)
        assert shown.status == status, shown
        assert re.search(wanted, shown.out), shown
        assert (shown.terminal == "") == bool(quiet)
