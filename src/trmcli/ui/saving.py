"""What ``trm solve --save FILE`` writes: every step as JSON, or a show of them in one of several forms.

The file is opened under a temporary name before anything is solved, so that a path that cannot be written is
found at once, and it takes the place of an older file only when it is complete.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trmcli.errors import InputError
from trmcli.files import new_file
from trmcli.ui.replay import Replay

SUFFIXES = ".json, .html, .svg, .gif, .png or .cast"
_NAMES = {".html": "a page", ".svg": "an SVG", ".gif": "a GIF", ".png": "a PNG", ".cast": "a recording"}


@dataclass(frozen=True)
class Cut:
    """What of a replay is kept in a picture.

    Attributes:
        fps: steps of the first try a second; 0 for as fast as is sensible.
        still: the only step that is drawn; see :func:`~trmcli.ui.storyboard.storyboard`.
    """

    fps: float = 4.0
    still: int | None = None


@contextmanager
def saving(path: Path, many: bool, cut: Cut = Cut()) -> Iterator[Callable[[Replay], None]]:
    """Open a file for replays; yields what takes one replay after another.

    Args:
        path: where to; its suffix says what is written.
        many: whether it is known that several puzzles will come.

    Raises:
        InputError: at once, for another suffix, several puzzles where one is shown, a still of what has
            none, a library that is missing, or a path that cannot be written to.
    """
    suffix = path.suffix.lower()
    check(path, cut)
    one_only = InputError(f"{_NAMES.get(suffix)} shows one puzzle: give one, or save as .json", str(path))
    if many and suffix in _NAMES:
        raise one_only
    with new_file(path) as temporary, temporary.open("wb") as file:
        first, count = b"", 0

        def add(replay: Replay) -> None:
            nonlocal first, count
            if count and suffix in _NAMES:
                raise one_only
            content = _written(replay, suffix, cut)
            if count == 0:
                first = content
            else:
                file.write((b"[" + first if count == 1 else b"") + b",\n" + content)
            count += 1

        yield add
        file.write(b"]\n" if count > 1 else first if suffix in _NAMES else first + b"\n")


def check(path: Path, cut: Cut = Cut()) -> None:
    """Raise InputError unless this can be saved here, by the suffix."""
    suffix = path.suffix.lower()
    if suffix != ".json" and suffix not in _NAMES:
        what = f"{path.suffix} files" if path.suffix else "a file without suffix"
        raise InputError(f"cannot save {what}: the name must end in {SUFFIXES}", str(path))
    if cut.still is not None and suffix not in (".svg", ".png"):
        raise InputError("one step is saved as .svg or .png", "--frame")
    if suffix in (".gif", ".png"):
        from trmcli.ui.board_gif import check_pillow

        check_pillow(suffix, "--save")


def _written(replay: Replay, suffix: str, cut: Cut) -> bytes:
    """One replay in one of the forms."""
    if suffix == ".json":
        return json.dumps(replay.to_dict(), ensure_ascii=False).encode()
    if suffix == ".html":
        from trmcli.ui.page import page

        return page(replay).encode() + b"\n"
    if suffix == ".cast":
        from trmcli.ui.cast import cast

        return cast(replay, cut.fps).encode()
    from trmcli.ui.storyboard import storyboard

    still = -1 if suffix == ".png" and cut.still is None else cut.still
    board = storyboard(replay, cut.fps, still)
    if suffix == ".svg":
        from trmcli.ui.board_svg import board_svg

        return board_svg(board).encode() + b"\n"
    from trmcli.ui.board_gif import board_gif, board_png

    return board_png(board) if suffix == ".png" else board_gif(board)
