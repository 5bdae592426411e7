"""Dataset folders of the reference: built, read, sampled, trained on; damaged ones refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trmcli.errors import InputError, Origin
from trmcli.tasks import get_task, read_puzzles
from trmcli.tasks.base import Puzzle
from trmcli.tasks.maze.kind import MazeMaker, MazeRules, maze_task
from trmcli.tasks.sudoku.kind import SudokuRules
from trmcli.training.checkpoint import load_checkpoint, save_checkpoint
from trmcli.training.config import DataConfig, TrainConfig
from trmcli.training.reference_data import (
    Metadata,
    ReferenceExamples,
    build_maze,
    build_sudoku,
    is_dataset,
    read_dataset,
    write_split,
)
from trmcli.training.setup import Stage, load_data
from trmcli.training.sources import load_examples
from trmcli.training.trainer import Measures, Trainer

CSV = str(Path(__file__).parents[1] / "data" / "sudoku_hard.csv")
SUDOKU = get_task("sudoku")
CONFIG = TrainConfig("test", "sudoku", {}, (DataConfig("folder"),), batch_size=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    counts = build_sudoku(tmp_path / "data", CSV, CSV, subsample=6, augment=3, seed=5, task=SUDOKU)
    assert counts == {"train": 24, "test": 12}
    return tmp_path / "data"


def test_a_built_folder_is_laid_out_as_the_reference_lays_it_out(folder: Path) -> None:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    arrays = ["group_indices", "inputs", "labels", "puzzle_identifiers", "puzzle_indices"]
    expected = ["identifiers.json"]
    for split in ("test", "train"):
        expected += [*(f"{split}/all__{name}.npy" for name in arrays), f"{split}/dataset.json"]
    assert names == expected
    assert json.loads((folder / "identifiers.json").read_text()) == ["<blank>"]
    assert json.loads((folder / "train" / "dataset.json").read_text()) == {
        "seq_len": 81,
        "vocab_size": 11,
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "num_puzzle_identifiers": 1,
        "total_groups": 6,
        "mean_puzzle_examples": 1,
        "total_puzzles": 24,
        "sets": ["all"],
    }
    loaded = {name: np.load(folder / "train" / f"all__{name}.npy") for name in arrays}
    assert loaded["group_indices"].tolist() == list(range(0, 25, 4))
    assert loaded["puzzle_indices"].tolist() == list(range(25))
    assert loaded["puzzle_identifiers"].tolist() == [0] * 24
    assert loaded["inputs"].dtype == loaded["labels"].dtype == np.uint8


def test_groups_hold_a_puzzle_of_the_file_and_right_copies_of_it(folder: Path) -> None:
    known = {SUDOKU.codec.encode(puzzle.cells[None])[0].tobytes() for _, puzzle in read_puzzles([CSV])}
    examples = read_dataset(folder, "train", SUDOKU)
    questions, answers = examples.questions.astype(np.int64), examples.answers.astype(np.int64)
    originals = {question.tobytes() for question in questions[::4]}
    assert len(originals) == 6 and originals < known
    shape = (9, 9)
    assert (
        SudokuRules().check(SUDOKU.codec.decode(questions, shape), SUDOKU.codec.decode(answers, shape)).all()
    )
    assert len({question.tobytes() for question in questions}) == 24
    givens = (questions > 1).sum(axis=1).reshape(6, 4)
    assert (givens == givens[:, :1]).all()
    test = read_dataset(folder, "test", SUDOKU)
    assert {question.astype(np.int64).tobytes() for question in test.questions} == known


def test_building_repeats_by_seed_and_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    for name, seed in (("again", 5), ("other", 6)):
        build_sudoku(tmp_path / name, CSV, None, subsample=6, augment=3, seed=seed, task=SUDOKU)
    inputs = {
        name: np.load(tmp_path / name / "train" / "all__inputs.npy") for name in ("data", "again", "other")
    }
    assert np.array_equal(inputs["data"], inputs["again"])
    assert not np.array_equal(inputs["data"], inputs["other"])
    with pytest.raises(InputError, match="is there already"):
        build_sudoku(folder, CSV, None, task=SUDOKU)
    with pytest.raises(InputError, match="no such file"):
        build_sudoku(tmp_path / "none", str(tmp_path / "missing.csv"), None, task=SUDOKU)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "data", "other"]


def many_examples(tmp_path: Path) -> ReferenceExamples:
    """Three groups: of two puzzles with 2 examples, of one with 1, of two with 3 and 1."""
    puzzle_indices = np.array([0, 2, 4, 5, 8, 9], dtype=np.int32)
    tokens = np.tile((np.arange(9, dtype=np.uint8) % 9 + 2)[:, None], (1, 4))
    arrays: dict[str, np.ndarray] = {
        "inputs": tokens,
        "labels": tokens,
        "puzzle_identifiers": np.array([1, 2, 3, 4, 5], dtype=np.int32),
        "puzzle_indices": puzzle_indices,
        "group_indices": np.array([0, 2, 3, 5], dtype=np.int32),
    }
    metadata = Metadata(4, 11, 0, 5, 0, 6, 3, 1.8)
    write_split(tmp_path / "many", "train", arrays, metadata)
    return read_dataset(tmp_path / "many", "train", SUDOKU)


def test_an_epoch_visits_every_group_once_with_all_examples_of_one_puzzle(tmp_path: Path) -> None:
    examples = many_examples(tmp_path)
    assert (len(examples), examples.num_puzzles, examples.shape) == (3, 6, (2, 2))
    seen, orders = set(), set()
    for number in range(40):
        rows, puzzles = examples.epoch(number, seed=0)
        assert len(rows) == 6
        groups = np.searchsorted(examples.group_indices, puzzles, side="right") - 1
        assert sorted(groups.tolist()) == [0, 0, 1, 2, 2, 2]
        for group in range(3):
            (puzzle,) = set(puzzles[groups == group].tolist())
            start, end = examples.puzzle_indices[puzzle : puzzle + 2]
            assert set(rows[groups == group].tolist()) == set(range(start, end))
            seen.add(puzzle)
        orders.add(tuple(rows.tolist()))
        again, _ = examples.epoch(number, seed=0)
        assert np.array_equal(again, rows)
    assert seen == {0, 1, 2, 3, 4} and len(orders) > 20


def test_a_step_takes_its_places_of_the_stream_of_epochs(tmp_path: Path) -> None:
    examples = many_examples(tmp_path)
    rng = np.random.default_rng(0)
    stream = np.concatenate([examples.epoch(number, CONFIG.seed)[0] for number in range(4)])
    for step in range(6):
        questions, answers, puzzle = examples.draw(SUDOKU, np.arange(4), step, CONFIG, rng)
        rows = stream[step * 4 : step * 4 + 4]
        assert np.array_equal(questions, examples.questions[rows])
        owners = np.searchsorted(examples.puzzle_indices, rows, side="right") - 1
        assert puzzle.tolist() == (owners + 1).tolist()
        # Label 5 is ignored in this folder, and 0 is what the loss leaves out.
        assert np.array_equal(answers, np.where(questions == 5, 0, questions))
        part, _, _ = examples.draw(SUDOKU, np.array([2, 3]), step, CONFIG, rng)
        assert np.array_equal(part, questions[2:])


def test_validation_takes_the_test_split_or_whole_groups(folder: Path) -> None:
    config = replace(CONFIG, data=(DataConfig(str(folder)),), validation_count=2)
    (train,), held = load_data(config, SUDOKU)
    assert (len(train), len(held)) == (6, 2)
    for path in (folder / "test").iterdir():
        path.unlink()
    (train,), held = load_data(config, SUDOKU)
    assert (len(train), len(held)) == (4, 2)
    assert isinstance(train, ReferenceExamples)
    drawn = {row for number in range(50) for row in train.epoch(number, 0)[0].tolist()}
    groups_drawn = {row // 4 for row in drawn}
    originals = [train.questions[4 * group].tolist() for group in set(range(6)) - groups_drawn]
    assert sorted(originals) == sorted(held.questions.tolist())


def test_puzzle_embeddings_learn_and_a_run_resumes_on_a_folder(folder: Path, tmp_path: Path) -> None:
    model = {
        "mixer": "mlp",
        "vocab_size": 11,
        "hidden_size": 8,
        "num_layers": 1,
        "rounds": 1,
        "latent_updates": 1,
        "num_heads": 1,
        "ffn_multiple": 8,
        "puzzle_emb_len": 2,
        "answer_layers": 1,
        "gradient": "step",
    }
    config = replace(
        CONFIG,
        model=model,
        data=(DataConfig(str(folder)),),
        supervision_steps=3,
        optimizer="adam_atan2",
        halting="q_learning",
        schedule="cosine",
        clip=0.0,
        dtype="float32",
        max_steps=8,
        warmup_steps=2,
    )
    examples = [load_examples(SUDOKU, config.data[0], 0)]

    def trainer() -> Trainer:
        return Trainer(Stage.of(config, SUDOKU, examples), SUDOKU, torch.device("cpu"))

    whole, first, second = trainer(), trainer(), trainer()
    progress = [whole.step() for _ in range(6)]
    assert torch.stack(progress).isfinite().all()
    assert whole.model.config.num_puzzles == 1
    assert float(whole.model.embed_puzzle.weight.detach().abs().max()) > 0
    for _ in range(3):
        first.step()
    tensors, _ = load_checkpoint(save_checkpoint(tmp_path / "checkpoint", 3, first.state(), {}))
    second.restore(tensors, 3, "checkpoint")
    for _ in range(3):
        second.step()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


def test_the_second_halting_output_learns_only_in_q_learning(folder: Path) -> None:
    model = {"hidden_size": 8, "rounds": 1, "latent_updates": 1, "num_heads": 1, "ffn_multiple": 8}
    losses = {}
    for halting in ("binary", "q_learning"):
        config = replace(
            CONFIG,
            model=model,
            halting=halting,
            supervision_steps=1,
            warmup_steps=1,
            dtype="float32",
        )
        stage = Stage.of(config, SUDOKU, [read_dataset(folder, "train", SUDOKU)])
        trainer = Trainer(stage, SUDOKU, torch.device("cpu"))
        before = trainer.model.halt_head.bias.detach().clone()
        losses[halting] = Measures.read([trainer.step()]).halt_loss
        trainer.step()  # at first both outputs are alike, and so is the target
        moved = trainer.model.halt_head.bias.detach() != before
        assert moved.tolist() == [True, halting == "q_learning"]
    assert losses["q_learning"] > losses["binary"] > 0


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("dataset.json", "{", "dataset.json:1:2: is not JSON"),
        ("dataset.json", "[]", "does not describe a dataset: it is no object"),
        ("dataset.json", '{"seq_len": 81}', "does not describe a dataset: it lacks vocab_size, pad_id, "),
        ("all__labels.npy", "nothing", "is no array that can be read"),
        ("all__labels.npy", None, "no such file"),
        ("all__labels.npy", np.zeros((3, 81), dtype=np.uint8), r"labels \[3, 81\], not \[24, 81\]"),
        ("all__inputs.npy", np.zeros((24, 81)), "holds float64, not whole numbers"),
        ("all__puzzle_indices.npy", np.arange(24), "puzzle_indices do not rise from 0 to 24"),
        ("all__group_indices.npy", np.array([0, 30, 24]), "group_indices do not rise from 0 to 24"),
        ("all__puzzle_identifiers.npy", np.full(24, 7), "puzzle_identifiers do not fit"),
    ],
)
def test_damaged_folders_are_refused(
    folder: Path, file: str, content: str | np.ndarray | None, message: str
) -> None:
    path = folder / "train" / file
    path.unlink()
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        np.save(path, content)
    with pytest.raises(InputError, match=message):
        read_dataset(folder, "train", SUDOKU)


def test_pickles_in_arrays_are_refused(folder: Path) -> None:
    np.save(folder / "train" / "all__inputs.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="is no array that can be read"):
        read_dataset(folder, "train", SUDOKU)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 99}, "has 99 tokens, and the task sudoku only 18"),
        ({"sets": ["all", "more"]}, "only 'all' is known"),
        ({"vocab_size": 0}, "must be 1 or more"),
    ],
)
def test_metadata_must_fit(folder: Path, change: dict[str, object], message: str) -> None:
    path = folder / "train" / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=message):
        read_dataset(folder, "train", SUDOKU)


def test_tokens_beyond_the_vocabulary_are_named(folder: Path) -> None:
    path = folder / "train" / "all__inputs.npy"
    np.save(path, np.load(path) + 100)
    examples = read_dataset(folder, "train", SUDOKU)
    with pytest.raises(InputError, match="tokens beyond its vocab_size 11"):
        examples.draw(SUDOKU, np.arange(4), 0, CONFIG, np.random.default_rng(0))


def test_other_sources_are_no_folders(tmp_path: Path) -> None:
    assert not is_dataset(CSV) and not is_dataset("generated") and not is_dataset("1" * 5000)
    assert not is_dataset("a\0b") and not is_dataset(str(tmp_path))


@pytest.fixture
def mazes(tmp_path: Path) -> Path:
    task = maze_task()
    questions, answers = MazeMaker().make(5, 0, {"size": 6, "min_path": 8})
    lines = ["source,question,answer,rating"]
    for question, answer in zip(questions, answers, strict=True):
        layout = Puzzle(question, Origin("generated"), "csv")
        lines.append(f"generated,{task.text.write(layout, question)},{task.text.write(layout, answer)},1")
    (tmp_path / "mazes.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "mazes.csv"


def test_mazes_are_turned_in_all_eight_ways_in_the_training_split_alone(mazes: Path, tmp_path: Path) -> None:
    task, out = maze_task(), tmp_path / "out"
    counts = build_maze(out, str(mazes), str(mazes), subsample=3, augment=True, task=task)
    assert counts == {"train": 24, "test": 5}
    assert json.loads((out / "train" / "dataset.json").read_text()) == {
        "seq_len": 36,
        "vocab_size": 6,
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "num_puzzle_identifiers": 1,
        "total_groups": 3,
        "mean_puzzle_examples": 1,
        "total_puzzles": 24,
        "sets": ["all"],
    }
    train, test = (read_dataset(out, split, task) for split in ("train", "test"))
    assert train.group_indices.tolist() == [0, 8, 16, 24]
    known = [puzzle for _, puzzle in read_puzzles([str(mazes)])]
    for row, puzzle in enumerate(known):
        assert test.questions[row].tolist() == task.codec.encode(puzzle.cells[None])[0].tolist()
        assert puzzle.answer is not None
        assert test.answers[row].tolist() == task.codec.encode(puzzle.answer[None])[0].tolist()
    questions = task.codec.decode(train.questions, (6, 6))
    assert MazeRules().check(questions, task.codec.decode(train.answers, (6, 6))).all()
    for group in questions.reshape(3, 8, 6, 6):
        first = group[0]
        assert any(np.array_equal(first, puzzle.cells) for puzzle in known)
        turned = [np.rot90(one, turn) for one in (first, first.T) for turn in range(4)]
        assert {one.tobytes() for one in group} == {one.tobytes() for one in turned}
    counts = build_maze(tmp_path / "plain", str(mazes), None, task=task)
    assert counts == {"train": 5}


def test_mazes_of_a_folder_are_square_and_of_one_size(mazes: Path, tmp_path: Path) -> None:
    task = maze_task()
    (tmp_path / "oblong.csv").write_text("question,answer\nS G/   ,SoG/   \n")
    with pytest.raises(InputError, match=r"oblong.csv:2: is 2x3: this folder is for square ones"):
        build_maze(tmp_path / "out", str(tmp_path / "oblong.csv"), None, task=task)
    (tmp_path / "small.csv").write_text("question,answer\nS  G,So G\n")
    with pytest.raises(InputError, match=r"small.csv:2: is 2x2: this folder is for puzzles of 6x6"):
        build_maze(tmp_path / "out", str(mazes), str(tmp_path / "small.csv"), task=task)
    (tmp_path / "open.csv").write_text("question\nS  G\n")
    with pytest.raises(InputError, match=r"open.csv:2: has no answer"):
        build_maze(tmp_path / "out", str(tmp_path / "open.csv"), None, task=task)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match=r"is 4x4: this folder is for puzzles of 9x9"):
        (tmp_path / "sudoku.csv").write_text("question,answer\n1..4..1..1..2..1,1234341241232341\n")
        build_sudoku(tmp_path / "out", str(tmp_path / "sudoku.csv"), None, task=SUDOKU)
