"""The puzzle kinds, and reading puzzles of any of them. Nothing here imports torch."""

from trmcli.tasks.kinds import TASKS, get_task, task_names
from trmcli.tasks.reading import read_puzzles

__all__ = ["TASKS", "get_task", "read_puzzles", "task_names"]
