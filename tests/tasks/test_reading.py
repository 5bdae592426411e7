"""Sources: tables, JSON, bytes, arguments and pipes, as people bring them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.decoding import byte_lines

Q = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
A = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
ROWS = [Q[i : i + 9] for i in range(0, 81, 9)]
GRID = [[int(sign) if sign != "." else 0 for sign in row] for row in ROWS]
NONES = [[cell or None for cell in row] for row in GRID]
SOLVED = [[int(sign) for sign in A[i : i + 9]] for i in range(0, 81, 9)]
MAZE = ["#####", "#S G#", "#####"]
FLAT = [cell for row in GRID for cell in row]
SUDOKU = get_task("sudoku")


def read(text: str) -> list[Puzzle]:
    return [puzzle for _, puzzle in read_puzzles(io.StringIO(text))]


def line_of(puzzle: Puzzle) -> str:
    return "".join(SUDOKU.paint.symbol(value, puzzle.shape) for value in puzzle.cells.ravel().tolist())


def refused(text: str) -> str:
    with pytest.raises(InputError) as error:
        read(text)
    return str(error.value).removeprefix("<stream>:")


def skipping(text: str) -> tuple[list[Puzzle], list[str]]:
    bad: list[InputError] = []
    puzzles = [puzzle for _, puzzle in read_puzzles(io.StringIO(text), skip=bad.append)]
    return puzzles, [str(error).removeprefix("<stream>:") for error in bad]


# Tables


@pytest.mark.parametrize(
    "header",
    [
        "puzzle,solution",
        ",puzzle,solution",
        "id;Puzzle;Solution",
        "ID\tQUIZZES\tSOLUTIONS",
        ' "Question" ,"answer"',
        "rating,quiz,target",
        "0,board,solved",
        "sudoku_puzzle,sudoku_solution",
        "puzzle_id,puzzle,answer",
        "Unsolved Sudoku;Solved Sudoku",
        "input,output",
        "grid,solution,difficulty",
        "maze_id,question,answer,source",
        "puzzle,solution,",
        "puzzle,solution,clues,Difficulty (0-10)",
        "\ufeffpuzzle,solution",
        "sep=;\npuzzle;solution",
    ],
)
def test_tables_have_any_header_and_any_delimiter(header: str) -> None:
    names = header.splitlines()[-1]
    delimiter = next(sign for sign in ";\t," if sign in names)
    cells = []
    for name in names.rstrip(",").lower().split(delimiter):
        answer = any(word in name for word in ("solution", "answer", "target", "solved", "output"))
        question = any(
            word in name for word in ("puzzle", "qui", "quest", "board", "unsolved", "input", "grid")
        )
        cells.append(
            "3" if "_id" in name else Q if question and "solution" not in name else A if answer else "3"
        )
    row = delimiter.join(cells)
    [first, second] = read(f"{header}\r\n{row}\r\n\r\n{delimiter * (len(cells) - 1)}\r\n{row}{delimiter}\r\n")
    assert [line_of(first), line_of(second)] == [Q, Q]
    assert first.answer is not None and second.answer is not None
    assert first.origin.line == header.count("\n") + 2


def test_a_table_of_one_column_holds_lines() -> None:
    for header in ("puzzle", "Question", '"sudoku"', "quizzes,"):
        assert [line_of(one) for one in read(f"{header}\n{Q}\n\n{Q}\n")] == [Q, Q]
    assert line_of(read("Sudoku\n" + "\n".join(ROWS))[0]) == Q  # where that is a title


@pytest.mark.parametrize("text", ["hello, world of puzzles", "Dear all; here are my puzzles"])
def test_a_sentence_is_not_the_header_of_a_table(text: str) -> None:
    assert refused(f"{text}\n").startswith("1:1: looks like prose")
    for table in (f"my puzzles,notes on the answer\n{Q},3\n", f"id,puzzle_string\n3,{Q}\n"):
        assert [line_of(one) for one in read(table)] == [Q]


def test_a_plain_line_interrupts_a_table_only() -> None:
    puzzles = read(f"puzzle,solution\n{Q},{A}\n{Q}\n{Q},{A}\n" + "\n".join(ROWS) + f"\n{Q},{A}\n")
    assert [line_of(one) for one in puzzles] == [Q] * 5
    assert [one.answer is not None for one in puzzles] == [True, False, True, False, True]


def test_tables_may_follow_each_other() -> None:
    puzzles = read(f"source,puzzle,solution\nsudoku,{Q},{A}\nmaze,{Q},\nquizzes;solutions\n{Q};{A}\n")
    assert [(one.source, one.answer is None) for one in puzzles] == [
        ("sudoku", False),
        ("maze", True),
        ("", False),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"id,solution,rating\n1,{A},3\n",
            "1: a table with the columns id, solution, rating: it needs question (or p",
        ),
        (f"puzzle,puzzle\n{Q},{Q}\n", "1: a table with several columns puzzle: leave one of them"),
        (f"puzzle,Solution,solution\n{Q},{A},{A}\n", "1: a table with several columns solution"),
        (f"source,puzle\nx,{Q}\n", "1: a table with the columns source, puzle: it needs question"),
        (f"puzzle,solution\n{Q},{A},1\n", "2: this line has 3 columns, the header has 2"),
        (f"id,puzzle\n7,\n1,{Q}\n", "2: the field puzzle is empty"),
        (f'puzzle,solution\n"{Q},{A}\n{Q},{A}\n', "2:1: the quoted field that opens here does not end"),
        (f'puzzle,solution\n"{Q}"x,{A}\n', "2: is not CSV: "),
        (f"id,puzzle\n1,{Q[:-1]}Q\n", "2:83: 'Q' is no"),
    ],
)
def test_damaged_tables_are_refused_with_their_place(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_a_bad_record_is_skipped_and_the_next_ones_come() -> None:
    lines = [
        f"1,{Q},{A}",
        f'2,"{Q},{A}',
        f"3,{Q}",
        f"4,{Q},{A}",
        "5,,",
        f"6,{Q[:-2]}99,",
        f"7,{Q},{Q}",
        f"8,{Q},",
    ]
    puzzles, bad = skipping("\n".join(["id,puzzle,solution", *lines]))
    assert [one.origin.line for one in puzzles] == [2, 5, 9]
    assert [message.split(":")[0] for message in bad] == ["3", "4", "6", "7", "8"]


# JSON and printed lists


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GRID),
        json.dumps(NONES),
        json.dumps(NONES, indent=2),
        str(GRID),
        str(NONES),
        str(tuple(GRID)),
        str(tuple(map(tuple, GRID))),
        json.dumps([[str(cell or "") for cell in row] for row in GRID]),
        f"board = {GRID}",
        f"grid = np.array({GRID})",
        str(np.array(GRID)),
        repr(np.array(GRID, dtype=np.uint8)),
        str(np.array(GRID, dtype=float)),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=1),
        json.dumps(Q),
        json.dumps([Q]),
        f'"{Q}",',
        json.dumps(FLAT),
        "\n".join(map(str, GRID)),
        ",\n".join(map(json.dumps, GRID)),
        json.dumps([GRID]),
        json.dumps({"board": GRID}),
        json.dumps({"puzzle": Q, "rating": 3}),
        json.dumps({"PUZZLE": ROWS}),
        json.dumps({"n": 1, "data": {"value": GRID}}),
        json.dumps([{"question": NONES}], indent=4),
        json.dumps({"puzzle": {"0": Q}}),
        "\ufeff" + json.dumps(GRID),
        json.dumps([[cell or -1 for cell in row] for row in GRID]),
        json.dumps(GRID).replace("0", "NaN"),
    ],
)
def test_a_puzzle_is_read_however_a_program_wrote_it(text: str) -> None:
    [puzzle] = read(text)
    assert line_of(puzzle) == Q


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([GRID, GRID, GRID]),
        json.dumps([GRID] * 3, indent=1),
        json.dumps([Q, Q, Q]),
        json.dumps([FLAT] * 3),
        json.dumps([ROWS] * 3),
        f'{{"puzzle": "{Q}"}}\n' * 3,
        f'{{"puzzle": "{Q}"}} ' * 3,
        str(np.array([GRID] * 3)),
        json.dumps({"puzzles": [GRID] * 3}),
        json.dumps({"quizzes": [Q] * 3}),
        json.dumps({"puzzle": dict.fromkeys("abc", Q)}),
        json.dumps([{"puzzle": Q}, {"puzzle": GRID}, {"puzzle": ROWS}]),
        f'"{Q}"\n' * 3,
        json.dumps({"puzzle": Q}, indent=2) * 3,
        f"puzzle\n{Q}\n{GRID}\n{{'puzzle': '{Q}'}}",
    ],
)
def test_several_puzzles_are_read_however_a_program_wrote_them(text: str) -> None:
    assert [line_of(puzzle) for puzzle in read(text)] == [Q] * 3


@pytest.mark.parametrize(
    "value",
    [
        {"puzzle": Q, "solution": A},
        {"value": GRID, "solution": SOLVED},
        {"puzzle": GRID, "solution": A},
        {"question": [Q, Q], "answer": [A, A]},
        {"puzzle": {"0": Q}, "solution": {"0": A}},
        {"puzzle": [GRID], "answers": [SOLVED]},
        {"puzzle": Q, "answer": A, "verified": True, "problems": []},
    ],
)
def test_answers_come_with_their_questions(value: object) -> None:
    for puzzle in read(json.dumps(value)):
        assert line_of(puzzle) == Q
        assert puzzle.answer is not None and puzzle.answer.tolist() == SOLVED


def test_an_answer_that_was_not_found_is_not_a_known_one() -> None:
    record = {"puzzle": Q, "answer": A[:40] + "." * 41, "verified": False, "problems": ["41 cells are blank"]}
    [puzzle] = read(json.dumps(record))
    assert puzzle.answer is None and line_of(puzzle) == Q


def test_letters_and_numbers_from_ten_are_digits_of_sixteen() -> None:
    numbers = (
        np.arange(256).reshape(16, 16) % 16 + np.arange(16)[:, None] // 4 + np.arange(16)[:, None] * 4
    ) % 16 + 1
    for value in (numbers.tolist(), [[str(cell) for cell in row] for row in numbers.tolist()]):
        [puzzle] = read(json.dumps(value))
        assert puzzle.cells.tolist() == numbers.tolist()


def test_a_maze_is_a_list_of_rows_too() -> None:
    for value in (
        MAZE,
        [list(row) for row in MAZE],
        {"maze": MAZE},
        [{"question": [list(row) for row in MAZE]}],
    ):
        [(task, puzzle)] = read_puzzles(io.StringIO(json.dumps(value)))
        assert task.name == "maze" and puzzle.cells.shape == (3, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            json.dumps([*GRID[:8], [0, 0, 0, 0, 8, 17, 0, 7, 9]]),
            "1:250: 17 is not a cell: use numbers up to 16",
        ),
        (json.dumps([*GRID[:8], [0, 0, 0, 0, 8, 0, "q!", 7, 9]], indent=1), "97:3: 'q!' is not a cell"),
        (json.dumps([*GRID[:8], [0, 0, 0, 0, 8, 0.5, 0, 7, 9]]), "1:250: 0.5 is not a cell"),
        (json.dumps([*GRID[:8], [0, 0, 0, 0, 8, True, 0, 7, 9]]), "1:250: true is not a cell"),
        (json.dumps([*GRID[:8], [0, 0, 0, 0, 8, 12, 0, 7, 9]]), "1:250: 'C' is no"),
        (
            json.dumps([*GRID[:8], [0, 0, 0, 0, 8, 0, 7, 9]]),
            "1:235: row 9 has 8 cells, the rows above have 9",
        ),
        (json.dumps({"puzzle": Q, "solution": A[:-1] + "1"}), "1:110: the answer given is wrong"),
        (f'{{"puzzle": "{replaced}"}}' if (replaced := Q[:9] + "Q" + Q[10:]) else "", "1:22: 'Q' is no"),
        (json.dumps(GRID)[:-5], "1:257: is not JSON: expecting ',' delimiter"),
        ('[[1, 2\n"x', "2:1: is not JSON: expecting ',' delimiter"),
        ('{"puzzle": "1', "1:12: is not JSON: the string that begins here does not end"),
        ('{"a": 1, "b": [1, 2]}', "1:2: an object with a, b holds no puzzle"),
        ("[]", "1:1: an empty list holds no puzzle"),
        ("{}", "1:1: an object with nothing in it holds no puzzle"),
        ("[" * 100_000, "1: is nested too deeply"),
        ("[" * 500 + "]" * 500, "1: is nested too deeply"),
        (f'{{"puzzle": "{Q}", "puzzle": "{Q}"}}', '1:97: has the key "puzzle" twice in one object: leave'),
        (
            f"{{'puzzle': '{Q}',\n 'x': (None, {{'a': 1, 'a': 1}})}}",
            '2:23: has the key "a" twice in one object, in x 2',
        ),
        (f"[[5, 3, {'1' * 5000}]]", "1:9: 11111111111111111111… is not a cell: use numbers up to 16"),
        ('{"puzzle": null}', "1:2: an object with puzzle holds no puzzle"),
    ],
)
def test_damaged_json_is_refused_with_its_place(text: str, message: str) -> None:
    assert refused(text).startswith(message)


def test_a_number_of_any_length_from_python_is_not_a_cell() -> None:
    with pytest.raises(InputError, match="a number of thousands of digits is not a cell"):
        list(read_puzzles([[10**5000, *GRID[0][1:]], *GRID[1:]]))


def test_how_deep_a_list_may_be_does_not_depend_on_python() -> None:
    """Other code of the process, torch's compiler for one, may have raised its limit."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        assert refused("[" * 500 + "]" * 500).startswith("1: is nested too deeply")
    finally:
        sys.setrecursionlimit(before)


def test_bad_json_is_skipped_and_the_next_records_come() -> None:
    good = f'{{"puzzle": "{Q}"}}\n'
    puzzles, bad = skipping(
        f'{{"puzzle": "{Q}\n{good}{{"puzzle": "{Q}\n{good}{{"x": 1}}\n{{"puzzle": "{Q[:-1]}"}}\n{good}'
    )
    assert [one.origin.line for one in puzzles] == [2, 4, 7]
    assert [message.split(":")[0] for message in bad] == ["1", "3", "5", "6"]
    puzzles, bad = skipping(json.dumps([GRID, [[99] * 9] * 9, GRID]))
    assert (len(puzzles), len(bad)) == (2, 1)


# Bytes


def of_bytes(content: bytes, **options: Any) -> list[str]:
    return [line_of(puzzle) for _, puzzle in read_puzzles(io.BytesIO(content), **options)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\f", "\v", "\u2028", "\u2029", "\x85"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_and_every_end_of_a_line_is_read(encoding: str, end: str) -> None:
    assert of_bytes((Q + end + Q + end + Q).encode(encoding)) == [Q] * 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_character_that_is_cut_off_at_the_end_is_told(encoding: str) -> None:
    content = (Q + "\n" + Q + "\n").encode(encoding) + b"\x31"
    puzzles = read_puzzles(io.BytesIO(content))
    assert [line_of(next(puzzles)[1]) for _ in range(2)] == [Q, Q]
    called = "UTF-32" if encoding == "utf-32" else "UTF-16"
    with pytest.raises(InputError, match=f":3: is not whole {called} text: its last character is cut off"):
        next(puzzles)
    told: list[InputError] = []
    assert of_bytes(content, skip=told.append) == [Q, Q]
    assert len(told) == 1


def test_signs_without_width_are_dropped_and_spaces_are_spaces() -> None:
    text = f"\ufeff{Q[:40]}\u200b{Q[40:]}\ufeff\n\u2060{Q}\u200d\n\u00a0{Q}\u3000\n\x1b[1m{Q}\x1b[0m\n"
    assert of_bytes(text.encode()) == [Q] * 4
    assert of_bytes("\n".join("\u00a0".join(row) for row in ROWS).encode()) == [Q]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_unpacked(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(f"{Q}\n".encode())
    assert of_bytes(packed + pack(f"puzzle,solution\n{Q},{A}\n".encode())) == [Q] * 2
    for damaged in (packed[:-9], packed[:20] + b"damaged" + packed[27:]):
        with pytest.raises(InputError, match=r"is not a whole (gzip|bz2|xz) file"):
            of_bytes(damaged)


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array(GRID))
    return file.getvalue()


def zipped(name: str) -> bytes:
    """Without the time of day, for test processes must agree on what a test is called."""
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), Q)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what", "advice"),
    [
        (zipped("puzzles.csv"), "zip archive", "unpack it first"),
        (zipped("[Content_Types].xml"), "Office document", "CSV"),
        (zipped("arr_0.npy"), "NumPy arrays", "trmcli.solve"),
        (zipped("archive/data.pkl"), "PyTorch checkpoint", "trm convert"),
        (b"\x28\xb5\x2f\xfd\x04\x58" + bytes(20), "zstd", "unpack it first"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "7z archive", "unpack it first"),
        (
            gzip.compress(b"puzzles.txt".ljust(257, b"\0") + b"ustar\x0000" + bytes(248), mtime=0),
            "tar archive",
            "unpack it",
        ),
        (npy(), "NumPy array", "numpy.load"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "JPEG picture", "PNG"),
        (b"GIF89a" + bytes(9), "GIF picture", "PNG"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "WebP picture", "PNG"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF", "text file"),
        (b"\n<!DOCTYPE html>\n<html>", "web page", "download the file"),
        (b"<?xml version='1.0'?>\n", "XML", "as text"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer", "git lfs pull"),
        (b'\x40\x01\x00\x00\x00\x00\x00\x00{"__metadata__":{}', "weights file", "--weights"),
        (b"\x80\x02}q\x00X", "pickle", "trm convert"),
        (b"PAR1\x15\x04\x15", "Parquet table", "CSV"),
        (b"SQLite format 3\x00", "SQLite", "CSV"),
        (b"\x7fELF\x02\x01\x01" + bytes(9), "program", "puzzles"),
    ],
)
def test_other_files_are_named_for_what_they_are(
    content: bytes, what: str, advice: str, tmp_path: Path
) -> None:
    path = tmp_path / "puzzles.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        list(read_puzzles(path))
    assert str(error.value).startswith(f"{path}: is ")
    assert what in error.value.message and advice in error.value.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("█S G█\n".encode("cp437"), "1:1: is not text: byte 0xdb is not UTF-8; it is probably code page 437"),
        (
            f"{Q}\nSchöne Rätsel\n".encode("cp1252"),
            "2:4: is not text: byte 0xf6 is not UTF-8; it is probably Windows-125",
        ),
        (f"{Q}\n12\xff\xfe".encode("latin-1"), "2:3: is not text: byte 0xff is not UTF-8"),
        (f"{Q}\n1\x002".encode(), "2:2: is not text: it has the control character 0x00"),
    ],
)
def test_other_encodings_are_named(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        of_bytes(content)
    assert str(error.value).startswith(f"<stream>:{message}")


def test_a_line_that_is_not_text_is_skipped() -> None:
    bad: list[InputError] = []
    assert of_bytes(f"{Q}\n\xff\n{Q}\n".encode("latin-1"), skip=bad.append) == [Q, Q]
    assert [str(error.origin) for error in bad] == ["<stream>:2"]


@given(
    st.text("53.\n\r\f\u2028é█", max_size=60),
    st.lists(st.integers(1, 9), max_size=60),
    st.sampled_from(["utf-8", "utf-16"]),
)
def test_lines_are_the_same_in_whatever_pieces_they_come(text: str, sizes: list[int], encoding: str) -> None:
    content, pieces = text.encode(encoding), list[bytes]()
    for size in sizes:
        pieces, content = [*pieces, content[:size]], content[size:]
    assert list(byte_lines(Pieces([*pieces, content]), "x")) == text.splitlines()  # type: ignore[arg-type]


class Pieces:
    """A stream that gives one piece after another."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def read1(self, _: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    read = read1


@given(st.binary(max_size=80) | st.text('[]{}",:019.# SG\n\\puzle', max_size=60).map(str.encode))
def test_any_bytes_give_puzzles_or_an_input_error(content: bytes) -> None:
    try:
        assert list(read_puzzles(io.BytesIO(content)))
    except InputError as error:
        assert str(error).startswith("<stream>")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 20)
    | st.floats()
    | st.sampled_from(["", ".", "5", "16", Q, "#S G#"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["puzzle", "solution", "source", "x"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_any_json_gives_puzzles_or_an_input_error(value: object) -> None:
    try:
        read(json.dumps(value, indent=1))
    except InputError as error:
        assert str(error).startswith("<stream>")


# Arguments


@pytest.mark.parametrize("blank", ["-", "_", "*", "0", "."])
def test_a_line_is_an_argument_with_any_blank(blank: str) -> None:
    [(_, puzzle)] = read_puzzles(Q.replace(".", blank))
    assert line_of(puzzle) == Q and str(puzzle.origin) == "<argument>:1"


@pytest.mark.parametrize(
    "text", [str(GRID), json.dumps(GRID), json.dumps({"puzzle": Q}), "\n".join(ROWS), " ".join(ROWS)]
)
def test_whatever_a_file_may_hold_may_be_an_argument(text: str) -> None:
    [(_, puzzle)] = read_puzzles([text])
    assert line_of(puzzle) == Q


def test_what_cannot_be_read_is_said_before_any_puzzle_is_taken(tmp_path: Path) -> None:
    for missing in ("nofile.txt", tmp_path / "nofile.txt", [Q, "nofile.txt"]):
        with pytest.raises(InputError, match=r"nofile.txt: no such file$"):
            read_puzzles(missing)
    with pytest.raises(InputError, match="is a directory"):
        read_puzzles(tmp_path)
    empty: tuple[list[str] | tuple[()], ...] = ([], ())
    for nothing in empty:
        with pytest.raises(InputError, match="no puzzle given"):
            read_puzzles(nothing)
    with pytest.raises(InputError, match="there is no task"):
        read_puzzles(Q, "chess")


def test_a_closed_or_replaced_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="<stdin>: is closed"):
        list(read_puzzles("-"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{Q}\n"))
    assert [line_of(puzzle) for _, puzzle in read_puzzles("-")] == [Q]


# Kinds


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("Dear all,\nhere is the puzzle of today.\n", "prose"),
        ("Puzzles, riddles, and so on, for all.\n", "prose"),
        ("import sys\nprint(sys.argv)\n", "a program"),
        ("def f(x):\n    return x\n", "a program"),
        ("#include <stdio.h>\nint main() {\n}\n", "a program"),
        ("name = trmcli\nversion = one\n", "settings"),
        ("https://sudoku.example/1\n", "a list of addresses"),
        ("<div>hello</div>\n", "a web page or XML"),
        ("name,phone,city\nYou,Why,Lyon\n", "a table"),
    ],
)
def test_text_of_no_kind_is_refused_by_what_it_looks_like(text: str, look: str) -> None:
    message = refused(text)
    assert message.startswith(f"1:1: looks like {look}: give a Sudoku, as a line of 16")


def test_two_kinds_are_refused_and_named() -> None:
    maze = "\n".join(MAZE) + "\n"
    for sources, message in (
        ([Q, maze], "is a puzzle of the task maze, those before are sudoku: give them apart"),
        ([maze, Q], "is a puzzle of the task sudoku, those before are maze: give them apart"),
    ):
        puzzles = read_puzzles(sources)
        next(puzzles)
        with pytest.raises(InputError, match=message):
            next(puzzles)
    with pytest.raises(InputError, match="<argument>:1: is a puzzle of the task maze, not sudoku"):
        list(read_puzzles(maze, "sudoku"))
    with pytest.raises(InputError, match="is a puzzle of the task sudoku, not maze"):
        list(read_puzzles(Q, "maze"))


# Pipes


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.BufferedReader]]:
    """The writing end of a pipe, and the reading one.

    Whoever waits for more than was written hears of the end after a minute, and the test fails.
    """
    reading, writing = os.pipe()
    late = threading.Event()

    def end() -> None:
        late.set()
        os.close(writing)

    timer = threading.Timer(60, end)
    timer.start()
    with os.fdopen(reading, "rb") as file:
        yield writing, file
    timer.cancel()
    if not late.is_set():
        os.close(writing)
    assert not late.is_set(), "something waited for input that had not come"


@pytest.mark.parametrize(
    "record",
    [
        f"{Q}\n",
        f"{Q}\r\n",
        f"{Q}\r",
        f'{{"puzzle": "{Q}"}}\n',
        json.dumps(GRID) + "\n",
        "\n".join(ROWS) + "\n",
    ],
)
def test_a_puzzle_in_a_pipe_is_there_at_once(record: str, pipe: tuple[int, io.BufferedReader]) -> None:
    writing, file = pipe
    puzzles = read_puzzles(file)
    for _ in range(3):
        os.write(writing, record.encode())
        assert line_of(next(puzzles)[1]) == Q


def test_a_record_of_a_table_in_a_pipe_is_there_at_once(pipe: tuple[int, io.BufferedReader]) -> None:
    writing, file = pipe
    os.write(writing, b"puz")
    puzzles = read_puzzles(file)
    os.write(writing, f"zle;solution\n{Q};".encode())
    for _ in range(3):
        os.write(writing, f"{A}\n{Q};".encode())
        assert next(puzzles)[1].answer is not None


def test_a_packed_puzzle_in_a_pipe_is_there_as_soon_as_its_bytes_are(
    pipe: tuple[int, io.BufferedReader],
) -> None:
    writing, file = pipe
    packer = zlib.compressobj(wbits=31)
    puzzles = read_puzzles(file)
    for _ in range(3):
        os.write(writing, packer.compress(f"{Q}\n".encode()) + packer.flush(zlib.Z_SYNC_FLUSH))
        assert line_of(next(puzzles)[1]) == Q


def test_the_last_line_needs_no_end() -> None:
    for content in (Q.encode(), gzip.compress(Q.encode()), Q.encode("utf-16")):
        assert of_bytes(content) == [Q]
