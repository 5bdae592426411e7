"""Writing files so that nothing is lost: under a temporary name first, renamed when whole.

After a power cut, a file is there as it was before or as it was meant to be: its bytes reach the disk before
its name does, and then the folder.
"""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trmcli.errors import InputError


def cache_dir() -> Path:
    """Where downloads are kept, and what a compiler made: ``TRM_CACHE_DIR``, or the user's cache folder.

    It may not exist yet.
    """
    if chosen := os.environ.get("TRM_CACHE_DIR"):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("trmcli")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary name in the folder of ``path``; what is written there replaces ``path`` at the end.

    Raises:
        InputError: the file cannot be written.
    """
    if path.is_dir():
        raise InputError("is a directory: name a file", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except (BrokenPipeError, ChildProcessError):  # some other output was closed, a worker was killed
        raise
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextmanager
def writing(path: Path | None) -> Iterator[IO[str] | None]:
    """Open ``path`` for writing text; it is replaced only if the block ends well. None for no path.

    Raises:
        InputError: the file cannot be written; at once, where that can be seen at once.
    """
    if path is None:
        yield None
        return
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_text(path: Path, text: str) -> None:
    """Write a whole file.

    Raises:
        InputError: it cannot be written.
    """
    with writing(path) as file:
        assert file is not None
        file.write(text)


def append_text(path: Path, text: str) -> None:
    """Add to the end of a file, which need not be there yet.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", str(path)) from None


def remove_left_overs(path: Path) -> None:
    """Remove what killed processes left of :func:`new_file`; for files that only one process writes."""
    for left_over in path.parent.glob(f".{glob.escape(path.name)}.*-*"):
        left_over.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)
