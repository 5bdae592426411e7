"""Reading and writing Sudoku: every form, every error with its place."""

from __future__ import annotations

import gzip
import io
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks import TASKS, get_task, read_puzzles
from trmcli.tasks.base import Cells, Puzzle
from trmcli.tasks.sudoku.grid import BOX_SHAPES
from trmcli.tasks.sudoku.kind import sudoku_task
from trmcli.tasks.sudoku.search import solutions

TASK = sudoku_task()
QUESTION = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
ANSWER = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
ROWS = [QUESTION[i : i + 9] for i in range(0, 81, 9)]
SMALL = "1.3..4..4....2.3"
SIZES = sorted(BOX_SHAPES)


def cells_of(line: str) -> Cells:
    size = round(len(line) ** 0.5)
    return np.array([".123456789ABCDEFG".index(c) for c in line], dtype=np.uint8).reshape(size, size)


def read(text: str) -> list[Puzzle]:
    return list(TASK.text.read(io.StringIO(text), "puzzles.txt"))


def line_of(puzzle: Puzzle) -> str:
    return "".join(TASK.paint.symbol(value, puzzle.shape) for value in puzzle.cells.ravel().tolist())


# Layouts: each draws [N, N] cells given the signs of its cells.


def line(signs: list[str], size: int) -> str:
    return "".join(signs)


def rows(signs: list[str], size: int) -> str:
    return "\n".join("".join(signs[i : i + size]) for i in range(0, size * size, size))


def spaced_rows(signs: list[str], size: int) -> str:
    return "\n".join("  ".join(signs[i : i + size]) for i in range(0, size * size, size))


def framed(
    bar: str, rule: str, cross: str, corner: str, space: str = " ", frame: bool = True
) -> Callable[[list[str], int], str]:
    def draw(signs: list[str], size: int) -> str:
        height, width = BOX_SHAPES[size]
        length = width + (width + 1) * len(space)
        inner = cross.join([rule * length] * (size // width))
        lines = []
        for row in range(size):
            if row % height == 0 and (row or frame):
                lines.append(
                    (cross if row else corner) + inner + (cross if row else corner) if frame else inner
                )
            parts = [
                space + space.join(signs[row * size + c : row * size + c + width]) + space
                for c in range(0, size, width)
            ]
            lines.append(bar + bar.join(parts) + bar if frame else bar.join(parts))
        return "\n".join([*lines, corner + inner + corner] if frame else lines)

    return draw


LAYOUTS = {
    "line": line,
    "rows": rows,
    "spaced rows": spaced_rows,
    "plus frame": framed("|", "-", "+", "+"),
    "simple sudoku": framed("|", "-", "+", "*", space=""),
    "hodoku": framed("|", "-", "+", "."),
    "no frame": framed("|", "-", "+", "", frame=False),
    "only dashes": framed("|", "-", "-", "", frame=False),
    "double": framed("‖", "=", "=", "="),
    "unicode": framed("┃", "━", "╋", "┏"),
    "hashes": framed("#", "#", "#", "#"),
    "exclamation": framed("!", "-", "+", ":"),
}
DASH_FREE = ("line", "rows", "spaced rows", "plus frame", "no frame", "unicode")


@st.composite
def valid_cells(draw: st.DrawFn, sizes: list[int] = SIZES) -> Cells:
    """Part of a solved grid, so that no givens contradict each other."""
    size = draw(st.sampled_from(sizes))
    height, width = BOX_SHAPES[size]
    row, column = np.mgrid[:size, :size]
    solved = (row % height * width + row // height + column) % size
    tokens = TASK.codec.encode((solved + 1)[None])
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    full: Cells = TASK.codec.decode(TASK.views.symmetries((size, size), 1, rng).apply(tokens), (size, size))[
        0
    ]
    full[rng.random(full.shape) < draw(st.sampled_from([0.0, 0.3, 0.6, 0.9]))] = 0
    return full


def signs_of(cells: Cells) -> list[str]:
    return [TASK.paint.symbol(value, cells.shape) for value in cells.ravel().tolist()]


@given(valid_cells(), st.sampled_from(sorted(LAYOUTS)))
def test_what_is_drawn_is_read_and_written_as_it_was(cells: Cells, layout: str) -> None:
    text = LAYOUTS[layout](signs_of(cells), len(cells))
    [puzzle] = read(text)
    assert np.array_equal(puzzle.cells, cells)
    assert TASK.text.write(puzzle, cells) == text


@given(valid_cells(), st.sampled_from(DASH_FREE), st.sampled_from("0*_-"))
def test_every_sign_for_a_blank_is_read(cells: Cells, layout: str, blank: str) -> None:
    assume(cells.any(axis=1).all())  # a row of dashes alone may be a border
    signs = [blank if sign == "." else sign for sign in signs_of(cells)]
    [puzzle] = read(LAYOUTS[layout](signs, len(cells)))
    assert np.array_equal(puzzle.cells, cells)


@given(st.lists(st.tuples(valid_cells([6, 9]), st.sampled_from(sorted(LAYOUTS))), min_size=1, max_size=5))
def test_forms_may_be_mixed(puzzles: list[tuple[Cells, str]]) -> None:
    texts = [LAYOUTS[layout](signs_of(cells), len(cells)) for cells, layout in puzzles]
    read_back = read("\n\n".join(texts))
    assert [TASK.text.write(puzzle, puzzle.cells) for puzzle in read_back] == texts


@given(valid_cells([16]), st.sampled_from([line, rows, LAYOUTS["plus frame"]]))
def test_hexadecimal_is_answered_in_hexadecimal(cells: Cells, draw: Callable[[list[str], int], str]) -> None:
    if not ((cells == 0).any() and (cells == 1).any()):
        return
    signs = [".0123456789ABCDEF"[value] for value in cells.ravel().tolist()]
    [puzzle] = read(draw(signs, 16))
    assert np.array_equal(puzzle.cells, cells)
    assert TASK.text.write(puzzle, cells) == draw(signs, 16)


def test_lower_case_and_full_hexadecimal() -> None:
    cells = solutions(np.zeros((16, 16), np.uint8), 1)[0]
    upper = "".join(signs_of(cells))
    assert np.array_equal(read(upper.lower())[0].cells, cells)
    hexadecimal = "".join("0123456789abcdef"[value - 1] for value in cells.ravel().tolist())
    assert np.array_equal(read(hexadecimal)[0].cells, cells)


def test_blank_drawn_as_zero_stays_a_blank() -> None:
    assert line_of(read(QUESTION.replace(".", "0"))[0]) == QUESTION


def test_an_answer_is_written_into_the_drawing() -> None:
    text = LAYOUTS["hodoku"](list(QUESTION), 9)
    [puzzle] = read("# easy\n" + text + "\n")
    assert TASK.text.write(puzzle, cells_of(ANSWER)) == LAYOUTS["hodoku"](list(ANSWER), 9)
    assert puzzle.origin.line == 3


@pytest.mark.parametrize(
    ("after", "known"),
    [
        ("", False),
        (" a comment", False),
        ("\t17 clues", False),
        (",7", False),
        ("; easy", False),
        (" # easy", False),
        ("#easy", False),
        ("," + ANSWER, True),
        (" " + ANSWER, True),
        ("\t" + ANSWER + "\trating 3", True),
        (" ; " + ANSWER, True),
        (" # " + ANSWER, True),
    ],
)
def test_text_after_the_puzzle(after: str, known: bool) -> None:
    [puzzle] = read(QUESTION + after + "\r\n")
    assert line_of(puzzle) == QUESTION
    assert puzzle.layout == "line"
    assert (puzzle.answer is not None) == known
    if puzzle.answer is not None:
        assert np.array_equal(puzzle.answer, cells_of(ANSWER))


@pytest.mark.parametrize(
    "text",
    [
        f"source,question,answer,rating\nold,{QUESTION},{ANSWER},7\n",
        f"rating,answer,question,source\n7,{ANSWER},{QUESTION},old\n",
        f'"source","question","answer","rating"\n"old","{QUESTION}","{ANSWER}","7"\n',
        f"\ufeffsource,puzzle,solution\nold,{QUESTION.replace('.', '0')},{ANSWER}\n",
        f"# a comment\nquizzes,solutions,source\n{QUESTION},{ANSWER},old\n",
        f"old,{QUESTION},{ANSWER},7\n",
        f"17clue,{QUESTION},{ANSWER},7\n".replace("17clue", "old"),
    ],
)
def test_csv(text: str) -> None:
    [puzzle] = read(text)
    assert line_of(puzzle) == QUESTION
    assert puzzle.source == "old"
    assert puzzle.answer is not None
    assert TASK.text.write(puzzle, puzzle.answer) == ANSWER


def test_csv_without_answers_and_joined_files() -> None:
    text = f"source,question,answer\n17clue,{QUESTION},\n" * 2 + f"\n{QUESTION}\nquestion\n{QUESTION}\n"
    puzzles = read(text + "\n".join(ROWS))
    assert [line_of(puzzle) for puzzle in puzzles] == [QUESTION] * 5
    assert [puzzle.source for puzzle in puzzles] == ["17clue", "17clue", "", "", ""]
    assert all(puzzle.answer is None for puzzle in puzzles)


def test_sdk_uses_the_puzzle_and_not_the_state() -> None:
    state = "\n".join([ANSWER[:9], *ROWS[1:]])
    sdk = "#ARuud\n#DAn easy one\n#B2005-01-01\n[Puzzle]\n" + "\n".join(ROWS) + f"\n[State]\n{state}\n"
    puzzles = read(sdk + "\n" + sdk + f"\n{QUESTION}\n")
    assert [line_of(puzzle) for puzzle in puzzles] == [QUESTION] * 3


def test_titles_comments_and_bands_apart() -> None:
    bands = "\n\n".join("\n".join(ROWS[i : i + 3]) for i in (0, 3, 6))
    drawn = rows(list(QUESTION), 9)
    text = f"; first\n// second\nGrid 01\n{drawn}\nGrid 02\n{bands}\n\nPuzzle #3:\n{QUESTION}\n"
    puzzles = read(text)
    assert [line_of(puzzle) for puzzle in puzzles] == [QUESTION] * 3
    assert TASK.text.write(puzzles[1], puzzles[1].cells) == bands


def test_rows_of_dashes_are_blanks_where_dashes_are_blanks() -> None:
    drawn = [row.replace(".", "-") for row in ROWS]
    drawn[0] = drawn[4] = "---------"
    [puzzle] = read("\n".join(drawn))
    assert line_of(puzzle) == "." * 9 + "".join(ROWS[1:4]) + "." * 9 + "".join(ROWS[5:])


def test_one_line_in_pieces() -> None:
    for text in (" ".join(QUESTION), " ".join(ROWS), ",".join(QUESTION)):
        [puzzle] = read(text)
        assert line_of(puzzle) == QUESTION
        assert TASK.text.write(puzzle, puzzle.cells) == text


def test_small_puzzles_and_rows_of_sixteen_are_told_apart() -> None:
    assert [line_of(puzzle) for puzzle in read(f"{SMALL}\n" * 40)] == [SMALL] * 40
    cells = solutions(np.zeros((16, 16), np.uint8), 1)[0]
    cells[:3][cells[:3] > 4] = 0  # the first rows alone could be 4x4 puzzles
    drawn = rows(signs_of(cells), 16)
    puzzles = read(f"{SMALL}\n\n{drawn}\n{drawn}\n\n{SMALL}\n")
    assert [puzzle.shape[0] for puzzle in puzzles] == [4, 16, 16, 4]
    assert TASK.text.write(puzzles[1], cells) == drawn


def test_puzzles_are_yielded_as_their_lines_arrive() -> None:
    consumed = 0

    def endless() -> Iterator[str]:
        nonlocal consumed
        for text in itertools.cycle([f"{QUESTION}\n", *(f"{row}\n" for row in ROWS)]):
            consumed += 1
            yield text

    puzzles = TASK.text.read(endless(), "<stdin>")
    next(puzzles)
    assert consumed == 1
    next(puzzles)
    assert consumed == 10


def replaced(index: int, sign: str) -> str:
    return QUESTION[:index] + sign + QUESTION[index + 1 :]


def grid_with(index: int, row: str) -> str:
    return "\n".join([*ROWS[:index], row, *ROWS[index + 1 :]])


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        (QUESTION[:-1], "1:81", "a 9x9 puzzle has 81 cells, this line has 80"),
        (f"# x\n{QUESTION}.", "2:82", "a 9x9 puzzle has 81 cells, this line has 82"),
        (f"  {QUESTION}.", "1:84", "has 82"),
        ("1234" * 5, "1:20", "one line has 16, 36, 81 or 256 cells, this line has 20"),
        ("." * 250, "1:251", "a 16x16 puzzle has 256 cells"),
        (replaced(4, "Q"), "1:5", "'Q' is not a digit of a 9x9 Sudoku: use 1-9, and . or 0 for a blank"),
        (replaced(80, "A"), "1:81", "'A' is not a digit of a 9x9"),
        (replaced(2, "é"), "1:3", "'é' is not a digit of a 9x9"),
        ("1.5..4..4.....3.", "1:3", "'5' is not a digit of a 4x4 Sudoku: use 1-4"),
        ("1.....7" + "." * 29, "1:7", "'7' is not a digit of a 6x6 Sudoku: use 1-6"),
        ("1" + "." * 254 + "H", "1:256", "'H' is not a digit of a 16x16 Sudoku: use 1-9 and A-G"),
        (grid_with(2, ROWS[2][:-1]), "3:9", "a row of a 9x9 grid has 9 cells, this one has 8"),
        (grid_with(2, ROWS[2] + "."), "3:10", "this one has 10"),
        (grid_with(2, ".9y....6."), "3:3", "'y' is not a digit of a 9x9"),
        (grid_with(2, ".9A....6."), "3:3", "'A' is not a digit of a 9x9"),
        ("12345678", "1:1", "a row of a Sudoku grid has 4, 6, 9 or 16 cells, this line has 8"),
        ("\n".join(ROWS[:7]), "7:9", "the grid ends after 7 of 9 rows"),
        ("\n".join(ROWS[:6]) + "\n\n", "6:9", "the grid ends after 6 of 9 rows"),
        ("\n".join(ROWS[:3]) + f"\n\n{QUESTION}\n", "3:9", "the grid ends after 3 of 9 rows"),
        ("\n".join(ROWS[:5]) + "\n\n" + "\n".join(ROWS), "5:9", "the grid ends after 5 of 9 rows"),
        ("[Puzzle]\n" + "\n".join(ROWS[:8]) + "\n[State]\n", "9:9", "the grid ends after 8 of 9 rows"),
        ("\x7fELF\x02\x01", "1:1", "is not text"),
        (f"{QUESTION}\nab\x00c", "2:3", "is not text"),
        ("55" + QUESTION[2:], "1", "digit 5 stands twice in row 1: columns 1 and 2"),
        ("# x\n\n" + grid_with(8, "5...8..79"), "3", "digit 5 stands twice in column 1: rows 1 and 9"),
        ("6" + QUESTION[1:], "1", "digit 6 stands twice in column 1: rows 1 and 2"),
        ("1" + "." * 9 + "1" + "." * 70, "1", "in box 1: r1c1 and r2c2"),
        (f"{QUESTION},{ANSWER[:-1]}8", "1:83", "the answer given is wrong: the given 9 in row 9, column 9"),
        (f"question,answer\n{QUESTION},{ANSWER[:-1]}", "2:83", "the answer has 80 cells, the question 81"),
        (f"question,answer\n{QUESTION},{QUESTION}", "2:83", "51 cells are blank"),
        ("source,answer,rating\n", "1", "source, answer, rating: it needs question (or puzzle, quizzes)"),
        (f"source,question\nx,{QUESTION[:-1]}", "2:83", "a 9x9 puzzle has 81 cells, this line has 80"),
        (f"source,question\nx,{replaced(1, 'Q')}", "2:4", "'Q' is not a digit"),
        (f"source,question,rating\nx,{QUESTION}", "2", "this line has 2 columns, the header has 3"),
        ("Dear all, hello", "1:4", "is not a Sudoku"),
    ],
)
def test_errors_name_the_place(text: str, place: str, part: str) -> None:
    with pytest.raises(InputError) as error:
        read(text)
    assert str(error.value).startswith(f"puzzles.txt:{place}: ")
    assert part in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "\n\n", "# only a comment\n", "question\n", "[State]\n" + "\n".join(ROWS)]
)
def test_no_puzzle(text: str) -> None:
    with pytest.raises(InputError, match=r"^puzzles.txt: holds no puzzle$"):
        read(text)


@given(st.text(alphabet="123456789.0*_-|+=#, \n[]ABGQé┃━;/", max_size=300))
def test_any_text_gives_puzzles_or_an_input_error(text: str) -> None:
    try:
        puzzles = read(text)
    except InputError:
        return
    assert puzzles
    for puzzle in puzzles:
        assert TASK.text.write(puzzle, puzzle.cells)


# Sources


def test_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, packed = tmp_path / "plain.sdm", tmp_path / "packed.csv.gz"
    plain.write_bytes(b"\xef\xbb\xbf" + QUESTION.encode() + b"\r" + QUESTION.encode() + b"\r\n")
    packed.write_bytes(gzip.compress(f"source,question\nx,{QUESTION}\n".encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{QUESTION}\n".encode())))
    sources = [str(plain), str(packed), "-", QUESTION, " ".join(ROWS)]
    puzzles = list(read_puzzles(sources, None))
    assert [line_of(puzzle) for _, puzzle in puzzles] == [QUESTION] * 6
    assert {task.name for task, _ in puzzles} == {"sudoku"}
    assert [puzzle.origin.name for _, puzzle in puzzles] == [
        str(plain), str(plain), str(packed), "<stdin>", "<argument>", "<argument>",
    ]  # fmt: skip
    assert [puzzle.origin.line for _, puzzle in puzzles][:2] == [1, 2]


def fails(source: str, match: str, task: str | None = None) -> None:
    with pytest.raises(InputError, match=match):
        list(read_puzzles([source], task))


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    fails(str(tmp_path), "is a directory: name the files in it")
    fails(str(tmp_path / "missing.txt"), "missing.txt: no such file")
    fails("x" * 5000, "no such file")
    fails("", "an empty argument is neither a file nor a puzzle")
    fails(QUESTION[:-1], "<argument>:1:81: a 9x9 puzzle has 81 cells")
    fails(QUESTION, "there is no task 'chess'; tasks are .*sudoku", task="chess")

    binary = tmp_path / "binary"
    binary.write_bytes(f"{QUESTION}\n".encode() + b"12\xff\xfe")
    fails(str(binary), "binary:2:3: is not text: byte 0xff is not UTF-8")
    packed = tmp_path / "cut.gz"
    packed.write_bytes(gzip.compress(QUESTION.encode() * 50)[:30])
    fails(str(packed), "cut.gz: is not a whole gzip file")
    packed.write_bytes(b"\x1f\x8bnonsense, not gzip")
    fails(str(packed), "cut.gz: is not a whole gzip file")
    empty = tmp_path / "empty"
    empty.touch()
    fails(str(empty), "empty: holds no puzzle")


def test_registry() -> None:
    assert get_task("sudoku") is TASKS["sudoku"]


def test_examples_have_one_solution_each() -> None:
    folder = Path(__file__).parents[2] / "examples" / "sudoku"
    counts = {}
    for file in sorted(folder.glob("*.txt")):
        puzzles = [puzzle for _, puzzle in read_puzzles([str(file)])]
        counts[file.name] = len(puzzles)
        assert all(len(solutions(puzzle.cells)) == 1 for puzzle in puzzles)
    assert counts.pop("batch.txt") == 100
    assert len(counts) == 16 and set(counts.values()) == {1}
