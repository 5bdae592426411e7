"""``trm solve --save`` and ``--replay`` on the command line."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from replays import small_maze, two_tries
from support import Screen

from trmcli.cli.options import Pace, Show
from trmcli.cli.replay import replay
from trmcli.errors import InputError, one_line
from trmcli.ui.replay import Replay
from trmcli.ui.saving import Cut

Run = Callable[..., "subprocess.CompletedProcess[str]"]
RECORDING = Path(__file__).parents[1] / "data" / "screens" / "sudoku.json"
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


@pytest.mark.parametrize(
    "drawn",
    [
        "#####\n#S..#\n###.#\n#G..#\n#####\n",
        "1.|..\n..|2.\n-----\n.3|..\n..|.4\n",
        "1...\n..2.\n.3..\n...4\n",
    ],
)
def test_off_the_terminal_a_replay_is_what_solving_printed(drawn: str, trm: Run, tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    solved = trm("solve", "-", "--fallback", "search", "--save", file, stdin=drawn)
    done = trm("solve", "--replay", file)
    assert done.stdout == solved.stdout and done.stdout.count("\n") >= 4
    content = json.loads(file.read_text())
    for other in ("1234\n", drawn + drawn, drawn[1:], 5):
        file.write_text(json.dumps({**content, "drawn": other}))
        done = trm("solve", "--replay", file)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert f"{file}: drawn is not" in done.stderr


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


def test_an_answer_that_is_wrong_is_never_called_solved(saved: Path, trm: Run, tmp_path: Path) -> None:
    record = json.loads(saved.read_text())
    answer = record["frames"][-1]["cells"]
    file, page = tmp_path / "wrong.json", tmp_path / "wrong.html"
    file.write_text(json.dumps({**record, "answer": answer, "verified": False, "method": "model"}))
    done = trm("solve", "--replay", file)
    sure = done.stdout.rstrip("\n")
    assert done.returncode == 1 and len(sure) == len(answer)
    assert all(given in (".", cell) for given, cell in zip(record["puzzle"], sure, strict=True))
    corrected, verdict = done.stderr.splitlines()
    assert corrected == f"{file}: verdict is corrected: it was '{record['verdict']}'"
    assert verdict.startswith(f"not solved: {sure.count('.')} of 51 cells in doubt after 2 tries, 4 steps, ")
    assert trm("solve", "--replay", file, "--save", page, "-q").returncode == 1
    assert verdict in page.read_text() and "solved and checked" not in page.read_text()


@pytest.mark.parametrize("said", ["Solved!", "\x1b[31msolved\x1b[2J\x07", "\ud800\u202e\0"])
def test_what_a_file_says_is_made_fit_to_be_shown(said: str, saved: Path, trm: Run, tmp_path: Path) -> None:
    record = json.loads(saved.read_text())
    file = tmp_path / "told.json"
    file.write_text(json.dumps({**record, "verdict": said, "origin": said, "unique": False}))
    done = trm("solve", "--replay", file)
    assert (done.returncode, done.stdout) == (0, ANSWER + "\n")
    unique, verdict, right = done.stderr.splitlines()
    assert unique == f"{file}: unique is corrected: it was false"
    assert verdict == f"{file}: verdict is corrected: it was '{one_line(said)}'"
    assert right.startswith("solved and checked: by plain search, after 2 tries")
    for name in ("told.html", "told.svg", "again.json"):
        assert replay(file, tmp_path / name, Cut(), False, Pace(), False, Show(quiet=True)) == 0
        assert not re.search("[\x00\x07\x1b\u202e\ud800]", (tmp_path / name).read_text())


def test_where_nobody_can_check_nothing_is_called_right(saved: Path, trm: Run, tmp_path: Path) -> None:
    file, other = tmp_path / "free.json", tmp_path / "again.json"
    (tmp_path / "free").mkdir()
    (tmp_path / "free" / "free_kind.py").write_text(
        "from dataclasses import replace\nfrom trmcli.tasks.sudoku.kind import sudoku_task\n"
        "FREE = replace(sudoku_task(), name='free', rules=None, variant=None)\n"
    )
    known = tmp_path / "free" / "free-1.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: free\nVersion: 1\n")
    (known / "entry_points.txt").write_text("[trmcli.tasks]\nfree = free_kind:FREE\n")
    record = json.loads(saved.read_text())
    frames = [{**frame, "checked": False} for frame in record["frames"]]
    changes = {"task": "free", "method": "model", "answer": frames[-1]["cells"], "frames": frames}
    file.write_text(json.dumps({**record, **changes}))
    source = Path(__file__).parents[2] / "src"
    done = trm("solve", "--replay", file, "--save", other, PYTHONPATH=f"{tmp_path / 'free'}:{source}")
    assert done.returncode == 0, done.stderr
    again = json.loads(other.read_text())
    assert again["verified"] is None and again["verdict"].startswith("answered, unchecked: try 2, 4 steps")


@pytest.mark.parametrize("fps", ["1e-9", "0.001", "-1", "nan", "inf", "1e300", "1001", "fast"])
def test_a_pace_that_nobody_could_follow_is_refused(fps: str, saved: Path, trm: Run, tmp_path: Path) -> None:
    done = trm("solve", "--replay", saved, "--save", tmp_path / "x.svg", f"--fps={fps}")
    message = f"trm: error: --fps: '{fps}' is not 0, and not a number from 0.01 to 1000\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["gif", "svg", "cast"])
@pytest.mark.parametrize("fps", [0, 0.01, 1000])
def test_pictures_go_at_every_pace(fps: float, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{suffix}"
    assert replay(RECORDING, file, Cut(fps), False, Pace(), False, Show(quiet=True)) == 0
    assert file.stat().st_size > 1000


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


DAMAGE: tuple[Any, ...] = (
    None, True, -1, 3, 10**400, 1e308, float("nan"), "", "\x1b[31m", "." * 16, "1" * 16, "S" * 6,
    [], [[]], [1], {},
)  # fmt: skip


def damaged(record: Any) -> Iterator[Any]:
    """A recording with one part, of any depth, taken out or replaced; of lists, the first and the last."""
    yield from DAMAGE
    places = record if isinstance(record, dict) else {0, len(record) - 1} if record else ()
    for place in places:
        rest = dict(record) if isinstance(record, dict) else list(record)
        part = rest.pop(place)
        yield rest
        for value in damaged(part) if isinstance(part, (dict, list)) else DAMAGE:
            changed = dict(record) if isinstance(record, dict) else list(record)
            changed[place] = value
            yield changed


@pytest.mark.parametrize(
    "good", [two_tries("solved and checked: try 2, 3 steps in all, 0.30 s", "x"), small_maze()]
)
def test_a_damaged_file_is_played_or_refused_in_one_line(
    good: Replay, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, played = tmp_path / "x.json", 0
    for content in damaged(json.loads(json.dumps(good.to_dict()))):
        file.write_text(json.dumps(content))
        try:
            status = replay(file, None, Cut(), False, Pace(), False, Show())
        except InputError as error:
            assert str(error).startswith(f"{file}: ") and "\n" not in str(error) and len(str(error)) < 400
        else:
            played += 1
            said = capsys.readouterr().err
            assert "\x1b" not in said
            assert status == ("solved and checked" not in said.splitlines()[-1])
    assert played
