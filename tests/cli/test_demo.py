"""``trm demo``: the reel is there, fits, and is played puzzle by puzzle."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console
from support import Session, plain

from trmcli.cli.demo import REEL, _read
from trmcli.ui.live import fits
from trmcli.ui.wall import room
from trmcli.weights.registry import default_weights

FILES = [file for _, files in REEL for file in files]


@pytest.fixture
def session() -> Iterator[Session]:
    one = Session("demo", "--fps", 2)
    yield one
    one.close()


@pytest.mark.parametrize("file", FILES)
def test_each_puzzle_of_the_reel_has_one_solution_and_a_model(file: str) -> None:
    task, puzzles = _read(file)
    assert task.name in default_weights()
    assert task.rules is not None
    assert len(puzzles) == (9 if file == "nine.txt" else 1)
    for puzzle in puzzles:
        found = task.rules.search(puzzle.cells)
        assert found is not None and task.rules.verify(puzzle.cells, found).ok
        assert task.rules.solutions(puzzle.cells) == 1


@pytest.mark.parametrize(("width", "height", "maze"), [(80, 24, 1), (120, 40, 0), (40, 15, 2)])
def test_every_puzzle_fits_the_usual_terminals(width: int, height: int, maze: int) -> None:
    console = Console(
        width=width, height=height, force_terminal=True, color_system="truecolor", no_color=False
    )
    shown = [
        next(file for file in files if fits(console, _read(file)[0], _read(file)[1][0])) for _, files in REEL
    ]
    assert shown[1] == REEL[1][1][maze]


def test_it_goes_from_one_puzzle_to_the_next(session: Session) -> None:
    session.until("1 of 5")
    session.until("sudoku 9x9, sudoku")
    session.type("n")
    session.until("2 of 5")
    session.until("maze 39x39, maze")
    session.type("n")
    session.until("3 of 5")
    session.until("space")
    session.type("n")
    session.until("4 of 5")
    session.until("solving side by side")
    session.type("q")
    assert session.end() == 0
    assert session.is_whole()
    assert "5 of 5: AI" not in plain(session.text)


@pytest.mark.parametrize(("width", "height", "count"), [(80, 24, 5), (120, 40, 9), (200, 60, 9), (40, 15, 0)])
def test_as_many_sudokus_are_side_by_side_as_there_is_room_for(width: int, height: int, count: int) -> None:
    console = Console(width=width, height=height, force_terminal=True)
    task, puzzles = _read("nine.txt")
    across, down, _ = room(console, task, puzzles[0], len(puzzles))
    assert min(len(puzzles), across * down) == count


def test_off_the_terminal_it_says_what_it_needs(
    trm: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = trm("demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trm: error: trm demo draws, and stdout is not a terminal")
