"""``trm solve --replay FILE``: plays what was saved, or writes it in another form, without a model."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trmcli.cli.watching import can_draw, player
from trmcli.errors import InputError, one_line

if TYPE_CHECKING:
    from trmcli.cli.options import Pace, Show
    from trmcli.tasks.base import Cells
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
    several = len(replays) > 1
    with ExitStack() as files:
        add = None if save is None else files.enter_context(saving(save, several, cut))
        for number, found in enumerate(replays):
            one, cells = _judged(found, f"{path}: [{number}]." if several else f"{path}: ", show)
            puzzle = one.answer.puzzle
            if add is not None:
                add(one)
            elif live is not False and can_draw(one.task, puzzle, show):
                if _play(one, _name(path, number, len(replays)), pace) == "quit":
                    break
            else:
                print(one.task.text.write(puzzle, cells))
                show.say(one.verdict)
    if save is not None:
        show.say(f"saved {save}")
    return 1 if any(one.answer.judgement == "wrong" for one in replays) else 0


def _judged(one: Replay, place: str, show: Show) -> tuple[Replay, Cells]:
    """The same with what there is to say of its answer, and the cells to print, blank where in doubt.

    Of what the file says, the times alone stay.
    """
    from trmcli.cli.outcome import conclude

    outcome = conclude(one.task, one.answer, search=False)
    if one.unique != outcome.unique:
        show.say(f"{place}unique is corrected: it was {json.dumps(one.unique)}")
    if _SECONDS.sub("", one.verdict) == _SECONDS.sub("", outcome.verdict):
        return replace(one, unique=outcome.unique), outcome.cells
    show.say(f"{place}verdict is corrected: it was '{one.verdict}'")
    return replace(one, unique=outcome.unique, verdict=outcome.verdict), outcome.cells


_SECONDS = re.compile(r"\b[0-9]{1,9}\.[0-9]{2} s\b")


def _name(path: Path, number: int, count: int) -> str:
    return one_line(path.name if count == 1 else f"{path.name}, {number + 1} of {count}")


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
