"""Training runs: learning, resuming bit for bit, refusing what cannot be right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from trmcli.errors import InputError
from trmcli.settings import apply_override, to_toml
from trmcli.solving.solver import COMMIT_FROM
from trmcli.tasks import get_task
from trmcli.training.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint
from trmcli.training.config import TrainConfig, load_config, presets
from trmcli.training.journal import Evaluation, Interval, Observer
from trmcli.training.optim import learning_rate
from trmcli.training.run import run
from trmcli.training.setup import Stage, rounds_at
from trmcli.training.sources import load_examples
from trmcli.training.trainer import Figures, Trainer
from trmcli.weights.files import load_weights, read_card

TINY = """
task = "sudoku"
batch_size = 8
max_steps = 24
supervision_steps = 4
validation_count = 10
reveal_share = 0.5
reveal_max = 4
optimizer = "muon"
lr = 5e-3
warmup_steps = 4
ema = 0.9
eval_every = 12
halt_weight = 0.05

[model]
mixer = "relation"
hidden_size = 16
num_layers = 1
rounds = 1
latent_updates = 2
num_heads = 1
head_size = 8
ffn_multiple = 8
halt_pool = "mean"

[[data]]
source = "generated"
weight = 0.7
count = 60
options = { size = 4, clues = "5-9" }

[[data]]
source = "generated"
weight = 0.3
count = 30
options = { size = 6, clues = "12-20" }
"""


class Watcher(Observer):
    """Collects what a run reports."""

    def __init__(self) -> None:
        self.intervals: list[Interval] = []
        self.evaluations: list[Evaluation] = []
        self.saves: list[Path] = []
        self.stages: list[tuple[int, Mapping[str, Any]]] = []

    def started(self, trainer: Trainer, resumed_from: int, seconds: float) -> None:
        self.resumed_from = resumed_from

    def progressed(self, interval: Interval) -> None:
        self.intervals.append(interval)

    def evaluated(self, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation)

    def entered(self, step: int, stage: Mapping[str, Any]) -> None:
        self.stages.append((step, stage))

    def saved(self, path: Path) -> None:
        self.saves.append(path)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def train(config: TrainConfig, folder: Path, **options: object) -> Watcher:
    watcher = Watcher()
    run(config, folder, watcher, device=torch.device("cpu"), **options)  # type: ignore[arg-type]
    return watcher


def final_state(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(list_checkpoints(folder / "checkpoint")[-1])[0]


CANDIDATES = ("model.mixer=mean", "model.vectors=candidates", "random_starts=0.5")


COMMITTING = ("commit=true", "supervision_steps=8")


@pytest.mark.parametrize("changes", [("optimizer=muon",), ("optimizer=adamw",), (*CANDIDATES, *COMMITTING)])
def test_a_resumed_run_equals_one_that_never_stopped(
    tiny: Path, tmp_path: Path, changes: tuple[str, ...]
) -> None:
    config = load_config(str(tiny), overrides=changes)
    train(config, tmp_path / "whole")
    train(config, tmp_path / "parts", max_seconds=0.0)  # stops after one step
    assert [path.name for path in list_checkpoints(tmp_path / "parts" / "checkpoint")] == [
        "step-00000001.safetensors"
    ]
    watcher = train(config, tmp_path / "parts", resume=True)
    assert watcher.resumed_from == 1
    whole, parts = final_state(tmp_path / "whole"), final_state(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_a_run_learns_and_leaves_its_files(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["max_steps=150", "eval_every=150"])
    watcher = train(config, tmp_path / "run")
    assert [interval.step for interval in watcher.intervals] == list(range(7, 150, 7))
    assert watcher.intervals[-1].token_loss < 0.8 * watcher.intervals[0].token_loss
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [(entry["kind"], entry["step"]) for entry in log] == [
        *(("train", step) for step in range(7, 150, 7)),
        ("evaluation", 150),
    ]
    assert load_config(str(tmp_path / "run" / "config.toml")) == config
    card = read_card(tmp_path / "run" / "best.safetensors")
    assert (card.task, card.training["steps"]) == ("sudoku", 150)
    model, _ = load_weights(tmp_path / "run" / "best.safetensors")
    assert model.config.relations[2] == ("box", "groups")


def test_the_best_weights_stay_and_the_last_ones_are_there_too(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever finds that the held-out puzzles were too few to choose by has the end of the run as well."""
    found = iter([0.5, 0.25, 0.5, 0.25])
    monkeypatch.setattr(Trainer, "evaluate", lambda *_: Figures(next(found), 1.0, 1.0, None))
    train(load_config(str(tiny), overrides=["max_steps=8", "eval_every=2"]), tmp_path / "run")
    cards = {name: read_card(tmp_path / "run" / f"{name}.safetensors") for name in ("best", "last")}
    assert {name: card.training["steps"] for name, card in cards.items()} == {"best": 6, "last": 8}
    assert {name: card.figures[0]["value"] for name, card in cards.items()} == {"best": 0.5, "last": 0.25}
    check_last_weights(tmp_path / "run")


def test_a_checkpoint_comes_with_averaged_weights_before_any_evaluation(tiny: Path, tmp_path: Path) -> None:
    train(load_config(str(tiny)), tmp_path / "run", max_seconds=0.0)
    card = read_card(tmp_path / "run" / "last.safetensors")
    assert (card.training["steps"], card.figures) == (1, ())
    check_last_weights(tmp_path / "run")
    assert not (tmp_path / "run" / "best.safetensors").exists()


def check_last_weights(folder: Path) -> None:
    """They are the averages of the last checkpoint."""
    weights = load_weights(folder / "last.safetensors")[0].state_dict()
    averages = {name: value for name, value in final_state(folder).items() if "ema." in name}
    assert averages
    for name, value in averages.items():
        assert torch.equal(weights[name.removeprefix("ema.")].bfloat16(), value.bfloat16()), name


def test_only_the_last_two_checkpoints_stay(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["max_steps=5", "save_every=0.0"])
    watcher = train(config, tmp_path / "run")
    assert len(watcher.saves) >= 5
    kept = [path.name for path in (tmp_path / "run" / "checkpoint").iterdir()]
    assert sorted(kept) == ["step-00000004.safetensors", "step-00000005.safetensors"]


def test_a_run_is_not_overwritten(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["max_steps=1"])
    train(config, tmp_path / "run")
    with pytest.raises(InputError, match="holds a run already: go on with --resume"):
        train(config, tmp_path / "run")


def test_a_changed_setting_is_refused_on_resuming(tiny: Path, tmp_path: Path) -> None:
    train(load_config(str(tiny), overrides=["max_steps=1"]), tmp_path / "run")
    changed = load_config(str(tiny), overrides=["max_steps=2"])
    with pytest.raises(InputError, match=r"max_steps: 1 is now 2.*--override"):
        train(changed, tmp_path / "run", resume=True)
    assert train(changed, tmp_path / "run", resume=True, override=True).resumed_from == 1


def test_a_run_from_before_a_setting_existed_goes_on(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["max_steps=2"])
    train(config, tmp_path / "run", max_seconds=0.0)
    (checkpoint,) = list_checkpoints(tmp_path / "run" / "checkpoint")
    tensors, values = load_checkpoint(checkpoint)
    for name in ("schedule", "halting", "puzzle_emb_lr"):
        del values["config"][name]
    tensors = {name: tensor for name, tensor in tensors.items() if "puzzle" not in name}
    save_checkpoint(checkpoint.parent, 1, tensors, values)
    assert train(config, tmp_path / "run", resume=True).resumed_from == 1


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit])
def test_a_damaged_checkpoint_is_passed_over(
    tiny: Path, tmp_path: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_config(str(tiny), overrides=["max_steps=4", "save_every=0.0"])
    train(config, tmp_path / "run")
    older, newest = list_checkpoints(tmp_path / "run" / "checkpoint")
    whole = final_state(tmp_path / "run")
    damage(newest)
    assert train(config, tmp_path / "run", resume=True).resumed_from == 3
    assert "is not a readable checkpoint" in (message := capsys.readouterr().err)
    assert message.startswith("trm: warning: ") and message.count("\n") == 1
    resumed = final_state(tmp_path / "run")
    assert [name for name, value in whole.items() if not torch.equal(value, resumed[name])] == []
    damage(older)
    damage(newest)
    with pytest.raises(InputError, match=f"{newest.name}: is not a readable checkpoint"):
        train(config, tmp_path / "run", resume=True)


def test_a_checkpoint_takes_the_place_of_a_damaged_later_one(tmp_path: Path) -> None:
    for step in (1, 2, 9):
        save_checkpoint(tmp_path, step, {"x": torch.ones(1)}, {})
    for step in (3, 4):  # a run that went on from step 2
        save_checkpoint(tmp_path, step, {"x": torch.ones(1)}, {})
    assert [path.stem for path in list_checkpoints(tmp_path)] == ["step-00000003", "step-00000004"]


def test_resuming_begins_where_there_is_nothing_yet(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["max_steps=1"])
    assert train(config, tmp_path / "new", resume=True).resumed_from == 0


def test_a_failed_save_leaves_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, 1, {"x": torch.ones(1)}, {})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    for step in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path, step, {"x": torch.zeros(1)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    assert load_checkpoint(tmp_path / "step-00000001.safetensors")[0]["x"].item() == 1


def test_what_a_killed_process_left_goes_with_the_next_save(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["max_steps=1"])
    run_folder = tmp_path / "run"
    (run_folder / "checkpoint").mkdir(parents=True)
    files = ("checkpoint/.step-00000001.safetensors", ".best.safetensors", ".last.safetensors", ".log.jsonl")
    for name in files:
        (run_folder / f"{name}.7-0a").write_bytes(b"half")
    (run_folder / ".notes").write_text("mine")
    train(config, run_folder)
    hidden = [path.name for path in run_folder.rglob(".*")]
    assert hidden == [".notes"]


def test_the_log_goes_on_where_the_checkpoint_stands(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["max_steps=100", "eval_every=100"])
    train(config, tmp_path / "whole")
    train(load_config(str(tiny), overrides=["max_steps=50", "eval_every=100"]), tmp_path / "parts")
    log = tmp_path / "parts" / "log.jsonl"
    with log.open("a") as file:
        file.write('{"kind": "train", "step": 60}\n{"kind": "train", "st')  # killed while writing
    train(config, tmp_path / "parts", resume=True, override=True)

    def entries(folder: Path) -> list[tuple[str, int]]:
        lines = (folder / "log.jsonl").read_text().splitlines()
        return [(entry["kind"], entry["step"]) for entry in map(json.loads, lines)]

    def logged(start: int, end: int, every: int) -> list[tuple[str, int]]:
        return [*(("train", step) for step in range(start + every, end + 1, every)), ("evaluation", end)]

    assert entries(tmp_path / "whole") == logged(0, 100, 5)
    assert entries(tmp_path / "parts") == [*logged(0, 50, 2), *logged(50, 100, 5)]


@pytest.mark.parametrize("every", [0.0, 3600.0])
def test_a_loss_that_is_not_finite_stops_the_run(tiny: Path, tmp_path: Path, every: float) -> None:
    settings = ["lr=1e30", "clip=0.0", "warmup_steps=0", "dtype=float32", f"save_every={every}"]
    config = load_config(str(tiny), overrides=settings)
    with pytest.raises(InputError, match=r"the gradient of step \d+ is not finite: try a lower lr") as caught:
        train(config, tmp_path / "run")
    checkpoints = list_checkpoints(tmp_path / "run" / "checkpoint")
    assert bool(checkpoints) == (every == 0.0)
    expected = checkpoints[-1].name if checkpoints else "there is no checkpoint"
    assert expected in str(caught.value)
    for path in checkpoints:
        tensors, _ = load_checkpoint(path)
        assert all(value.isfinite().all() for value in tensors.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_checkpoint_that_resumes(tiny: Path, tmp_path: Path, number: int) -> None:
    command = [sys.executable, "-m", "trmcli", "train", str(tiny), "--out", str(tmp_path / "run")]
    command += ["--set", "max_steps=100000", "--set", "eval_every=100000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step 50/"):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert out == "" and "Traceback" not in err and "saved" in err
    (checkpoint,) = list_checkpoints(tmp_path / "run" / "checkpoint")
    step = int(checkpoint.stem.removeprefix("step-"))
    resumed = subprocess.run(
        [*command, "--resume", "--max-time", "1s"], capture_output=True, text=True, timeout=120
    )
    assert resumed.returncode == 0, resumed.stderr
    assert f"resumed at step {step:,}" in resumed.stderr


def test_a_signal_stops_an_evaluation_which_is_done_on_resuming(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, evaluate = load_config(str(tiny), overrides=["max_steps=12"]), Trainer.evaluate

    def interrupted(trainer: Trainer, *arguments: Any) -> Figures | None:
        os.kill(os.getpid(), signal.SIGTERM)
        return evaluate(trainer, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "evaluate", interrupted)
        assert run(config, tmp_path / "run", Watcher(), device=torch.device("cpu")).signal == signal.SIGTERM
    assert not (tmp_path / "run" / "best.safetensors").exists()
    watcher = train(config, tmp_path / "run", resume=True)
    assert (watcher.resumed_from, [one.step for one in watcher.evaluations]) == (12, [12])
    assert (tmp_path / "run" / "best.safetensors").exists()
    assert train(config, tmp_path / "run", resume=True).evaluations == []


class Impatient(Watcher):
    """Asks twice, when a step has been saved."""

    def saved(self, path: Path) -> None:
        super().saved(path)
        if path.stem == "step-00000007":
            os.kill(os.getpid(), signal.SIGTERM)

    def stopping(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(tiny: Path, tmp_path: Path) -> None:
    config, folder = load_config(str(tiny), overrides=["save_every=0.0"]), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(config, folder, Impatient(), device=torch.device("cpu"))
    assert list_checkpoints(folder / "checkpoint")[-1].stem == "step-00000007"
    last = json.loads((folder / "log.jsonl").read_text().splitlines()[-1])
    assert (last["kind"], last["step"], last["why"]) == ("stopped", 7, "a second Ctrl-C")
    assert train(config, folder, resume=True).resumed_from == 7
    train(config, tmp_path / "whole")
    resumed, whole = final_state(folder), final_state(tmp_path / "whole")
    assert all(torch.equal(value, whole[name]) for name, value in resumed.items())
    kinds = [json.loads(line)["kind"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert "stopped" not in kinds


def test_the_command_line_says_what_is_wrong(tiny: Path, tmp_path: Path) -> None:
    def fails(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "trmcli", "train", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200"},
        )
        assert (done.returncode, done.stdout) == (2, ""), done
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("trm: error: ")
        return done.stderr

    assert "presets are" in fails("no-such-preset")
    assert "90s, 9m or 2h" in fails(str(tiny), "--max-time", "soon")
    assert "write key=value" in fails(str(tiny), "--set", "lr")
    assert "no such file" in fails(str(tiny), "--data", "missing.csv")
    (tmp_path / "questions.txt").write_text("1...\n..2.\n.3..\n...4\n")
    assert "needs puzzles with answers" in fails(str(tiny), "--data", "questions.txt")
    assert "name a preset" in fails()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rate=1", "unknown setting 'rate'"),
        ("batch_size=many", "batch_size must be a whole number"),
        ("optimizer=sgd", "optimizer must be one of adamw, muon"),
        ("model.width=3", "unknown model setting 'width'"),
        ("model.mixer=magic", "mixer must be one of"),
        ("validation_count=40", "too few to hold out 40"),
        ("batch_size=0", "batch_size must be a whole number from 1 to 1000000000, such as 64, not 0"),
        ("max_steps=-1", "max_steps must be a whole number from 1 to"),
        ("eval_every=0", "eval_every must be a whole number from 1 to"),
        ("save_every=-1", "save_every must be a number from 0 to"),
        ("lr=nan", "lr must be a number from 0 to .*, such as 0.001, not nan"),
        ("clip=inf", "clip must be a number from 0 to .*, not inf"),
        ("ema=2", "ema must be a number from 0 to 1, such as 0.999, not 2"),
        ("seed=99999999999999999999", "seed must be a whole number from 0 to 9223372036854775807"),
        ("commit=1", "commit must be true or false, not 1"),
        ("patience=true", "patience must be a whole number from .*, not True"),
        ("name=5", "name must be text, not 5"),
        ("model=5", "model must be a table, not 5"),
        ("data=5", "data must be a list, not 5"),
        ("data=[5]", "must be a table"),
        ("data=[{source='generated', weight=0.0}]", "names no data"),
        ("data=[{source='generated', options=1}]", "options must be a table"),
        ("betas=0.9", "betas must be a list"),
        ("betas=[0.9, 1.0]", "betas must be two numbers from 0 to below 1"),
        ("betas=['a', 'b']", "betas must be two numbers"),
        ("rounds_curriculum=[['a', 1]]", "rounds_curriculum must be pairs"),
        ("rounds_curriculum=[[0.0, 1.5]]", "rounds_curriculum must be pairs"),
        ("model.ffn_multiple=0", "ffn_multiple must be a whole number from 1 to"),
        ("model.head_size=-4", "head_size must be a whole number from 0 to"),
        ("model.expansion=-1.0", "expansion must be a number from 0.01 to"),
        ("model.relations=5", "relations must be a list"),
        ("model.relations=[5]", "relations must be a list of names"),
        ("stage=[{from_step=20, model={rounds=0}}]", "from step 20: rounds must be a whole number from 1 to"),
        ("stage=[{from_step=20, accumulate=3}]", "in 3 parts"),
        ("stage=[{from_step=20, data=[{source='none.csv'}]}]", "none.csv: no such file"),
        ("stage=[{from_step=20, validation_count=1000}]", "too few to hold out 1000"),
    ],
)
def test_settings_are_checked(tiny: Path, tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        train(load_config(str(tiny), overrides=[change]), tmp_path / "run", max_seconds=0.0)
    assert not (tmp_path / "run").exists()


def test_overrides_reach_tables() -> None:
    values: dict[str, object] = {"model": {"hidden_size": 4}}
    apply_override(values, "model.hidden_size=8")
    apply_override(values, "betas=[0.8, 0.9]")
    apply_override(values, "name=some run")
    assert values == {"model": {"hidden_size": 8}, "betas": [0.8, 0.9], "name": "some run"}


def test_presets_load_and_round_trip_through_toml(tmp_path: Path) -> None:
    assert "sudoku-small" in presets()
    for name in presets():
        config = load_config(name)
        copy = tmp_path / f"{name}.toml"
        copy.write_text(to_toml(config.to_dict()))
        assert load_config(str(copy)) == config


def test_the_learning_rate_rises_stays_and_falls() -> None:
    config = load_config(
        "sudoku-small", overrides=["lr=1.0", "max_steps=100", "warmup_steps=10", "decay_fraction=0.4"]
    )
    rates = [learning_rate(step, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[59] == 1.0
    assert rates[80] == pytest.approx(0.5) and rates[99] == pytest.approx(0.025)


def test_recursion_deepens_along_the_curriculum(tiny: Path) -> None:
    config = load_config(
        str(tiny), overrides=["max_steps=10", "rounds_curriculum=[[0.0, 1], [0.5, 3]]", "model.rounds=3"]
    )
    assert [rounds_at(step, config) for step in (0, 4, 5, 9)] == [1, 1, 3, 3]
    assert rounds_at(0, load_config(str(tiny))) is None
    with pytest.raises(InputError, match="rounds_curriculum must be pairs"):
        load_config(str(tiny), overrides=["rounds_curriculum=[1, 2]"])


def test_stopping_is_prompt(tiny: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    watcher = train(load_config(str(tiny)), tmp_path / "run", max_seconds=0.0)
    assert len(watcher.saves) == 1 and time.monotonic() - start < 60


def test_a_run_ends_when_it_gets_no_better(tiny: Path, tmp_path: Path) -> None:
    """Nothing is learned at a rate of zero, so the first evaluation stays the best."""
    config = load_config(str(tiny), overrides=["lr=0.0", "weight_decay=0.0", "eval_every=3", "patience=2"])
    watcher = train(config, tmp_path / "run")
    assert [evaluation.step for evaluation in watcher.evaluations] == [3, 6, 9]
    assert train(config, tmp_path / "run", resume=True).evaluations == []  # it remembers


def test_a_run_starts_from_given_weights(tiny: Path, tmp_path: Path) -> None:
    train(load_config(str(tiny), overrides=["max_steps=3"]), tmp_path / "first")
    weights = tmp_path / "first" / "best.safetensors"
    still = ["max_steps=1", "lr=0.0", "weight_decay=0.0", f"init_from={weights}"]
    train(load_config(str(tiny), overrides=still), tmp_path / "second")
    given = load_weights(weights)[0].state_dict()
    again = load_weights(tmp_path / "second" / "best.safetensors")[0].state_dict()
    assert all(torch.equal(value, again[name]) for name, value in given.items())
    wider = load_config(str(tiny), overrides=[*still, "model.hidden_size=32"])
    with pytest.raises(
        InputError, match=r"best.safetensors: does not fit \[model\]: 'embed.weight' is \[18, 16"
    ):
        train(wider, tmp_path / "third")


@pytest.mark.parametrize(("threads", "changes"), [(1, ["accumulate=4"]), (2, []), (2, ["accumulate=2"])])
def test_a_batch_in_parts_is_the_batch(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, changes: list[str]
) -> None:
    settings = ["max_steps=6", "optimizer=adamw", "dtype=float32", "batch_size=32"]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    train(load_config(str(tiny), overrides=settings), tmp_path / "whole")
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    train(load_config(str(tiny), overrides=[*settings, *changes]), tmp_path / "parts")
    whole, parts = final_state(tmp_path / "whole"), final_state(tmp_path / "parts")
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], rtol=1e-3, atol=1e-4), name


def test_a_batch_must_come_out_even(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="batch_size 8 cannot be shared out evenly among 1 ranks in 3 parts"):
        train(load_config(str(tiny), overrides=["accumulate=3"]), tmp_path / "odd")


def test_a_share_of_the_examples_starts_at_random(tiny: Path) -> None:
    states = []
    for share in (0.0, 0.5, 0.5):
        config = load_config(str(tiny), overrides=[*CANDIDATES, f"random_starts={share}", "batch_size=32"])
        task = get_task(config.task)
        examples = [load_examples(task, data, config.seed) for data in config.data]
        trainer = Trainer(Stage.of(config, task, examples), task, torch.device("cpu"))
        trainer.step()
        states.append(torch.cat([lane.carry.latent.flatten(1) for lane in trainer.lanes], dim=1))
    fixed, random, again = states
    assert torch.equal(random, again)
    assert 4 < int((random != fixed).any(dim=1).sum()) < 28


def test_a_run_that_commits_tells_one_cell_after_each_late_step(tiny: Path) -> None:
    config = load_config(str(tiny), overrides=[*COMMITTING, "exploration=1.0"])
    task = get_task(config.task)
    examples = [load_examples(task, data, config.seed) for data in config.data]
    trainer = Trainer(Stage.of(config, task, examples), task, torch.device("cpu"))
    told = []
    for _ in range(24):
        before = [lane.tokens for lane in trainer.lanes]
        trainer.step()
        for lane, tokens in zip(trainer.lanes, before, strict=True):
            changed = (lane.tokens != tokens) & (lane.steps > 1)[:, None]  # not by a fresh example
            assert torch.equal(lane.tokens[changed], lane.labels[changed])
            assert (changed.sum(dim=1) <= 1).all()
            told += lane.steps[changed.any(dim=1)].tolist()
    assert told and min(told) == COMMIT_FROM


def test_committing_is_for_tasks_with_givens() -> None:
    config = load_config("maze-small", overrides=["commit=true"])
    with pytest.raises(InputError, match="commit is for tasks with givens, and maze has none"):
        Stage.of(config, get_task("maze"), [])


def test_without_a_compiler_a_run_goes_on_uncompiled(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    train(load_config(str(tiny), overrides=["compile=true", "max_steps=2"]), tmp_path / "compiled")
    train(load_config(str(tiny), overrides=["max_steps=2"]), tmp_path / "plain")
    one, two = (final_state(tmp_path / name) for name in ("compiled", "plain"))
    assert all(torch.equal(one[name], two[name]) for name in two)


def test_label_smoothing_is_for_softmax(tiny: Path, tmp_path: Path) -> None:
    config = load_config(str(tiny), overrides=["label_smoothing=0.2", "token_loss=stablemax"])
    with pytest.raises(InputError, match="label_smoothing goes with token_loss = softmax"):
        train(config, tmp_path / "run")


STAGES = """
[[stage]]
from_step = 3
lr = 1e-3
commit = true
model.rounds = 2

[[stage]]
from_step = 6
max_steps = 8
reveal_max = 2

[[stage.data]]
source = "generated"
count = 40
options = { size = 4, clues = "4-6" }
"""


@pytest.fixture
def staged(tiny: Path) -> TrainConfig:
    text = tiny.read_text() + STAGES
    tiny.write_text(
        text.replace("max_steps = 24", "max_steps = 6").replace("eval_every = 12", "eval_every = 4")
    )
    return load_config(str(tiny))


def test_a_run_goes_through_its_stages_as_if_resumed_with_their_settings(
    staged: TrainConfig, tmp_path: Path
) -> None:
    watcher = train(staged, tmp_path / "whole")
    assert staged.total_steps == 8 and [interval.step for interval in watcher.intervals] == list(range(1, 9))
    assert [entry.step for entry in watcher.evaluations] == [4, 8]
    assert [(step, sorted(stage)) for step, stage in watcher.stages] == [
        (3, ["commit", "from_step", "lr", "model"]),
        (6, ["data", "from_step", "max_steps", "reveal_max"]),
    ]
    for step in range(8):  # one step at a time
        train(staged, tmp_path / "stopped", resume=True, max_seconds=0.0)
        train(staged.at(step), tmp_path / "by hand", resume=True, override=True, max_seconds=0.0)
    whole = final_state(tmp_path / "whole")
    for other in ("stopped", "by hand"):
        state = final_state(tmp_path / other)
        assert whole.keys() == state.keys()
        assert all(torch.equal(value, state[name]) for name, value in whole.items()), other


def test_a_run_goes_on_with_a_network_that_grew(tiny: Path, tmp_path: Path) -> None:
    still = ["max_steps=6", "model.mixer=mean", "model.vectors=candidates"]
    grown = load_config(str(tiny), overrides=[*still, "stage=[{from_step=3, model={group_expansion=1.0}}]"])
    train(grown, tmp_path / "whole")
    train(load_config(str(tiny), overrides=still), tmp_path / "by hand", max_seconds=0.0)
    for _ in range(2):
        train(load_config(str(tiny), overrides=still), tmp_path / "by hand", resume=True, max_seconds=0.0)
    train(grown, tmp_path / "by hand", resume=True, override=True)
    whole, by_hand = final_state(tmp_path / "whole"), final_state(tmp_path / "by hand")
    assert whole.keys() == by_hand.keys()
    assert all(torch.equal(value, by_hand[name]) for name, value in whole.items())
    assert bool(whole["model.layers.0.mixer.swiglus.0.down.weight"].any())
    assert load_weights(tmp_path / "whole" / "best.safetensors")[0].config.group_expansion == 1.0


def test_a_stage_begins_anew_from_the_averaged_weights(tiny: Path, tmp_path: Path) -> None:
    stages = "stage=[{from_step=3, restart=true, lr=1e-3}, {from_step=5, lr=5e-4}]"
    config = load_config(str(tiny), overrides=["max_steps=7", stages])
    watcher = train(config, tmp_path / "whole")
    assert [step for step, _ in watcher.stages] == [3, 5]
    for _ in range(7):  # one step at a time, so that one checkpoint stands where the stage begins
        train(config, tmp_path / "stopped", resume=True, max_seconds=0.0)
    train(load_config(str(tiny), overrides=["max_steps=3"]), tmp_path / "by hand")
    folder = tmp_path / "by hand" / "checkpoint"
    tensors, values = load_checkpoint(list_checkpoints(folder)[-1])
    averaged = {name: value for name, value in tensors.items() if name.startswith("ema.")}
    weights = {name: value for name, value in tensors.items() if name.startswith("model.")}
    weights |= {name.replace("ema.", "model.", 1): value for name, value in averaged.items()}
    assert any(not torch.equal(value, tensors[name]) for name, value in weights.items())
    save_checkpoint(folder, 3, {**averaged, **weights}, values)
    later = load_config(str(tiny), overrides=["max_steps=7", "lr=1e-3", "stage=[{from_step=5, lr=5e-4}]"])
    train(later, tmp_path / "by hand", resume=True, override=True)
    whole = final_state(tmp_path / "whole")
    for other in ("stopped", "by hand"):
        state = final_state(tmp_path / other)
        assert whole.keys() == state.keys()
        assert all(torch.equal(value, state[name]) for name, value in whole.items()), other


def test_a_run_that_is_past_its_end_ends(tiny: Path, tmp_path: Path) -> None:
    train(load_config(str(tiny), overrides=["max_steps=3"]), tmp_path / "run")
    shorter = load_config(str(tiny), overrides=["max_steps=2"])
    again = train(shorter, tmp_path / "run", resume=True, override=True)
    assert again.resumed_from == 3 and again.saves[-1].stem == "step-00000003"


def test_a_run_that_was_stopped_before_its_first_step_goes_on(tiny: Path, tmp_path: Path) -> None:
    train(replace(load_config(str(tiny)), max_steps=0), tmp_path / "run")
    again = train(
        load_config(str(tiny), overrides=["max_steps=2"]), tmp_path / "run", resume=True, override=True
    )
    assert again.resumed_from == 0 and again.saves[-1].stem == "step-00000002"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("model.hidden_size=32", r"checkpoint: does not fit \[model\]: 'embed.weight' is \[18, 16"),
        ("optimizer=adamw", r"run: cannot go on with another optimizer \('muon' is now 'adamw'\)"),
    ],
)
def test_a_run_that_cannot_go_on_so_is_left_as_it_was(
    tiny: Path, tmp_path: Path, change: str, message: str
) -> None:
    train(load_config(str(tiny), overrides=["max_steps=3"]), tmp_path / "run")
    before = {path: path.read_bytes() for path in sorted((tmp_path / "run").rglob("*")) if path.is_file()}
    with pytest.raises(InputError, match=message):
        train(load_config(str(tiny), overrides=[change]), tmp_path / "run", resume=True, override=True)
    assert before == {path: path.read_bytes() for path in before}


def test_the_settings_in_force(staged: TrainConfig) -> None:
    rates = [(staged.at(step).lr, staged.at(step).model["rounds"]) for step in range(9)]
    assert rates == [(5e-3, 1)] * 3 + [(1e-3, 2)] * 6
    assert [staged.at(step).max_steps for step in (0, 5, 6, 8)] == [6, 6, 8, 8]
    assert [len(staged.at(step).data) for step in (5, 6)] == [2, 1]
    short = replace(staged, max_steps=2)
    assert short.total_steps == 2 and short.at(5).lr == 5e-3  # it never comes to the stages
    assert load_config("sudoku-4x4").at(100) == load_config("sudoku-4x4")


def test_what_the_command_line_says_holds_in_every_stage(staged: TrainConfig, tiny: Path) -> None:
    config = load_config(str(tiny), "my.csv", ["max_steps=7", "model.rounds=3", "lr=1e-4"])
    assert config.total_steps == 7
    assert {(part.lr, part.model["rounds"], part.data[0].source) for _, part in config.parts} == {
        (1e-4, 3, "my.csv")
    }
    assert config.at(3).commit and config.at(6).reveal_max == 2 and config.at(6).data[0].weight == 1.0


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("{lr=1.0}", "needs a from_step, a whole number above 0"),
        ("{from_step=0}", "needs a from_step, a whole number above 0"),
        ("{from_step=5}, {from_step=5}", "needs a from_step, a whole number above 5"),
        ("{from_step=5, rate=1}", r"\[\[stage\]\] from step 5: unknown setting 'rate'"),
        ("{from_step=5, lr='fast'}", "from step 5: lr must be a number"),
        ("{from_step=5, optimizer='adamw'}", "from step 5: a stage cannot change optimizer"),
        ("{from_step=5, model={rounds=2, hidden_size=9}}", "cannot change model.hidden_size"),
        (
            "{from_step=5, model={group_expansion=1.0}}, {from_step=6, model={group_expansion=2.0}}",
            "from step 6: groups keep the group_expansion that they have, 1.0",
        ),
        ("{from_step=5, max_steps=4}", "from step 5: a stage cannot end before it begins"),
        ("{from_step=5, model=3}", "model must be a table"),
        ("{from_step=5, restart=1}", "from step 5: restart must be true or false"),
        ("3", "needs a from_step"),
    ],
)
def test_stages_are_checked_before_the_run(tiny: Path, stage: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_config(str(tiny), overrides=[f"stage=[{stage}]"])
