"""Writing results so that nothing is lost: under a temporary name first, renamed when whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from trmcli.errors import InputError


@contextmanager
def writing(path: Path | None) -> Iterator[IO[str] | None]:
    """Open ``path`` for writing; it is replaced only if the block ends well. None for no path.

    Raises:
        InputError: at once, if the path cannot be written.
    """
    if path is None:
        yield None
        return
    if path.is_dir():
        raise InputError("is a directory: name a file", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        file = temporary.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", str(path)) from None
    try:
        with file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
