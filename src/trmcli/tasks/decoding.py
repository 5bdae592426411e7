"""From bytes to lines: packed files, encodings, and files that hold something else than text.

Nothing here waits for more than has come: a line is there as soon as its end is.
"""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import BinaryIO, Protocol

from trmcli.errors import InputError, Origin
from trmcli.tasks.maze.picture import picture_lines
from trmcli.tasks.records import Skip

_PIECE = io.DEFAULT_BUFFER_SIZE
_LONGEST_LINE = 1 << 26
_HEAD = 10
"""So many bytes, or the first line, tell text from other files."""

_TABLE = "save it as CSV"
_PICTURE = "a maze is read from a PNG picture, where no colour is changed to save space"
_UNPACK = "unpack it first"
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (rb"(?s)PK\x03\x04.*(\[Content_Types\]\.xml|xl/|opendocument)", "an Office document", _TABLE),
    (rb"(?s)PK\x03\x04.{26}[^\n]{0,80}\.npy", "a file of NumPy arrays", "give one of them to trmcli.solve"),
    (rb"(?s)PK\x03\x04.*data\.pkl", "a PyTorch checkpoint", "trm convert makes weights of it"),
    (rb"PK[\x03\x05]", "a zip archive", _UNPACK),
    (rb"\x28\xb5\x2f\xfd", "packed with zstd", f"{_UNPACK}, with zstd -d"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (rb"\x04\x22\x4d\x18", "packed with lz4", f"{_UNPACK}, with lz4 -d"),
    (rb"\x1f\x9d|LZIP", "packed with compress or lzip", _UNPACK),
    (rb"(?s).{257}ustar", "a tar archive", _UNPACK),
    (rb"\x93NUMPY", "a NumPy array", "from Python, trmcli.solve(numpy.load(FILE)) takes it"),
    (rb"\xff\xd8\xff", "a JPEG picture", _PICTURE),
    (rb"GIF8", "a GIF picture", _PICTURE),
    (rb"(?s)RIFF.{4}WEBP", "a WebP picture", _PICTURE),
    (rb"(?s)BM.{4}\0\0\0\0|II\*\0|MM\0\*", "a BMP or TIFF picture", _PICTURE),
    (rb"%PDF-", "a PDF document", "copy the puzzle into a text file"),
    (rb"\{\\rtf", "a formatted document (RTF)", "save it as plain text"),
    (rb"\xd0\xcf\x11\xe0", "an old Office document", _TABLE),
    (rb"PAR1", "a Parquet table", _TABLE),
    (rb"ARROW1", "an Arrow table", _TABLE),
    (rb"SQLite format 3", "an SQLite database", _TABLE),
    (rb"\x89HDF\r\n", "an HDF5 file", _TABLE),
    (rb"(?s).{4}\0{4}\{", "a weights file (safetensors)", "give it as --weights"),
    (rb"\x80[\x02-\x05]", "a Python pickle", "trm convert makes weights of a checkpoint"),
    (rb"(?s)\x7fELF|MZ.[\0-\x08]", "a program", "name a file of puzzles"),
    (rb"version https://git-lfs", "a Git LFS pointer, not the file itself", "get that with git lfs pull"),
    (rb"(?i)\s*<(!doctype html|html|head|body)\b", "a web page (HTML)", "download the file that it links to"),
    (rb"(?i)\s*<(\?xml|svg)\b", "XML", "give the puzzles in it as text"),
)  # fmt: skip
"""How a file of another kind begins, what it is, and what to do."""

_PNG = b"\x89PNG\r\n\x1a\n"
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_BOM = ((re.compile(rb"([\t-~]\0){4}"), "utf-16-le"), (re.compile(rb"(\0[\t-~]){4}"), "utf-16-be"))
_ESCAPED = re.compile("[\udc80-\udcff]")
"""What Python makes of a byte that is not UTF-8."""


class _Unpacker(Protocol):
    """What zlib, bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


_PACKED: tuple[tuple[bytes, str, Callable[[], _Unpacker]], ...] = (
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(31)),
    (b"BZh", "bz2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\0", "xz", lzma.LZMADecompressor),
)


def byte_lines(stream: BinaryIO, name: str, skip: Skip | None = None) -> Iterator[str]:
    """The lines of text in bytes, without their ends, as they arrive.

    Text is UTF-8, or UTF-16 or UTF-32 by its byte order mark; gzip, bz2 and xz are unpacked. A PNG picture is
    a maze, and gives the lines of one.

    Raises:
        InputError: the bytes are damaged or something else than text. Bytes that are not UTF-8 in one line go
            to ``skip``, which leaves that line empty; so does a last character of UTF-16 that is cut off.
    """
    head, pieces = _opened(stream_pieces(stream), name)
    if head.startswith(_PNG):
        yield from picture_lines(io.BytesIO(b"".join(pieces)), name)
        return
    for pattern, what, advice in _FOREIGN:
        if re.match(pattern, head):
            raise InputError(f"is {what}: {advice}", name)
    number, encoding = 0, _encoding(head)
    try:
        for number, line in enumerate(_text_lines(_decoded(pieces, encoding), name), start=1):
            error = _not_text(line, Origin(name, number))
            if error is None:
                yield line
            else:
                _leave_out(error, skip)
                yield ""
    except _CutOffError:
        message = f"is not whole {encoding[:6].upper()} text: its last character is cut off"
        _leave_out(InputError(message, Origin(name, number + 1)), skip)


def text_pieces(pieces: Iterator[bytes]) -> Iterator[str]:
    """What text there is in bytes, unpacked and decoded, as far as they have come; for a first look.

    Raises:
        InputError: a packed file is damaged.
    """
    head, pieces = _opened(pieces, "")
    with suppress(_CutOffError):
        yield from _decoded(pieces, _encoding(head))


def _opened(pieces: Iterator[bytes], name: str) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them, of a file that may be packed."""
    head, pieces = _headed(pieces)
    for sign, kind, unpacker in _PACKED:
        if head.startswith(sign):
            return _headed(_unpacked(pieces, unpacker, kind, name))
    return head, pieces


def _encoding(head: bytes) -> str:
    encoding = next((encoding for bom, encoding in _BOMS if head.startswith(bom)), None)
    return encoding or next((encoding for sign, encoding in _NO_BOM if sign.match(head)), "utf-8")


class _CutOffError(Exception):
    """Text ends within a character."""


def _leave_out(error: InputError, skip: Skip | None) -> None:
    """Raise the error, or let ``skip`` hear of it."""
    if skip is None:
        raise error
    skip(error)


def stream_pieces(stream: BinaryIO) -> Iterator[bytes]:
    """What has come so far, again and again."""
    read = getattr(stream, "read1", stream.read)
    while piece := read(_PIECE):
        yield piece


def _headed(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD or b"\n" in head or b"\r" in head:
            break
    return head, chain([head], pieces)


def _unpacked(
    pieces: Iterable[bytes], unpacker: Callable[[], _Unpacker], kind: str, name: str
) -> Iterator[bytes]:
    """The content of packed files, one after another, as far as their bytes have come."""
    unpack = unpacker()
    try:
        for piece in pieces:
            while piece:
                if unpack.eof:
                    piece = piece.lstrip(b"\0")  # padding
                    if not piece:
                        break
                    unpack = unpacker()
                yield unpack.decompress(piece)
                piece = unpack.unused_data if unpack.eof else b""
        if not unpack.eof:
            raise EOFError("its end is missing")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"is not a whole {kind} file: {error}", name) from error


def _decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape" if encoding == "utf-8" else "replace")
    for piece in pieces:
        yield decoder.decode(piece)
    if encoding != "utf-8" and decoder.getstate()[0]:
        raise _CutOffError
    yield decoder.decode(b"", final=True)


def _text_lines(pieces: Iterable[str], name: str) -> Iterator[str]:
    """The lines of text that comes in pieces. All ends of lines that Unicode knows are ends."""
    begun: list[str] = []
    number, length, after_return = 1, 0, False
    for piece in pieces:
        if after_return and piece.startswith("\n"):
            piece = piece[1:]
            after_return = False
        if not piece:
            continue
        after_return = piece.endswith("\r")
        lines = piece.splitlines()
        rest = "" if len(lines[-1]) < len(piece.splitlines(keepends=True)[-1]) else lines.pop()
        for line in lines:
            yield "".join([*begun, line]) if begun else line
            begun.clear()
        number, length = number + len(lines), (0 if lines else length) + len(rest)
        if rest:
            begun.append(rest)
        if length > _LONGEST_LINE:
            raise InputError("is not text: a line is longer than 64 MiB", Origin(name, number))
    if begun:
        yield "".join(begun)


def _not_text(line: str, origin: Origin) -> InputError | None:
    """What is wrong with a line that is not text."""
    if "\0" in line:
        message = "is not text: it has the control character 0x00"
        return InputError(message, origin, line.index("\0") + 1)
    bad = None if line.isascii() else _ESCAPED.search(line)
    if bad is None:
        return None
    message = f"is not text: byte {ord(bad[0]) - 0xDC00:#04x} is not UTF-8"
    high = [ord(sign) - 0xDC00 for sign in _ESCAPED.findall(line)]
    if all(0xB0 <= byte <= 0xDF for byte in high):  # where blocks and borders are
        message += (
            "; it is probably code page 437 of a Windows console: convert it, as with iconv -f CP437 -t UTF-8"
        )
    elif min(line) >= "\t" and not {0xFF, 0xFE} & set(high):
        message += "; it is probably Windows-1252: convert it, as with iconv -f WINDOWS-1252 -t UTF-8"
    return InputError(message, origin, bad.start() + 1)
