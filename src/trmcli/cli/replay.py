"""``trm solve --replay FILE``: plays what was saved, or writes it in another form, without a model."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from trmcli.cli.watching import can_draw, player
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.cli.options import Show
    from trmcli.ui.replay import Replay
    from trmcli.ui.saving import Cut


def replay(
    path: Path, save: Path | None, cut: Cut, live: bool | None, stays: bool, as_json: bool, show: Show
) -> int:
    """Play every puzzle of a file on a terminal; elsewhere, or with ``live`` False, print the answers.

    Args:
        save: write them here instead, as ``cut`` says.

    Returns:
        The exit status: 0 if no answer is wrong.

    Raises:
        InputError: the file is not a replay.
    """
    from trmcli.ui.recorded import read_replays
    from trmcli.ui.saving import saving

    if as_json:
        raise InputError("--replay plays or prints answers; the file is JSON already", "--json")
    replays = read_replays(path)
    with ExitStack() as files:
        if save is not None:
            add = files.enter_context(saving(save, len(replays) > 1, cut))
            for one in replays:
                add(one)
    if save is not None:
        show.say(f"saved {save}")
    else:
        for one in replays:
            puzzle = one.answer.puzzle
            if live is not False and can_draw(one.task, puzzle, show):
                if _play(one, path, cut.fps, stays) == "quit":
                    break
            else:
                print(one.task.text.write(puzzle, one.answer.cells))
                show.say(one.verdict)
    return 1 if any(one.answer.judgement == "wrong" for one in replays) else 0


def _play(one: Replay, path: Path, fps: float, stays: bool) -> str | None:
    """Play one puzzle; the key that ended it, if one did."""
    height, width = one.answer.puzzle.shape
    steps = max((frame.step for frame in one.frames), default=1)
    tries = max((frame.attempt for frame in one.frames), default=1)
    title = f"{one.task.name} {height}x{width}, from {path.name}"
    with player(one.task, one.answer.puzzle, title, steps, tries, fps, stays) as show:
        for frame in one.frames:
            show.add(frame)
        show.finish(one.answer, one.verdict)
    return show.asked
