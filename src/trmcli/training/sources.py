"""Where examples come from: files, folders of the reference, generators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from trmcli.errors import InputError
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Cells
from trmcli.tasks.task import Task
from trmcli.training.config import DataConfig
from trmcli.training.data import Examples
from trmcli.training.reference_data import is_dataset, read_dataset


def load_examples(
    task: Task,
    data: DataConfig,
    seed: int,
    split: str = "train",
    generated: Callable[[int, int], None] = lambda made, count: None,
) -> Examples:
    """Read or generate the examples of one source.

    Args:
        split: which ones, if it is a folder of the reference.
        generated: is told now and then how many are made, of how many.

    Raises:
        InputError: if the source holds puzzles without answers, of several shapes, or none at all.
    """
    stored = task.text.stored(Path(data.source), split)
    if stored is None and is_dataset(data.source, split):
        return read_dataset(Path(data.source), split, task)
    if stored is None and Path(data.source).is_dir():
        raise InputError(f"is a folder without a {split} split as trm data build makes it", data.source)
    if data.source == "generated":
        if task.maker is None:
            raise InputError(f"the task {task.name} has no generator")
        questions, answers = task.maker.make(data.count, seed, data.options, generated)
    else:
        cells: list[tuple[Cells, Cells]] = []
        for puzzle in stored or (puzzle for _, puzzle in read_puzzles([data.source], task)):
            if puzzle.answer is None:
                raise InputError("has no answer: training needs puzzles with answers", puzzle.origin)
            if cells and puzzle.shape != cells[0][0].shape:
                raise InputError("differs in size from the puzzles before it", puzzle.origin)
            cells.append((puzzle.cells, puzzle.answer))
        if not cells:
            raise InputError("holds no puzzle", data.source)
        questions, answers = (np.stack(part) for part in zip(*cells, strict=True))
        if task.rules is None:  # what is held out must not be learned from as well
            once = np.sort(np.unique(questions.reshape(len(questions), -1), axis=0, return_index=True)[1])
            questions, answers = questions[once], answers[once]
    height, width = questions.shape[1:]
    return Examples(
        (height, width),
        task.codec.encode(questions).astype(np.uint8),
        task.codec.encode(answers).astype(np.uint8),
    )
