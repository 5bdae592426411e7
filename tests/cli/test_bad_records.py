"""What came before bad input is not lost, and what has no solution is said to have none."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from warm import Warm

PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ANSWER = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
NONE = "..9.287..8.6..4..5..3.....46.........2.71345.........23.....5..9..4..8.7..125.3.."
SEVERAL = (Path(__file__).parents[1] / "data" / "sudoku_ambiguous.txt").read_text().split()[0]
BAD = "55" + PUZZLE[2:]
"""Two fives in a row."""


@pytest.fixture
def options(random_weights: Path) -> list[object]:
    return ["--weights", random_weights, "--steps", 1]


@pytest.mark.parametrize("before", [1, 2])
def test_puzzles_before_bad_input_are_answered(before: int, warm: Warm, options: list[object]) -> None:
    text = f"{PUZZLE}\n" * before + f"{BAD}\n{PUZZLE}\n"
    done = warm.run("solve", *options, "--tries", 1, "--fallback", "search", stdin=text)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [ANSWER] * before
    solved, error = done.stderr.splitlines()
    assert solved.startswith(("solved and checked", "2 of 2 solved"))
    assert error.startswith(f"trm: error: <stdin>:{before + 1}") and "digit 5 stands twice" in error


def test_saved_steps_before_bad_input_are_kept(warm: Warm, options: list[object], tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    done = warm.run("solve", *options, "--save", file, stdin=f"{PUZZLE}\n{BAD}\n")
    assert done.returncode == 2
    assert json.loads(file.read_text())["puzzle"] == PUZZLE


def test_an_evaluation_keeps_its_figures_and_predictions(
    warm: Warm, options: list[object], tmp_path: Path
) -> None:
    data, out, save = tmp_path / "data.csv", tmp_path / "out.csv", tmp_path / "figures.json"
    rows = [("a", PUZZLE), ("b", PUZZLE), ("a", BAD), ("a", PUZZLE)]
    data.write_text("source,question\n" + "".join(f"{source},{question}\n" for source, question in rows))
    keep = ["--json", "--predictions", out, "--save", save]
    done = warm.run("eval", data, *options, *keep)
    assert done.returncode == 2
    figures = json.loads(done.stdout)
    assert (figures["complete"], figures["puzzles"], figures["skipped"]) == (False, 2, 0)
    assert json.loads(save.read_text()) == figures
    with out.open() as file:
        assert [row["question"] for row in csv.DictReader(file)] == [PUZZLE] * 2
    partial, error = done.stderr.splitlines()
    assert partial == "trm: stopped after 2 puzzles: partial figures"
    assert error.startswith(f"trm: error: {data}:4:") and "digit 5 stands twice" in error

    done = warm.run("eval", data, *options, *keep, "--skip-bad")
    assert done.returncode == 1
    figures = json.loads(done.stdout)
    assert (figures["complete"], figures["puzzles"], figures["skipped"]) == (True, 3, 1)
    with out.open() as file:
        assert [row["source"] for row in csv.DictReader(file)] == ["a", "b", "a"]
    named, counted = done.stderr.splitlines()
    assert named.startswith(f"trm: skipped: {data}:4:") and counted == "1 bad record skipped"


def test_a_wrong_answer_in_the_file_of_answers_keeps_what_came_before(
    warm: Warm, options: list[object], tmp_path: Path
) -> None:
    known = tmp_path / "known.txt"
    known.write_text(f"{ANSWER}\n{ANSWER[::-1]}\n")
    done = warm.run("eval", *options, "--json", "--answers", known, stdin=f"{PUZZLE}\n" * 3)
    assert done.returncode == 2
    assert json.loads(done.stdout)["puzzles"] == 1
    assert done.stderr.splitlines()[-1] == f"trm: error: {known}:2: does not answer the puzzle at <stdin>:2"
    both = warm.run("eval", *options, "--answers", known, "--skip-bad", stdin=f"{PUZZLE}\n")
    assert both.returncode == 2 and "--skip-bad would break" in both.stderr


def test_bad_records_are_named_counted_and_left_out(warm: Warm, options: list[object]) -> None:
    text = f"{BAD}\n{PUZZLE}\nhello\n{PUZZLE}\n{PUZZLE}9\n"
    done = warm.run("solve", *options, "--tries", 1, "--fallback", "search", "--skip-bad", stdin=text)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [ANSWER, ANSWER]
    lines = done.stderr.splitlines()
    assert [line[: len("trm: skipped: <stdin>:1")] for line in lines if "skipped: " in line] == [
        f"trm: skipped: <stdin>:{number}" for number in (1, 3, 5)
    ]
    assert lines[-1] == "3 bad records skipped"
    nothing = warm.run("solve", *options, "--skip-bad", stdin=f"{BAD}\n{BAD}\n")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert nothing.stderr.splitlines()[-1].startswith("trm: error: ")


def test_a_puzzle_that_does_not_fit_the_weights_is_a_bad_record(warm: Warm, tmp_path: Path) -> None:
    from trmcli.model import TinyRecursiveModel, TRMConfig
    from trmcli.weights.files import Card, save_weights

    config = TRMConfig(vocab_size=18, hidden_size=8, num_heads=1, ffn_multiple=8, mixer="mlp", seq_len=16)
    weights = tmp_path / "fixed.safetensors"
    save_weights(weights, TinyRecursiveModel(config), Card(name="fixed", task="sudoku"))
    text = f"{PUZZLE}\n132.4....4...143\n{PUZZLE}\n..1.1.232.4.41..\n"
    done = warm.run("eval", "--weights", weights, "--steps", 1, "--skip-bad", "--json", stdin=text)
    assert json.loads(done.stdout)["puzzles"] == 2
    assert done.stderr.count("has 81 cells, and these weights are for puzzles of 16 cells") == 2
    alone = warm.run("eval", "--weights", weights, "--skip-bad", stdin=f"{PUZZLE}\n")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert alone.stderr.splitlines()[-1].startswith("trm: error: there is no puzzle in the input")


def test_no_solution_is_said_at_once(warm: Warm, options: list[object]) -> None:
    done = warm.run("solve", NONE, *options)
    assert (done.returncode, done.stdout) == (1, NONE + "\n")
    assert done.stderr == "has no solution: a plain search finds none, so nothing was tried\n"
    text = f"{PUZZLE}\n{NONE}\n{SEVERAL}\n"
    fallback = ["--tries", 2, "--fallback", "search"]
    done = warm.run("solve", *options, *fallback, "--json", stdin=text)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    keys = ("verified", "solutions", "unique", "tries", "method")
    assert [tuple(record[key] for key in keys) for record in records] == [
        (True, 1, True, 2, "search"),
        (False, 0, None, 0, "count"),
        (True, "2+", False, 2, "search"),
    ]
    assert records[1]["problems"] == ["has no solution"]
    assert done.returncode == 1
    lines = warm.run("solve", *options, *fallback, stdin=text).stderr.splitlines()
    assert lines[:2] == [
        "<stdin>:3: has several solutions; any of them will do",
        "<stdin>:2: has no solution",
    ]
    assert "2 of 3 solved and checked, 2 of them by plain search, 1 has no solution" in lines[2]


def test_what_is_not_found_is_told_apart_from_what_is_not_there(warm: Warm, options: list[object]) -> None:
    done = warm.run("solve", PUZZLE, *options, "--tries", 1)
    assert done.returncode == 1
    assert done.stderr.startswith("not solved: ") and done.stderr.endswith(", but there is a solution\n")
    record = json.loads(warm.run("solve", PUZZLE, *options, "--tries", 1, "--json").stdout)
    assert (record["verified"], record["solutions"]) == (False, 1)


def test_a_maze_tells_whether_it_has_several_shortest_paths(warm: Warm) -> None:
    done = warm.run("solve", "--json", "--steps", 4, stdin="S.G######\nS...#...G\n")
    assert [json.loads(line)["solutions"] for line in done.stdout.splitlines()] == [1, "2+"]


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5", "9999"])
def test_threads_are_a_whole_number(number: str, warm: Warm, options: list[object]) -> None:
    for command in ("solve", "eval"):
        for done in (
            warm.run(command, *options, f"--threads={number}", stdin=f"{PUZZLE}\n"),
            warm.run(command, *options, stdin=f"{PUZZLE}\n", TRM_THREADS=number),
        ):
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr == (
                f"trm: error: --threads (TRM_THREADS): {number!r} is not a number of threads: "
                "give a whole number from 1 to 1024\n"
            )


def test_answers_do_not_depend_on_the_threads(warm: Warm, options: list[object], tmp_path: Path) -> None:
    def predictions(*arguments: object, **variables: str) -> str:
        out = tmp_path / "out.csv"
        text = f"{PUZZLE}\n{PUZZLE[::-1]}\n" * 20
        done = warm.run("eval", *options, "--predictions", out, *arguments, stdin=text, **variables)
        assert done.returncode == 1, done.stderr
        return out.read_text()

    assert predictions("--threads", 1) == predictions("--threads", 3) == predictions(TRM_THREADS="2")
