"""Whether a source is of ARC is told by its beginning: of files, folders, text and slow pipes."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from arc_files import TASK, names, read, write

from trmcli.tasks.arc.looks import looks

PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gz", gzip.compress),
    ("bz2", bz2.compress),
    ("xz", lzma.compress),
    ("utf16", lambda text: text.decode().encode("utf-16")),
    ("utf16be", lambda text: "\ufeff".encode("utf-16-be") + text.decode().encode("utf-16-be")),
]
LONG = {f"t{number}": TASK for number in range(1000)}
"""So many that no unpacked beginning of it is all of it."""


class Pieces(io.RawIOBase):
    """A pipe whose writer is slow: every piece comes by itself, and nothing may be asked for too soon."""

    def __init__(self, *pieces: str | bytes) -> None:
        self.pieces = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self.pieces.pop(0) if self.pieces else b""
        if len(piece) > len(buffer):
            piece, rest = piece[: len(buffer)], piece[len(buffer) :]
            self.pieces.insert(0, rest)
        buffer[: len(piece)] = piece
        return len(piece)


def piped(monkeypatch: pytest.MonkeyPatch, *pieces: str | bytes) -> Pieces:
    raw = Pieces(*pieces)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(raw)))
    return raw


@pytest.mark.parametrize("value", [TASK, {"aa": TASK}, LONG], ids=["one", "named", "many"])
@pytest.mark.parametrize(("ending", "pack"), PACKED, ids=[ending for ending, _ in PACKED])
def test_arc_is_recognised_however_it_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, pack: Callable[[bytes], bytes], value: Any
) -> None:
    packed = pack(json.dumps(value).encode())
    path = tmp_path / f"a.json.{ending}"
    path.write_bytes(packed)
    assert looks(str(path))
    for cut in (1, 3, 12, 1000, len(packed)):
        piped(monkeypatch, packed[:cut], *(packed[cut:] and [packed[cut:]]))
        assert looks("-")
        assert len(read("-")) == (len(value) if value is LONG else 1)


@pytest.mark.parametrize(("ending", "pack"), PACKED, ids=[ending for ending, _ in PACKED])
def test_other_packed_files_are_not_taken_for_arc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    puzzle = b"53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
    for text in (puzzle, b'{"puzzle": "%s"}' % puzzle):
        packed = pack(text)
        path = tmp_path / f"a.{ending}"
        path.write_bytes(packed)
        path.with_suffix(".cut").write_bytes(packed[: len(packed) // 2 * 2 - 4])
        assert not looks(str(path)) and not looks(str(path.with_suffix(".cut")))
        piped(monkeypatch, packed)
        assert not looks("-")
        assert sys.stdin.buffer.read() == packed


def test_a_folder_may_hold_packed_files_alone(tmp_path: Path) -> None:
    for name, pack in PACKED[:3]:
        (tmp_path / f"in-{name}.json.{name}").write_bytes(pack(json.dumps(TASK).encode()))
    (tmp_path / "notes.json.txt").write_text("no JSON", encoding="utf-8")
    assert looks(str(tmp_path))
    assert names(read(str(tmp_path))) == ["in-bz2", "in-gz", "in-xz"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.json.txt").write_text("no JSON", encoding="utf-8")
    assert not looks(str(tmp_path / "other"))


def test_a_folder_of_a_data_set_is_of_arc_if_it_holds_tasks(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    write(tmp_path / "train" / "dataset.json", "{}")
    write(tmp_path / "identifiers.json", "[]")
    assert not looks(str(tmp_path))
    write(tmp_path / "test_puzzles.json", json.dumps({"a": TASK}))
    assert looks(str(tmp_path))


def test_standard_input_is_looked_at_and_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(json.dumps(TASK).encode())))
    monkeypatch.setattr(sys, "stdin", stream)
    assert looks("-")
    assert names(read("-")) == ["stdin"]


def test_only_what_shows_pairs_of_grids_is_taken_for_arc(tmp_path: Path) -> None:
    indented = tmp_path / "indented.json"
    indented.write_text(json.dumps({"aa": TASK}, indent=4), encoding="utf-8")
    tests_first = {"aa": {"test": TASK["test"], "train": TASK["train"]}}
    assert all(map(looks, [str(indented), json.dumps(tests_first), write(tmp_path / "t.json", TASK)]))
    assert looks(json.dumps({"train": [], "test": []}))
    puzzle = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
    others = [
        puzzle,
        json.dumps({"puzzle": puzzle}),
        json.dumps({"train": [{"input": puzzle}]}),
        json.dumps([[5, 3, 0], [6, 0, 0]]),
        write(tmp_path / "p.txt", puzzle),
        str(tmp_path / "missing.json"),
        "\0",
    ]
    assert not any(map(looks, others))


def test_a_pipe_may_begin_with_a_bracket_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(TASK, indent=1)
    for cuts in ([2], [1], [3, 20], list(range(1, 60))):
        ends = [0, *cuts, len(text)]
        piped(monkeypatch, *(text[a:b] for a, b in itertools.pairwise(ends)))
        assert looks("-")
        (task,) = read("-")
        assert [len(task.shown), len(task.tests)] == [len(TASK["train"]), len(TASK["test"])]


def test_a_stream_of_other_documents_is_told_by_its_first(monkeypatch: pytest.MonkeyPatch) -> None:
    line = '{"puzzle": "..12...4....1.23"}\n'
    raw = piped(monkeypatch, line[:5], line[5:], line)
    assert not looks("-")
    assert raw.pieces == [line.encode()]  # nobody has waited for the second
    assert sys.stdin.read() == 2 * line


def test_a_large_document_of_something_else_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps([[0] * 50] * 900, indent=1)
    raw = piped(monkeypatch, *(text[n : n + 4096] for n in range(0, len(text), 4096)))
    assert not looks("-")
    assert raw.pieces
    assert sys.stdin.read() == text
