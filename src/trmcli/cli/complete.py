"""What a shell may complete a word to. Nothing here imports torch: a key was pressed, and somebody waits."""

from __future__ import annotations

from typing import get_args

from trmcli.checks import DEVICES


def devices() -> list[str]:
    return list(DEVICES)


def kinds() -> list[str]:
    """Names of tasks."""
    from trmcli.tasks import task_names

    return task_names()


def tasks() -> list[str]:
    """The same, for an option that may leave it to the puzzles."""
    return ["auto", *kinds()]


def weights() -> list[tuple[str, str]]:
    """Names of known weights, each with what it is; a shell completes files by itself."""
    from trmcli.weights.registry import registry

    return [(entry.name, entry.summary) for entry in registry().values()]


def presets() -> list[tuple[str, str]]:
    """Names of presets, each with what it trains."""
    from trmcli.training.config import preset_titles

    return list(preset_titles().items())


def maze_kinds() -> list[str]:
    from trmcli.tasks.maze.generate import Style

    return list(get_args(Style))
