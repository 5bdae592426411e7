"""Mazes among others: when they are complete, what an error takes with it, and what is a maze at all."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks import TASKS, read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.maze.kind import MazeRules, maze_task
from trmcli.tasks.maze.recognise import recognises

TASK = maze_task()
EXAMPLES = Path(__file__).parents[2] / "examples"
DRAWN = "#####\n#S  #\n### #\n#G  #\n#####"
SOLVED = "#####\n#Soo#\n###o#\n#Goo#\n#####"
LINE = DRAWN.replace("\n", "")
OTHER = "####\n#SG#\n####"


def read_all(text: str) -> tuple[list[Puzzle], list[str]]:
    """What is read of a text when bad mazes are left out, and what is said of these."""
    errors: list[str] = []
    puzzles = list(TASK.text.read(io.StringIO(text), "mazes.txt", lambda error: errors.append(str(error))))
    return puzzles, errors


def taken_until_complete(text: str) -> int:
    """How many lines are read before the first maze is there."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in text.splitlines(keepends=True):
            taken += 1
            yield line

    next(TASK.text.read(lines(), "mazes.txt"))
    return taken


# When a maze is complete


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"{DRAWN}\n\n{OTHER}\n\n", 6),
        (f"Maze 1\n{DRAWN}\n; by me\n\n{OTHER}\n\n", 8),
        ("o---o---o\n| S   G |\no---o---o\n\n\n", 4),
        ("S  /  G\nS  /  G\n", 1),
        (f"{LINE}\n{LINE}\n", 1),
        (f"{LINE.replace('G', 'E')}\n\n", 1),
        (f"{' '.join(LINE.replace(' ', '.'))}\n\n", 1),
        ("S" + " " * 898 + "G\n\n", 1),
        ("SG  \nSG  \nSG  \n", 2),
        (f"question,answer\n{LINE},\n{LINE},\n", 2),
    ],
)
def test_a_maze_is_there_as_soon_as_it_is_complete(text: str, lines: int) -> None:
    assert taken_until_complete(text) == lines


def test_a_maze_is_recognised_before_the_next_one_comes() -> None:
    for maze in (
        DRAWN,
        OTHER,
        "# ###\n#   #\n### #",
        "o---o\n|S G|\no---o",
        "x####\n#A.B#\n#####".replace("x", "#"),
    ):
        lines = iter([*maze.splitlines(), ""])
        source = io.StringIO("\n".join(lines) + "\n")
        assert recognises(source.getvalue(), False) is True


def test_titles_set_mazes_apart_as_empty_lines_do() -> None:
    text = f"Maze 1\n{DRAWN}\nMaze 2\n{OTHER}\nMaze 3\n{DRAWN}\n"
    puzzles, errors = read_all(text)
    assert [one.origin.line for one in puzzles] == [2, 8, 12] and not errors
    puzzles, errors = read_all(text.replace("#S  #", "#S###"))
    assert [one.origin.line for one in puzzles] == [8]
    assert [error.split(": ")[0] for error in errors] == ["mazes.txt:3:2", "mazes.txt:13:2"]


# What an error takes with it


def test_reading_goes_on_at_the_next_maze() -> None:
    shut = "#####\n#S#G#\n#####"
    puzzles, errors = read_all(f"{DRAWN}\n\n{shut}\n\n{OTHER}\n\n#####\n#S G\n#####\n\n{DRAWN}\n\n#x")
    assert [one.shape for one in puzzles] == [(5, 5), (3, 4), (5, 5)]
    assert [error.split(": ")[0] for error in errors] == ["mazes.txt:8:2", "mazes.txt:16:5", "mazes.txt:25:2"]


def test_the_rest_of_a_maze_that_is_too_long_is_no_maze() -> None:
    tall = "\n".join(["#####"] * 150 + ["#S G#"] + ["#####"])
    puzzles, errors = read_all(f"{tall}\n\n{DRAWN}")
    assert [one.shape for one in puzzles] == [(5, 5)]
    assert errors == ["mazes.txt:129: a maze may have 128 rows at most"]


@pytest.mark.parametrize("signs", [" ", "."])
@pytest.mark.parametrize("good", [LINE, "SG  ", "S  /  G", "S" + " " * 898 + "G"])
def test_one_line_of_many_costs_only_itself(good: str, signs: str) -> None:
    good = good.replace(" ", signs)
    bad = [good.replace("G", "#"), good[:-1], good.replace("G", "S"), good + "#", good.replace("S", "x")]
    for first in (0, 1):
        for one in bad:
            lines = [good] * first + [one, good, good, one, one, good]
            puzzles, errors = read_all("\n".join(lines))
            assert len(puzzles) == first + 3
            counted = sum(int(match[1]) for error in errors if (match := re.search(r"\((\d+) more", error)))
            assert len(errors) + counted == 3, errors


def test_several_mazes_on_one_line_are_all_read() -> None:
    dots = LINE.replace(" ", ".")
    shut = dots.replace("S..", "S##")
    puzzles, errors = read_all(f"{dots} {dots} {dots}\n")
    assert len(puzzles) == 3 and not errors
    puzzles, errors = read_all(f"{dots} {shut} {dots} {shut}\n{dots}\n")
    assert len(puzzles) == 3
    assert errors == ["mazes.txt:1:33: there is no way from this S to G (1 more here cannot be read either)"]


def test_rows_that_a_shell_has_joined_are_one_maze() -> None:
    joined = DRAWN.replace(" ", ".").replace("\n", " ")
    [puzzle], _ = read_all(joined)
    answer = MazeRules().search(puzzle.cells)
    assert answer is not None
    assert TASK.text.write(puzzle, answer) == SOLVED.replace("\n", " ")


def test_a_bad_drawing_does_not_take_the_record_after_it() -> None:
    puzzles, errors = read_all(f"#S#G#\nquestion,answer\n{LINE},\nS#G/###,\n{LINE},\n")
    assert [one.origin.line for one in puzzles] == [3, 5]
    assert [error.split(": ")[0] for error in errors] == ["mazes.txt:1:2", "mazes.txt:4:1"]


def test_records_may_hold_drawn_mazes() -> None:
    text = (
        f'question,answer,source\n"{DRAWN}","{SOLVED}",drawn\n"S  \n  G",,open\n"#####\n#S#G#\n#####",,shut\n'
    )
    puzzles, errors = read_all(text)
    assert [one.shape for one in puzzles] == [(5, 5), (2, 3)]
    assert puzzles[0].answer is not None
    assert errors == ["mazes.txt:14:2: there is no way from this S to G"]


def test_records_may_hold_other_signs() -> None:
    digits = DRAWN.translate(str.maketrans("# SG", "1023"))
    path = SOLVED.translate(str.maketrans("#SG", "123"))
    for joint in ("/", ""):
        text = f"puzzle;solution\n{digits.replace(chr(10), joint)};{path.replace(chr(10), joint)}\n"
        [(task, puzzle)] = read_puzzles([text])
        assert task.name == "maze" and puzzle.answer is not None
        assert TASK.text.write(puzzle, puzzle.answer) == path.replace("\n", joint)


# Never in silence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wwwww\nwspgw\nwwwww", "1:1: 'w' is not a part of a maze"),
        (f"5 6\n{DRAWN}", "1:1: says 5 x 6, and the maze below has 5 x 5 cells"),
        (DRAWN.replace("### #", "made by me"), "3:1: 'm' is not a part of a maze"),
        (f"{DRAWN}\n{DRAWN}", "7:2: a second S, the start"),
        (f"{DRAWN}\n\n#####\n", "7:1: this maze has no S, the start"),
        ("#####\n#S #\n# G#\n#####", "2:5: this row has 4 cells, the rows above have 5"),
        ("S.#\n.\n..G", "2:2: this row has 1 cells, the rows above have 3"),
    ],
)
def test_no_row_is_dropped(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(TASK.text.read(io.StringIO(text), "maze.txt"))
    assert str(caught.value).startswith(f"maze.txt:{message}")


@given(st.text(alphabet="#. SGxo/;,m\n", max_size=60))
def test_every_start_is_in_a_maze_or_in_an_error(text: str) -> None:
    """Titles and comments alone may hold an S that nobody hears of."""
    puzzles, errors = read_all(text + "\n")
    notes = sum(";" in line or "//" in line for line in text.splitlines())
    if "S" in text and not notes:
        assert puzzles or errors
    assert len(puzzles) <= text.count("S")


# What is a maze


SUDOKU = [
    "...|...|...\n...|.1.|...\n...|...|...",
    "+---+---+\n|   |   |\n| 1 |   |\n+---+---+",
    "┌───┬───┐\n│   │   │\n│ 1 │   │\n├───┼───┤\n│   │   │\n│   │ 2 │\n└───┴───┘",
    "000000010\n400000000\n020000000\n000050407\n008000300\n001090000\n300400200\n050100000\n000806000",
    "1000\n0200\n0030\n0001",
    "1 2 3 0\n3 0 1 2\n0 1 0 3\n2 3 0 1",
    "0100\n2000\n0030\n0000",
    "0000000100100000",
    "0" * 40 + "123" + "0" * 38,
    "A.B.\n.C..\nD...\n...A",
    ",,1,\n2,,,\n,,3,\n,,,4",
    "# Sudoku\n100\n",
    "Grid 01\n003020600",
    "9\n003020600",
]


@pytest.mark.parametrize("text", SUDOKU)
def test_no_sudoku_is_taken_for_a_maze(text: str) -> None:
    for lines in range(1, len(text.splitlines()) + 1):
        head = "\n".join(text.splitlines()[:lines])
        assert recognises(head, False) is not True
    assert recognises(text + "\n", True) is False


@pytest.mark.parametrize(
    "text", ["The quick brown fox\njumps over So many Goats.", "SELECT * FROM mazes", "{}", "a,b\n1,2"]
)
def test_nothing_else_is_taken_for_a_maze(text: str) -> None:
    assert recognises(text, True) is False


@given(
    st.lists(st.text(alphabet="0123456789.", min_size=9, max_size=9), min_size=9, max_size=9), st.booleans()
)
def test_grids_of_digits_stay_sudoku(rows: list[str], one_line: bool) -> None:
    """Where no digit is more often in a row or on a line than it may be."""
    rows = ["".join(sign if row.index(sign) == at else "." for at, sign in enumerate(row)) for row in rows]
    assert recognises(("" if one_line else "\n").join(rows), True) is False


def test_the_examples_are_of_their_kinds() -> None:
    for kind in ("maze", "sudoku"):
        for path in sorted((EXAMPLES / kind).glob("*.txt")):
            assert {task.name for task, _ in read_puzzles([str(path)])} == {kind}


@given(st.text(alphabet="0123SGE# .\n+-|o┌─┬│;x1", max_size=50), st.booleans())
def test_whatever_is_recognised_is_read_or_refused(text: str, whole: bool) -> None:
    assert recognises(text, whole) in (True, False, None)
    if whole:
        assert recognises(text, whole) is not None
    for task in TASKS.values():
        try:
            for puzzle in task.text.read(io.StringIO(text), "text"):
                again = task.text.write(puzzle, puzzle.cells)
                assert np.array_equal(next(task.text.read(io.StringIO(again), "again")).cells, puzzle.cells)
        except InputError as error:  # noqa: PERF203
            assert str(error).startswith("text")
