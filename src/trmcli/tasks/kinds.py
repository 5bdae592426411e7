"""The table of kinds: those of this package, and those of others.

A package adds a kind by an entry point of the group ``trmcli.tasks``: its name is the kind's, and it leads to
a :class:`trmcli.tasks.task.Task`, or to a function that gives one. It is loaded when it is asked for by name,
and not before, so that one that is broken is in nobody's way.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from traceback import walk_tb
from typing import Any

from trmcli.errors import InputError, did_you_mean
from trmcli.tasks.maze.kind import maze_task
from trmcli.tasks.sudoku.kind import sudoku_task
from trmcli.tasks.task import Task

GROUP = "trmcli.tasks"

TASKS: dict[str, Task] = {task.name: task for task in (maze_task(), sudoku_task())}
"""The tasks by name, in the order in which they are asked whether a text is theirs."""

_NAMED = ("grid", "arc")
"""Kinds of this package that no text is asked to be of. They are loaded when they are named or found."""

_loaded: dict[str, Task] = {}


def task_names() -> list[str]:
    """Names of all kinds. None of other packages is loaded for it."""
    return [*TASKS, *_NAMED, *sorted(_plugins())]


def get_task(name: str, settings: Mapping[str, Any] | None = None) -> Task:
    """The task of this name.

    Args:
        settings: what makes a kind such as ``grid`` the one that it is; weights carry them.

    Raises:
        InputError: there is none, its settings say something else, or the package that has it is broken.
    """
    if name == "grid":
        from trmcli.tasks.grid.kind import grid_task

        return grid_task(settings or {})
    if name == "arc":
        from trmcli.tasks.arc.kind import arc_task

        return arc_task()
    if name in TASKS:
        return TASKS[name]
    if name not in _loaded:
        plugins = _plugins()
        if name not in plugins:
            hint = did_you_mean(name, sorted([*TASKS, *_NAMED, *plugins]), "tasks")
            raise InputError(f"there is no task {name!r}{hint}")
        _loaded[name] = _load(name, plugins[name])
    return _loaded[name]


def _plugins() -> dict[str, Any]:
    """The entry points of other packages, by name; what this package has itself stays."""
    from importlib.metadata import entry_points

    own = {*TASKS, *_NAMED}
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in own}


def _load(name: str, entry: Any) -> Task:
    try:
        found = entry.load()
        task = found() if callable(found) else found
    except (Exception, SystemExit) as error:
        message = f"the task {name!r} cannot be loaded from {entry.value}: {_briefly(error)}"
        raise InputError(message) from error
    if not isinstance(task, Task) or task.name != name:
        what = f"a task {task.name!r}" if isinstance(task, Task) else type(task).__name__
        raise InputError(f"the task {name!r} of {entry.value} turns out to be {what}")
    return task


def failure_of_another(error: BaseException) -> InputError | None:
    """What to say of an error that came out of another package's kind; None where it is our own."""
    for frame, line in reversed(list(walk_tb(error.__traceback__))):
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        for name in _loaded:
            if _plugins()[name].module.partition(".")[0] == package:
                place = f"{Path(frame.f_code.co_filename).name}, line {line}"
                return InputError(f"the task {name!r} failed in {place}: {_briefly(error)}")
    return None


def _briefly(error: BaseException) -> str:
    """The error's type and the first line of what it says."""
    return f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
