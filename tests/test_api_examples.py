"""The examples of docs/api.md do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL
)
ENDINGS = (
    "True",
    "True",
    "no-such-file.txt: no such file",
    "(True|False)",
    r"\d of \d agree on \(\d+, \d+\)",
)


@pytest.mark.parametrize("number", range(len(ENDINGS)))
def test_the_examples_run(number: int, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    command = [sys.executable, "-c", EXAMPLES[number]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(ENDINGS[number], done.stdout.splitlines()[-1 if number else 0])


def test_every_example_is_run() -> None:
    assert len(EXAMPLES) == len(ENDINGS)


def test_the_script_among_the_examples_runs() -> None:
    command = [sys.executable, str(ROOT / "examples" / "solve_from_python.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "solved and checked" in done.stdout and "0 broken rules" in done.stdout
