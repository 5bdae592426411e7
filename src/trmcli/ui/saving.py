"""What ``trm solve --save FILE`` writes: every step as JSON or as a web page, or the last grid as SVG.

The file is opened under a temporary name before anything is solved, so that a path that cannot be written is
found at once, and it takes the place of an older file only when it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trmcli.errors import InputError
from trmcli.files import writing
from trmcli.ui.page import page
from trmcli.ui.replay import Replay, svg

_WRITERS: dict[str, Callable[[Replay], str]] = {
    ".json": lambda replay: json.dumps(replay.to_dict(), ensure_ascii=False),
    ".html": page,
    ".svg": svg,
}
_SUFFIXES = ".json, .html or .svg"


@contextmanager
def saving(path: Path, many: bool) -> Iterator[Callable[[Replay], None]]:
    """Open a file for replays; yields what takes one replay after another.

    Args:
        path: where to; its suffix says what is written.
        many: whether it is known that several puzzles will come.

    Raises:
        InputError: at once, for another suffix, several puzzles where one is shown, or a path that cannot be
            written to.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    drawn = suffix != ".json"
    kind = "an SVG" if suffix == ".svg" else "a page"
    one_only = InputError(f"{kind} shows one puzzle: give one, or save as .json", str(path))
    if many and drawn:
        raise one_only
    with writing(path) as file:
        assert file is not None
        first, count = "", 0

        def add(replay: Replay) -> None:
            nonlocal first, count
            if count and drawn:
                raise one_only
            text = _WRITERS[suffix](replay)
            if count == 0:
                first = text
            else:
                file.write((f"[{first}" if count == 1 else "") + ",\n" + text)
            count += 1

        yield add
        file.write("]\n" if count > 1 else first + "\n")


def check_suffix(path: Path) -> None:
    """Raise InputError unless the suffix is one that can be saved to."""
    if path.suffix.lower() not in _WRITERS:
        what = f"{path.suffix} files" if path.suffix else "a file without suffix"
        raise InputError(f"cannot save {what}: the name must end in {_SUFFIXES}", str(path))
