"""Dataset folders of the reference: read, written, and sampled as it samples them.

A folder holds ``identifiers.json`` and a folder for each split, ``train`` and ``test``, in which
``dataset.json`` describes five arrays. Examples belong to puzzles, puzzles (the original and its augmented
copies) to groups:

    all__inputs.npy, all__labels.npy      [N, L] tokens, read from disk as they are needed
    all__puzzle_indices.npy               [P + 1] where the examples of each puzzle begin
    all__puzzle_identifiers.npy           [P] which row of the puzzle embeddings each puzzle has
    all__group_indices.npy                [G + 1] where the puzzles of each group begin
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trmcli.errors import InputError
from trmcli.strict_json import load
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Ints, Shape, Symmetry
from trmcli.tasks.lattice import dihedral
from trmcli.tasks.task import Task
from trmcli.training.config import TrainConfig
from trmcli.training.data import Examples

ARRAYS = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")


@dataclass(frozen=True)
class Metadata:
    """``dataset.json``; the names are the reference's (``dataset/common.py``)."""

    seq_len: int
    vocab_size: int
    pad_id: int
    ignore_label_id: int | None
    blank_identifier_id: int
    num_puzzle_identifiers: int
    total_groups: int
    mean_puzzle_examples: float
    total_puzzles: int = 0
    sets: tuple[str, ...] = ("all",)


@dataclass(frozen=True)
class ReferenceExamples(Examples):
    """One split of a folder. It is augmented already, so nothing is added to what is drawn.

    Attributes:
        metadata: what ``dataset.json`` says.
        puzzle_indices, group_indices: see the module's note.
        groups: the groups that are drawn from.
    """

    metadata: Metadata
    puzzle_indices: Ints
    group_indices: Ints
    groups: Ints

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def num_puzzles(self) -> int:
        return self.metadata.num_puzzle_identifiers

    @cached_property
    def _sizes(self) -> Ints:
        """``[P]``: examples of each puzzle."""
        return np.diff(self.puzzle_indices)

    @cached_property
    def _most(self) -> Ints:
        """``[G]``: examples of the largest puzzle of each group."""
        most: Ints = np.maximum.reduceat(self._sizes, self.group_indices[:-1])
        return most

    def split(self, count: int, seed: int) -> tuple[Examples, Examples]:
        """All but ``count`` random groups, and the first example of each of those (the original puzzle)."""
        order = np.random.default_rng(seed).permutation(self.groups)
        held, kept = np.sort(order[:count]), np.sort(order[count:])
        return replace(self, groups=kept), self.rows(self.puzzle_indices[self.group_indices[held]])

    def epoch(self, number: int, seed: int) -> tuple[Ints, Ints]:
        """Rows of the examples of one epoch, in order, and their puzzles.

        Groups are shuffled, each gives one random puzzle, and each puzzle all its examples (``_sample_batch``
        of the reference's ``puzzle_dataset.py``). A puzzle that has fewer examples than others of its group
        repeats some, so that all epochs have one length.
        """
        rng = np.random.default_rng((seed, number))
        order = rng.permutation(self.groups)
        most = self._most[order]
        chosen = rng.integers(self.group_indices[order], self.group_indices[order + 1])
        visit = np.repeat(np.arange(len(order)), most)
        first = np.cumsum(most) - most
        within = (np.arange(len(visit)) - first[visit])[np.lexsort((rng.random(len(visit)), visit))]
        puzzles = chosen[visit]
        return self.puzzle_indices[puzzles] + within % self._sizes[puzzles], puzzles

    def draw(
        self, task: Task, slots: Ints, step: int, config: TrainConfig, rng: np.random.Generator
    ) -> tuple[Ints, Ints, Ints]:
        """What lies in these places of this step's batch; the rest of the batch goes unused, as there."""
        length = int(self._most[self.groups].sum())
        positions = step * config.batch_size + slots
        rows = np.zeros_like(positions)
        for number in np.unique(positions // length):
            here = positions // length == number
            order, _ = self.epoch(int(number), config.seed)
            rows[here] = order[positions[here] % length]
        questions, answers = self.questions[rows].astype(np.int64), self.answers[rows].astype(np.int64)
        ignored = self.metadata.ignore_label_id
        if ignored:
            answers[answers == ignored] = 0  # what the loss leaves out
        if len(rows) and max(questions.max(), answers.max()) >= self.metadata.vocab_size:
            raise InputError(f"holds tokens beyond its vocab_size {self.metadata.vocab_size}", config.name)
        assert self.identifiers is not None, "read_dataset numbers all examples"
        return questions, answers, self.identifiers[rows]


def is_dataset(source: str, split: str = "train") -> bool:
    """Whether a source is a folder of this kind that has the split."""
    try:
        return (Path(source) / split / "dataset.json").is_file()
    except (OSError, ValueError):  # a puzzle as text, too long or odd for a path
        return False


def read_dataset(folder: Path, split: str, task: Task) -> ReferenceExamples:
    """One split of a folder; tokens stay on disk.

    Raises:
        InputError: a file is missing or damaged, or the parts do not fit together.
    """
    place = folder / split
    metadata = _read_metadata(place / "dataset.json")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name in ARRAYS:
        path = place / f"all__{name}.npy"
        try:
            mode: Any = "r" if name in ("inputs", "labels") else None
            arrays[name] = np.load(path, mmap_mode=mode, allow_pickle=False)
        except FileNotFoundError:
            raise InputError("no such file", str(path)) from None
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"is no array that can be read: {error}", str(path)) from None
        if arrays[name].dtype.kind not in "iu":
            raise InputError(f"holds {arrays[name].dtype}, not whole numbers", str(path))
    inputs, labels = arrays["inputs"], arrays["labels"]
    shape = (len(inputs), metadata.seq_len)
    if inputs.shape != shape or labels.shape != shape:
        raise InputError(
            f"inputs are {list(inputs.shape)} and labels {list(labels.shape)}, not {list(shape)}", str(place)
        )
    identifiers, puzzles, groups = (arrays[name].astype(np.int64) for name in ARRAYS[2:])
    for name, index, count in (
        ("puzzle_indices", puzzles, len(inputs)),
        ("group_indices", groups, len(puzzles) - 1),
    ):
        if (
            index.ndim != 1
            or len(index) < 2
            or index[0] != 0
            or index[-1] != count
            or np.any(np.diff(index) < 1)
        ):
            raise InputError(f"{name} do not rise from 0 to {count}", str(place))
    if identifiers.shape != (len(puzzles) - 1,) or not (
        identifiers.min() >= 0 and identifiers.max() < metadata.num_puzzle_identifiers
    ):
        raise InputError("puzzle_identifiers do not fit the puzzles", str(place))
    if metadata.vocab_size > task.codec.vocab_size:
        raise InputError(
            f"has {metadata.vocab_size} tokens, and the task {task.name} only {task.codec.vocab_size}",
            str(place),
        )
    side = math.isqrt(metadata.seq_len)
    if side * side != metadata.seq_len:
        raise InputError(f"has puzzles of {metadata.seq_len} cells, which make no square", str(place))
    every = np.arange(len(groups) - 1)
    return ReferenceExamples(
        (side, side),
        inputs,
        labels,
        metadata,
        puzzles,
        groups,
        groups=every,
        identifiers=np.repeat(identifiers, np.diff(puzzles)),
    )


def read_identifiers(folder: Path, count: int) -> list[str]:
    """The names of ``count`` rows of puzzle embeddings, of a folder's ``identifiers.json``; none where there
    are not as many."""
    try:
        names = load((folder / "identifiers.json").read_text(encoding="utf-8"), "identifiers.json")
    except (OSError, UnicodeDecodeError, InputError):
        return []
    good = isinstance(names, list) and len(names) == count and all(isinstance(name, str) for name in names)
    return names if good else []


def _read_metadata(path: Path) -> Metadata:
    try:
        values = load(path.read_text(encoding="utf-8"), str(path))
        if not isinstance(values, dict):
            raise ValueError("it is no object")
        known = {entry.name: values[entry.name] for entry in fields(Metadata) if entry.name in values}
        if missing := [e.name for e in fields(Metadata) if e.default is MISSING and e.name not in known]:
            raise ValueError(f"it lacks {', '.join(missing)}")
        metadata = Metadata(**{**known, "sets": tuple(known.get("sets", ("all",)))})
    except FileNotFoundError:
        raise InputError("no such file", str(path)) from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"does not describe a dataset: {error}", str(path)) from None
    numbers = (metadata.seq_len, metadata.vocab_size, metadata.num_puzzle_identifiers)
    if any(type(number) is not int or number < 1 for number in numbers):
        raise InputError("seq_len, vocab_size and num_puzzle_identifiers must be 1 or more", str(path))
    if metadata.sets != ("all",):
        raise InputError(f"has the sets {', '.join(metadata.sets)}, and only 'all' is known", str(path))
    return metadata


def write_split(folder: Path, split: str, arrays: dict[str, npt.NDArray[Any]], metadata: Metadata) -> None:
    """Write ``folder/split``: the arrays of :data:`ARRAYS` by name, and ``dataset.json``."""
    place = folder / split
    place.mkdir(parents=True)
    values = {**asdict(metadata), "sets": list(metadata.sets)}
    (place / "dataset.json").write_text(json.dumps(values), encoding="utf-8")
    for name in ARRAYS:
        np.save(place / f"all__{name}.npy", arrays[name])


def build_sudoku(
    out: Path,
    train: str,
    test: str | None,
    *,
    subsample: int | None = None,
    augment: int = 0,
    seed: int = 0,
    task: Task,
) -> dict[str, int]:
    """Write the folder that the reference's ``dataset/build_sudoku_dataset.py`` writes.

    Each training puzzle makes a group: itself, then ``augment`` copies under random symmetries. Tokens are 0
    for padding, 1 for a blank, digit + 1. Arguments, result and errors are those of :func:`_build`.
    """

    def copies(shape: Shape, rng: np.random.Generator) -> Symmetry:
        return task.views.symmetries(shape, augment, rng)

    return _build(out, train, test, task, copies, (9, 9), vocab_size=11, subsample=subsample, seed=seed)


def build_maze(
    out: Path,
    train: str,
    test: str | None,
    *,
    subsample: int | None = None,
    augment: bool = False,
    seed: int = 0,
    task: Task,
) -> dict[str, int]:
    """Write the folder that the reference's ``dataset/build_maze_dataset.py`` writes.

    With ``augment``, each training maze makes a group of eight: itself, rotated and reflected. Answers turn
    with their mazes. Tokens are 0 for padding, 1 to 5 for ``# SGo``. Arguments, result and errors are those
    of :func:`_build`.
    """

    def copies(shape: Shape, rng: np.random.Generator) -> Symmetry:
        cells = dihedral(shape)[1:] if augment else dihedral(shape)[:0]
        return Symmetry(cells, np.tile(np.arange(task.codec.vocab_size), (len(cells), 1)))

    return _build(out, train, test, task, copies, None, vocab_size=6, subsample=subsample, seed=seed)


def _build(
    out: Path,
    train: str,
    test: str | None,
    task: Task,
    copies: Callable[[Shape, np.random.Generator], Symmetry],
    shape: Shape | None,
    *,
    vocab_size: int,
    subsample: int | None,
    seed: int,
) -> dict[str, int]:
    """Write a folder in which all puzzles share the identifier 0.

    Args:
        out: the folder, which must not exist.
        train, test: files of puzzles with answers, all square and of one size; the test split is neither
            sampled nor augmented.
        copies: the symmetries under which one training puzzle is repeated, as many for each.
        shape: of the puzzles; None for that of the first.
        subsample: how many training puzzles to draw at random; None for all.

    Returns:
        Examples in each split.

    Raises:
        InputError: the folder exists or cannot be written, or a file is no good.
    """
    if out.exists():
        raise InputError("is there already: remove it, or name another --out", str(out))
    rng = np.random.default_rng(seed)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    counts = {}
    try:
        for split, source in (("train", train), ("test", test)):
            if source is None:
                continue
            training = split == "train"
            shape, examples = _read_examples(source, subsample if training else None, task, rng, shape)
            group = 1
            if training:
                groups = [_group(one, copies(shape, rng)) for one in examples]
                group, examples = len(groups[0]), np.concatenate(groups)
            count = counts[split] = len(examples)
            metadata = Metadata(
                seq_len=examples.shape[2],
                vocab_size=vocab_size,
                pad_id=0,
                ignore_label_id=0,
                blank_identifier_id=0,
                num_puzzle_identifiers=1,
                total_groups=count // group,
                mean_puzzle_examples=1,
                total_puzzles=count,
            )
            arrays: dict[str, npt.NDArray[Any]] = {
                "inputs": examples[:, 0],
                "labels": examples[:, 1],
                "puzzle_identifiers": np.zeros(count, dtype=np.int32),
                "puzzle_indices": np.arange(count + 1, dtype=np.int32),
                "group_indices": np.arange(0, count + 1, group, dtype=np.int32),
            }
            write_split(temporary, split, arrays, metadata)
        (temporary / "identifiers.json").write_text('["<blank>"]', encoding="utf-8")
        temporary.rename(out)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", str(out)) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return counts


def _read_examples(
    source: str, subsample: int | None, task: Task, rng: np.random.Generator, shape: Shape | None
) -> tuple[Shape, npt.NDArray[np.uint8]]:
    """Their shape, and ``[N, 2, L]`` tokens of the questions and answers of a file, or of a random
    ``subsample`` of them.

    The sample is drawn while reading (algorithm R), so that a large file never lies in memory.
    """
    kept: list[npt.NDArray[np.uint8]] = []
    for number, (_, puzzle) in enumerate(read_puzzles([source], task.name)):
        if puzzle.answer is None:
            raise InputError("has no answer: training needs puzzles with answers", puzzle.origin)
        height, width = puzzle.shape
        shape = shape or puzzle.shape
        if height != width or puzzle.shape != shape:
            wanted = "square ones" if shape[0] != shape[1] else f"puzzles of {shape[0]}x{shape[1]}"
            raise InputError(f"is {height}x{width}: this folder is for {wanted}", puzzle.origin)
        both = np.stack([puzzle.cells, puzzle.answer])
        if subsample is None or number < subsample:
            kept.append(both)
        elif (place := int(rng.integers(number + 1))) < subsample:
            kept[place] = both
    if not kept or shape is None:
        raise InputError("holds no puzzle", source)
    tokens = task.codec.encode(np.concatenate(kept)).astype(np.uint8)
    return shape, tokens.reshape(len(kept), 2, -1)


def _group(example: npt.NDArray[np.uint8], copies: Symmetry) -> npt.NDArray[np.uint8]:
    """``[1 + copies, 2, L]``: one question and its answer (``[2, L]``), and under each symmetry."""
    turned = [copies.apply(np.tile(side.astype(np.int64), (len(copies), 1))) for side in example]
    return np.concatenate([example[None], np.stack(turned, axis=1).astype(np.uint8)])
