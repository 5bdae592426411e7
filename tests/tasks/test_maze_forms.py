"""Forms in which people bring mazes: other signs, cells set apart, walls between cells, notes around them."""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.maze.generate import Kind, generate
from trmcli.tasks.maze.grid import GOAL, OPEN, PATH, START, WALL
from trmcli.tasks.maze.kind import MazeRules, maze_task
from trmcli.tasks.maze.signs import parse_legend
from trmcli.tasks.maze.text import draw

TASK = maze_task()
few = settings(max_examples=15)
"""For tests of many forms."""
DRAWN = "#####\n#S  #\n### #\n#G  #\n#####"
SOLVED = "#####\n#Soo#\n###o#\n#Goo#\n#####"
OTHER = "####\n#SG#\n####"


def read(text: str, legend: str | None = None) -> list[Puzzle]:
    """The mazes of a text, which is recognised as mazes, or has a legend."""
    if legend is not None:
        return [puzzle for _, puzzle in read_puzzles([text + "\n"], legend=legend)]
    pairs = list(read_puzzles([text + "\n"]))
    assert {task.name for task, _ in pairs} == {"maze"}
    return [puzzle for _, puzzle in pairs]


def read_all(text: str) -> tuple[list[Puzzle], list[str]]:
    """What is read of a text when bad mazes are left out, and what is said of these."""
    errors: list[str] = []
    puzzles = list(TASK.text.read(io.StringIO(text), "mazes.txt", lambda error: errors.append(str(error))))
    return puzzles, errors


def solved(puzzle: Puzzle) -> str:
    answer = MazeRules().search(puzzle.cells)
    assert answer is not None and MazeRules().check(puzzle.cells[None], answer[None])[0]
    return TASK.text.write(puzzle, answer)


def rows_of(cells: Cells, letters: str = " #SGo") -> list[str]:
    return ["".join(letters[value] for value in row) for row in cells.tolist()]


@st.composite
def open_mazes(draw_: st.DrawFn, least: int = 1) -> Cells:
    """Mazes without a border, of any oblong that is not one line of a square."""
    height, width = draw_(st.integers(least, 7)), draw_(st.integers(max(least, 2), 7))
    assume((height, width) not in ((1, 4), (1, 9)))
    size = height * width
    signs = draw_(st.lists(st.sampled_from([OPEN, OPEN, WALL]), min_size=size, max_size=size))
    start, goal = draw_(st.permutations(range(size)))[:2]
    signs[start], signs[goal] = START, GOAL
    cells = np.array(signs, dtype=np.uint8).reshape(height, width)
    assume(MazeRules().search(cells) is not None)
    return cells


@st.composite
def perfect_mazes(draw_: st.DrawFn) -> Cells:
    """Mazes of corridors with a wall around them."""
    odd = st.sampled_from([5, 7, 9, 13])
    kind = Kind("perfect", (draw_(odd), draw_(odd)))
    return generate(kind, Random(draw_(st.integers(0, 10_000)))).question


@st.composite
def mazes_of_rooms(draw_: st.DrawFn) -> Cells:
    """Perfect mazes whose S and G are in cells, not in the passages between them."""
    cells = draw_(perfect_mazes())
    cells[cells >= START] = OPEN
    rooms = [(y, x) for y in range(1, cells.shape[0], 2) for x in range(1, cells.shape[1], 2)]
    for value, room in zip((START, GOAL), draw_(st.permutations(rooms))[:2], strict=True):
        cells[room] = value
    return cells


# Cells that are set apart


def apart(joint: str, letters: str = ".#SGo", before: str = "", after: str = "") -> Callable[[Cells], str]:
    return lambda cells: "\n".join(before + joint.join(row) + after for row in rows_of(cells, letters))


def listed(cells: Cells) -> str:
    return "\n".join(str(list(row)) for row in rows_of(cells))


def nested(cells: Cells) -> str:
    return "[" + ",\n ".join(str(list(row)) for row in rows_of(cells)) + "]"


Form = Callable[[Cells], str]
CERTAIN: dict[str, Form] = {
    "spaces": apart(" "),
    "spaces, one at the end": apart(" ", after=" "),
    "spaces, inset": apart(" ", before="  "),
    "two spaces": apart("  "),
    "five spaces": apart("     "),
    "commas": apart(","),
    "commas at the end, too": apart(",", after=","),
    "commas and spaces": apart(", "),
    "semicolons": apart(";"),
    "tabs": apart("\t"),
    "commas, blanks for open cells": apart(",", " #SGo"),
    "tabs, blanks for open cells": apart("\t", " #SGo"),
    "digits and spaces": apart(" ", "0123o"),
    "digits and commas": apart(",", "0123o"),
}
WALLED: dict[str, Form] = {
    "spaces, blanks for open cells": apart(" ", " #SGo"),
    "two spaces, blanks for open cells": apart("  ", " █SGo"),
    "nothing fields": lambda cells: apart(",", " #SGo")(cells).replace(" ", ""),
}


@pytest.mark.parametrize("form", [*CERTAIN, *WALLED])
@few
@given(cells=perfect_mazes())
def test_cells_that_are_set_apart_are_read_and_written_back(form: str, cells: Cells) -> None:
    text = {**CERTAIN, **WALLED}[form](cells)
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells)
    assert TASK.text.write(puzzle, cells) == text
    answer = MazeRules().search(cells)
    assert answer is not None
    [again] = read(solved(puzzle))
    assert np.array_equal(again.cells, cells)
    assert again.answer is not None and np.array_equal(again.answer, answer)


@few
@given(perfect_mazes())
def test_lists_as_python_prints_them_are_read(cells: Cells) -> None:
    for text in (listed(cells), nested(cells), nested(cells).replace("'", '"')):
        [puzzle] = read(text)
        assert np.array_equal(puzzle.cells, cells)
        [again] = read(solved(puzzle))
        assert np.array_equal(again.cells, cells) and again.answer is not None


@given(open_mazes(least=3), st.sampled_from([".#SGo", " #SGo", " █SGo"]), st.integers(1, 3))
def test_no_path_leads_through_walls_whatever_sets_the_cells_apart(
    cells: Cells, letters: str, step: int
) -> None:
    """A maze that may be read in two ways is refused, unless it has so few signs that it looks like none."""
    rows = rows_of(cells, letters)
    text = "\n".join((" " * step).join(row) for row in rows)
    assume(letters[0] == "." or (cells != OPEN).sum() >= 6)
    try:
        [puzzle] = list(TASK.text.read(io.StringIO(text), "maze.txt"))
    except InputError as error:
        assert letters[0] == " " or OPEN not in cells
        assert "write its open cells as ." in str(error)
    else:
        assert np.array_equal(puzzle.cells, cells)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("S    \n# # #\n     \n# # #\n    G", "1:1: this maze could be read in two ways"),
        ("S # # .\n#   . #\n. . . G", "1:1: this maze could be read in two ways"),
        ("S #\n# G\n# #", "1:1: this maze could be read in two ways"),
        (
            "# # # # #\n# S . . #\n# # # . #\n# G . .  #\n# # # # #",
            "2:1: the cells of this row are set apart",
        ),
        ("# # # # #\n# S     #\n# # #   #\n # G     #\n# # # # #", "4:1: blanks do not set the cells"),
        ("#,#,#\n#,S,G,#\n#,#,#", "2:7: this row has 4 cells, the rows above have 3"),
    ],
)
def test_mazes_that_could_be_read_in_two_ways_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(TASK.text.read(io.StringIO(text), "maze.txt"))
    assert str(caught.value).startswith(f"maze.txt:{message}")


def test_one_line_may_have_its_cells_set_apart() -> None:
    line = " ".join(SOLVED.replace("\n", "").replace("o", "."))  # 49 signs: a square, too
    [puzzle] = read(line)
    assert puzzle.shape == (5, 5)
    assert solved(puzzle) == " ".join(SOLVED.replace("\n", ""))


@given(open_mazes())
def test_what_is_drawn_and_written_here_is_read_back(cells: Cells) -> None:
    for text in (draw(cells), TASK.text.write(Puzzle(cells, read("S/G")[0].origin), cells)):
        [puzzle] = list(TASK.text.read(io.StringIO(text), "maze.txt"))
        assert np.array_equal(puzzle.cells, cells) or cells.shape[0] == 1


# Other signs


@pytest.mark.parametrize(
    "letters", [".#SEo", " #SEo", ".#STo", " █SFo", ".#sgo", " #seo", ".#ABo", " #abo", "0123o"]
)
@few
@given(cells=perfect_mazes(), one_line=st.booleans())
def test_other_signs_are_read_and_written_back(letters: str, cells: Cells, one_line: bool) -> None:
    joint = "/" if one_line else "\n"
    text = joint.join(rows_of(cells, letters))
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells)
    assert TASK.text.write(puzzle, cells) == text
    answer = MazeRules().search(cells)
    assert answer is not None
    assert solved(puzzle) == joint.join(rows_of(answer, letters))
    [again] = read(solved(puzzle))
    assert again.answer is not None and np.array_equal(again.answer, answer)


@settings(max_examples=40)
@given(perfect_mazes(), st.randoms())
def test_two_gaps_in_the_border_are_start_and_goal(cells: Cells, random: Random) -> None:
    cells[(cells == START) | (cells == GOAL)] = OPEN
    height, width = cells.shape
    places = [(0, x) for x in range(1, width, 2)] + [(height - 1, x) for x in range(1, width, 2)]
    places += [(y, 0) for y in range(1, height, 2)] + [(y, width - 1) for y in range(1, height, 2)]
    first, second = sorted(random.sample(places, 2))
    cells[first] = cells[second] = OPEN
    assume(first[0] != second[0])  # trimmed, such a row could become an empty line
    for text in ("\n".join(rows_of(cells)), "\n".join(row.rstrip() for row in rows_of(cells))):
        [puzzle] = read(text)
        assert puzzle.cells[first] == START and puzzle.cells[second] == GOAL
        assert TASK.text.write(puzzle, puzzle.cells).rstrip() == text.rstrip()
        [again] = read(solved(puzzle))
        assert again.answer is not None and TASK.text.write(again, again.answer) == solved(puzzle)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# #\n# #\n###", "1:1: this maze has no S, the start, nor exactly two gaps"),
        ("##  ##\n##  ##\n##  ##", "1:1: this maze has no S, the start, nor exactly two gaps"),
        ("# ###\n#    \n# ###", "1:1: this maze has no S, the start, nor exactly two gaps"),
        ("#####\n#S   \n### #", "1:1: this maze has no G, the goal"),
        ("11111\n10001\n11101", "1:1: '1' is not a part of a maze"),
        ("xxxxx\nxS.Gx\nxxxxx", "1:1: 'x' is not a part of a maze"),
        ("11111\n1S0G1\n11111", "1:1: '1' is not a part of a maze"),
        ("0000\n0120\n0310\n0000", "1:1: the border is open all around if 0 is, so 0 may be a wall"),
        ("#####\n#S.E#\n#..G#", "2:4: 'E' is not a part of a maze"),
        ("#####\n#S*E#\n#*..#", "2:3: '*' does not mark a shortest path from S to G"),
        (" _ _\n|S  |\n|_|G|", "1:2: '_' is not read as a wall: draw walls between cells as +---+"),
    ],
)
def test_signs_that_are_not_understood_are_not_guessed(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(TASK.text.read(io.StringIO(text), "maze.txt"))
    assert str(caught.value).startswith(f"maze.txt:{message}")


@pytest.mark.parametrize("mark", ["*", "+"])
def test_a_path_of_another_program_is_the_known_answer(mark: str) -> None:
    [puzzle] = read(SOLVED.replace("o", mark).replace("G", "E"))
    assert puzzle.answer is not None
    assert TASK.text.write(puzzle, puzzle.cells) == DRAWN.replace("G", "E")
    assert TASK.text.write(puzzle, puzzle.answer) == SOLVED.replace("o", mark).replace("G", "E")


# A legend


def test_a_legend_says_what_signs_mean() -> None:
    text = DRAWN.replace("#", "W").replace("S", "1").replace("G", "2")
    [puzzle] = read(text, "W=wall,1=start,2=goal")
    assert solved(puzzle) == SOLVED.replace("#", "W").replace("S", "1").replace("G", "2")
    swapped = DRAWN.translate(str.maketrans("# ", " #"))
    [puzzle] = read(swapped, "#=open, =wall")
    assert np.array_equal(puzzle.cells, read(DRAWN)[0].cells)
    [puzzle] = read("11111\n1000,\n11101\n10001\n10111".replace(",", "0"), "1=wall,0=open")
    assert solved(puzzle) == "11111\n100o0\n111o1\n1ooo1\n10111"


def test_a_legend_may_make_walls_of_blanks_and_of_lines() -> None:
    blanks = "# # #\n# # #\nS # G\n#   #\n#####"
    [puzzle] = read(blanks, "#=open, =wall")
    assert solved(puzzle) == "# # #\n# # #\nS # G\no   o\nooooo"
    [puzzle] = read("+---+\n|S  |\n|--.|\n|G..|\n+---+", "+=wall,-=wall,|=wall")
    assert solved(puzzle) == "+---+\n|Soo|\n|--o|\n|Goo|\n+---+"
    with pytest.raises(InputError, match="is not one sign in the middle of its cell"):
        read("+---+\n|S  |\n+---+\n|G..|\n+---+")


def test_a_path_has_a_sign_of_its_own_where_o_means_something_else() -> None:
    legend = "o=wall"
    [puzzle] = read(DRAWN.replace("#", "o"), legend)
    assert solved(puzzle) == SOLVED.replace("o", "*").replace("#", "o")
    [again] = read(solved(puzzle), legend)
    assert again.answer is not None


def test_a_legend_may_use_the_signs_that_stand_between_its_parts() -> None:
    assert parse_legend("==wall,,=open, =open,A=start,B=end") == {
        "=": WALL,
        ",": OPEN,
        " ": OPEN,
        "A": START,
        "B": GOAL,
    }
    assert parse_legend("x=path, #=wall") == {"x": PATH, "#": WALL}


@pytest.mark.parametrize(
    ("legend", "message"),
    [
        ("", "--legend: names no sign"),
        ("wall", "--legend: 'wall' is not a legend: write SIGN=wall, open, start, goal or path"),
        ("#=wall;.=open", "--legend: '#=wall;.=open' is not a legend"),
        ("##=wall", "--legend: '##=wall' is not a legend"),
        ("#=brick", "--legend:3: 'brick' is not wall, open, start, goal or path"),
        ("#=wall,.=open,#=open", "--legend:15: says two things of '#'"),
    ],
)
def test_a_bad_legend_is_refused(legend: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(read_puzzles([DRAWN], legend=legend))
    assert str(caught.value).startswith(message)


def test_only_mazes_take_a_legend() -> None:
    with pytest.raises(InputError, match="not of sudoku"):
        list(read_puzzles([DRAWN], "sudoku", legend="#=wall"))


# Walls between cells


def between(cells: Cells, posts: str = "+", wide: int = 3) -> str:
    """Draw the cells of a perfect maze with lines for walls."""
    flat = "-" * wide
    lines = []
    for y, row in enumerate(cells.tolist()):
        line = ""
        for x, value in enumerate(row):
            if x % 2 == 0:
                line += posts if y % 2 == 0 else "|" if value == WALL else " "
            elif y % 2 == 0:
                line += flat if value == WALL else " " * wide
            else:
                line += " SGo"[max(value - WALL, 0)].center(wide)
        lines.append(line)
    return "\n".join(lines)


def boxed(cells: Cells, wide: int = 3) -> str:
    """The same with box-drawing characters, whose posts show which walls meet."""
    arms = "?╵╶└╷│┌├╴┘─┴┐┤┬┼"
    walls = np.pad(cells == WALL, 1)
    lines = between(cells, "+", wide).replace("-", "─").replace("|", "│").split("\n")
    for y in range(0, cells.shape[0], 2):
        for x in range(0, cells.shape[1], 2):
            around = (walls[y, x + 1], walls[y + 1, x + 2], walls[y + 2, x + 1], walls[y + 1, x])
            at = x // 2 * (wide + 1)
            sign = arms[sum(1 << bit for bit, arm in enumerate(around) if arm)]
            lines[y] = lines[y][:at] + sign + lines[y][at + 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize("wide", [1, 2, 3, 5])
@pytest.mark.parametrize("style", ["+", "o", "box"])
@few
@given(cells=mazes_of_rooms())
def test_walls_between_cells_are_cells_of_their_own(style: str, wide: int, cells: Cells) -> None:
    text = boxed(cells, wide) if style == "box" else between(cells, style, wide)
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells)
    assert TASK.text.write(puzzle, cells) == text
    answer = MazeRules().search(cells)
    assert answer is not None
    [again] = read(solved(puzzle))
    assert np.array_equal(again.cells, cells)
    if (answer[1::2, 1::2] == PATH).any():  # else S and G are neighbours
        assert again.answer is not None and np.array_equal(again.answer, answer)


def test_the_path_between_walls_is_marked_in_the_cells() -> None:
    text = (
        "+---+---+---+\n| S     |   |\n+---+   +   +\n|   |       |\n"
        "+   +---+   +\n|         G |\n+---+---+---+"
    )
    [puzzle] = read(text)
    assert puzzle.shape == (7, 7)
    assert solved(puzzle) == (
        "+---+---+---+\n| S   o |   |\n+---+   +   +\n|   | o   o |\n"
        "+   +---+   +\n|         G |\n+---+---+---+"
    )
    [gaps] = read(text.replace("+---+---+---+\n| S  ", "+   +---+---+\n|    ").replace("G |", ""))
    assert (gaps.cells[0, 1], gaps.cells[5, 6]) == (START, GOAL)
    assert "| o   o |" in solved(gaps)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+---+---+\n| S | G |\n+---+- -+", "3:6: this wall is neither whole nor open"),
        ("+---+---+\n| S | G |\n| S | G |", "3:2: this wall is neither whole nor open"),
        ("+---+---+\n| S | G |\n+---+---+\n|   |   |", "4:1: below this row a row of walls is missing"),
        ("+---+---+\n| S # G |\n+---+---+", "2:5: '#' stands between two cells"),
        ("+---+--+\n| S | G|\n+---+--+", "1:1: the lines of this maze are not set as far apart"),
        ("+---+---+\n| SG|   |\n+---+---+", "2:3: 'SG' is not one sign"),
        ("+---+---+\n| S | G |\n+---x---+", "3:5: 'x' stands where walls meet"),
        ("+---+---+\n| S | G |\n+---+---+", "2:3: there is no way from this S to G"),
        ("┌───┬───┐\n│S  │ G │\n└───┴───┘", "2:2: 'S' is not one sign in the middle"),
    ],
)
def test_walls_that_make_no_grid_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(TASK.text.read(io.StringIO(text), "maze.txt"))
    assert str(caught.value).startswith(f"maze.txt:{message}")


# Around a maze


@pytest.mark.parametrize(
    "above", ["Maze 3", "5 5", "5x5", "2 x 2", "5,5", "7", "; easy", "# by nobody", "// a/b"]
)
@pytest.mark.parametrize("below", ["", "; made by me", "# made by me", "made by me"])
def test_titles_sizes_and_comments_are_no_rows(above: str, below: str) -> None:
    text = f"{above}\n{DRAWN}\n{below}"
    assert [solved(one) for one in read(text)] == [SOLVED]
    assert [solved(one).strip("\n") for one in read(f"{text}\n\n{text}\n\n{OTHER}")] == [
        SOLVED,
        SOLVED,
        OTHER,
    ]
