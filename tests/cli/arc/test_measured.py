"""``trm eval`` with ARC tasks: figures, finished tasks that are kept, samples, answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from arc_turns import figures_of, task, write
from support import Run


def test_an_evaluation_tells_shares_with_intervals(trm: Run, challenges: Path) -> None:
    done = trm("eval", challenges)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0][:6] == ["tasks", "count", "pass@1", "95% interval", "pass@2", "95% interval"]
    assert [(row[0], row[1], row[4]) for row in rows[1:5]] == [
        ("same shape", "3", "66.7%"),
        ("other shape", "1", "100.0%"),
        ("up to 10", "4", "75.0%"),
        ("all", "4", "75.0%"),
    ]
    assert "3 of 4 tasks right at every test" in done.stdout
    assert done.returncode == 1


def test_the_file_of_figures_is_what_json_prints(trm: Run, challenges: Path, tmp_path: Path) -> None:
    done = trm("eval", challenges, "--json", "--save", tmp_path / "f.json")
    figures = json.loads(done.stdout)
    assert json.loads((tmp_path / "f.json").read_text()) == figures
    assert (figures["tasks"], figures["pass@1"], figures["pass@2"], figures["complete"]) == (
        4,
        0.75,
        0.75,
        True,
    )
    assert figures["pass@2_interval"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    assert figures["agreement"][0] == {
        "agreement": 3,
        "members": 3,
        "tests": 5,
        "right": 4,
        "interval": pytest.approx([0.3755, 0.9638], abs=1e-4),
    }


def test_a_killed_evaluation_goes_on_where_it_was(trm: Run, challenges: Path, tmp_path: Path) -> None:
    kept = tmp_path / "done.jsonl"
    killed = trm("eval", challenges, "--predictions", kept, FAKE_ARC="die t4")
    assert killed.returncode == 9
    lines = kept.read_text().splitlines()
    assert [json.loads(line).get("task") for line in lines] == [None, "t1", "t2"]
    with kept.open("a") as file:
        file.write('{"task": "t4", "tes')  # the line that was being written
    resumed = trm("eval", challenges, "--predictions", kept, "--resume", "--json", FAKE_ARC="die t1")
    whole = trm("eval", challenges, "--predictions", tmp_path / "whole.jsonl", "--json")
    assert figures_of(resumed) == figures_of(whole)
    assert kept.read_text() == (tmp_path / "whole.jsonl").read_text()  # attempts, votes and all
    assert [json.loads(line).get("task") for line in kept.read_text().splitlines()] == [
        None,
        "t1",
        "t2",
        "t4",
        "odd",
    ]


def test_several_workers_give_the_figures_of_one(trm: Run, challenges: Path, tmp_path: Path) -> None:
    kept = tmp_path / "done.jsonl"
    several = trm("eval", challenges, "--workers", 2, "--predictions", kept, "--json")
    assert figures_of(several) == figures_of(trm("eval", challenges, "--json"))
    assert len(kept.read_text().splitlines()) == 5


def test_a_file_of_finished_tasks_is_never_overwritten_or_mixed(
    trm: Run, challenges: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "done.jsonl"
    trm("eval", challenges, "--predictions", kept)
    before = kept.read_text()
    for options, said in (
        ((), "is there already: --resume goes on with it"),
        (("--resume", "--seed", "1"), "done.jsonl:1: was made with --seed 0, and this is 1"),
        (("--resume", "--budget", "9"), "done.jsonl:1: was made with --budget 60.0, and this is 9.0"),
    ):
        done = trm("eval", challenges, "--predictions", kept, *options)
        assert done.returncode == 2
        assert said in done.stderr
    renamed = write(tmp_path / "y_challenges.json", {"t1": task(3)})
    done = trm("eval", renamed, "--predictions", kept, "--resume")
    assert "done.jsonl: has another task t1 than" in done.stderr
    assert kept.read_text() == before
    foreign = write(tmp_path / "notes.txt", "something of mine\n")
    assert (
        "is not a file of finished ARC tasks"
        in trm("eval", challenges, "--predictions", foreign, "--resume").stderr
    )
    assert foreign.read_text() == "something of mine\n"


def test_a_blind_evaluation_opens_the_solutions_when_all_is_answered(trm: Run, challenges: Path) -> None:
    solutions = challenges.with_name("x_solutions.json")
    text = solutions.read_text()
    expected = figures_of(trm("eval", challenges, "--json"))
    solutions.unlink()
    appearing = {"FAKE_ARC_APPEARS": str(solutions), "FAKE_ARC_TEXT": text}
    assert trm("eval", challenges, "--json", **appearing).returncode == 2
    assert not solutions.exists()
    assert figures_of(trm("eval", challenges, "--json", "--blind", **appearing)) == expected


def test_a_blind_evaluation_reads_outputs_that_stand_in_the_tasks_anew(trm: Run, tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    for turn in (1, 2):
        write(folder / f"t{turn}.json", task(turn))
    assert figures_of(trm("eval", folder, "--blind", "--json"))["pass@1"] == 1.0


def test_a_sample_is_drawn_by_the_names_and_the_seed(trm: Run, challenges: Path, tmp_path: Path) -> None:
    def drawn(name: str, *options: object) -> list[str]:
        trm("eval", challenges, "--sample", 2, "--predictions", tmp_path / name, *options)
        return [json.loads(line)["task"] for line in (tmp_path / name).read_text().splitlines()[1:]]

    first = drawn("a")
    assert len(first) == 2
    assert drawn("b") == first
    reordered = dict(reversed(json.loads(challenges.read_text()).items()))
    write(challenges, reordered)
    assert sorted(drawn("c")) == sorted(first)
    assert any(sorted(drawn(f"s{seed}", "--seed", seed)) != sorted(first) for seed in range(1, 6))


def test_a_limit_takes_the_first_tasks(trm: Run, challenges: Path) -> None:
    assert figures_of(trm("eval", challenges, "--limit", 2, "--json"))["tasks"] == 2


def test_an_evaluation_without_answers_says_how_to_name_them(trm: Run, challenges: Path) -> None:
    solutions = challenges.with_name("x_solutions.json")
    elsewhere = solutions.rename(solutions.with_name("elsewhere.json"))
    done = trm("eval", challenges)
    assert done.returncode == 2
    assert "task t1: its output is not known; name a file of solutions by --answers" in done.stderr
    assert trm("eval", challenges, "--solutions", elsewhere).returncode == 1
    assert trm("eval", challenges, "--answers", elsewhere).returncode == 1


def test_an_evaluation_of_a_set_with_a_bad_task_measures_the_others(trm: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"aa": task(1), "bad": {"train": [], "test": []}})
    done = trm("eval", path, "--json")
    assert done.returncode == 2
    assert figures_of(done)["tasks"] == 1
    assert "task bad: has no demonstrations" in done.stderr
