"""``trm solve`` with a model that solves nothing: what it writes, draws, refuses, and its statuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support import Screen, environment, resize

Run = Callable[..., subprocess.CompletedProcess[str]]
Terminal = Callable[..., Screen]

PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ANSWER = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
SMALL = "1..4..1..1..2..1"
TWICE = "55..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
SEVERAL = (Path(__file__).parents[1] / "data" / "sudoku_ambiguous.txt").read_text().split()[0]


@pytest.fixture(scope="session")
def solve(trm: Run, random_weights: Path) -> Run:
    def run(*arguments: object, **options: str) -> subprocess.CompletedProcess[str]:
        return trm("solve", "--weights", random_weights, "--steps", 2, "--tries", 2, *arguments, **options)

    return run


def test_unsolved_puzzles_keep_their_givens_and_are_counted(solve: Run) -> None:
    done = solve(stdin=f"{PUZZLE}\n{PUZZLE[::-1]}\n")
    assert done.returncode == 1
    answers = done.stdout.splitlines()
    assert [len(answer) for answer in answers] == [81, 81]
    for given, shown in zip(PUZZLE + PUZZLE[::-1], "".join(answers), strict=True):
        assert given == "." or shown == given
    assert "." in answers[0]
    assert re.fullmatch(r"0 of 2 solved and checked, \d+\.\d s\n", done.stderr)


def test_search_is_a_fallback_that_is_named(solve: Run) -> None:
    done = solve("-", "--fallback", "search", "--json", stdin=f"{PUZZLE}\n{SEVERAL}\n")
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["puzzle"] == PUZZLE
    assert first["answer"] == ANSWER
    assert first["verified"] is True
    assert first["unique"] is True
    assert first["method"] == "search"
    assert first["origin"] == "<stdin>:1"
    assert first["problems"] == []
    assert (first["tries"], first["steps"]) == (2, 4)
    assert 0 <= first["halt_probability"] <= 1
    assert first["milliseconds"] > 0
    assert second["unique"] is False
    assert "2 of 2 solved and checked, 2 of them by plain search" in done.stderr


def test_one_puzzle_in_the_form_it_came_in(solve: Run, tmp_path: Path) -> None:
    rows = [" ".join(PUZZLE[n : n + 9]) for n in range(0, 81, 9)]
    file = tmp_path / "drawn.txt"
    file.write_text("\n".join(rows) + "\n")
    done = solve(file, "--fallback", "search")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [" ".join(ANSWER[n : n + 9]) for n in range(0, 81, 9)]
    assert done.stderr.startswith("solved and checked: by plain search, after 2 tries of the model, ")


def test_several_solutions_are_said(solve: Run) -> None:
    done = solve(SEVERAL, "--fallback", "search")
    assert done.returncode == 0
    assert "<argument>:1: has several solutions; any of them will do\n" in done.stderr
    assert "one of several solutions" in done.stderr.splitlines()[-1]


def test_answers_before_bad_input_are_written(solve: Run) -> None:
    done = solve(
        "--fallback", "search", "--batch-size", 1, stdin=f"{PUZZLE}\n{PUZZLE}\n{PUZZLE}Q\n{PUZZLE}\n"
    )
    assert done.returncode == 2
    assert done.stdout.splitlines() == [ANSWER, ANSWER]
    assert done.stderr.splitlines()[-1].startswith("trm: error: <stdin>:3")


def test_sizes_may_be_mixed_and_order_is_kept(solve: Run) -> None:
    done = solve("--fallback", "search", "--json", stdin=f"{SMALL}\n{PUZZLE}\n{SMALL}\n")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["puzzle"] for line in done.stdout.splitlines()] == [SMALL, PUZZLE, SMALL]


def test_until_solved_ends_with_the_budget(trm: Run, random_weights: Path) -> None:
    options = ("--weights", random_weights, "--steps", 1, "--until-solved", "--budget", 0.3, "--json")
    done = trm("solve", PUZZLE, *options, "--strategy", "restart")
    record = json.loads(done.stdout)
    assert (done.returncode, record["verified"]) == (1, False)
    assert 1 < record["tries"] < 10_000 and record["steps"] == record["tries"]
    assert record["milliseconds"] > 300


def test_a_closed_pipe_ends_quietly(random_weights: Path) -> None:
    options = ["--weights", str(random_weights), "--steps", "1", "--tries", "1", "--batch-size", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "trmcli", "solve", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    with process.stdin, process.stdout, process.stderr:
        process.stdin.write("132.4....4...143\n" * 200)
        process.stdin.close()
        assert len(process.stdout.readline()) == 17
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == ""


def test_save_json_holds_every_step(solve: Run, tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    file.write_text("old")
    done = solve("--save", file, PUZZLE)
    assert done.returncode == 1
    replay = json.loads(file.read_text())
    assert (replay["format"], replay["version"], replay["task"]) == ("trmcli-replay", 1, "sudoku")
    assert (replay["shape"], replay["puzzle"], replay["verified"]) == ([9, 9], PUZZLE, False)
    assert [(frame["attempt"], frame["step"]) for frame in replay["frames"]] == [
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
    ]
    for frame in replay["frames"]:
        assert len(frame["cells"]) == len(frame["confidence"]) == 81
        assert all(0 <= value <= 1 for value in frame["confidence"])
        assert 0 <= frame["halt"] <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["steps.json"]


def test_save_svg_shows_the_answer(solve: Run, tmp_path: Path) -> None:
    file = tmp_path / "grid.svg"
    assert solve("--save", file, "--frame", "end", "--fallback", "search", PUZZLE).returncode == 0
    texts = ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text")
    assert "".join(text.text or "" for text in texts if len(text.text or "") == 1) == ANSWER


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        ([], "", "holds no puzzle"),
        ([PUZZLE, "--save", "x.bmp"], "", "must end in .json, .html, .svg, .gif, .png or .cast"),
        ([PUZZLE, "--save", "x.gif", "--frame", "1"], "", "--frame: one step is saved as .svg or .png"),
        (
            [PUZZLE, "--frame", "1"],
            "",
            "--frame: one step is saved: --save FILE.svg or FILE.png says where to",
        ),
        ([PUZZLE, "--save", "x.svg", "--frame", "-1"], "", "'-1' is not a step"),
        ([PUZZLE, "--save", "no/such/folder/x.gif"], "", "no/such/folder/x.gif: cannot be written"),
        ([PUZZLE, "--save", "no/such/folder/x.json"], "", "no/such/folder/x.json: cannot be written"),
        ([PUZZLE, "--save", "."], "", "must end in"),
        (["--save", "x.svg"], f"{PUZZLE}\n{PUZZLE}\n", "an SVG shows one puzzle"),
        ([PUZZLE, "--live"], "", "--live needs a terminal"),
        ([PUZZLE, "--until-solved", "--tries", "3"], "", "leave --tries out"),
        ([PUZZLE, "--device", "abacus"], "", "no device 'abacus'"),
        ([PUZZLE, "--task", "chess"], "", "no task 'chess'"),
        ([PUZZLE, "--weights", "no-such.safetensors"], "", "no-such.safetensors"),
        ([TWICE], "", "digit 5 stands twice in row 1"),
    ],
)
def test_what_is_refused_is_refused_at_once(
    arguments: list[str], stdin: str, message: str, trm: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = trm("solve", *arguments, stdin=stdin, PYTHONPROFILEIMPORTTIME="1")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(lines) == 1
    assert lines[0].startswith("trm: error: ")
    assert message in lines[0]
    assert not re.search(r"\| +torch$", done.stderr, re.MULTILINE)
    assert not list(tmp_path.iterdir())


def test_weights_of_another_task_or_size_are_refused(trm: Run, tmp_path: Path) -> None:
    from trmcli.model import TinyRecursiveModel, TRMConfig
    from trmcli.weights.files import Card, save_weights

    config = TRMConfig(vocab_size=18, hidden_size=8, num_heads=1, ffn_multiple=8, mixer="mlp", seq_len=81)
    file = tmp_path / "fixed.safetensors"
    save_weights(file, TinyRecursiveModel(config), Card(name="fixed", task="sudoku"))
    done = trm("solve", SMALL, "--weights", file)
    assert done.returncode == 2
    assert done.stderr == (
        "trm: error: <argument>:1: has 16 cells, and these weights are for puzzles of 81 cells\n"
    )
    config = TRMConfig(vocab_size=5, hidden_size=8, num_heads=1, ffn_multiple=8)
    save_weights(file, TinyRecursiveModel(config), Card(name="few", task="sudoku"))
    done = trm("solve", PUZZLE, "--weights", file)
    assert done.returncode == 2
    assert done.stderr == ("trm: error: <argument>:1: takes 11 tokens to write, and these weights know 5\n")
    save_weights(file, TinyRecursiveModel(config), Card(name="fixed", task="maze"))
    done = trm("solve", PUZZLE, "--weights", file)
    assert done.returncode == 2
    assert "these weights solve maze, and the puzzle is sudoku" in done.stderr


def live(weights: Path, *arguments: object) -> list[object]:
    return ["solve", PUZZLE, "--weights", weights, "--steps", 3, "--tries", 2, "--fps", 0, *arguments]


def test_live_view_leaves_the_grid_and_the_verdict(terminal: Terminal, random_weights: Path) -> None:
    screen = terminal(*live(random_weights, "--fallback", "search"))
    assert screen.status == 0
    final = plain(screen.text).rpartition("┏━━━━━━━━━┳")[2]
    assert "┃ 5  3  4 ┃ 6  7  8 ┃ 9  1  2 ┃" in final
    assert "3/3" in final
    assert "solved and checked: by plain search, after 2 tries of the model" in final
    assert screen.text.index("\x1b[?25l") < screen.text.rindex("\x1b[?25h")
    assert "\x1b[?25l" not in screen.text[screen.text.rindex("\x1b[?25h") :]
    for step in (1, 2, 3):
        assert f"{step}/3" in plain(screen.text)


def test_further_tries_show_what_they_suppose(
    terminal: Terminal, random_weights: Path, tmp_path: Path
) -> None:
    file = tmp_path / "steps.json"
    options = ["--steps", 2, "--tries", 4, "--fps", 0, "--save", file]
    screen = terminal("solve", PUZZLE, "--weights", random_weights, *options)
    assert re.search(r"supposed +1\b", plain(screen.text).rpartition("try              4/4")[2])
    frames = json.loads(file.read_text())["frames"]
    assert [len(frame["supposed"]) for frame in frames] == [0, 0, 0, 0, 1, 1, 1, 1]
    (third,), (fourth,) = frames[4]["supposed"], frames[6]["supposed"]
    assert third == fourth and PUZZLE[third] == "."


def test_ctrl_c_leaves_the_terminal_whole(terminal: Terminal, random_weights: Path) -> None:
    slow = ["solve", PUZZLE, "--weights", random_weights, "--tries", 1000, "--fps", 2]
    screen = terminal(*slow, on=("\x1b[?25l", lambda number: os.write(number, b"\x03")))
    assert screen.status == 130
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")
    assert "Traceback" not in screen.text


def test_resizing_starts_the_drawing_over(terminal: Terminal, random_weights: Path) -> None:
    slow = ["solve", PUZZLE, "--weights", random_weights, "--steps", 6, "--tries", 1, "--fps", 10]
    screen = terminal(*slow, on=("1/6", lambda number: resize(number, 30, 40)))
    assert screen.status == 1
    after = plain(screen.text.rpartition("\x1b[2J")[2])
    assert "┏━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━┓" in after
    assert "not solved" in after
    assert max(len(line) for line in after.replace("\r", "\n").split("\n")) <= 40


@pytest.mark.parametrize(
    "options", [{"rows": 10}, {"columns": 12}, {"TERM": "dumb"}], ids=["low", "narrow", "dumb"]
)
def test_where_no_grid_can_be_drawn_the_answer_is_printed(
    options: dict[str, int | str], terminal: Terminal, random_weights: Path
) -> None:
    screen = terminal(*live(random_weights, "--fallback", "search"), **options)
    assert screen.status == 0
    assert ANSWER in screen.text
    assert "\x1b[" not in screen.text


def test_without_puzzle_on_a_terminal_it_says_what_to_give(terminal: Terminal) -> None:
    screen = terminal("solve")
    assert screen.status == 2
    assert "trm: error: no puzzle given" in screen.text


def plain(text: str) -> str:
    """Without the escape sequences for colours and movement."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
