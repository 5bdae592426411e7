"""``trm solve`` with ARC tasks: attempts in pipes, as JSON and as submissions."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from arc_turns import FAKE, other, task, write
from support import Run, environment


def test_a_task_gives_two_attempts_in_a_pipe(trm: Run, tmp_path: Path) -> None:
    one = task(1, known=False)
    done = trm("solve", write(tmp_path / "a.json", one))
    question = np.array(one["test"][0]["input"], np.uint8)
    first, second = (
        "\n".join("".join(map(str, row)) for row in grid) for grid in (np.rot90(question), question)
    )
    assert done.stdout == f"# a, test 1, attempt 1\n{first}\n\n# a, test 1, attempt 2\n{second}\n\n"
    assert done.stderr == "a: fits 3 of 3 demonstrations, 3 of 3 members agree, unchecked, 0.5 s\n"
    assert done.returncode == 0


def test_where_members_do_not_agree_the_status_says_so(trm: Run, tmp_path: Path) -> None:
    done = trm("solve", write(tmp_path / "a.json", {**task(0, other), "test": [{"input": [[1, 2]]}]}))
    assert done.returncode == 1


def test_a_known_output_tells_right_from_wrong(trm: Run, tmp_path: Path) -> None:
    right, wrong = write(tmp_path / "a.json", task(1)), write(tmp_path / "b.json", task(0, other))
    assert "agree, attempt 1 is right, 0.5 s" in trm("solve", right).stderr
    assert "agree, no attempt is right, 0.5 s" in trm("solve", wrong).stderr
    assert not any("solved" in trm("solve", one).stderr for one in (right, wrong))


def test_tasks_come_from_a_pipe_and_from_an_argument(trm: Run) -> None:
    text = json.dumps(task(2, known=False))
    assert trm("solve", stdin=text).stderr.startswith("stdin: fits 3 of 3")
    assert trm("solve", text).stderr.startswith("argument: fits 3 of 3")
    assert trm("solve", "--task", "arc", "-", stdin=text).returncode == 0


def test_json_has_one_object_a_test(trm: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", task(1, tests=2, known=False))
    done = trm("solve", path, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["test"] for line in lines] == [1, 2]
    first = lines[0]
    assert np.array(first.pop("attempts")[0]).shape == (3, 2)
    assert first == {
        "task": "a",
        "test": 1,
        "votes": [1.0, 0.0],
        "agreement": 3,
        "members": 3,
        "fits_demonstrations": 3,
        "demonstrations": 3,
        "verified": None,
        "seconds": 0.5,
        "cpu_seconds": 1.0,
        "origin": str(path),
    }


def test_challenges_give_a_submission(trm: Run, challenges: Path, tmp_path: Path) -> None:
    done = trm("solve", challenges, "-o", tmp_path / "submission.json")
    assert done.returncode == 1
    assert "members agree in 3 of 4 tasks, all unchecked" in done.stderr
    submission = json.loads((tmp_path / "submission.json").read_text())
    solutions = json.loads((tmp_path / "x_solutions.json").read_text())
    assert {name: len(tests) for name, tests in submission.items()} == {"t1": 1, "t2": 2, "t4": 1, "odd": 1}
    assert [entry["attempt_1"] for entry in submission["t2"]] == solutions["t2"]
    assert submission["odd"][0]["attempt_1"] != solutions["odd"][0]
    assert all(set(entry) == {"attempt_1", "attempt_2"} for tests in submission.values() for entry in tests)


def test_of_challenges_with_a_bad_task_the_others_are_answered(trm: Run, tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"aa": task(1), "bad": {"train": [], "test": []}, "cc": task(2)})
    done = trm("solve", path)
    assert done.returncode == 2
    assert f"trm: skipped: {path}: task bad: has no demonstrations" in done.stderr
    assert done.stdout.count("attempt 1") == 2
    assert done.stderr.endswith("1 bad task skipped\n")
    assert trm("solve", path, "--skip-bad").returncode == 1


def test_a_packed_file_is_recognised(trm: Run, tmp_path: Path) -> None:
    path = tmp_path / "turn.json.gz"
    path.write_bytes(gzip.compress(json.dumps(task(1)).encode()))
    assert trm("solve", path).stdout.startswith("# turn, test 1, attempt 1\n")
    assert trm("solve", tmp_path).returncode == 0
    with path.open("rb") as file:
        done = subprocess.run(
            [sys.executable, FAKE, "solve", "-"], stdin=file, capture_output=True, text=True
        )
    assert done.stdout.startswith("# stdin, test 1, attempt 1\n")


def test_in_a_folder_one_file_with_a_long_number_is_named(trm: Run, tmp_path: Path) -> None:
    write(tmp_path / "a.json", task(1))
    write(tmp_path / "b.json", json.dumps(task(2)).replace("[[", f"[[{'1' * 5000}, ", 1))
    done = trm("solve", tmp_path)
    assert done.returncode == 2
    skipped = f"trm: skipped: {tmp_path / 'b.json'}: task b, train 1, input, row 1: cell 1 is 1111"
    assert done.stderr.startswith(skipped)
    assert done.stdout.startswith("# a, test 1, attempt 1\n")


def test_a_name_reaches_no_terminal_raw_and_json_as_it_is(trm: Run, tmp_path: Path) -> None:
    name = "a\nb\x1b[31m"
    path = write(tmp_path / "c.json", {name: task(1), "c\x1b[0m": {"train": [], "test": []}})
    done = trm("solve", path)
    assert done.stdout.startswith("# a\\nb\\x1b[31m, test 1, attempt 1\n")
    assert "\na\\nb\\x1b[31m: fits 3 of 3" in done.stderr and "task c\\x1b[0m: has no" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert json.loads(trm("solve", path, "--json").stdout)["task"] == name


def test_ctrl_c_gives_the_attempts_so_far(trm: Run, challenges: Path, tmp_path: Path) -> None:
    done = trm("solve", challenges, "-o", tmp_path / "s.json", FAKE_ARC="interrupt t2")
    assert done.returncode == 130
    assert done.stdout.count("attempt 1") == 3
    assert "interrupted: 2 of 4 tasks answered so far" in done.stderr
    assert list(json.loads((tmp_path / "s.json").read_text())) == ["t1", "t2"]


def test_ctrl_c_keeps_the_attempts_where_it_ends_their_reader_as_well(
    challenges: Path, tmp_path: Path
) -> None:
    command = [sys.executable, str(FAKE), "solve", str(challenges), "-o", str(tmp_path / "s.json")]
    done = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(FAKE_ARC="interrupt t1"),
    )
    assert done.stdout is not None and done.stderr is not None
    done.stdout.close()
    with done.stderr:
        assert done.stderr.read() == "interrupted: 1 of 4 tasks answered so far\n"
    assert done.wait(60) == 130
    assert list(json.loads((tmp_path / "s.json").read_text())) == ["t1"]


@pytest.mark.parametrize("command", ["solve", "eval"])
def test_a_process_that_was_killed_is_told_of_once(trm: Run, challenges: Path, command: str) -> None:
    done = trm(command, challenges, FAKE_ARC="lose")
    assert done.stderr.count("trm: a process was killed: its network is lost, the others go on") == 1
    assert done.returncode == 1 and done.stdout


def test_networks_are_really_fitted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", task(2, known=False))
    command = [
        sys.executable,
        "-m",
        "trmcli",
        "solve",
        str(path),
        "--budget",
        "3",
        "--threads",
        "1",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    (line,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode in (0, 1)
    assert 1 <= len(line["attempts"]) <= 2
    assert line["members"] >= 1
    assert 0 <= line["fits_demonstrations"] <= line["demonstrations"] == 3
    assert all(1 <= len(grid) <= 30 for grid in line["attempts"])


@pytest.mark.parametrize(
    "module",
    ["trmcli.tasks.arc.files", "trmcli.cli.solve_arc", "trmcli.cli.eval_arc", "trmcli.training.members"],
)
def test_arc_does_not_import_torch_in_the_process_that_waits(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ)).returncode == 0
