"""Files that a command is to write, looked at before it reads or writes anything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from trmcli.errors import InputError

_PACKED = (".gz", ".bz2", ".xz", ".zst")


def check_outputs(read: Iterable[str | Path | None], *outputs: tuple[str, Path | None]) -> None:
    """Refuse outputs that would replace what is read or each other, or look packed and would not be.

    Files are told apart by what they are, not by their names. Other files that are there will be replaced.

    Args:
        read: files, folders, ``-`` for standard input, or what is none of these, such as a puzzle as text.
        outputs: each option with the file that it names; None for none.

    Raises:
        InputError: for one of them.
    """
    wanted = [(option, path) for option, path in outputs if path is not None]
    for option, path in wanted:
        if path.suffix.lower() in _PACKED:
            message = f"would not be packed: name a file that does not end in {path.suffix} for {option}"
            raise InputError(message, str(path))
    options: dict[Path, str] = {}
    for option, path in wanted:
        before = options.setdefault(path.resolve(), option)
        if before != option:
            raise InputError(f"is named by {before} and by {option}: name two files", str(path))
    there = [(option, path) for option, path in wanted if path.is_file()]
    for source in read if there else ():
        for option, path in there:
            if source is not None and _is_read(path, str(source)):
                what = "folder" if option == "--out" else "file"
                raise InputError(f"is read here: name another {what} for {option}", str(path))


def _is_read(path: Path, source: str) -> bool:
    """Whether a file is what a source names, or is read of a folder that it names."""
    try:
        if source == "-":
            return os.path.samestat(os.fstat(0), path.stat())
        if not Path(source).is_dir():
            return path.samefile(source)
        return Path(source).resolve() in path.resolve().parents and _belongs(path)
    except (OSError, ValueError):  # it names no file
        return False


def _belongs(path: Path) -> bool:
    """Whether a file of a folder of puzzles is one of them, and not what a command has left there."""
    from trmcli.tasks.arc.looks import OF_DATASETS, looks

    return looks(str(path)) or path.name in OF_DATASETS or "_solutions" in path.name
