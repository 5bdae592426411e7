"""What a shell gets when somebody presses Tab: asked as the shells' own scripts ask."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support import environment

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
sys.argv[0] = "trm"
from trmcli.cli.app import main
main()
"""


def complete(line: str, shell: str = "bash") -> list[str]:
    """The words that ``line`` can be completed to, by a trm that cannot import torch."""
    before = line.split(" ")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH],
        capture_output=True,
        text=True,
        env=environment(
            _TRM_COMPLETE=f"complete_{shell}",
            COMP_WORDS=line,
            COMP_CWORD=str(len(before) - 1),
            _TYPER_COMPLETE_ARGS=line,
            _TYPER_COMPLETE_FISH_ACTION="get-args",
        ),
    )
    assert done.stderr == ""
    return list(filter(None, done.stdout.splitlines()))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("trm tr", ["train"]),
        ("trm data b", ["build"]),
        ("trm data generate ", ["sudoku", "maze"]),
        ("trm train sudoku-", ["sudoku-16", "sudoku-4x4", "sudoku-mlp", "sudoku-small"]),
        ("trm train x --init-from maze", ["maze", "maze-small"]),
        ("trm train x --device c", ["cpu", "cuda"]),
        ("trm solve x --task ", ["auto", "maze", "sudoku", "grid", "arc"]),
        ("trm solve x --weights maze", ["maze", "maze-small"]),
        ("trm solve x --strategy ", ["guess", "symmetry", "noise", "restart", "mixed"]),
        ("trm eval x --halt ", ["checked", "head", "never"]),
        ("trm eval x --select v", ["vote"]),
        ("trm solve x --compile ", ["auto", "on", "off"]),
        ("trm solve puzz", []),
        ("trm info s", ["sudoku-16", "sudoku", "sudoku-small"]),
        ("trm download sudoku-", ["sudoku-16", "sudoku-small"]),
        ("trm convert x --task ", ["maze", "sudoku", "grid", "arc"]),
        ("trm convert x --dtype ", ["float32", "bfloat16"]),
        ("trm data generate maze --kind p", ["perfect"]),
        ("trm data generate sudoku --format ", ["line", "csv"]),
        ("trm data generate sudoku --mini", ["--minimal"]),
        ("trm convert my", []),  # the shell completes files by itself
    ],
)
def test_words_are_completed_without_torch(line: str, expected: list[str]) -> None:
    assert complete(line) == expected


def test_zsh_and_fish_get_what_a_word_means_beside_it() -> None:
    assert any("sudoku-small" in line and "Sudoku of 4x4" in line for line in complete("trm info s", "zsh"))
    assert any(line.startswith("sudoku-4x4\t") for line in complete("trm train sudoku-4", "fish"))
