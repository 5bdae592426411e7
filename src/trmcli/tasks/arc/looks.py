"""Is a source of ARC? Told by its beginning, so that a stream of puzzles need not be read whole."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

_LOOKS = re.compile(
    r'"train"\s*:\s*\[\s*(\]|\{\s*"(in|out)put"\s*:\s*\[)|"test"\s*:\s*\[\s*\{\s*"input"\s*:\s*\['
)
_HEAD = 1 << 16
"""Bytes of a file, at most, that tell whether it is of ARC."""


def looks(source: str) -> bool:
    """Whether a source is of ARC: a folder of JSON files, or a file, standard input or text that shows pairs.

    Standard input is looked at, and can be read from its beginning all the same.
    """
    if source == "-":
        stream: Any = getattr(sys.stdin, "buffer", None)
        if not hasattr(stream, "peek") or sys.stdin.isatty():
            return False
        head: bytes = stream.peek()
        if head.lstrip(_BLANK)[:1] in (b"{", b"[") and not _shows_pairs(head) and _open(head):
            head = _whole_head(stream)
            sys.stdin = io.TextIOWrapper(io.BufferedReader(_Replayed(head, sys.stdin)))
        return _shows_pairs(head)
    if source.lstrip()[:1] in ("{", "["):
        return bool(_LOOKS.search(source))
    try:
        path = Path(source)
        if path.is_dir():
            return any(True for _ in path.rglob("*.json"))
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _shows_pairs(file.read(_HEAD))
    except (OSError, ValueError):  # what is wrong with it is said where it is read
        return False


_BLANK = b"\xef\xbb\xbf \t\r\n"


def _open(text: bytes) -> int:
    """Brackets that are not closed yet, as well as one can tell without regard to what is quoted."""
    return sum(text.count(one) for one in (b"{", b"[")) - sum(text.count(one) for one in (b"}", b"]"))


def _whole_head(stream: io.BufferedReader) -> bytes:
    """Lines until pairs are seen, or the first document is over, so that nobody waits for the second."""
    head, depth = b"", 0
    while len(head) < _HEAD and (line := stream.readline(_HEAD)):
        head += line
        depth += _open(line)
        if (depth <= 0 and line.strip(_BLANK)) or ((b'"' in line or b"[" in line) and _shows_pairs(head)):
            break
    return head


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


def _shows_pairs(head: bytes) -> bool:
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    return text[:1] in ("{", "[") and bool(_LOOKS.search(text))
