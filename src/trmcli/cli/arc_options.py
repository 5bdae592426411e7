"""Whether ARC tasks are meant, and which options of ``trm solve`` and ``trm eval`` apply to them."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from trmcli.errors import InputError


@dataclass(frozen=True)
class Taken:
    """The fields of a command's options that apply to ARC tasks.

    Attributes:
        fitted: where networks are fitted to each task.
        asked: where trained weights are asked.
    """

    fitted: frozenset[str]
    asked: frozenset[str]


_BOTH = frozenset({"task", "skip_bad", "weights", "threads", "json"})
_ASKED = _BOTH | {"rounds", "steps", "device", "engine", "compile", "batch_size"}
_SET = {"answers", "limit", "sample", "seed", "resume", "predictions", "save"}

SOLVE = Taken(
    fitted=_BOTH | {"budget", "seed", "output", "live", "fps", "theme"},
    asked=_ASKED | {"output", "theme"},
)
EVAL = Taken(
    fitted=_BOTH | _SET | {"budget", "workers", "blind"},
    asked=_ASKED | _SET | {"votes", "submission"},
)

_ANYWAY: dict[str, object] = {
    "live": False,
    "wait": False,
    "device": "cpu",
    "engine": "torch",
    "compile": "off",
}
"""What is so for ARC tasks in any case, and may be asked for."""

_NEEDS_WEIGHTS = {
    "submission": "needs --weights; trm solve CHALLENGES -o FILE.json writes one without",
    "votes": "needs --weights",
}
"""Of options that are for ARC tasks alone."""


def is_arc(sources: Sequence[str], task: str) -> bool:
    """Whether tasks of ARC are meant: said so, or seen in any of the sources.

    Raises:
        InputError: there are other puzzles besides.
    """
    from trmcli.tasks.arc.looks import looks

    if task != "auto":
        return task == "arc"
    seen = [looks(source) for source in sources]
    if any(seen) and not all(seen):
        arc = sources[seen.index(True)]
        for source, known in zip(sources, seen, strict=True):
            if not known:
                _refuse_puzzles(source, arc)
    return any(seen)


def _refuse_puzzles(source: str, arc: str) -> None:
    """Raise InputError if a source is not of ARC and begins with a puzzle."""
    from trmcli.tasks import read_puzzles

    given: Any = source
    if source == "-":
        stream: Any = getattr(sys.stdin, "buffer", None)
        if not hasattr(stream, "peek") or sys.stdin.isatty():
            return
        given = io.BytesIO(stream.peek())  # so that it can still be read
    try:
        task, puzzle = next(read_puzzles([given]))
    except (InputError, StopIteration):  # what is wrong with it is said where it is read
        return
    origin = "<stdin>" if source == "-" else puzzle.origin
    others = {"-": "<stdin>"}.get(arc, "<argument>" if arc.lstrip()[:1] in ("{", "[") else arc)
    raise InputError(f"is a puzzle of the task {task.name}, and {others} is of ARC: give them apart", origin)


def check(taken: Taken, weights: bool, tries: object, *groups: Any) -> None:
    """Refuse options that are given and do not apply to ARC tasks.

    Args:
        taken: what applies.
        weights: whether trained weights are asked.
        tries: those that are given; they never apply.
        groups: the options, each of them a dataclass.

    Raises:
        InputError: for the first of them.
    """
    if tries is not None:
        raise InputError("does not apply to ARC tasks", "--tries")
    applies, otherwise = (taken.asked, taken.fitted) if weights else (taken.fitted, taken.asked)
    for group in groups:
        for field in fields(group):
            name, value = field.name, getattr(group, field.name)
            if name in applies or value == field.default or value == _ANYWAY.get(name):
                continue
            message = "does not apply to ARC tasks"
            if name in otherwise:
                message += f" {'with' if weights else 'without'} --weights"
            no = "no-" if value is False else ""
            raise InputError(_NEEDS_WEIGHTS.get(name, message), f"--{no}{name.replace('_', '-')}")
