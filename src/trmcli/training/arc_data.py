"""The folder of the reference's ``dataset/build_arc_dataset.py``: every task in up to 1,000 views.

A task makes a group, each view of it a puzzle with a row of its own in the table of puzzle embeddings. The
demonstrations of all tasks are learned from, and of tasks that only train their tests as well; the tests of
the others are the test split. There grids lie in the corner. In training all pairs of a puzzle but one are
moved about the canvas.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.files import write_text
from trmcli.tasks.arc.task import ArcTask, Grid, Pair, digest
from trmcli.tasks.arc.tokens import SIDE, VOCAB_SIZE, check_canvas, encode
from trmcli.tasks.arc.views import PLAIN, SEPARATOR, View, random_view
from trmcli.tasks.workers import mapped
from trmcli.training.reference_data import Metadata

CELLS = SIDE * SIDE
BLANK = "<blank>"
"""The name of row 0 in the table of puzzle embeddings, which no task has."""
UNKNOWN: Grid = np.zeros((1, 1), dtype=np.uint8)
"""What stands in the test split for an output that nobody knows, as in the reference."""

_TRIES = 5
"""Views that are drawn for each one that is wanted, at most: a task of few colours has not so many."""

Tokens = npt.NDArray[np.uint8]
Examples = tuple[Tokens, list[int]]
"""``[N, 2, 900]`` tokens of inputs and outputs, and how many of them each view has."""


@dataclass(frozen=True)
class ArcSets:
    """What a folder is made of.

    Attributes:
        training: tasks whose tests are learned from, where their outputs are known.
        test: tasks whose demonstrations alone are learned from.
    """

    training: Sequence[ArcTask]
    test: Sequence[ArcTask]

    @property
    def tasks(self) -> list[ArcTask]:
        return [*self.test, *self.training]

    @property
    def shared(self) -> list[str]:
        """Names of tasks in ``test`` one of whose test inputs is learned from, by whatever name."""
        learned = {
            digest(pair.question) for task in self.training for pair in (*task.shown, *_known_tests(task))
        }
        return [task.label for task in self.test if any(digest(grid) in learned for grid in task.tests)]

    def size(self, views: int) -> ArcSize:
        """What the folder holds at most."""
        learned = sum(len(task.shown) for task in self.tasks)
        learned += sum(len(_known_tests(task)) for task in self.training)
        tested = sum(len(task.tests) for task in self.test)
        every = views + 1
        return ArcSize(len(self.tasks), len(self.tasks) * every, learned * every, tested * every)


@dataclass(frozen=True)
class ArcSize:
    """How much a folder holds.

    Attributes:
        tasks: groups of the training split.
        puzzles: views of them all.
        train, test: examples in each split.
    """

    tasks: int
    puzzles: int
    train: int
    test: int

    @property
    def bytes(self) -> int:
        """Of the arrays of tokens, which are nearly all."""
        return 2 * CELLS * (self.train + self.test)


def build_arc(
    out: Path,
    sets: ArcSets,
    *,
    views: int = 1000,
    seed: int = 0,
    processes: int = 1,
    built: Callable[[], None] = lambda: None,
) -> ArcSize:
    """Write the folder; it is there whole or not at all.

    What is drawn depends on the seed and on the name of each task, not on the other tasks.

    Args:
        out: the folder, which must not exist.
        views: of each task besides the plain one, at most; none of them shows the same pairs as another.
        processes: how many work at once.
        built: is told of every task that is done.

    Raises:
        InputError: the folder exists or cannot be written, there is not room enough, a task's name would not
            tell its views apart, or a grid does not fit the canvas.
    """
    if out.exists():
        raise InputError("is there already: remove it, or name another --out", str(out))
    for task in sets.tasks:
        if SEPARATOR in task.name or task.name == BLANK or "\n" in task.name:
            raise InputError(f"task {task.name!r}: another name is needed, for views' names", task.origin)
        check_canvas(task)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        free, needed = shutil.disk_usage(temporary).free, sets.size(views).bytes
        if free < needed:
            raise InputError(f"needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free", str(out))
        size = _write(temporary, sets, views, seed, processes, built)
        temporary.rename(out)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", str(out)) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return size


def _write(
    folder: Path, sets: ArcSets, views: int, seed: int, processes: int, built: Callable[[], None]
) -> ArcSize:
    tasks, tests, names = sets.tasks, len(sets.test), [BLANK]
    make = partial(_block, tasks=tasks, tests=tests, views=views, seed=seed)
    splits = [_Split(folder / "train"), *([_Split(folder / "test")] if tests else [])]
    with ExitStack() as opened, mapped(make, len(tasks), processes, size=1) as blocks:
        for split in splits:
            opened.callback(split.close)
        for number, (seen, learned, tested) in enumerate(blocks):
            identifiers = range(len(names), len(names) + len(seen))
            names += [tasks[number].name if view == PLAIN else view.name(tasks[number].name) for view in seen]
            splits[0].add(learned, identifiers)
            if tested is not None:
                splits[1].add(tested, identifiers)
            built()
        for split in splits:
            split.finish(len(names))
    write_text(folder / "identifiers.json", json.dumps(names))
    write_text(folder / "test_puzzles.json", json.dumps({task.name: _puzzle(task) for task in sets.test}))
    return ArcSize(len(tasks), len(names) - 1, splits[0].count, splits[1].count if tests else 0)


def _known_tests(task: ArcTask) -> list[Pair]:
    return [Pair(grid, answer) for grid, answer in zip(task.tests, task.answers or (), strict=False)]


def _puzzle(task: ArcTask) -> dict[str, Any]:
    """A task as ``test_puzzles.json`` has it."""
    return {
        "train": [_json(pair) for pair in task.shown],
        "test": [_json(pair) for pair in _all_tests(task)],
    }


def _json(pair: Pair) -> dict[str, Any]:
    return {"input": pair.question.tolist(), "output": pair.answer.tolist()}


def _all_tests(task: ArcTask) -> list[Pair]:
    return _known_tests(task) or [Pair(grid, UNKNOWN) for grid in task.tests]


def _block(
    number: int, tasks: Sequence[ArcTask], tests: int, views: int, seed: int
) -> tuple[list[View], Examples, Examples | None]:
    """A task's views, and its examples for both splits; the first ``tests`` tasks have some for testing."""
    task = tasks[number]
    rng = np.random.default_rng([seed, *task.name.encode()])
    tested = _all_tests(task) if number < tests else []
    learned = [*task.shown] if number < tests else [*task.shown, *_known_tests(task)]
    seen = draw_views([*learned, *tested], views, rng)
    return seen, _examples(learned, seen, rng), _examples(tested, seen, None) if tested else None


def draw_views(pairs: Sequence[Pair], count: int, rng: np.random.Generator) -> list[View]:
    """The plain view, and up to ``count`` others in which the pairs look unlike in all before."""
    views, known = [PLAIN], {_look(pairs, PLAIN)}
    for _ in range(_TRIES * count):
        if len(views) > count:
            break
        view = random_view(rng)
        look = _look(pairs, view)
        if look not in known:
            known.add(look)
            views.append(view)
    return views


def _look(pairs: Sequence[Pair], view: View) -> tuple[str, ...]:
    """What the pairs look like, whatever their order."""
    return tuple(sorted(digest(view.see(pair.question)) + digest(view.see(pair.answer)) for pair in pairs))


def _examples(pairs: Sequence[Pair], views: Sequence[View], rng: np.random.Generator | None) -> Examples:
    """The pairs in each view; with ``rng``, all but one in each are moved to a random place."""
    tokens = np.empty((len(views) * len(pairs), 2, CELLS), dtype=np.uint8)
    for place, view in enumerate(views):
        still = None if rng is None else rng.integers(len(pairs))
        for number, pair in enumerate(pairs):
            grids, down, across = [view.see(pair.question), view.see(pair.answer)], 0, 0
            if rng is not None and number != still:
                down, across = (
                    int(rng.integers(SIDE - max(grid.shape[axis] for grid in grids) + 1)) for axis in (0, 1)
                )
            tokens[place * len(pairs) + number] = [encode(grid, down, across) for grid in grids]
    return tokens, [len(pairs)] * len(views)


@dataclass
class _Split:
    """A split that grows group by group."""

    folder: Path
    count: int = 0
    identifiers: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self._files = [(self.folder / f"all__{name}.npy").open("wb") for name in ("inputs", "labels")]
        for file in self._files:
            file.write(_header(0))

    def add(self, examples: Examples, identifiers: Sequence[int]) -> None:
        """One more group."""
        tokens, sizes = examples
        for side, file in enumerate(self._files):
            file.write(tokens[:, side].tobytes())
        self.count += len(tokens)
        self.identifiers += identifiers
        self.sizes += sizes
        self.groups.append(len(identifiers))

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()

    def finish(self, rows: int) -> None:
        """Write what is known only now; ``rows`` are those of the table of puzzle embeddings."""
        for file in self._files:
            file.seek(0)
            file.write(_header(self.count))
        for name, values in (
            ("puzzle_identifiers", self.identifiers),
            ("puzzle_indices", np.cumsum([0, *self.sizes])),
            ("group_indices", np.cumsum([0, *self.groups])),
        ):
            np.save(self.folder / f"all__{name}.npy", np.array(values, dtype=np.int32))
        metadata = Metadata(
            seq_len=CELLS,
            vocab_size=VOCAB_SIZE,
            pad_id=0,
            ignore_label_id=0,
            blank_identifier_id=0,
            num_puzzle_identifiers=rows,
            total_groups=len(self.groups),
            mean_puzzle_examples=self.count / len(self.sizes),
            total_puzzles=len(self.sizes),
        )
        write_text(self.folder / "dataset.json", json.dumps({**asdict(metadata), "sets": ["all"]}))


def _header(count: int) -> bytes:
    """The first 128 bytes of a ``.npy`` file of ``[count, 900]`` uint8, of whatever count."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count}, {CELLS}), }}"
    return np.lib.format.magic(1, 0) + struct.pack("<H", 118) + text.ljust(117).encode() + b"\n"
