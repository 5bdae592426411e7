"""Drawings as people bring them: blank places, spreadsheets, numbers, letters, trailers."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sudoku_drawings import WITH_BOXES, bars, framed_cells, signs_of, valid

from trmcli.errors import InputError
from trmcli.tasks.base import Cells, Puzzle, Shape
from trmcli.tasks.sudoku.kind import sudoku_task

TASK = sudoku_task()
QUESTION = "....2....4...6.2.1......4.71..4..9.3.5..89.4....2.......38....562..3.7...187....."
ANSWER = "736124859485967231291358467162475983357689142849213576973842615624531798518796324"
LETTERS = ".ABCDEFGHIJKLMNOP"
ROWS = [QUESTION[i : i + 9] for i in range(0, 81, 9)]


def read(text: str) -> list[Puzzle]:
    return list(TASK.text.read(io.StringIO(text), "puzzles.txt"))


def line_of(puzzle: Puzzle) -> str:
    return "".join(signs_of(puzzle.cells))


def refused(text: str) -> str:
    with pytest.raises(InputError) as error:
        read(text)
    return str(error.value)


BY_PLACE = {
    "spaced": bars("│", "─", "┼"),
    "tight": bars("|", "-", "+", space=""),
    "wide": bars("|", "-", "+", space="  "),
    "cells": framed_cells("|", "|", "-", "-"),
    "heavy": framed_cells("│", "┃", "─", "━"),
    "no frame": bars("|", "-", "+", frame=False),
}


@settings(max_examples=40)
@given(valid([(2, 2), (2, 3), (3, 2), (3, 3), (4, 4)]), st.sampled_from(sorted(BY_PLACE)), st.booleans())
def test_a_cell_is_a_place_between_bars(drawn: tuple[Cells, Shape], drawing: str, trimmed: bool) -> None:
    cells, boxes = drawn
    assume(cells.any(axis=0).all())  # some row tells where each column is
    assume(drawing != "cells" or boxes != (3, 2))  # equal borders around all cells say nothing of boxes
    assume(drawing != "no frame" or len(cells) // boxes[1] > 2)  # one bar alone says nothing of the width
    assume(drawing != "tight" or not (cells.any(axis=1).sum() < len(cells) and len(cells) == 4))
    whole = BY_PLACE[drawing](signs_of(cells), boxes)
    text = whole.replace(".", " ")
    if trimmed:
        text = "\n".join(line.rstrip() for line in text.split("\n"))
    for before, after in (("", ""), ("\n\n", "\n\n"), (f"{QUESTION}\n", f"\n{QUESTION}\n")):
        puzzle = next(one for one in read(before + text + after) if len(one.layout) > 4)
        assert np.array_equal(puzzle.cells, cells)
        assert [line.rstrip() for line in TASK.text.write(puzzle, cells).split("\n")] == [
            line.rstrip() for line in whole.split("\n")
        ]


def test_an_answer_is_written_into_the_places() -> None:
    drawing = BY_PLACE["spaced"](list(QUESTION), (3, 3)).replace(".", " ")
    [puzzle] = read(drawing)
    assert line_of(puzzle) == QUESTION
    answer = np.array(list(ANSWER), dtype=np.uint8).reshape(9, 9)
    assert TASK.text.write(puzzle, answer) == BY_PLACE["spaced"](list(ANSWER), (3, 3))


def test_a_column_of_blanks_is_where_equal_spacing_says() -> None:
    cells = np.array(list(QUESTION.replace(".", "0")), dtype=np.uint8).reshape(9, 9)
    cells[:, 1] = cells[:, 6] = 0
    [puzzle] = read(BY_PLACE["spaced"](signs_of(cells), (3, 3)).replace(".", " "))
    assert np.array_equal(puzzle.cells, cells)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (("│ 1     │", "│1      │"), "do not stand one below the other"),
        (("│ 1     │", "│ 1      │"), "the bars of this row do not stand below those"),
    ],
)
def test_cells_that_do_not_stand_one_below_the_other_are_refused(change: tuple[str, str], part: str) -> None:
    drawing = BY_PLACE["spaced"](list(QUESTION), (3, 3)).replace(".", " ")
    assert change[0] in drawing
    assert part in refused(drawing.replace(*change, 1))


def as_csv(cells: Cells, delimiter: str, blank: str = "") -> str:
    rows = [[str(value) if value else blank for value in row] for row in cells.tolist()]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return file.getvalue().rstrip("\n")


@settings(max_examples=40)
@given(valid([(2, 2), (2, 3), (3, 3), (4, 4)]), st.sampled_from(",;\t"), st.booleans())
def test_empty_fields_of_a_spreadsheet_are_blanks(
    drawn: tuple[Cells, Shape], delimiter: str, at_end: bool
) -> None:
    cells, _ = drawn
    assume(len(cells) > 4 or cells.any(axis=1).all())  # a line of three commas alone is not a row
    text = as_csv(cells, delimiter)
    if at_end:
        text = "\n".join(line + delimiter for line in text.split("\n"))
    for puzzle in read(f"{text}\n\n{text}\n"):
        assert np.array_equal(puzzle.cells, cells)
        assert re.sub(r"[ .]", "", TASK.text.write(puzzle, cells)) == text


@given(valid([(3, 3)]), st.sampled_from(",;\t"), st.sampled_from(["0", ".", "?", "x", "X", "-", "_", "*"]))
def test_every_common_blank_is_read_in_fields(drawn: tuple[Cells, Shape], delimiter: str, blank: str) -> None:
    cells, _ = drawn
    assume(cells.any(axis=1).all())
    [puzzle] = read(as_csv(cells, delimiter, blank))
    assert np.array_equal(puzzle.cells, cells)


@pytest.mark.parametrize("blank", list("?xX-_*0.·"))
def test_every_common_blank_is_read_in_lines_and_drawings(blank: str) -> None:
    signs = list(QUESTION.replace(".", blank))
    texts = ["".join(signs), *(WITH_BOXES[drawing](signs, (3, 3)) for drawing in ("plus", "unicode", "flat"))]
    for text in texts:
        [puzzle] = read(text)
        assert line_of(puzzle) == QUESTION
    large = "".join(signs_of(_sixteen())).replace(".", blank)
    if blank != "0":
        assert np.array_equal(read(large)[0].cells, _sixteen())


def _sixteen() -> Cells:
    row, column = np.mgrid[:16, :16]
    grid: Cells = ((4 * row + row // 4 + column) % 16 + 1).astype(np.uint8)
    grid[::2, ::3] = 0
    return grid


def numbers(cells: Cells, form: str, blank: str, framed: bool) -> str:
    lines = []
    for number, row in enumerate(cells.tolist()):
        fields = [format(value, form) if value else blank for value in row]
        width = max(len(format(16, form)), len(blank))
        fields = [field.rjust(width) if ">" in form else field.ljust(width) for field in fields]
        parts = [" ".join(fields[i : i + 4]) for i in range(0, 16, 4)]
        if number % 4 == 0 and number:
            lines.append("+".join(["-" * (len(parts[0]) + 2)] * 4) if framed else "")
        lines.append((" | " if framed else "  ").join(parts).rstrip())
    return "\n".join(lines)


@settings(max_examples=40)
@given(
    valid([(4, 4)]),
    st.sampled_from([(">2", "."), (">2", "0"), (">2", "--"), ("<2", "."), ("02", ".."), ("02", "00")]),
    st.booleans(),
)
def test_numbers_up_to_sixteen(drawn: tuple[Cells, Shape], form: tuple[str, str], framed: bool) -> None:
    cells, _ = drawn
    text = numbers(cells, *form, framed)
    if form[0] != "02":
        assume((cells[0] > 9).any())  # else nothing says that these are numbers
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells)
    full = _sixteen()
    full[full == 0] = 1
    if form[0] != "<2":
        assert TASK.text.write(puzzle, full) == numbers(full, *form, framed)
    assert np.array_equal(read(TASK.text.write(puzzle, cells))[0].cells, cells)


@settings(max_examples=40)
@given(valid([(4, 4)]), st.sampled_from(["line", "rows", "plus", "unicode"]), st.booleans())
def test_letters_from_a_to_p(drawn: tuple[Cells, Shape], drawing: str, lower: bool) -> None:
    cells, boxes = drawn
    assume((cells > 7).any())  # A to G alone are 10 to 16

    def written(cells: Cells) -> str:
        signs = signs_of(cells, LETTERS)
        if drawing in WITH_BOXES:
            return WITH_BOXES[drawing](signs, boxes)
        rows = ["".join(signs[i : i + 16]) for i in range(0, 256, 16)]
        return ("" if drawing == "line" else "\n").join(rows)

    text = written(cells).lower() if lower else written(cells)
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells)
    full = _sixteen()
    assert TASK.text.write(puzzle, full) == written(full)


def test_rows_of_letters_that_look_like_words() -> None:
    text = "NO..............\n" + "................\n" * 14 + "ABCDEFGHIJKLMNOP\n"
    assert read(text)[0].cells[0].tolist() == [14, 15, *[0] * 14]
    assert "'N' is not a digit of a 16x16 Sudoku" in refused(text.replace("NO..", "NO1."))


SIMPLE = """ *-----------*
 |...|.2.|...|
 |4..|.6.|2.1|
 |...|...|4.7|
 |---+---+---|
 |1..|4..|9.3|
 |.5.|.89|.4.|
 |...|2..|...|
 |---+---+---|
 |..3|8..|..5|
 |62.|.3.|7..|
 |.18|7..|...|
 *-----------*
"""


def test_what_a_program_writes_below_a_grid_does_not_spoil_it() -> None:
    trailer = " Simple Sudoku\n  Version 4.2n\n"
    puzzles = read(f"{SIMPLE}{trailer}\n{SIMPLE}\n{trailer}{QUESTION}\n")
    assert [line_of(puzzle) for puzzle in puzzles] == [QUESTION] * 3
    assert TASK.text.write(puzzles[0], puzzles[0].cells) == SIMPLE.rstrip("\n")
    drawn = "\n".join(ROWS)
    puzzles = read(f"{drawn}\nFound in a newspaper, rated 7.1\n{drawn}")
    assert [line_of(puzzle) for puzzle in puzzles] == [QUESTION] * 2
    # Nor does it hide a damaged puzzle.
    assert "this line has 80" in refused(f"{SIMPLE}{trailer}{QUESTION[:-1]}\n")
    assert "has 4, 6, 9 or 16 cells" in refused(f"{SIMPLE}{trailer}12345678\n")


@pytest.mark.parametrize("before", [0, 1])
def test_a_grid_of_candidates_is_refused_by_name(before: int) -> None:
    rows = [
        "| 35789  36789  15679 | 1359   2      134578| 3568   35689  689   |",
        "| 4      3789   579   | 359    6      3578  | 2      3589   1     |",
    ]
    plain = "| 4 . . | . 6 . | 2 . 1 |"
    text = "\n".join(["*----*", *[plain] * before, *rows, "*----*"])
    message = refused(text)
    assert "is a grid of candidates" in message and "give the puzzle itself" in message


def test_after_a_grid_of_candidates_reading_goes_on() -> None:
    row = "| 35789  36789  15679 | 1359   2      134578| 3568   35689  689   |"
    grid = "\n".join(
        ["*-----*", *[row] * 3, "|-----+-----|", *[row] * 3, "|----+----|", *[row] * 3, "*-----*"]
    )
    errors: list[InputError] = []
    text = io.StringIO(f"{SIMPLE}{grid}\n{SIMPLE}\n{grid}\n\n{QUESTION}\n")
    puzzles = list(TASK.text.read(text, "x", errors.append))
    assert [line_of(puzzle) for puzzle in puzzles] == [QUESTION] * 3
    assert [error.origin for error in errors if "candidates" in error.message] and len(errors) == 2


@pytest.mark.parametrize(
    "field",
    [
        "\n".join(ROWS),
        "/".join(ROWS),
        "|".join(ROWS),
        " ".join(ROWS),
        "; ".join(ROWS),
        ",".join(QUESTION),
        "\n".join(" ".join(row) for row in ROWS),
        SIMPLE,
        WITH_BOXES["plus"](list(QUESTION), (3, 3)),
        BY_PLACE["spaced"](list(QUESTION), (3, 3)).replace(".", " "),
        QUESTION.replace(".", " "),
    ],
    ids=range(11),
)
def test_a_field_of_a_table_may_hold_a_drawing(field: str) -> None:
    for answer in (ANSWER, "\n".join(ANSWER[i : i + 9] for i in range(0, 81, 9))):
        text = f'id,puzzle,solution\n1,"{field}","{answer}"\n2,{QUESTION},{ANSWER}\n'
        first, second = read(text)
        assert line_of(first) == line_of(second) == QUESTION
        assert first.answer is not None and "".join(signs_of(first.answer)) == ANSWER
        assert TASK.text.write(first, first.answer) == ANSWER


def test_errors_in_a_field_name_the_record() -> None:
    cut, changed = "\n".join(ROWS[:8]), "\n".join(ROWS).replace("4...6", "4..y6")
    for field, place, part in (
        (cut, "10:9", "the grid ends after 8 of 9 rows"),
        (changed, "4:4", "'y' is not a digit of a 9x9 Sudoku"),
        (f"{QUESTION}\n{QUESTION}", "3:2", "this field holds 2 puzzles"),
        ("hello world", "3:2", "is not a Sudoku"),
    ):
        message = refused(f'puzzle,level\n{QUESTION},1\n"{field}",2\n')
        assert message.startswith(f"puzzles.txt:{place}: ") and part in message


def test_messages_do_not_guess_a_size() -> None:
    assert "9x9" not in refused("53..7.é..")
    assert refused("1234é56").endswith("'é' is neither a digit nor a blank nor a border: use . for a blank")
    assert "is not a Sudoku" in refused("no such thing")


def test_a_title_above_the_first_puzzle_is_passed_over() -> None:
    assert [line_of(puzzle) for puzzle in read(f"Sudoku of the day\n\n{SIMPLE}")] == [QUESTION]
    assert "1:1: is not a Sudoku" in refused("Sudoku of the day\n")
    assert "2:1: is not a Sudoku" in refused(f"{QUESTION}\nSudoku of the day\n")
