"""Two programs on one terminal: the second shows there, at any time, what the first prints."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from screens import Watched

FAKE = Path(__file__).parent / "fake_arc.py"
PIPELINES = {
    "solve": ("trm data generate sudoku --size 4 --count 3 --seed 1 | trm solve - | tee FILE", 3),
    "data generate": ("trm data generate maze --size 5 --count 2 --seed 1 | tee FILE", 11),
    "download": ("trm download --all | tee FILE", 5),
    "arc": ("arc solve TASKS | tee FILE", 12),
}
"""What is typed, and how many lines are printed by it."""
TASKS = {
    name: {
        "train": [{"input": [[1, 0]], "output": [[0, 1]]}, {"input": [[2, 0]], "output": [[0, 2]]}],
        "test": [{"input": [[3, 0]]}],
    }
    for name in ("aa", "bb")
}


@pytest.mark.parametrize("name", PIPELINES)
def test_what_is_printed_stands_alone_on_its_lines(name: str, tmp_path: Path) -> None:
    typed, count = PIPELINES[name]
    printed, tasks, script = tmp_path / "printed.txt", tmp_path / "tasks.json", tmp_path / "typed.py"
    tasks.write_text(json.dumps(TASKS))
    python = shlex.quote(sys.executable)
    commands = f'trm() {{ {python} -m trmcli "$@"; }}; arc() {{ {python} {shlex.quote(str(FAKE))} "$@"; }}'
    typed = typed.replace("FILE", shlex.quote(str(printed))).replace("TASKS", shlex.quote(str(tasks)))
    script.write_text(f"import subprocess\nsubprocess.run(['bash', '-c', {f'{commands}; {typed}'!r}])\n")
    session = Watched(script, rows=40, columns=200, PYTHONUNBUFFERED="1")  # as in containers
    try:
        session.end()
    finally:
        session.close()
    lines = printed.read_text(encoding="utf-8").splitlines()
    assert len(lines) == count
    shown = iter(session.lines())
    assert all(any(one == line for one in shown) for line in filter(None, lines))
    assert "\x1b" not in session.text, "something is drawn"
