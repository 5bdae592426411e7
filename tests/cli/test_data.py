"""``trm data generate``."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from trmcli.cli.data import app
from trmcli.errors import InputError
from trmcli.tasks import read_puzzles
from trmcli.tasks.sudoku.generate import parse_clues
from trmcli.tasks.sudoku.search import count_solutions, rating


def generate(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["generate", "sudoku", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_lines() -> None:
    text = generate("--count", "5", "--clues", "26-32")
    assert [len(line) for line in text.splitlines()] == [81] * 5
    for line in text.splitlines():
        [(_, puzzle)] = read_puzzles([line])
        assert 26 <= (puzzle.cells > 0).sum() <= 32
        assert count_solutions(puzzle.cells) == 1
    assert generate("--count", "5", "--clues", "26-32") == text
    assert generate("--count", "5", "--clues", "26-32", "--seed", "1") != text


@pytest.mark.parametrize("size", ["4", "6", "9"])
def test_csv_file(tmp_path: Path, size: str) -> None:
    file = tmp_path / "puzzles.csv"
    arguments = ["--size", size, "--count", "4", "--format", "csv", "--minimal"]
    assert generate(*arguments, "--output", str(file)) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["puzzles.csv"]
    with file.open() as lines:
        table = list(csv.DictReader(lines))
    assert list(table[0]) == ["source", "question", "answer", "rating"]
    puzzles = [puzzle for _, puzzle in read_puzzles([str(file)])]
    for row, puzzle in zip(table, puzzles, strict=True):
        assert puzzle.source == "generated"
        assert puzzle.answer is not None
        assert rating(puzzle.cells) == int(row["rating"])
        assert np.array_equal(puzzle.shape, [int(size)] * 2)


def test_a_file_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trmcli.tasks.sudoku.generate._TRIES_FOR_NEW", 20)
    with pytest.raises(InputError, match="different 4x4 puzzles"):
        generate(
            "--size", "4", "--count", "400", "--clues", "16", "--processes", "1", "-o", str(tmp_path / "x")
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"missing/x.txt: cannot be written: No such file"):
        generate("--output", str(tmp_path / "missing" / "x.txt"))


def test_bad_options() -> None:
    with pytest.raises(InputError, match="--size is 4, 6, 9 or 16"):
        generate("--size", "5")
    with pytest.raises(InputError, match="17 to 81 givens, not 10-16"):
        generate("--clues", "10-16")
    with pytest.raises(InputError, match="'few' is no range"):
        generate("--clues", "few")
    for wrong in (["--count", "0"], ["--seed", "-1"], ["--format", "xml"]):
        assert CliRunner().invoke(app, ["generate", "sudoku", *wrong]).exit_code == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("22-35", (22, 35)), ("30", (30, 30)), (" 22 - 35 ", (22, 35)), ("22..35", (22, 35))],
)
def test_ranges(text: str, expected: tuple[int, int]) -> None:
    assert parse_clues(text) == expected


def test_help_ends_with_examples() -> None:
    result = CliRunner().invoke(app, ["generate", "sudoku", "--help"])
    assert result.exit_code == 0
    assert "trm data generate sudoku" in result.stdout.split("Examples:")[1]


SCRIPT = """
import sys
from trmcli.cli.data import app
if __name__ == "__main__":
    status = app(standalone_mode=False)
    assert "torch" not in sys.modules
    sys.exit(status)
"""


def running(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), "generate", "sudoku", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_output_does_not_depend_on_processes(tmp_path: Path) -> None:
    process = running(tmp_path, "--count", "40", "--processes", "2")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == ""
    assert out == generate("--count", "40", "--processes", "1")


@pytest.mark.skipif(os.name != "posix", reason="sends signals to a process group")
def test_ctrl_c_ends_all_processes_quietly(tmp_path: Path) -> None:
    process = running(tmp_path, "--count", "1000000", "--processes", "2")
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)  # returns once no process holds the pipes
    assert process.returncode == 130
    assert "Traceback" not in err
    for _ in range(100):
        if not alive(process.pid):
            break
        time.sleep(0.05)
    assert not alive(process.pid)


def alive(group: int) -> list[str]:
    """The processes of a group that are not yet dead, where the system can tell."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(str(stat))
    return found
