"""Is a source of ARC? Told by its beginning, so that a stream of puzzles need not be read whole."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trmcli.errors import InputError
from trmcli.tasks.decoding import stream_pieces, text_pieces

_LOOKS = re.compile(
    r'"train"\s*:\s*\[\s*(\]|\{\s*"(in|out)put"\s*:\s*\[)|"test"\s*:\s*\[\s*\{\s*"input"\s*:\s*\['
)
_HEAD = 1 << 16
"""Signs of a text, at most, that tell whether it is of ARC."""
PACKED = (".gz", ".bz2", ".xz")
"""How names of packed files end."""
_NAME = re.compile(rf"[^.].*\.json({'|'.join(map(re.escape, PACKED))})?", re.DOTALL)
OF_DATASETS = ("dataset.json", "identifiers.json")
"""Files of any folder that ``trm data build`` makes: they are not tasks."""


def looks(source: str) -> bool:
    """Whether a source is of ARC: a folder of JSON files, or a file, standard input or text that shows pairs.

    Files and standard input may be packed, in any encoding that is read. Standard input is looked at, and can
    be read from its beginning all the same.
    """
    if source == "-":
        return _stdin_looks()
    if source.lstrip()[:1] in ("{", "["):
        return bool(_LOOKS.search(source))
    try:
        path = Path(source)
        if path.is_dir():
            return any(True for _ in json_files(path))
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _shows_pairs(stream_pieces(file), waits=False)
    except (OSError, ValueError):  # what is wrong with it is said where it is read
        return False


def json_files(folder: Path) -> Iterator[Path]:
    """The JSON files in a folder and in those within, but hidden ones and what tells of a data set, in no
    order. They may be packed."""
    for file in folder.rglob("*.json*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if _NAME.fullmatch(file.name) and file.name not in OF_DATASETS and not hidden:
            yield file


def is_arc(value: Any) -> bool:
    """Whether a value of Python is an ARC task, or holds some, by their names or in a list."""
    if not isinstance(value, (Mapping, list)):
        return False
    inside = list(value.values()) if isinstance(value, Mapping) else value
    return _has_pairs(value) or any(map(_has_pairs, inside))


def _has_pairs(value: Any) -> bool:
    lists = [value.get(key) for key in ("train", "test")] if isinstance(value, Mapping) else []
    return any(
        isinstance(pairs, list) and pairs and isinstance(pairs[0], Mapping) and "input" in pairs[0]
        for pairs in lists
    )


def _stdin_looks() -> bool:
    stream: Any = getattr(sys.stdin, "buffer", None)
    if not hasattr(stream, "peek") or sys.stdin.isatty():
        return False
    taken: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        for piece in stream_pieces(stream):
            taken.append(piece)
            yield piece

    found = _shows_pairs(pieces(), waits=True)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(_Replayed(b"".join(taken), sys.stdin)))
    return found


def _shows_pairs(pieces: Iterator[bytes], waits: bool) -> bool:
    """Whether pairs of grids are seen in the beginning of a text.

    Args:
        waits: whether more may come late: then nobody waits for more than the first document.
    """
    text, depth = "", 0
    try:
        for piece in text_pieces(pieces):
            text += piece
            begin = text.lstrip("\ufeff \t\r\n")[:1]
            if begin and begin not in "{[":
                return False
            if ("[" in piece or "]" in piece) and _LOOKS.search(text):
                return True
            depth += sum(map(piece.count, "{[")) - sum(map(piece.count, "}]"))
            if len(text) >= _HEAD or (waits and begin and depth <= 0):
                return False
    except InputError:  # it is damaged, which is said where it is read
        pass
    return False


class _Replayed(io.RawIOBase):
    """What was read of a stream already, and then the rest."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._rest.fileno()
        return number

    def readinto(self, buffer: Any) -> int:
        piece = self._head[: len(buffer)]
        if not piece:
            piece = self._rest.buffer.read1(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
