"""``trm solve --replay FILE``: plays what was saved, or writes it in another form, without a model."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from trmcli.cli.watching import can_draw, player
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.cli.options import Pace, Show
    from trmcli.ui.replay import Replay
    from trmcli.ui.saving import Cut


def replay(
    path: Path, save: Path | None, cut: Cut, live: bool | None, pace: Pace, as_json: bool, show: Show
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
        for number, one in enumerate(replays):
            puzzle = one.answer.puzzle
            if live is not False and can_draw(one.task, puzzle, show):
                if _play(one, _name(path, number, len(replays)), pace) == "quit":
                    break
            else:
                print(one.task.text.write(puzzle, one.answer.cells))
                show.say(one.verdict)
    return 1 if any(one.answer.judgement == "wrong" for one in replays) else 0


def _name(path: Path, number: int, count: int) -> str:
    return path.name if count == 1 else f"{path.name}, {number + 1} of {count}"


def _play(one: Replay, name: str, pace: Pace) -> str | None:
    """Play one puzzle; the key that ended it, if one did."""
    from trmcli.ui.live import Film

    height, width = one.answer.puzzle.shape
    steps = max((frame.step for frame in one.frames), default=1)
    tries = max((frame.attempt for frame in one.frames), default=1)
    film = Film(one.task, one.answer.puzzle, f"{one.task.name} {height}x{width}", steps, tries, name)
    with player(film, pace) as show:
        for frame in one.frames:
            show.add(frame)
        show.finish(one.answer, one.verdict)
    return show.asked
