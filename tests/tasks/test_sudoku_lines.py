"""No puzzle is dropped in silence: many on one line, damaged ones among them, reading on after errors."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sudoku_drawings import signs_of, valid

from trmcli.errors import InputError
from trmcli.tasks.base import Cells, Puzzle, Shape
from trmcli.tasks.sudoku.kind import sudoku_task

TASK = sudoku_task()
FIRST = "....2....4...6.2.1......4.71..4..9.3.5..89.4....2.......38....562..3.7...187....."
SECOND = ".129....68.6...52.....6.4.1.....9.....538....62........3.5.....2.8.93.6.9..81...7"
THIRD = "8.1..97.6.2.7........53..2..1.....4.3....45.1...97..3...3..2.6.16.3..8....2.853.."
ANSWER = "736124859485967231291358467162475983357689142849213576973842615624531798518796324"
SMALL = "1.3..4..4....2.3"


def read(text: str) -> list[Puzzle]:
    return list(TASK.text.read(io.StringIO(text), "puzzles.txt"))


def line_of(puzzle: Puzzle) -> str:
    return "".join(signs_of(puzzle.cells))


def lines(text: str) -> list[str]:
    return [line_of(puzzle) for puzzle in read(text)]


def going_on(text: str) -> tuple[list[str], list[str]]:
    """The puzzles, and the messages of the bad records between them."""
    errors: list[InputError] = []
    puzzles = list(TASK.text.read(io.StringIO(text), "puzzles.txt", errors.append))
    return [line_of(puzzle) for puzzle in puzzles], [str(error) for error in errors]


def rows(line: str) -> list[str]:
    return [line[i : i + 9] for i in range(0, 81, 9)]


@settings(max_examples=40)
@given(
    st.lists(valid([(2, 3), (3, 3), (4, 4)]), min_size=2, max_size=4),
    st.sampled_from([" ", "\t", ",", ", ", ";", " ; ", " # ", "|", "\x0c", "\x1c", "  1.5  ", " name: "]),
)
def test_every_puzzle_of_a_line_is_read(drawn: list[tuple[Cells, Shape]], between: str) -> None:
    grids = [cells for cells, _ in drawn if not cells.all()]
    texts = ["".join(signs_of(cells)) for cells in grids]
    if texts:
        assert lines(between.join(texts)) == texts


@pytest.mark.parametrize(
    "line",
    [
        f"00001abc42f {FIRST}  1.5",
        f"550e8400-e29b-41d4-a716-446655440000 {FIRST}",
        f"{'d3b07384d113edec49eaa6238ad5ff00' * 2} {FIRST} 17 clues",
        f"1234567890123456,{FIRST},1.2",
        f"name: '{FIRST}'",
        f"<td>{FIRST}</td>",
        f"puzzle={FIRST};rating=7.1",
        f"a_very_long_name_of_a_collection_of_puzzles_number_12 {FIRST}",
    ],
)
def test_one_puzzle_on_a_line_is_read_whatever_stands_around_it(line: str) -> None:
    assert lines(line) == [FIRST]


def test_a_comment_that_holds_no_puzzle_is_a_comment() -> None:
    assert lines(f"{FIRST} # easy, 24 clues; nr 3\n# {SECOND}\n; {SECOND}\n// {SECOND}") == [FIRST]


def test_an_answer_is_told_from_another_puzzle() -> None:
    [puzzle] = read(f"{FIRST} {ANSWER}")
    assert puzzle.answer is not None and "".join(signs_of(puzzle.answer)) == ANSWER
    first, second = read(f"old;{FIRST};{ANSWER};{SECOND};7")
    assert first.answer is not None and second.answer is None
    assert first.source == "old"
    assert lines(f"{FIRST} {SECOND} {THIRD}") == [FIRST, SECOND, THIRD]
    assert lines(f"{ANSWER} {FIRST}") == [ANSWER, FIRST]
    with pytest.raises(InputError, match=r"^puzzles.txt:1:83: the answer given is wrong: the given 1 "):
        read(f"{SECOND} {ANSWER}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" ".join(rows(FIRST) + rows(SECOND)), [FIRST, SECOND]),
        ("/".join(rows(FIRST)), [FIRST]),
        ("|".join(rows(FIRST)), [FIRST]),
        (";".join(rows(FIRST)), [FIRST]),
        (" ".join(FIRST[i : i + 27] for i in (0, 27, 54)), [FIRST]),
        ("1.3./.4../4.../.2.3", [SMALL]),
        ("1 . 3 . . 4 . . 4 . . . . 2 . 3", [SMALL]),
        (f"{SMALL} {SMALL}", [SMALL] * 2),
        (" ".join([SMALL] * 16), [SMALL] * 16),
    ],
)
def test_rows_on_one_line(text: str, expected: list[str]) -> None:
    assert lines(text) == expected


def test_sixteen_words_of_sixteen_are_one_puzzle_if_they_have_larger_digits() -> None:
    grid = np.fromfunction(lambda r, c: (4 * r + r // 4 + c) % 16 + 1, (16, 16), dtype=int).astype(np.uint8)
    grid[::2, ::3] = 0
    text = " ".join("".join(signs_of(row)) for row in grid)
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, grid)
    assert TASK.text.write(puzzle, grid) == text


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        (f"{FIRST} {SECOND[:-1]}", "1:163", "a 9x9 puzzle has 81 cells, this line has 80"),
        (f"{FIRST} {SECOND[:40]}Q{SECOND[41:]}", "1:123", "'Q' is not a digit of a 9x9 Sudoku"),
        (f"{FIRST} {SECOND[:40]}QQ{SECOND[41:]}", "1:123", "'Q' is neither a digit nor a blank"),
        (f"{FIRST} {SECOND[:40]}A{SECOND[41:]}", "1:123", "'A' is not a digit of a 9x9 Sudoku"),
        (f"{FIRST[:-9]} {SECOND}", "1:72", "81 or 256 cells, this line has 72"),
        (f"{FIRST}:{SECOND}{SECOND}", "1:244", "36, 81 or 256 cells, this line has 162"),
        (f"{FIRST} {THIRD[:2]}88{THIRD[4:]}", "1", "digit 8 stands"),
    ],
)
def test_a_damaged_puzzle_beside_another_is_not_a_comment(text: str, place: str, part: str) -> None:
    found, [error] = going_on(text)
    assert error.startswith(f"puzzles.txt:{place}: ") and part in error
    assert len(found) == 1


@pytest.mark.parametrize(
    "bad",
    [
        FIRST[:-1],
        "hello, dear reader",
        "12345678",
        "44" + FIRST[2:],
        f"{SECOND} {ANSWER}",
        "\n".join(rows(FIRST)[:5]),
        "\n".join([*rows(FIRST)[:5], "12345", *rows(FIRST)[6:]]),
        "\n".join([*rows(FIRST)[:5], "..y......", *rows(FIRST)[6:]]),
        "\n".join(["1234567", *rows(FIRST)[1:]]),
        "\n".join(["55.......", *rows(SECOND)[1:]]),
        "\n".join("|".join([row[:2], row[2:4], row[4:]]) for row in rows(FIRST)),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_reading_goes_on_after_a_bad_record(bad: str, gap: str) -> None:
    if gap == "\n" and "\n" not in bad:
        found, errors = going_on(f"{SECOND}\n{bad}\n{THIRD}\n")
        assert found == [SECOND, THIRD] and len(errors) == 1
    drawn = "\n".join(rows(THIRD))
    found, errors = going_on(f"{SECOND}{gap}{bad}{gap}{THIRD}\n{drawn}\n\n{drawn}\n{SECOND}\n")
    assert found == [SECOND, THIRD, THIRD, THIRD, SECOND] and len(errors) == 1


def test_reading_goes_on_after_a_bad_drawing_and_a_bad_record() -> None:
    def drawn(line: str) -> str:
        border = "+---+---+---+"
        texts = [f"|{row[:3]}|{row[3:6]}|{row[6:]}|" for row in rows(line)]
        return "\n".join([border, *texts[:3], border, *texts[3:6], border, *texts[6:], border])

    bad = drawn(FIRST).replace("|.5.|", "|.5y|")
    found, errors = going_on("\n".join([drawn(SECOND), bad, drawn(THIRD), "", drawn(FIRST)]))
    assert found == [SECOND, THIRD, FIRST] and errors == [
        "puzzles.txt:20:4: 'y' is not a digit of a 9x9 Sudoku: use 1-9, and . or 0 for a blank"
    ]
    table = f"puzzle,solution\n{FIRST},\n{SECOND[:-1]},\n{SECOND},{ANSWER}\n,\n{THIRD},\n"
    found, errors = going_on(table)
    assert found == [FIRST, THIRD] and len(errors) == 2
    # What ends a grid too soon is read all the same.
    cut = "\n".join(rows(FIRST)[:4])
    for after in (THIRD, f"question\n{THIRD}", "\n".join(rows(THIRD))):
        found, errors = going_on(f"{cut}\n\n{after}\n") if after[0] != "q" else going_on(f"{cut}\n{after}\n")
        assert found == [THIRD] and len(errors) == 1


def test_small_puzzles_go_on_after_a_bad_one() -> None:
    bad = "11.............."
    found, errors = going_on("\n".join([SMALL, SMALL, bad, SMALL, SMALL, bad, SMALL]))
    assert found == [SMALL] * 5 and len(errors) == 2


def test_puzzles_before_a_foreign_line_are_given_first() -> None:
    for before in (FIRST, "\n".join(rows(FIRST)), SMALL, f"{SMALL}\n{SMALL}\n{SMALL}"):
        puzzles = TASK.text.read(io.StringIO(f"{before}\nhello, world 12\n"), "x")
        count = before.count(SMALL) or 1
        assert len([next(puzzles) for _ in range(count)]) == count


@given(st.text(alphabet="1234.5-|+=# \nABQH?x/;,", max_size=200))
def test_no_text_breaks_the_reading_on(text: str) -> None:
    errors: list[InputError] = []
    for puzzle in TASK.text.read(io.StringIO(text), "x", errors.append):
        assert TASK.text.write(puzzle, puzzle.cells)
