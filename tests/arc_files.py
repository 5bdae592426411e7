"""A task and its files, for tests of how tasks are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trmcli.errors import InputError
from trmcli.tasks.arc.files import (
    read_tasks,
)
from trmcli.tasks.arc.task import ArcTask

TASK: dict[str, Any] = {
    "train": [
        {"input": [[1, 2], [3, 4]], "output": [[3, 1], [4, 2]]},
        {"input": [[5, 0, 0]], "output": [[5], [0], [0]]},
    ],
    "test": [{"input": [[7, 8]]}],
}
ANSWER = [[7], [8]]


def write(path: Path, value: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


def read(*sources: str, answers: bool = True) -> list[ArcTask]:
    """The tasks, none of which is bad."""

    def fail(error: InputError) -> None:
        raise error

    return read_tasks(sources, fail, answers)


def names(tasks: list[ArcTask]) -> list[str]:
    return [task.name for task in tasks]
