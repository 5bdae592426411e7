"""``trm demo``: the reel is there, fits, and is played puzzle by puzzle."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console
from support import Session, plain

from trmcli.cli.demo import REEL, _read
from trmcli.ui.live import fits
from trmcli.weights.registry import default_weights

FILES = [file for _, files in REEL for file in files]


@pytest.fixture
def session() -> Iterator[Session]:
    one = Session("demo", "--fps", 2)
    yield one
    one.close()


@pytest.mark.parametrize("file", FILES)
def test_each_puzzle_of_the_reel_has_one_solution_and_a_model(file: str) -> None:
    task, puzzle = _read(file)
    assert task.name in default_weights()
    assert task.rules is not None
    found = task.rules.search(puzzle.cells)
    assert found is not None and task.rules.verify(puzzle.cells, found).ok


@pytest.mark.parametrize(("width", "height", "maze"), [(80, 24, 1), (120, 40, 0), (40, 15, 2)])
def test_every_puzzle_fits_the_usual_terminals(width: int, height: int, maze: int) -> None:
    console = Console(
        width=width, height=height, force_terminal=True, color_system="truecolor", no_color=False
    )
    shown = [next(file for file in files if fits(console, *_read(file))) for _, files in REEL]
    assert shown[1] == REEL[1][1][maze]


def test_it_goes_from_one_puzzle_to_the_next(session: Session) -> None:
    session.until("1 of 4")
    session.until("sudoku 9x9, sudoku")
    session.type("n")
    session.until("2 of 4")
    session.until("maze 39x39, maze-small")
    session.type("n")
    session.until("3 of 4")
    session.until("space")
    session.type("q")
    assert session.end() == 0
    assert session.is_whole()
    assert "4 of 4" not in plain(session.text)


def test_off_the_terminal_it_says_what_it_needs(
    trm: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = trm("demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trm: error: trm demo draws, and stdout is not a terminal")
