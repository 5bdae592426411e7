"""``trm solve --save`` and ``--replay`` on the command line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Screen

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ANSWER = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"


@pytest.fixture(scope="module")
def saved(trm: Run, random_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tries of a model that solves nothing, and an answer by plain search."""
    file = tmp_path_factory.mktemp("saved") / "steps.json"
    effort = ["--weights", random_weights, "--steps", 2, "--tries", 2, "--fallback", "search"]
    done = trm("solve", PUZZLE, *effort, "--save", file)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == f"saved {file}"
    return file


def test_a_replay_is_played_without_a_model(saved: Path, terminal: Callable[..., Screen]) -> None:
    screen = terminal("solve", "--replay", saved, "--fps", 0)
    assert screen.status == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.text)
    assert "steps.json" in text and "sudoku 9x9" in text
    assert "1/2" in text and "2/2" in text
    assert "✔ solved and checked: by plain search, after 2 tries" in text
    assert "┃ 5  3  4 ┃ 6  7  8 ┃ 9  1  2 ┃" in text.rpartition("┏")[2]


def test_off_the_terminal_a_replay_is_its_answer(saved: Path, trm: Run) -> None:
    done = trm("solve", "--replay", saved, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert done.stdout == ANSWER + "\n"
    assert "solved and checked: by plain search" in done.stderr
    assert not re.search(r"\| +torch$", done.stderr, re.MULTILINE)


def test_a_replay_becomes_a_page(saved: Path, trm: Run, tmp_path: Path) -> None:
    page = tmp_path / "show.html"
    done = trm("solve", "--replay", saved, "--save", page)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"saved {page}\n")
    assert page.read_text().startswith("<!doctype html>")
    assert page.stat().st_size < 30_000


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("show.gif", b"GIF89a"),
        ("show.png", b"\x89PNG"),
        ("show.svg", b"<svg "),
        ("show.cast", b'{"version": 2, '),
    ],
)
def test_a_replay_becomes_a_picture(name: str, start: bytes, saved: Path, trm: Run, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("old")
    done = trm("solve", "--replay", saved, "--save", file, "--fps", 8, PYTHONPROFILEIMPORTTIME="1")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == f"saved {file}"
    assert not re.search(r"\| +torch$", done.stderr, re.MULTILINE)
    assert file.read_bytes().startswith(start) and list(tmp_path.iterdir()) == [file]


def test_a_step_that_was_never_made_leaves_the_file_as_it_was(saved: Path, trm: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.svg"
    file.write_text("old")
    done = trm("solve", "--replay", saved, "--save", file, "--frame", 5)
    assert (done.returncode, done.stderr) == (2, "trm: error: --frame: there is no step 5: it took 4\n")
    assert file.read_text() == "old"


def test_an_answer_that_is_wrong_has_status_1(saved: Path, trm: Run, tmp_path: Path) -> None:
    record = json.loads(saved.read_text())
    file = tmp_path / "wrong.json"
    file.write_text(json.dumps({**record, "answer": record["frames"][-1]["cells"], "verified": False}))
    assert trm("solve", "--replay", file).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--replay", "no-such.json"], "no-such.json: cannot be read: No such file"),
        (["--replay", "bad.json"], "bad.json:1:2: is not JSON"),
        (["--replay", "other.json"], "other.json: the file has no 'format', so it is not a replay"),
        (["--replay", "other.json", PUZZLE], "--replay plays what was saved: leave the puzzles out"),
        (["--replay", "other.json", "--json"], "--json: --replay plays or prints answers"),
        ([f"{PUZZLE}\n{PUZZLE}", "--save", "x.html"], "x.html: a page shows one puzzle"),
    ],
)
def test_what_cannot_be_played_is_one_line(
    arguments: list[str], message: str, trm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text("{")
    Path("other.json").write_text("{}")
    done = trm("solve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.json", "other.json"]
