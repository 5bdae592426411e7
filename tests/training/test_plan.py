"""What a run would be, and the paper's presets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trmcli.errors import InputError
from trmcli.tasks import get_task
from trmcli.training.config import load_config, presets
from trmcli.training.journal import Observer
from trmcli.training.plan import Plan, plan
from trmcli.training.reference_data import build_sudoku
from trmcli.training.run import run

HELD = "validation_count=1"
CSV = str(Path(__file__).parents[1] / "data" / "sudoku_hard.csv")


@pytest.mark.parametrize(
    ("preset", "parameters", "steps"),
    [
        # The paper says 5M, 7M and 27M; 50,000 and 20,000 epochs of 1,000 groups in batches of 768.
        ("paper-sudoku-extreme", 5_029_378, 50_000 * 1000 // 768),
        ("paper-sudoku-extreme-attention", 6_828_546, 50_000 * 1000 // 768),
        ("paper-hrm-sudoku", 27_275_778, 20_000 * 1000 // 768),
    ],
)
def test_the_papers_models_have_the_papers_size(preset: str, parameters: int, steps: int) -> None:
    size = plan(load_config(preset))
    assert (size.parameters, size.steps) == (parameters, steps)
    assert size.examples == (("data/sudoku-extreme-1k-aug-1000", None),)


@pytest.mark.parametrize(("preset", "examples"), [("paper-arc1", 3988), ("paper-arc2", 5573)])
def test_the_papers_arc_models_can_be_sized_without_the_task(preset: str, examples: int) -> None:
    size = plan(load_config(preset))
    assert (size.parameters, size.steps) == (6_829_570, 100_000 * examples // 768)
    assert size.memory > 2**30


def test_memory_of_one_layer_by_hand() -> None:
    """What the backward pass keeps of an example grows with the batch, everything else does not."""

    def memory(*settings: str) -> float:
        return plan(load_config("paper-sudoku-extreme", overrides=settings)).memory

    one, two, three = (memory(f"batch_size={size}") for size in (1, 2, 3))
    assert three - two == pytest.approx(two - one)
    lasting = one - (two - one)
    assert lasting == pytest.approx(5_028_866 * (5 * 4 + 2) + 512 * 4)
    # 14 layers with gradient: an input of each of the products, gates and norms, 97 cells of 512 and 1,536
    assert 20 < (two - one) / (14 * 97 * 512) < 80
    assert memory("optimizer=muon") < memory()
    assert memory("dtype=float32") > 1.8 * memory()


def test_arithmetic_of_the_mlp_by_hand() -> None:
    """21 passes forward and 7 backward at twice the cost, through two layers, and the heads.

    The first product of the last round reads a state that has no gradient.
    """
    size = plan(load_config("paper-sudoku-extreme"))
    tokens, width, hidden, across = 81 + 16, 512, 1536, 512
    layer = 3 * 2 * tokens * width * hidden + 3 * 2 * width * tokens * across
    heads = 2 * 81 * width * 11 + 2 * width * 2
    spared = 2 * width * tokens * 2 * across
    assert size.flops == 768 * (2 * layer * (21 + 2 * 7) + 3 * heads - spared)


def test_a_stage_that_makes_the_network_larger_counts() -> None:
    def small(stages: str) -> Plan:
        data = "data=[{source='generated', count=4, options={size=4}}]"
        return plan(load_config("sudoku", overrides=[data, HELD, "max_steps=10", f"stage=[{stages}]"]))

    before, grown = small(""), small("{from_step=4, model={group_expansion=1.5}}")
    assert grown.parameters - before.parameters == 4 * 3 * 96 * 96
    assert grown.flops > before.flops and grown.memory > before.memory


def test_a_stage_at_the_very_end_takes_no_steps() -> None:
    data = "data=[{source='generated', count=4, options={size=4}}]"

    def small(*stages: str) -> Plan:
        return plan(
            load_config("sudoku", overrides=[data, HELD, "max_steps=10", f"stage=[{', '.join(stages)}]"])
        )

    assert small("{from_step=10, lr=1e-3}") == small()


def test_every_stage_has_the_network_of_the_first_source() -> None:
    """Learned positions are as many as the cells of the first source's puzzles, in later stages as well."""
    large, small = (
        f"{{source='generated', count=4, weight={weight}, options={{size={size}}}}}"
        for weight, size in ((1.0, 9), (0.0, 4))
    )
    model = ["model.mixer=attention", "model.positions=learned", "model.relations=[]"]

    def parameters(stage: str) -> int:
        settings = [f"data=[{large}, {small}]", HELD, "max_steps=10", *model, f"stage=[{stage}]"]
        return plan(load_config("sudoku-small", overrides=settings)).parameters

    assert parameters("{from_step=4, lr=1e-3}") == parameters("")


def test_a_curriculum_and_q_learning_count() -> None:
    def small(rounds: str, *more: str) -> Plan:
        data = "data=[{source='generated', count=4, options={size=4}}]"
        settings = [data, HELD, "max_steps=100", f"rounds_curriculum={rounds}", *more]
        return plan(load_config("sudoku-small", overrides=settings))

    deep, flat = small("[]"), small("[[0.0, 1]]")
    half, late = small("[[0.0, 1], [0.5, 2]]"), small("[[0.5, 1]]")
    asked = small("[]", "halting=q_learning")
    assert half.flops == pytest.approx((deep.flops + flat.flops) / 2) == late.flops
    assert flat.flops < deep.flops < asked.flops
    staged = small("[]", "stage=[{from_step=50, rounds_curriculum=[[0.0, 1]], batch_size=32, max_steps=150}]")
    assert staged.flops == pytest.approx((50 * deep.flops + 100 * flat.flops / 2) / 150)
    assert (staged.steps, staged.examples_seen) == (150, 50 * 64 + 100 * 32)
    assert half.examples == (("generated", 4),) and half.examples_seen == 6400


def test_a_folder_that_is_here_is_counted(tmp_path: Path) -> None:
    build_sudoku(tmp_path / "data", CSV, None, augment=2, task=get_task("sudoku"))
    size = plan(load_config("paper-sudoku-extreme", data=str(tmp_path / "data"), overrides=[HELD]))
    assert size.examples == ((str(tmp_path / "data"), 36),)


def test_the_dry_run_prints_a_config_that_loads(tmp_path: Path) -> None:
    arguments = ["train", "paper-sudoku-extreme", "--dry-run", "--set", "seed=7"]
    done = subprocess.run(
        [sys.executable, "-m", "trmcli", *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "# parameters: 5,029,378\n" in done.stdout
    assert "unknown, for it is not here" in done.stdout
    (tmp_path / "copy.toml").write_text(done.stdout)
    again = load_config(str(tmp_path / "copy.toml"))
    assert again == load_config("paper-sudoku-extreme", overrides=["seed=7"])
    assert [path.name for path in tmp_path.iterdir()] == ["copy.toml"]


TINY = """
name = "tiny"
task = "sudoku"
validation_count = 2
batch_size = 4
max_steps = 1
[model]
mixer = "relation"
hidden_size = 32
num_layers = 1
num_heads = 2
rounds = 1
latent_updates = 1
[[data]]
source = "generated"
count = 4
options = {size = 4}
"""
NINE = "data=[{source='generated', count=4, options={size=4}}, {source='nine.csv'}]"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["label_smoothing=0.1", "token_loss=stablemax"], "label_smoothing goes with token_loss = softmax"),
        (["batch_size=9", "accumulate=2"], "batch_size 9 cannot be shared out evenly"),
        (["stage=[{from_step=1, batch_size=9, accumulate=2}]"], "batch_size 9 cannot be shared out evenly"),
        (["validation_count=3"], "4 puzzles are too few to hold out 3"),
        (["validation=missing.csv"], "missing.csv: no such file"),
        (["stage=[{from_step=1, validation='missing.csv'}]"], "missing.csv: no such file"),
        (["validation=questions.txt"], "has no answer"),
        (["validation=nine.csv", "model.mixer=mlp"], "nine.csv: has puzzles of 9x9, and this model takes"),
        ([NINE, "model.mixer=mlp"], "nine.csv: has puzzles of 9x9, and this model takes"),
        (
            [NINE, "model.mixer=attention", "model.positions=learned"],
            "nine.csv: has puzzles of 9x9, and this model takes",
        ),
        (["init_from=no-such"], "no-such: no weights of this name"),
        (["init_from=sudoku-small"], r"does not fit \[model\]: 'embed.weight' is"),
        (["init_from=questions.txt"], "questions.txt: is not a safetensors file"),
        (["model.vocab_size=3"], "labels reach 5, and .* vocab_size is 3"),
        (["model.vocab_size=900"], "sudoku has 18 tokens, not 900: leave vocab_size out"),
    ],
)
def test_the_dry_run_finds_what_would_end_the_run(
    settings: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(TINY)
    Path("questions.txt").write_text("1...\n..2.\n.3..\n...4\n")
    Path("nine.csv").write_text(Path(CSV).read_text())
    config = load_config("tiny.toml", overrides=settings)
    with pytest.raises(InputError, match=message) as dry:
        plan(config)
    with pytest.raises(InputError) as real:
        run(config, Path("run"), Observer(), device=torch.device("cpu"))
    assert str(dry.value) == str(real.value)


def test_the_dry_run_knows_the_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="batch_size 4 cannot be shared out evenly among 3 ranks"):
        plan(load_config(str(tmp_path / "tiny.toml")))


def test_missing_data_without_a_size_are_an_error() -> None:
    with pytest.raises(InputError, match="no such file"):
        plan(load_config("sudoku-small", data="missing.csv"))
    with pytest.raises(InputError, match="makes no square"):
        plan(load_config("paper-sudoku-extreme", overrides=["model.seq_len=80"]))


def test_papers_presets_say_where_their_settings_come_from() -> None:
    papers = {name: path for name, path in presets().items() if name.startswith("paper-")}
    assert len(papers) >= 4
    for name, path in papers.items():
        text = path.read_text(encoding="utf-8")
        assert "arXiv:2510.04871" in text and "README.md of" in text
        assert load_config(name).name == name
