"""``trm eval`` and ``trm solve`` of ARC tasks by weights: made-up ones, each row of whose table is known.

They repeat the question, as the tasks ask for, unless the row of the view drowns all cells in one colour.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import Run
from warm import Warm

from trmcli.errors import Origin
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.solving.votes import PASSES
from trmcli.tasks.arc.task import ArcTask, Grid, Pair, digest
from trmcli.tasks.arc.views import parse
from trmcli.training.arc_data import ArcSets, build_arc
from trmcli.weights.convert import to_reference
from trmcli.weights.files import Card, save_weights
from trmcli.weights.table import Puzzles

SIZE, DROWNED, HEARD = 16, 7, 13
"""Of a vector; the token that drowned cells have; the channel of a row that drowns."""
CONFIG = TRMConfig(
    vocab_size=12, hidden_size=SIZE, num_layers=1, rounds=1, latent_updates=1, num_heads=1,
    positions="rope", puzzle_emb_len=1, num_puzzles=13, seq_len=900,
)  # fmt: skip


@pytest.fixture
def trm(warm: Warm) -> Run:
    """Run ``trm ARGUMENTS`` where torch is there already, and capture everything."""
    return warm.run


def made_up(name: str, tests: int) -> ArcTask:
    rng = np.random.default_rng([*name.encode()])
    grids = [rng.integers(0, 10, (3, 4)).astype(np.uint8) for _ in range(2 + tests)]
    pairs = tuple(Pair(grid, grid) for grid in grids[:2])
    return ArcTask(name, pairs, tuple(grids[2:]), tuple(grids[2:]), Origin(name))


TASKS = [made_up("mostly", 2), made_up("seldom", 1)]
RIGHT = {"mostly": (0, 2, 3, 5), "seldom": (4,)}
"""Which views of a task are answered rightly; in the order of its rows."""


def weigh(names: list[str]) -> TinyRecursiveModel:
    model = TinyRecursiveModel(replace(CONFIG, num_puzzles=len(names)))
    state = model.state_dict()
    with torch.no_grad():
        for tensor in state.values():
            tensor.zero_()
        for name in ("embed.weight", "lm_head.weight"):
            state[name].copy_(torch.eye(12, SIZE))
        state["layers.0.mixer.qkv.weight"][2 * SIZE + DROWNED, HEARD] = 50.0  # the mean of all cells
        state["layers.0.mixer.out.weight"].copy_(torch.eye(SIZE))
        for task in TASKS:
            rows = [row for row, name in enumerate(names) if name.partition("|||")[0] == task.name]
            for place, row in enumerate(rows):
                state["embed_puzzle.weight"][row, HEARD] = 0.0 if place in RIGHT[task.name] else 1000.0
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set, ``data``, and weights that know its names."""
    folder = tmp_path_factory.mktemp("views")
    build_arc(folder / "data", ArcSets([], TASKS), views=5)
    names = json.loads((folder / "data" / "identifiers.json").read_text())
    learned = [digest(pair.question) for task in TASKS for pair in task.shown]
    card = Card("made up", "arc")
    save_weights(folder / "w.safetensors", weigh(names), card, torch.float32, Puzzles(names, learned))
    leaky = Puzzles(names, [*learned, digest(TASKS[1].tests[0])])
    save_weights(folder / "leaky.safetensors", weigh(names), card, torch.float32, leaky)
    save_weights(folder / "nameless.safetensors", weigh(names), card, torch.float32)
    return folder


def expected(folder: Path) -> dict[str, list[list[Grid]]]:
    """The grids for each test, the most frequent first, told by what each row makes."""
    names = json.loads((folder / "data" / "identifiers.json").read_text())
    found = {}
    for task in TASKS:
        views = [parse(name)[1] for name in names if name.partition("|||")[0] == task.name]
        orders = []
        for grid in task.tests:
            count: Counter[bytes] = Counter()
            grids = {}
            for place, view in enumerate(views):
                drowned = np.full((30, 30), view.colours.index(DROWNED - 2), dtype=np.uint8)
                answer = grid if place in RIGHT[task.name] else drowned
                count[answer.tobytes()] += 1
                grids[answer.tobytes()] = answer
            orders.append([grids[key] for key, _ in count.most_common()])
            assert len({*count.values()}) > 1 or len(count) == 1
        found[task.name] = orders
    return found


def test_views_are_taken_back_and_vote(trm: Run, folder: Path, tmp_path: Path) -> None:
    done = trm(
        "eval", folder / "data", "--weights", folder / "w.safetensors", "--steps", 2, "--json",
        "--submission", tmp_path / "submission.json", "--predictions", tmp_path / "done.jsonl",
    )  # fmt: skip
    figures, orders = json.loads(done.stdout), expected(folder)
    assert done.stderr == ""
    assert (figures["tasks"], figures["views"], figures["complete"]) == (2, 12, True)
    places = {
        task.name: [
            next(n for n, one in enumerate(order) if np.array_equal(one, grid))
            for order, grid in zip(orders[task.name], task.tests, strict=True)
        ]
        for task in TASKS
    }
    assert places["mostly"] == [0, 0] and places["seldom"] != [0]
    for k in PASSES:
        right = [sum(place < k for place in tests) / len(tests) for tests in places.values()]
        assert figures[f"pass@{k}"] == pytest.approx(sum(right) / 2)
    assert done.returncode == (0 if places["seldom"][0] < 2 else 1)
    written = json.loads((tmp_path / "submission.json").read_text())
    assert written["mostly"] == [
        {"attempt_1": order[0].tolist(), "attempt_2": order[1].tolist()} for order in orders["mostly"]
    ]
    lines = [json.loads(line) for line in (tmp_path / "done.jsonl").read_text().splitlines()]
    assert [vote["count"] for vote in lines[1]["tests"][0]][:1] == [4] and lines[1]["views"] == 6


def test_solve_gives_what_most_views_give(trm: Run, folder: Path, tmp_path: Path) -> None:
    """As by networks that are fitted: two attempts, votes, a submission, and status 1 without a majority."""
    options = ("--weights", folder / "w.safetensors", "--steps", 2)
    hidden, orders = tasks_file(tmp_path / "hidden.json", known=False), expected(folder)
    done = trm("solve", hidden, *options, "--json", "-o", tmp_path / "submission.json", "--no-live")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["task"], line["test"]) for line in lines] == [("mostly", 1), ("mostly", 2), ("seldom", 1)]
    for line in lines:
        order = orders[line["task"]][line["test"] - 1]
        assert line["attempts"] == [grid.tolist() for grid in order[:2]]
        assert line["members"] == 6 and line["votes"][0] == round(line["agreement"] / 6, 4)
        assert (line["fits_demonstrations"], line["demonstrations"], line["verified"]) == (None, 2, None)
    assert [line["agreement"] for line in lines[:2]] == [4, 4]
    settled = [line["task"] for line in lines[1:] if line["agreement"] > 3]
    assert f"views agree in {len(settled)} of 2 tasks, all unchecked" in done.stderr
    assert done.returncode == (0 if len(settled) == 2 else 1)
    written = json.loads((tmp_path / "submission.json").read_text())
    assert written["mostly"] == [
        {"attempt_1": order[0].tolist(), "attempt_2": order[1].tolist()} for order in orders["mostly"]
    ]
    folders = trm("solve", folder / "data", *options, "--json")
    assert [json.loads(line)["attempts"] for line in folders.stdout.splitlines()] == [
        line["attempts"] for line in lines
    ]
    assert [json.loads(line)["verified"] for line in folders.stdout.splitlines()][:2] == [True, True]


def test_solve_says_what_the_views_agree_on_and_which_tasks_are_foreign(
    trm: Run, folder: Path, tmp_path: Path
) -> None:
    options = ("--weights", folder / "w.safetensors", "--steps", 2)
    values = json.loads(tasks_file(tmp_path / "tasks.json", known=False).read_text())
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"mostly": values["mostly"]}))
    done = trm("solve", path, *options)
    assert (done.returncode, done.stdout.count("# mostly, test 2, attempt")) == (0, 2)
    assert "mostly, test 1: 4 of 6 views agree, unchecked, " in done.stderr
    path.write_text(json.dumps({"mostly": values["mostly"], "new": values["mostly"]}))
    done = trm("solve", path, *options)
    assert done.returncode == 1 and "new, test 1: no attempt in " in done.stderr
    assert "1 task is not known to these weights, and given no attempt: new" in done.stderr
    path.write_text(json.dumps({"new": values["mostly"]}))
    done = trm("solve", path, *options)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "these weights know no view of task new: they were trained on others" in done.stderr


def test_a_set_that_was_killed_goes_on_with_what_is_left(trm: Run, folder: Path, tmp_path: Path) -> None:
    command = ("eval", folder / "data", "--weights", folder / "w.safetensors", "--steps", 2, "--json")
    file = tmp_path / "done.jsonl"
    whole = trm(*command, "--predictions", file)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]) + lines[2][:40])
    again = trm(*command, "--predictions", file, "--resume")
    assert again.stdout == whole.stdout and file.read_text() == "".join(lines)
    assert "is there already" in trm(*command, "--predictions", file).stderr
    other = trm(*command[:-3], "--steps", 3, "--predictions", file, "--resume")
    assert other.returncode == 2 and "was made with --steps 2, and this is 3" in other.stderr


def tasks_file(path: Path, known: bool = True) -> Path:
    def pair(grid: Grid) -> dict[str, Any]:
        return {"input": grid.tolist(), "output": grid.tolist()}

    values = {
        task.name: {
            "train": [pair(one.question) for one in task.shown],
            "test": [pair(grid) if known else {"input": grid.tolist()} for grid in task.tests],
        }
        for task in TASKS
    }
    path.write_text(json.dumps(values))
    return path


def test_files_of_tasks_do_as_well_and_need_answers_for_figures_alone(
    trm: Run, folder: Path, tmp_path: Path
) -> None:
    options = ("--weights", folder / "w.safetensors", "--steps", 2, "--json")
    by_folder = trm("eval", folder / "data", *options)
    assert trm("eval", tasks_file(tmp_path / "tasks.json"), *options).stdout == by_folder.stdout
    hidden = tasks_file(tmp_path / "hidden.json", known=False)
    refused = trm("eval", hidden, *options)
    assert refused.returncode == 2 and "its output is not known" in refused.stderr
    done = trm("eval", hidden, *options, "--submission", tmp_path / "submission.json")
    assert done.returncode == 0 and "2 tasks have no known answers" in done.stderr
    written = json.loads((tmp_path / "submission.json").read_text())
    assert written["mostly"][0]["attempt_1"] == TASKS[0].tests[0].tolist()


def test_tasks_that_were_trained_on_or_are_foreign_are_named(trm: Run, folder: Path, tmp_path: Path) -> None:
    values = json.loads(tasks_file(tmp_path / "tasks.json").read_text())
    values["new"] = values["mostly"]
    (tmp_path / "tasks.json").write_text(json.dumps(values))
    options = ("--steps", 1, "--json")
    done = trm("eval", tmp_path / "tasks.json", "--weights", folder / "leaky.safetensors", *options)
    assert (
        "1 task has a test that these weights were trained on: that they are right says nothing: seldom"
        in (done.stderr)
    )
    assert "1 task is not known to these weights, and counted as not right: new" in done.stderr
    assert json.loads(done.stdout)["tasks"] == 3
    (tmp_path / "other.json").write_text(json.dumps({"new": values["new"]}))
    refused = trm("eval", tmp_path / "other.json", "--weights", folder / "w.safetensors", *options)
    assert refused.returncode == 2 and "know no view of task new" in refused.stderr
    values["mostly"]["test"][0]["input"] = [[1] * 31]
    (tmp_path / "tasks.json").write_text(json.dumps(values))
    refused = trm("eval", tmp_path / "tasks.json", "--weights", folder / "w.safetensors", *options)
    assert refused.returncode == 2 and "has a grid of 1x31: the paper's canvas has 30x30" in refused.stderr


def test_a_converted_checkpoint_of_the_reference_is_evaluated(trm: Run, folder: Path, tmp_path: Path) -> None:
    settings = to_reference(folder / "w.safetensors", tmp_path / "step_9")
    known = dict(one.removeprefix("arch.").split("=") for one in settings)
    wanted = ("H_cycles", "L_cycles", "num_heads", "pos_encodings", "puzzle_emb_len", "expansion")
    (tmp_path / "all_config.yaml").write_text("".join(f"{key}: {known[key]}\n" for key in wanted))
    command = ("convert", tmp_path / "step_9", "-o", tmp_path / "c.safetensors", "--task", "arc")
    done = trm(*command, "--identifiers", folder / "data" / "identifiers.json")
    assert done.returncode == 0, done.stderr
    options = ("--steps", 2, "--json")
    expected = trm("eval", folder / "data", "--weights", folder / "w.safetensors", *options)
    found = trm("eval", tasks_file(tmp_path / "t.json"), "--weights", tmp_path / "c.safetensors", *options)
    assert found.stdout == expected.stdout
    short = tmp_path / "short.json"
    short.write_text('["<blank>"]')
    refused = trm(*command, "--identifiers", short)
    assert refused.returncode == 2 and "13 rows of puzzle embeddings, and there are 1" in refused.stderr


def test_rows_without_names_take_those_of_the_folder(trm: Run, folder: Path, tmp_path: Path) -> None:
    options = ("--weights", folder / "nameless.safetensors", "--steps", 2, "--json")
    expected = trm("eval", folder / "data", "--weights", folder / "w.safetensors", "--steps", 2, "--json")
    assert trm("eval", folder / "data", *options).stdout == expected.stdout
    refused = trm("eval", tasks_file(tmp_path / "tasks.json"), *options)
    assert refused.returncode == 2 and "13 rows of puzzle embeddings is of" in refused.stderr


def test_the_votes_of_all_evaluations_of_a_run_are_added_up(
    trm: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = json.loads((folder / "data" / "identifiers.json").read_text())
    (tmp_path / "evaluations").mkdir()
    for step, right in (
        (1, {"mostly": (0,), "seldom": (0, 1)}),
        (2, {"mostly": (0, 1), "seldom": (4, 5, 3)}),
    ):
        monkeypatch.setitem(RIGHT, "mostly", right["mostly"])
        monkeypatch.setitem(RIGHT, "seldom", right["seldom"])
        for path in (tmp_path / "evaluations" / f"step-0{step}.safetensors", tmp_path / "last.safetensors"):
            save_weights(path, weigh(names), Card("w", "arc"), torch.float32, Puzzles(names))
    command = ("eval", folder / "data", "--weights", tmp_path / "last.safetensors", "--steps", 2, "--json")
    counts = {}
    for which in ("one", "all"):
        file = tmp_path / f"{which}.jsonl"
        figures = json.loads(trm(*command, "--votes", which, "--predictions", file).stdout)
        assert figures["views"] == {"one": 12, "all": 24}[which]
        for line in map(json.loads, file.read_text().splitlines()[1:]):
            task = next(task for task in TASKS if task.name == line["task"])
            (votes,) = (vote for vote in line["tests"][0] if vote["grid"] == task.tests[0].tolist())
            counts[which, task.name] = votes["count"]
            assert sum(vote["count"] for vote in line["tests"][0]) == {"one": 6, "all": 12}[which]
    assert counts == {("one", "mostly"): 2, ("one", "seldom"): 3, ("all", "mostly"): 3, ("all", "seldom"): 5}
    alone = trm(*command[:3], folder / "w.safetensors", *command[4:], "--votes", "all")
    assert alone.returncode == 2 and "keep_evaluations=true" in alone.stderr


def test_weights_of_another_kind_and_options_of_fitting_are_refused(trm: Run, folder: Path) -> None:
    other = trm("eval", folder / "data", "--weights", "sudoku")
    assert other.returncode == 2 and "solve sudoku, not arc" in other.stderr
    for options in (("--budget", 5), ("--workers", 2), ("--blind",), ("--tries", 4)):
        refused = trm("eval", folder / "data", "--weights", folder / "w.safetensors", *options)
        assert refused.returncode == 2 and "does not apply" in refused.stderr
    for option, value in (("--budget", 5), ("--tries", 4), ("--halt", "never"), ("--seed", 1), ("--fps", 1)):
        refused = trm("solve", folder / "data", "--weights", folder / "w.safetensors", option, value)
        assert refused.returncode == 2 and "does not apply" in refused.stderr
    other = trm("solve", folder / "data", "--weights", "sudoku")
    assert other.returncode == 2 and "solve sudoku, not arc" in other.stderr
