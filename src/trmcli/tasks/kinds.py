"""The table of kinds."""

from __future__ import annotations

from trmcli.errors import InputError, did_you_mean
from trmcli.tasks.maze.kind import maze_task
from trmcli.tasks.sudoku.kind import sudoku_task
from trmcli.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (maze_task(), sudoku_task())}
"""The tasks by name, in the order in which they are asked whether a text is theirs."""


def get_task(name: str) -> Task:
    """The task of this name."""
    try:
        return TASKS[name]
    except KeyError:
        hint = did_you_mean(name, sorted(TASKS), "tasks")
        raise InputError(f"there is no task {name!r}{hint}") from None
