"""Folders of ARC in the reference's layout: what is in them, read back, whatever the number of processes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trmcli.errors import InputError, Origin
from trmcli.tasks import get_task
from trmcli.tasks.arc.task import ArcTask, Grid, Pair, digest
from trmcli.tasks.arc.tokens import decode, encode
from trmcli.tasks.arc.views import parse
from trmcli.training.arc_data import ArcSets, build_arc
from trmcli.training.reference_data import ReferenceExamples, read_dataset

ARC = get_task("arc")


def made_up(name: str, known: bool = True, shown: int = 3, side: int = 4) -> ArcTask:
    """A task whose outputs are transposed inputs, with two tests."""
    rng = np.random.default_rng([*name.encode()])

    def grid() -> Grid:
        return rng.integers(0, 10, (int(rng.integers(2, side)), side)).astype(np.uint8)

    pairs = [Pair(one, one.T) for one in (grid() for _ in range(shown + 2))]
    answers = tuple(pair.answer for pair in pairs[shown:]) if known else None
    return ArcTask(
        name, tuple(pairs[:shown]), tuple(pair.question for pair in pairs[shown:]), answers, Origin(name)
    )


SETS = ArcSets(
    [made_up("learned"), made_up("open", known=False)], [made_up("tested"), made_up("secret", known=False)]
)


def built(folder: Path, **settings: Any) -> Path:
    out = folder / f"data{len(list(folder.iterdir()))}"
    build_arc(out, SETS, **{"views": 6, "seed": 3, **settings})
    return out


def names_of(folder: Path) -> list[str]:
    names: list[str] = json.loads((folder / "identifiers.json").read_text())
    return names


def grids_of(tokens: Any) -> Grid:
    """The grid on a canvas, wherever it lies."""
    canvas = np.asarray(tokens).reshape(30, 30)
    rows, columns = (np.flatnonzero((canvas >= 2).any(axis=axis)) for axis in (1, 0))
    grid: Grid = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] - 2
    return grid


def puzzles(examples: ReferenceExamples) -> list[tuple[int, list[tuple[Any, Any]]]]:
    """Each puzzle's identifier, and the tokens of its pairs."""
    assert examples.identifiers is not None
    edges = examples.puzzle_indices
    return [
        (
            int(examples.identifiers[start]),
            list(zip(examples.questions[start:end], examples.answers[start:end], strict=True)),
        )
        for start, end in pairwise(edges)
    ]


def test_the_layout_is_the_references(tmp_path: Path) -> None:
    folder = built(tmp_path)
    names = names_of(folder)
    assert names[0] == "<blank>" and len(names) == len(set(names)) == 1 + 4 * 7
    assert {name.partition("|||")[0] for name in names[1:]} == {"learned", "open", "tested", "secret"}
    arrays = ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices")
    counts = {"train": (4, 28, 3 * 21 + 35), "test": (2, 14, 28)}
    for split, (groups, every, examples) in counts.items():
        loaded = {name: np.load(folder / split / f"all__{name}.npy") for name in arrays}
        assert loaded["inputs"].shape == loaded["labels"].shape == (examples, 900)
        assert loaded["inputs"].dtype == loaded["labels"].dtype == np.uint8
        assert all(loaded[name].dtype == np.int32 for name in arrays[2:])
        assert loaded["puzzle_indices"][[0, -1]].tolist() == [0, examples]
        assert (
            loaded["group_indices"].tolist() == list(range(0, every + 1, 7))
            and len(loaded["group_indices"]) == groups + 1
        )
        assert json.loads((folder / split / "dataset.json").read_text()) == {
            "seq_len": 900,
            "vocab_size": 12,
            "pad_id": 0,
            "ignore_label_id": 0,
            "blank_identifier_id": 0,
            "num_puzzle_identifiers": 29,
            "total_groups": groups,
            "mean_puzzle_examples": examples / every,
            "total_puzzles": every,
            "sets": ["all"],
        }
    assert {path.name for path in folder.iterdir()} == {
        "train",
        "test",
        "identifiers.json",
        "test_puzzles.json",
    }


def test_every_view_shows_the_pairs_of_its_task_turned_and_recoloured(tmp_path: Path) -> None:
    folder = built(tmp_path)
    names, tasks = names_of(folder), {task.name: task for task in SETS.tasks}
    moved = 0
    for identifier, pairs in puzzles(read_dataset(folder, "train", ARC)):
        name, view = parse(names[identifier])
        expected = [(pair.question, pair.answer) for pair in tasks[name].shown]
        if name == "learned":
            expected += list(zip(tasks[name].tests, tasks[name].answers or (), strict=True))
        places = []
        for (question, answer), grids in zip(pairs, expected, strict=True):
            for tokens, grid in zip((question, answer), grids, strict=True):
                np.testing.assert_array_equal(view.back(grids_of(tokens)), grid)
            corners = [
                np.argwhere(np.asarray(tokens).reshape(30, 30) >= 2).min(axis=0).tolist()
                for tokens in (question, answer)
            ]
            assert corners[0] == corners[1], "both grids of a pair are moved alike"
            places.append(corners[0])
        assert [0, 0] in places, "one pair of each view stays in the corner"
        moved += sum(place != [0, 0] for place in places)
    assert moved > 50


def test_tests_of_the_test_split_stay_in_the_corner_with_the_same_identifiers(tmp_path: Path) -> None:
    folder = built(tmp_path)
    names, tasks = names_of(folder), {task.name: task for task in SETS.tasks}
    seen = set()
    for identifier, pairs in puzzles(read_dataset(folder, "test", ARC)):
        name, view = parse(names[identifier])
        seen.add(names[identifier])
        for number, (question, answer) in enumerate(pairs):
            np.testing.assert_array_equal(question, encode(view.see(tasks[name].tests[number])))
            known = tasks[name].answers
            expected = np.zeros((1, 1)) if known is None else known[number]
            np.testing.assert_array_equal(view.back(decode(answer)), expected)
    assert {name.partition("|||")[0] for name in seen} == {"tested", "secret"} and len(seen) == 14
    written = json.loads((folder / "test_puzzles.json").read_text())
    assert list(written) == ["tested", "secret"]
    assert written["tested"]["train"][0]["input"] == tasks["tested"].shown[0].question.tolist()
    assert written["secret"]["test"][0]["output"] == [[0]]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_several_processes_make_the_same_folder_and_another_seed_another(tmp_path: Path) -> None:
    one = files(built(tmp_path))
    assert files(built(tmp_path, processes=2)) == one
    assert files(built(tmp_path, seed=4)) != one


def test_a_task_has_no_more_views_than_look_unlike(tmp_path: Path) -> None:
    dot = np.array([[1]], dtype=np.uint8)
    task = ArcTask("dot", (Pair(dot, dot),), (dot,), (dot,), Origin("dot"))
    size = build_arc(tmp_path / "data", ArcSets([task], []), views=40)
    assert size.puzzles == 9, "nine colours, and every turn looks the same"
    assert not (tmp_path / "data" / "test").exists()


def test_a_folder_that_is_there_stays_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    folder = built(tmp_path)
    with pytest.raises(InputError, match="there already"):
        build_arc(folder, SETS)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_arc(tmp_path / "other", SETS, views=2, built=stop)
    with pytest.raises(InputError, match="another name"):
        build_arc(tmp_path / "other", ArcSets([replace(SETS.test[0], name="a|||b")], []))
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_test_input_that_training_shows_is_found_by_its_grid() -> None:
    tested = made_up("tested")
    assert not SETS.shared
    assert ArcSets([replace(tested, name="alias")], [tested, made_up("other")]).shared == ["tested"]
    hidden = replace(tested, name="alias", answers=None)
    assert not ArcSets([hidden], [tested]).shared, "what has no output is not learned"
    assert digest(tested.tests[0]) != digest(tested.tests[0].T)
