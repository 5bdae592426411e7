"""Every script in benchmarks/ does its work, at the smallest size that its options allow."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trmcli.tasks import get_task
from trmcli.tasks.sudoku.kind import SudokuMaker

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
WEIGHTS = ROOT / "weights" / "sudoku.safetensors"
EASY = "1..4.4.22.4..3.1"


def script(name: str, *arguments: object) -> str:
    """What ``python benchmarks/NAME.py ARGUMENTS`` says."""
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / f"{name}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def puzzles(tmp_path: Path) -> Path:
    """Two puzzles of each source that the benchmarks know."""
    path = tmp_path / "puzzles.csv"
    rows = [f"{source},{EASY}\n" for source in ("17clue", "magictour", "forum_hardest_11") for _ in range(2)]
    path.write_text("source,question\n" + "".join(rows), encoding="utf-8")
    return path


def test_ablations_goes_on_where_it_was(tmp_path: Path) -> None:
    out = tmp_path / "ablations.json"
    before = {"TRM / 0": {"parameters": 2000, "cpu_seconds": 60.0, "exact": 0.5}}
    out.write_text(json.dumps(before), encoding="utf-8")
    settings = ["--seeds", "0", "--only", "TRM", "single z", "--steps", "2", "--puzzles", "60"]
    said = script("ablations", "--out", out, *settings)
    after = read(out)
    assert after.keys() == {*before, "single z / 0"} and after["TRM / 0"] == before["TRM / 0"]
    assert 0 <= after["single z / 0"]["exact"] <= 1 and after["single z / 0"]["parameters"] > 1000
    assert "| TRM | 2,000 | 1.0 | 50.0 | 50.0 |" in said and "| single z | " in said


@pytest.fixture
def tiny_tasks(tmp_path: Path) -> Path:
    """A folder with a set ``tiny`` of two ARC tasks."""
    tasks = {}
    for name, turned in (("aa", False), ("bb", True)):
        pairs = [{"input": [[n, 0]], "output": [[0, n] if turned else [n, n]]} for n in (1, 2, 3)]
        tasks[name] = {"train": pairs[:2], "test": [{"input": pairs[2]["input"]}]}
    answers = {"aa": [[[3, 3]]], "bb": [[[0, 3]]]}
    for kind, value in (("challenges", tasks), ("solutions", answers)):
        (tmp_path / f"arc-agi_tiny_{kind}.json").write_text(json.dumps(value), encoding="utf-8")
    return tmp_path


def test_arc_goes_on_where_it_was_killed(tiny_tasks: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    settings = ["--option", "fit.least=6", "--option", "fit.effort=0.01", "--members", "1", "--most", "1"]
    options = ["--data", tiny_tasks, "--set", "tiny", *settings]
    said = script("arc", "--out", whole, *options)
    first, second = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    killed.write_text(first + second[:30], encoding="utf-8")
    assert "| all | 2 |" in script("arc", "--out", killed, *options)
    lines = [path.read_text(encoding="utf-8").splitlines(keepends=True) for path in (whole, killed)]
    ours, theirs = ([json.loads(line) for line in each] for each in lines)
    assert lines[1][0] == first and len(theirs) == 2
    assert [(one["task"], one["tests"]) for one in ours] == [(one["task"], one["tests"]) for one in theirs]
    assert "| all | 2 |" in said


def test_arc_members_share_out_the_time_of_several_processors(tiny_tasks: Path, tmp_path: Path) -> None:
    settings = ["--option", "fit.least=6", "--option", "fit.effort=0.01", "--members", "3", "--most", "2"]
    options = ["--data", tiny_tasks, "--set", "tiny", "--processors", "2", "--limit", "1", *settings]
    script("arc", "--out", tmp_path / "two.jsonl", *options)
    done = read(tmp_path / "two.jsonl")
    assert len(done["members"]) == 2 and 0 < done["seconds"] < done["cpu_seconds"]


def test_arc_fits_one_member_alone_to_the_tasks_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    pairs = [{"input": [[n, 0]], "output": [[n, n]]} for n in (1, 2, 3)]
    (tmp_path / "tiny" / "fill.json").write_text(json.dumps({"train": pairs[:2], "test": pairs[2:]}))
    settings = ["--option", "fit.least=6", "--option", "fit.effort=0.01", "--only", "4"]
    said = script("arc", "--data", tmp_path, "--set", "tiny", "--out", tmp_path / "one.jsonl", *settings)
    (member,) = read(tmp_path / "one.jsonl")["members"]
    assert member["updates"] == 6 and "| all | 1 |" in said


def test_arc_tells_how_often_sizes_are_right(tiny_tasks: Path) -> None:
    said = script("arc", "--data", tiny_tasks, "--set", "tiny", "--sizes")
    assert "| all | 2 | 2 = 100.0% | 2 = 100.0% |" in said and "| two guesses | 0 |" in said


def test_arc_levers_follows_a_network_both_ways(tiny_tasks: Path, tmp_path: Path) -> None:
    options = ["--data", tiny_tasks, "--set", "tiny", "--seconds", "0", "--option", "least=99"]
    out = tmp_path / "levers.jsonl"
    said = script("arc_levers", "--out", out, "--limit", "1", *options)
    (record,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert "| cut off, fall | 1 |" in said and not record["early"]
    assert record["plain"]["updates"] == record["fall"]["updates"] == record["total"] == 30
    assert record["plain"]["loss"] != record["fall"]["loss"] and len(record["steps"]["24"]) == 1
    assert "| all, fall | 2 |" in script("arc_levers", "--out", out, *options)
    assert len(out.read_text(encoding="utf-8").splitlines()) == 2


def test_busy_compares_the_command_with_itself_on_one_thread() -> None:
    figures = json.loads(script("busy", "--runs", "1", "--loops", "1"))
    for part in ("command", "solving"):
        seconds = figures[f"{part}_seconds"]
        assert figures[f"{part}_ratio"] == pytest.approx(seconds["as it is"] / seconds["OMP_NUM_THREADS=1"])


def test_sparse_makes_puzzles_with_few_givens() -> None:
    header, *rows = script("sparse", "--count", 6, "--size", 4, "--most", 2).splitlines()
    assert header == "source,question"
    signs = [row.split(",")[1] for row in rows]
    assert [len(one) - one.count(".") for one in signs] == [0, 2] * 3


def test_start_waits_for_a_text_in_turns_with_another_revision() -> None:
    figures = json.loads(script("start", "--runs", "1", "--until", "┳", "--against", "HEAD"))
    python, this, other = (figures[name] for name in ("python", "this", "HEAD"))
    assert 0 < python["processor_seconds"] < this["processor_seconds"]
    assert 0 < this["least"] <= this["seconds"]
    assert figures["ratio"] == pytest.approx(this["processor_seconds"] / other["processor_seconds"])


def test_start_takes_a_command_to_its_end() -> None:
    figures = json.loads(script("start", "--runs", "1", "--until", "end", "--", "--version"))
    assert figures["python"]["seconds"] > 0 and figures["this"]["seconds"] > 0
    assert "ratio" not in figures


def test_drawing_is_compared_with_solving_alone() -> None:
    figures = json.loads(script("drawing", "--runs", "2", EASY))
    assert (figures["puzzle"], figures["runs"]) == ("sudoku 4x4", 2)
    assert figures["steps"] >= 1 and figures["drawings"] >= 1
    assert figures["seconds_in_steps"] > 0 and figures["seconds_in_steps_drawn"] > 0
    assert figures["more_of_processors"] > -1


def test_kill_runs_loses_nothing() -> None:
    figures = json.loads(script("kill_runs", "--kills", "2", "--longest", "0.2"))
    assert figures["kills"] == 2 and figures["runs_that_lost_a_saved_step"] == 0
    assert figures["tensors_that_differ_from_a_whole_run"] == 0


def test_register_weights_enters_a_file(tmp_path: Path) -> None:
    said = script("register_weights", WEIGHTS, "--name", "again", "--folder", tmp_path)
    assert said.startswith(f"again: {WEIGHTS.stat().st_size} bytes, sha256 ")
    assert (tmp_path / "again.safetensors").read_bytes() == WEIGHTS.read_bytes()
    assert 'name = "again"' in (tmp_path / "registry.toml").read_text(encoding="utf-8")


def test_solve_measures_each_set_of_puzzles(puzzles: Path) -> None:
    figures = json.loads(script("solve", "--count", "2", "--runs", "1", "--data", puzzles))
    sets = {row["puzzles"] for row in figures["rates"]}
    assert sets == {"30 or more clues", "17clue", "magictour", "forum_hardest_11"}
    assert all(row["solved"] == 1.0 for row in figures["rates"])
    assert {row["engine"] for row in figures["steps"]} == {"numpy", "torch"}
    assert {row["engine"] for row in figures["steps"] if row["compiled"]} == {
        engine for engine, compiler in (("torch", "g++"), ("numpy", "cc")) if shutil.which(compiler)
    }
    assert all(row["milliseconds_a_puzzle"] > 0 < row["share_of_matmul"] for row in figures["steps"])
    shares = figures["shares_of_numpy"]
    assert shares.keys() == {"products", "activations", "norms"} and 0 < sum(shares.values()) < 1
    papers = figures["papers"]
    assert {row["engine"] for row in papers} == {"numpy", "torch"} and papers[0]["parameters"] > 5_000_000
    best = max(row["puzzles_per_second"] for row in papers)
    assert best == pytest.approx(max(1000 / row["milliseconds_a_puzzle"] / 16 for row in papers))
    for row in figures["rates"]:
        assert row["times_the_papers"] == pytest.approx(row["puzzles_per_second"] / best)
        assert row["times_the_papers_a_processor_second"] > 0


def test_solve_takes_turns_with_another_revision() -> None:
    figures = json.loads(script("solve", "--cold", "--runs", "1", "--against", "HEAD"))
    rows = {(row["what"], row["code"]): row for row in figures["cold"]}
    assert {code for _, code in rows} == {"this", "HEAD"} and len(rows) == 8
    assert rows["import torch", "this"]["seconds_to_import_torch"] == 1.0
    assert all(row["processor_seconds"] > 0 < row["memory_mib"] for row in rows.values())


def test_revisions_are_measured_without_a_tracer(tmp_path: Path) -> None:
    """Of a revision's files nothing is left when a trace would be read."""
    seen = "import os, sys; print(os.environ['PYTHONPATH'], *(n for n in os.environ if 'COVERAGE' in n))"
    ask = f"print(python(Path('there'), ['-c', {seen!r}]))"
    asked = f"from pathlib import Path; from revisions import python; {ask}"
    variables = {"PYTHONPATH": str(BENCHMARKS), "COVERAGE_PROCESS_CONFIG": ":data:{}"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", asked], capture_output=True, text=True, env={**os.environ, **variables}
    )
    assert done.stdout.split() == [str(Path("there", "src"))], done.stderr


def test_test_time_compute_counts_the_puzzles_asked_for(puzzles: Path, tmp_path: Path) -> None:
    options = ["--data", puzzles, "--limit", "1", "--results", tmp_path]
    shown = json.loads(script("test_time_compute", "hard", *options))
    written = read(tmp_path / "hard.json")
    assert shown["puzzles"] == written["puzzles"] == written["solved"] == 3
    assert [point["tries"] for point in written["by_tries"]] == [1, 2, 4, 8, 16, 32, 64]
    assert written["run"]["puzzles"] == dict.fromkeys(("17clue", "magictour", "forum_hardest_11"), 1)
    assert not list(tmp_path.glob("*.partial.json"))


def test_test_time_compute_draws_the_recorded_strategies(tmp_path: Path) -> None:
    for path in (BENCHMARKS / "results").glob("strategy-*.json"):
        shutil.copy(path, tmp_path)
    script("test_time_compute", "plot", "--results", tmp_path, "--drawing", tmp_path / "drawn.svg")
    assert (tmp_path / "drawn.svg").read_bytes() == (ROOT / "docs" / "strategies.svg").read_bytes()


def test_train_step_measures_presets_of_one_and_of_several_sources(tmp_path: Path) -> None:
    out = tmp_path / "steps.json"
    options = ["--batch-size", "8", "--steps", "1", "--side", "64", "--out", out]
    said = script("train_step", "sudoku-4x4", "maze-small", *options)
    rows = read(out)
    assert said.startswith("sudoku-4x4 x 8: ") and "\nmaze-small x 8: " in said
    for row in rows:
        assert row["examples_per_second"] == pytest.approx(8 / row["seconds_a_step"])
        assert sum(row["share_of_time"].values()) == pytest.approx(1, abs=1e-3)
        assert "aten::mm" in row["share_of_operations"] and 0 < sum(row["share_of_operations"].values()) < 1


def test_train_step_takes_turns_with_another_revision(tmp_path: Path) -> None:
    out = tmp_path / "turns.json"
    options = ["--batch-size", "8", "--steps", "1", "--side", "64", "--runs", "1", "--out", out]
    said = script("train_step", "sudoku-4x4", "--against", "HEAD", *options)
    (row,) = read(out)
    mine, theirs = (row["examples_per_second"][code] for code in ("this", "HEAD"))
    assert row["ratio"] == pytest.approx(mine[0] / theirs[0]) and len(mine) == len(theirs) == 1
    assert said.startswith(f"sudoku-4x4: {row['ratio']:.3f} times the examples/s of HEAD, ")


def test_families_tells_relatives_from_strangers_whatever_was_moved(tmp_path: Path) -> None:
    """Of ten puzzles, the first two are turned, and with other digits, among the training puzzles."""
    task = get_task("sudoku")
    both = [one.reshape(20, 9, 9) for one in SudokuMaker().make(20, 0, {"size": 9, "clues": "30"})]
    moved = task.views.symmetries((9, 9), 2, np.random.default_rng(0))
    turned = [task.codec.decode(moved.apply(task.codec.encode(one[:2])), (9, 9)) for one in both]
    train = [np.concatenate((one[10:], other)) for one, other in zip(both, turned, strict=True)]
    for path, columns in (("train.csv", train), ("solved.csv", [one[:10] for one in both])):
        with (tmp_path / path).open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("question", "answer", "solved"))
            for number, pair in enumerate(zip(*columns, strict=True)):
                rows.writerow([*("".join(map(str, cells.ravel())) for cells in pair), number % 2])
    said = script("families", tmp_path / "solved.csv", "--train", tmp_path / "train.csv").splitlines()
    wanted = ["without relatives: 4 of 8", "with relatives: 1 of 2", "all: 5 of 10"]
    assert [line.split(",")[0] for line in said] == wanted


def test_hard_puzzles_tells_training_from_test_by_the_hash(tmp_path: Path) -> None:
    tested = "..............1..2..3.4..5...............21.6.543........7...3.2........61...8..."
    trained = "................12..3.45...............1.3.6..45...7........5.....7....16..28...."
    folder, out = tmp_path / "data", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    (folder / "puzzles2_17_clue").write_text(f"# 17 givens\n{tested}\n{trained.replace('.', '0')}\n")
    for name in ("puzzles3_magictour_top1465", "puzzles5_forum_hardest_1905_11+"):
        (folder / name).write_text("# none\n")
    script("hard_puzzles", folder, "--out", out, "--processes", 1)
    for path, wanted in (("hard_eval.csv.gz", tested), ("hard_train.csv.gz", trained)):
        with gzip.open(out / path, "rt", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(made["source"], made["question"]) for made in rows] == [("17clue", wanted)]
        answers = [made["answer"] for made in rows]
        assert all(sorted(answer) == sorted("123456789" * 9) for answer in answers)
    assert tested in (out / "17clue.csv").read_text()


def test_no_script_is_left_out() -> None:
    tests = tuple(name for name in globals() if name.startswith("test_"))
    for path in BENCHMARKS.glob("*.py"):
        assert any(test.startswith(f"test_{path.stem}_") for test in tests), path.name
