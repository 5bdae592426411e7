"""Reading and writing mazes: every form, every error with its place, and what is no maze."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.maze.grid import GOAL, OPEN, PATH, START, WALL
from trmcli.tasks.maze.kind import MazeRules, maze_task

TASK = maze_task()
EXAMPLES = Path(__file__).parents[2] / "examples"
DRAWN = "#####\n#S  #\n### #\n#G  #\n#####"
SOLVED = "#####\n#Soo#\n###o#\n#Goo#\n#####"
ON_ONE_LINE = DRAWN.replace("\n", "")


def read(text: str) -> list[Puzzle]:
    return list(TASK.text.read(io.StringIO(text), "mazes.txt"))


def solved(puzzle: Puzzle) -> Cells:
    answer = MazeRules().search(puzzle.cells)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (DRAWN, SOLVED),
        (DRAWN.replace(" ", "."), SOLVED),
        (DRAWN.replace("#", "█"), SOLVED.replace("#", "█")),
        (DRAWN.replace("#", "▓").replace(" ", "·"), SOLVED.replace("#", "▓")),
        ("S \n  ", "S \noo"),
        ("   \nS G\n   ", "   \nSoG\n   "),
        ("S  G", "S  G"),
    ],
)
def test_answers_come_back_in_the_form_the_mazes_came_in(text: str, answer: str) -> None:
    if "G" not in text:
        text, answer = text[:-1] + "G", answer[:-1] + "G"
    [(task, puzzle)] = read_puzzles([text + "\n"])
    assert task.name == "maze"
    assert TASK.text.write(puzzle, puzzle.cells) == text
    expected = solved(puzzle)
    assert MazeRules().check(puzzle.cells[None], expected[None])[0]
    if text != answer:
        assert TASK.text.write(puzzle, expected) == answer


def test_several_mazes_are_set_apart_by_empty_lines() -> None:
    text = f"; two mazes\n\n{DRAWN}\n\n\n// wide, and open at the top\n      \n S  G \n"
    first, second = read(text)
    assert (first.shape, second.shape) == ((5, 5), (2, 6))
    assert (str(first.origin), str(second.origin)) == ("mazes.txt:3", "mazes.txt:11")
    written = "\n".join(TASK.text.write(one, solved(one)) for one in (first, second))
    again = read(written)
    assert [one.shape for one in again] == [(5, 5), (2, 6)]
    assert all(one.answer is not None for one in again)


def test_blank_lines_before_a_maze_are_no_rows() -> None:
    [puzzle] = read("  \n\n        \nS G\n\n")
    assert puzzle.shape == (1, 3)


def test_a_drawn_path_is_the_known_answer() -> None:
    [puzzle] = read(SOLVED)
    assert puzzle.answer is not None
    assert TASK.text.write(puzzle, puzzle.cells) == DRAWN
    assert TASK.text.write(puzzle, puzzle.answer) == SOLVED


def test_one_maze_a_line() -> None:
    long = "S" + " " * 898 + "G"
    puzzles = read(f"{ON_ONE_LINE}\n{ON_ONE_LINE}\n\n{long}\n{long}\n\nS  /  G\n")
    assert [one.shape for one in puzzles] == [(5, 5), (5, 5), (30, 30), (30, 30), (2, 3)]
    assert [one.origin.line for one in puzzles] == [1, 2, 4, 5, 7]
    assert TASK.text.write(puzzles[0], solved(puzzles[0])) == SOLVED.replace("\n", "")
    assert TASK.text.write(puzzles[4], solved(puzzles[4])) == "S  /ooG"


def test_a_maze_may_be_an_argument() -> None:
    for text in (ON_ONE_LINE, "S  /  G", DRAWN):
        [(task, puzzle)] = read_puzzles([text])
        assert task.name == "maze" and puzzle.origin.name == "<argument>"
    with pytest.raises(InputError, match="no such file"):
        list(read_puzzles(["SG.txt"]))


def test_csv_as_maze_hard_has_it() -> None:
    answer = SOLVED.replace("\n", "")
    text = f'source,question,answer,rating\nhard,{ON_ONE_LINE},{answer},9\n"a, b",S   G ,,\neasy,S  G,So G,\n'
    with pytest.raises(InputError, match=r"mazes.txt:3:8: 6 cells on one line make no square maze"):
        read(text)
    pairs = list(read_puzzles([text.replace("S   G ", "S  /  G")]))
    assert {task.name for task, _ in pairs} == {"maze"}
    first, second, third = (puzzle for _, puzzle in pairs)
    assert [one.source for one in (first, second, third)] == ["hard", "a, b", "easy"]
    assert first.answer is not None and third.answer is not None and second.answer is None
    assert TASK.text.write(first, first.answer) == answer
    assert TASK.text.write(second, solved(second)) == "S  /ooG"
    [(task, puzzle)] = read_puzzles([f"question\n{ON_ONE_LINE}\n"])
    assert task.name == "maze" and puzzle.answer is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mazes.txt: holds no maze"),
        ("\n   \n   \n", "mazes.txt: holds no maze"),
        ("\n#####\n#  G#\n#####", "mazes.txt:2:1: this maze has no S, the start"),
        ("#####\n#  S#\n#####", "mazes.txt:1:1: this maze has no G, the goal"),
        ("#####\n#SGG#\n#####", "mazes.txt:2:4: a second G, the goal"),
        ("S G\n  S\n   ", "mazes.txt:2:3: a second S, the start"),
        ("#####\n#S#G#\n#####", "mazes.txt:2:2: there is no way from this S to G"),
        ("#####\n#S G\n#####", "mazes.txt:2:5: this row has 4 cells, the rows above have 5 (open cells"),
        ("#####\n#S G##\n#####", "mazes.txt:2:6: this row has 6 cells, the rows above have 5"),
        ("#####\n#SxG#\n#####", "mazes.txt:2:3: 'x' is not a part of a maze: use # for walls"),
        ("S\tG", r"mazes.txt:1:2: '\t' is not a part of a maze"),
        ("S" + " " * 999 + "\n", "mazes.txt:1:129: a row of 1000 cells is too long"),
        ("S G\n" + "   \n" * 128, "mazes.txt:129: a maze may have 128 rows at most"),
        ("question\nS" + " " * 999_998 + "G", "mazes.txt:2:1: a maze of 1000x1000 is too large"),
        ("question,answer\n,", "mazes.txt: holds no maze"),
        ("question,answer\nS  G,,x", "mazes.txt:2: this line has 3 columns, the header has 2"),
        ("question,answer\nS  G,S/G", "mazes.txt:2:6: the answer has 2 cells, the question 4"),
        ("question,answer\nS/ /G,S/ /G", "mazes.txt:2: the path given is wrong: no path leaves S"),
        ("SoG\no  ", "mazes.txt:1: the path given is wrong: 1 cell is marked apart"),
        ("S  /G", "mazes.txt:1:6: a row has 1 cells, the first has 3"),
        ('question\n"' + "#" * 140_000 + '"', "mazes.txt:2:2: 140000 cells on one line make no square maze"),
    ],
)  # fmt: skip
def test_bad_mazes_are_refused_with_their_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)
    assert str(caught.value).startswith(message)


def kinds(text: str) -> set[str]:
    return {task.name for task, _ in read_puzzles([text + "\n"])}


ROWS = "53..7....\n6..195...\n.98....6.\n8...6...3\n4..8.3..1\n7...2...6\n.6....28.\n...419..5\n....8..79"


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        ROWS.replace("\n", ""),
        "\n".join(" ".join(row) for row in ROWS.split("\n")),
        "#" * 13 + "\n" + "\n".join(f"# {row} #" for row in ROWS.split("\n")) + "\n" + "#" * 13,
        "# Some Grids\n\n" + ROWS,
        "#A Anybody\n#S\n[Puzzle]\n" + ROWS,
        "Sudoku 1\n" + ROWS,
        "." * 81,
        "G" + "." * 255,
        "question,answer\n" + ROWS.replace("\n", "") + ",",
        "*-----------*\n" + ROWS,
    ],
)
def test_sudoku_stays_sudoku(text: str) -> None:
    assert kinds(text) == {"sudoku"}


@pytest.mark.parametrize("walls", ["#", "█"])
@pytest.mark.parametrize("rows", [1, 2, 70, 100])
def test_a_maze_is_recognised_however_late_its_s_comes(rows: int, walls: str) -> None:
    text = "\n".join([walls * 12, *[f"{walls}{'.' * 10}{walls}"] * rows, f"{walls}S........G{walls}"])
    assert kinds(text) == {"maze"}


@pytest.mark.parametrize("text", ["####\n#  #\n####", "####\n#x #\n####", "█G█"])
def test_broken_mazes_get_the_errors_of_mazes(text: str) -> None:
    with pytest.raises(InputError, match="maze"):
        kinds(text)


def test_the_examples_are_mazes() -> None:
    sizes = {"10x10": [10], "15x15": [15], "21x21": [21], "30x30-hard": [30], "63x63": [63]}
    sizes["batch"] = [10] * 4 + [15] * 2 + [21] * 2 + [30] * 2
    assert {path.stem for path in (EXAMPLES / "maze").glob("*.txt")} == set(sizes)
    for name, sides in sizes.items():
        pairs = list(read_puzzles([str(EXAMPLES / "maze" / f"{name}.txt")]))
        assert [(task.name, one.shape) for task, one in pairs] == [("maze", (side, side)) for side in sides]
        assert all((solved(one) >= START).sum() >= 110 for _, one in pairs if one.shape == (30, 30))
    for path in sorted((EXAMPLES / "sudoku").glob("*.txt")):
        assert next(read_puzzles([str(path)]))[0] is get_task("sudoku")


@given(st.integers(1, 5), st.integers(3, 6), st.data(), st.sampled_from(["#.", "█ ", "# ", "■░"]))
def test_every_maze_is_read_as_it_is_drawn(height: int, width: int, data: st.DataObject, signs: str) -> None:
    cells = np.array(
        data.draw(st.lists(st.sampled_from([OPEN, WALL]), min_size=height * width, max_size=height * width)),
        dtype=np.uint8,
    ).reshape(height, width)
    cells[0, :3] = START, OPEN, GOAL
    letters = {WALL: signs[0], OPEN: signs[1], START: "S", GOAL: "G", PATH: "o"}
    text = "\n".join("".join(letters[value] for value in row) for row in cells.tolist())
    try:
        [puzzle] = read(text)
    except InputError as error:
        assert signs[1] == " " and re.search("in two ways|set apart|apart as", str(error))
        text = text.replace(" ", ".")
        [puzzle] = read(text)
    if height == 1 and width == 4:
        return  # a square of 2x2 on one line
    assert np.array_equal(puzzle.cells, cells)
    assert TASK.text.write(puzzle, cells) == text
    again = read(TASK.text.write(puzzle, solved(puzzle)))[0]
    assert again.answer is not None and np.array_equal(again.cells, cells)


@given(st.text(alphabet='# SGo.█/,\n\r\t"x5|-;\ufeffquestion', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        for puzzle in read(text):
            assert TASK.text.write(puzzle, puzzle.cells)
    except InputError as error:
        assert str(error).startswith("mazes.txt")


@given(st.text(alphabet='# SGo.█/,\n"15|-;question[]', max_size=60))
def test_any_text_is_somebody_s(text: str) -> None:
    try:
        list(read_puzzles([text + "\n"]))
    except InputError as error:
        assert str(error)
