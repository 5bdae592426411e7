"""Runs that are stopped: what they say, what they leave, and what they do to the terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support import environment, resize

from trmcli.cli.train import resuming
from trmcli.training.history import read_history
from trmcli.weights.files import read_card

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TINY = """
name = "tiny"
task = "sudoku"
batch_size = 8
max_steps = 100000
supervision_steps = 2
validation_count = 10
eval_every = 100000
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
source = "SOURCE"
"""
PUZZLES = "source,question,answer,rating\n" + "test,1..4.4.22.4..3.1,1234341221434321,0\n" * 24
GENERATED = """
source = "generated"
count = 1000000
options = { size = 9, clues = "30-36" }
"""

SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.executable, [sys.executable, "-m", "trmcli", *sys.argv[1:]])
while True:
    _, status = os.waitpid(child, os.WUNTRACED)
    echo = "on" if termios.tcgetattr(0)[3] & termios.ECHO else "off"
    if not os.WIFSTOPPED(status):
        print(f"<ended, echo {echo}>", flush=True)
        sys.exit(os.waitstatus_to_exitcode(status))
    print(f"<stopped, echo {echo}>", flush=True)
    os.kill(child, signal.SIGCONT)
"""
"""A shell that starts one command and, when Ctrl-Z stops it, brings it back at once."""

Action = Callable[[int], object]


def typed(sign: bytes) -> Action:
    return lambda number: os.write(number, sign)


def on_terminal(actions: Sequence[tuple[str, Action]], *arguments: object) -> tuple[int, list[str]]:
    """Run ``trm ARGUMENTS`` on a terminal of 80 columns and 24 rows, from a shell.

    Returns:
        The status, and what was written until each text that was waited for had come, and afterwards.
    """
    ours, theirs = pty.openpty()
    resize(theirs, 24, 80)
    process = subprocess.Popen(
        [sys.executable, "-c", SHELL, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(TERM="xterm-256color", NO_COLOR="1"),
        start_new_session=True,
    )
    os.close(theirs)
    seen, parts, waiting, end = b"", [], list(actions), time.monotonic() + 120
    try:
        while time.monotonic() < end:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            seen += piece
            if waiting and (text := waiting[0][0].encode()) in seen:
                before, _, seen = seen.partition(text)
                parts.append((before + text).decode())
                waiting.pop(0)[1](ours)
        assert not waiting, f"{waiting[0][0]!r} never came, but {seen[-2000:]!r}"
        return process.wait(10), [*parts, seen.decode()]
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()
        os.close(ours)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "puzzles.csv").write_text(PUZZLES)
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace("SOURCE", f"{tmp_path}/puzzles.csv"))
    return path


def state(folder: Path) -> tuple[str, int, str | None]:
    history = read_history(folder)
    return history.state, history.step, history.ending.why if history.ending else None


def farewell(folder: Path, why: str) -> str:
    """What the line begins with, with the step and the files that are there."""
    (checkpoint,) = (folder / "checkpoint").iterdir()
    step = int(checkpoint.stem.removeprefix("step-"))
    assert state(folder) == ("stopped", step, why)
    card = read_card(folder / "last.safetensors")
    assert (card.training["steps"], card.figures) == (step, ())
    return (
        f"trm: stopped at step {step:,} of 100,000 ({why}). Left: {checkpoint}, and averaged weights for "
        f"trm solve --weights {folder / 'last.safetensors'}. Go on: trm train "
    )


def started(*arguments: object) -> subprocess.Popen[str]:
    """A run that has taken its first steps."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trmcli", "train", *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step "):
            break
    return process


def test_a_run_whose_time_is_over_says_what_is_left_and_how_to_go_on(
    trm: Run, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    done = trm("train", tiny, "--out", folder, "--max-time", "0s")
    said = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (0, "") and said.startswith(farewell(folder, "--max-time"))
    assert "state: stopped at step 1 (--max-time), last written to " in trm("info", folder).stdout

    solved = trm("solve", "--weights", folder / "last.safetensors", "1...\n..2.\n.3..\n...4")
    assert solved.returncode in (0, 1) and solved.stdout.count("\n") >= 4, solved.stderr
    command = said.partition("Go on: trm ")[2]
    assert command == f"train {tiny} --out {folder} --max-time 0s --resume"
    resumed = trm(*shlex.split(command))
    assert (resumed.returncode, state(folder)) == (0, ("stopped", 2, "--max-time"))
    assert "resumed at step 1\n" in resumed.stderr and f"Go on: trm {command}\n" in resumed.stderr


@pytest.mark.parametrize(
    ("ranks", "here", "command"),
    [
        ("1", "1", "trm train x --set 'a=[1, 2]' --resume"),
        ("2", "2", "torchrun --standalone --nproc-per-node 2 -m trmcli train x --set 'a=[1, 2]' --resume"),
        ("8", "4", "on every machine as before, with --resume"),
    ],
)
def test_the_command_to_go_on_is_the_one_that_was_given(
    monkeypatch: pytest.MonkeyPatch, ranks: str, here: str, command: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", ranks)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
    for resumed in ([], ["--resume"]):
        monkeypatch.setattr(sys, "argv", ["trm", "train", "x", "--set", "a=[1, 2]", *resumed])
        assert resuming() == command


def test_so_does_one_that_is_told_to_end(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a run"  # a blank, so that the shell needs quotes
    process = started(tiny, "--out", folder)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1].splitlines()[-1]
    assert process.returncode == 128 + signal.SIGTERM
    assert said.replace("'", "").startswith(farewell(folder, "SIGTERM"))
    assert f"--weights '{folder}/last.safetensors'" in said and said.endswith(f"--out '{folder}' --resume")


def test_one_that_got_no_better_names_the_best_weights_and_nothing_to_go_on_with(
    trm: Run, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    settings = ("--set", "eval_every=1", "--set", "patience=2", "--set", "lr=0")
    done = trm("train", tiny, "--out", folder, *settings)
    stopped, step, why = state(folder)
    assert (done.returncode, stopped, why) == (0, "stopped", "patience")
    assert done.stderr.splitlines()[-1] == (
        f"trm: stopped at step {step} of 100,000, for 2 evaluations were no better. "
        f"The best: trm solve --weights {folder / 'best.safetensors'}"
    )


def test_what_fails_is_why_it_stopped(trm: Run, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = ("--set", "lr=1e30", "--set", "clip=0.0", "--set", "warmup_steps=0", "--set", "dtype=float32")
    done = trm("train", tiny, "--out", folder, *settings)
    stopped, _, why = state(folder)
    assert (done.returncode, stopped) == (2, "stopped")
    assert why is not None and "is not finite" in why and why in done.stderr


def test_a_run_that_is_too_large_is_told_so_in_one_line(trm: Run, tiny: Path, tmp_path: Path) -> None:
    """This one is for every machine: its matrices are larger than what addresses reach."""
    settings = ("--set", f"model.hidden_size={2**20}", "--set", "model.expansion=1000")
    done = trm("train", tiny, "--out", tmp_path / "run", "-q", *settings)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "tiny: needs more memory than there is: lower batch_size" in done.stderr


def test_of_a_run_that_was_killed_only_its_silence_tells(trm: Run, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert trm("train", tiny, "--out", folder, "--max-time", "0s").returncode == 0
    process = started(tiny, "--out", folder, "--resume")
    process.kill()
    process.communicate()
    assert state(folder)[::2] == ("running", None)  # so far nothing speaks against it
    then = time.time() - 3600
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (then, then))
    values = json.loads(trm("info", folder, "--json").stdout)
    assert (values["state"], values["why"]) == ("stopped", None)
    assert "state: no longer running, it seems: " in trm("info", folder).stdout


def test_ctrl_c_leaves_a_whole_terminal(tiny: Path, tmp_path: Path) -> None:
    arguments = ("train", tiny, "--out", tmp_path / "run", "--set", "save_every=0.0")
    status, parts = on_terminal([("saved", typed(b"\x03"))], *arguments)
    screen = "".join(parts)
    assert status == 130 and "Traceback" not in screen
    assert "trm: stopped at step " in parts[-1] and "(Ctrl-C). Left: " in parts[-1]
    assert cursor_shown(screen) and "<ended, echo on>" in parts[-1]


def test_ctrl_z_gives_a_whole_terminal_back_and_a_resized_one_is_filled(tiny: Path, tmp_path: Path) -> None:
    actions = [
        ("begun", lambda number: resize(number, 24, 50)),
        ("╮" + "\r\n", typed(b"\x1a")),
        ("<stopped, echo on>", lambda number: resize(number, 30, 100)),
        ("╭" + 38 * "─", typed(b"\x03")),
    ]
    status, parts = on_terminal(actions, "train", tiny, "--out", tmp_path / "run")
    assert status == 130, parts
    narrow, stopped, again, rest = parts[1:]
    assert cursor_shown("".join(parts[:3])) and cursor_shown("".join(parts))
    assert "\x1b[2J" in narrow + stopped  # lines that the terminal had broken are gone
    assert "\x1b[?25l" in again + rest  # the panel is there again


def cursor_shown(text: str) -> bool:
    return text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l") >= 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_puzzles_are_generated_nothing_is_left_behind(
    tiny: Path, tmp_path: Path, number: signal.Signals
) -> None:
    many = tmp_path / "many.toml"
    many.write_text(TINY.partition("source =")[0] + GENERATED)

    def stop(_: int) -> None:
        for stat in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = stat.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"trmcli" in words and str(many).encode() in words:
                os.kill(int(stat.parent.name), number)

    status, parts = on_terminal([("generating puzzles: ", stop)], "train", many, "--out", tmp_path / "run")
    screen = "".join(parts)
    assert status == 128 + number and "Traceback" not in screen
    assert "trm: stopped at once; nothing was saved. Go on: trm train" in screen.replace("\r\n", "")
    assert cursor_shown(screen) and "<ended, echo on>" in screen
    assert not (tmp_path / "run").exists()
