"""Mazes on the command line: made, built into folders, solved, refused."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Screen

from trmcli.errors import InputError
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.maze.generate import canonical

Run = Callable[..., subprocess.CompletedProcess[str]]

MAZES = "#####\n#S  #\n### #\n#G  #\n#####\n\n█S.█\n█..█\n█G.█\n"
SOLVED = "#####\n#Soo#\n###o#\n#Goo#\n#####\n\n█S.█\n█o.█\n█G.█\n"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny maze model that was never trained, but is sure of what it says."""
    import torch

    from trmcli.model import TinyRecursiveModel, TRMConfig
    from trmcli.weights.files import Card, save_weights

    torch.manual_seed(0)
    config = TRMConfig(
        vocab_size=6,
        hidden_size=16,
        mixer="relation",
        relations=(("up", "neighbours"), ("left", "neighbours"), ("row", "groups")),
        num_heads=2,
        ffn_multiple=8,
        rounds=1,
        latent_updates=1,
    )
    model = TinyRecursiveModel(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(1000)
    path = tmp_path_factory.mktemp("weights") / "maze.safetensors"
    save_weights(path, model, Card(name="random", task="maze"))
    return path


def solve(trm: Run, weights: Path, *arguments: object, **options: str) -> subprocess.CompletedProcess[str]:
    return trm("solve", "--weights", weights, "--steps", 2, "--tries", 2, *arguments, **options)


def test_made_mazes_are_read_again(trm: Run) -> None:
    for options in (["--size", "8x11"], ["--kind", "perfect", "--size", "9"]):
        done = trm("data", "generate", "maze", *options, "--count", 4, "--min-path", 6)
        assert done.returncode == 0 and done.stderr == ""
        pairs = list(read_puzzles([done.stdout]))
        assert [task.name for task, _ in pairs] == ["maze"] * 4
        again = trm("data", "generate", "maze", *options, "--count", 4, "--min-path", 6)
        assert again.stdout == done.stdout
    other = trm("data", "generate", "maze", *options, "--count", 4, "--min-path", 6, "--seed", 1)
    assert other.stdout != done.stdout


def test_training_and_test_sets_have_no_maze_in_common(trm: Run, tmp_path: Path) -> None:
    train, test, folder = tmp_path / "train.csv", tmp_path / "test.csv", tmp_path / "folder"
    make = ("data", "generate", "maze", "--size", 3, "--format", "csv", "--count")
    assert trm(*make, 40, "-o", train).returncode == 0
    assert trm(*make, 30, "-o", test, "--exclude", train).returncode == 0
    sets = []
    for file in (train, test):
        puzzles = [puzzle for _, puzzle in read_puzzles([str(file)])]
        with file.open() as lines:
            for row, puzzle in zip(csv.DictReader(lines), puzzles, strict=True):
                assert puzzle.answer is not None
                assert int(row["rating"]) == (puzzle.answer >= 2).sum()
        sets.append({canonical(puzzle.cells) for puzzle in puzzles})
    assert (len(sets[0]), len(sets[1])) == (40, 30) and not sets[0] & sets[1]
    built = trm("data", "build", "maze", "--csv", train, "--test-csv", test, "--augment", "--out", folder)
    assert built.stdout == f"{folder / 'train'}\t320 examples\n{folder / 'test'}\t30 examples\n"
    plan = trm("train", "paper-maze-hard", "--data", folder, "--dry-run")
    assert plan.returncode == 0, plan.stderr
    assert f"# examples in {folder}: 320\n" in plan.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "0x0"], "no mazes of 0x0 are made: a side has 3 to 128 cells"),
        (["--size", "1000"], "no mazes of 1000x1000 are made"),
        (["--kind", "perfect"], "a perfect maze has odd sides"),
        (["--walls", "none"], "'none' is no share of walls"),
        (["--exclude", "missing.csv"], "missing.csv: no such file"),
    ],
)
def test_what_cannot_be_made_is_refused(options: list[str], message: str, trm: Run) -> None:
    done = trm("data", "generate", "maze", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_there_are_no_weights_for_mazes_unless_some_are_bundled(trm: Run) -> None:
    from trmcli.weights.registry import default_weights

    if "maze" in default_weights():
        pytest.skip("they come with the package")
    done = trm("solve", stdin=MAZES)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "trm: error: trm comes with no weights for maze: name a file with --weights\n"


def test_answers_are_drawn_as_the_mazes_were(trm: Run, weights: Path) -> None:
    done = solve(trm, weights, "--fallback", "search", stdin=MAZES)
    assert done.returncode == 0, done.stderr
    assert done.stdout == SOLVED
    assert "2 of 2 solved and checked, 2 of them by plain search" in done.stderr
    again = [puzzle for _, puzzle in read_puzzles([done.stdout])]
    assert all(puzzle.answer is not None for puzzle in again)


def test_what_is_not_solved_keeps_its_walls(trm: Run, weights: Path) -> None:
    done = solve(trm, weights, stdin=MAZES)
    assert done.returncode == 1
    assert "0 of 2 solved" in done.stderr
    one = solve(trm, weights, stdin=MAZES.split("\n\n")[1])
    assert re.match(r"not solved: [0-2] of 4 cells in doubt after 2 tries, 4 steps", one.stderr)
    assert done.stdout.replace("o", " ").replace(".", " ") == MAZES.replace(".", " ")


def test_json_and_saved_steps(trm: Run, weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    done = solve(trm, weights, "--json", "--fallback", "search", "--save", file, stdin=MAZES)
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["puzzle"] == "######S  #### ##G  ######" and first["unique"] is True
    assert second["answer"] == "#S #/#o #/#G #" and second["unique"] is True
    saved = json.loads(file.read_text())
    assert [one["task"] for one in saved] == ["maze", "maze"]
    assert saved[0]["shape"] == [5, 5] and len(saved[0]["frames"][0]["cells"]) == 25
    done = solve(trm, weights, "--fallback", "search", "--save", tmp_path / "maze.svg", first["puzzle"])
    assert done.stdout.strip() == first["answer"]
    assert "maze: solved and checked" in (tmp_path / "maze.svg").read_text()


def test_eval_counts_mazes(trm: Run, weights: Path, tmp_path: Path) -> None:
    done = trm("eval", "--weights", weights, "--json", "-", stdin=SOLVED)
    assert done.returncode == 1, done.stderr
    figures = json.loads(done.stdout)
    assert figures["puzzles"] == 2 and figures["cell_accuracy"] is not None
    answers = tmp_path / "answers.txt"
    answers.write_text(SOLVED)
    again = trm("eval", "--weights", weights, "--json", "--answers", answers, "-", stdin=MAZES)
    assert json.loads(again.stdout)["cell_accuracy"] == figures["cell_accuracy"], again.stderr


APART = "# # # # #\n# A . . #\n# # # . #\n# B . . #\n# # # # #\n"
BETWEEN = "o---o---o\n| S |   |\no   o   o\n|     G |\no---o---o\n"


def test_mazes_of_every_form_are_answered_in_theirs(trm: Run, weights: Path) -> None:
    done = solve(trm, weights, "--fallback", "search", stdin=APART)
    assert done.stdout == APART.replace(".", "o"), done.stderr
    done = solve(trm, weights, "--fallback", "search", stdin=BETWEEN)
    assert done.stdout == BETWEEN.replace("|     G", "| o   G"), done.stderr


def test_a_legend_says_what_the_signs_mean(trm: Run, weights: Path, tmp_path: Path) -> None:
    signs = str.maketrans("#SG .", "o12, ")
    text, legend = MAZES.replace("█", "#").translate(signs), "o=wall,1=start,2=goal,,=open"
    done = solve(trm, weights, "--fallback", "search", "--legend", legend, stdin=text)
    solved = SOLVED.replace("o", "*").replace("█", "#").translate(signs)
    assert done.stdout == solved, done.stderr
    answers = tmp_path / "answers.txt"
    answers.write_text(done.stdout)
    figures = trm(
        "eval", "--weights", weights, "--json", "--legend", legend, "--answers", answers, "-", stdin=text
    )
    assert json.loads(figures.stdout)["puzzles"] == 2, figures.stderr
    bad = solve(trm, weights, "--legend", "#=brick", stdin=text)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "trm: error: --legend:3: 'brick' is not wall, open, start, goal or path\n"


def test_a_text_that_could_be_read_in_two_ways_is_one_line_and_status_2(trm: Run) -> None:
    done = trm("solve", stdin="S # # #\n#     #\n  # # G\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trm: error: <stdin>:1:1: this maze could be read in two ways")
    assert done.stderr.count("\n") == 1


def test_weights_of_another_task_are_refused(trm: Run, random_weights: Path) -> None:
    done = trm("solve", "--weights", random_weights, stdin=MAZES)
    assert done.returncode == 2
    assert "these weights solve sudoku, and the puzzle is maze" in done.stderr


def test_bad_mazes_are_one_line_and_status_2(trm: Run) -> None:
    done = trm("solve", stdin="#####\n#S#G#\n#####\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "trm: error: <stdin>:2:2: there is no way from this S to G\n"


def test_a_maze_is_drawn_on_a_terminal(
    terminal: Callable[..., Screen], weights: Path, tmp_path: Path
) -> None:
    file = tmp_path / "maze.txt"
    file.write_text(MAZES.split("\n\n")[0])
    options = ["--weights", weights, "--steps", 2, "--tries", 1, "--fps", 0, "--fallback", "search"]
    screen = terminal("solve", file, *options, COLORTERM="", TERM="xterm", NO_COLOR="1")
    assert screen.status == 0
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.text[screen.text.rindex("┏") :])
    assert "██S o o ██" in last and "██G o o ██" in last


def test_the_task_is_known_by_name() -> None:
    assert get_task("maze").codec.vocab_size == 18
    with pytest.raises(InputError, match="there is no task 'mazes'; did you mean maze"):
        get_task("mazes")
