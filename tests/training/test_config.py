"""Every setting has a range, and what is wrong is said of the option or the line where it stands."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest

from trmcli.errors import InputError
from trmcli.model import TRMConfig
from trmcli.settings import Limits
from trmcli.training.config import DataConfig, TrainConfig, load_config, preset_titles
from trmcli.training.plan import plan
from trmcli.weights.header import read_header
from trmcli.weights.registry import bundled_path, registry

HUGE = "9" * 5000
DATA = "data=[{{source='generated'}}, {{{key}={value}}}]"
PLACES = {TrainConfig: "{key}={value}", TRMConfig: "model.{key}={value}", DataConfig: DATA}


def _case(cls: type, key: str, *more: Any) -> Any:
    return pytest.param(cls, key, *more, id=f"{cls.__name__}-{key}")


HINTS = [(cls, *pair) for cls in PLACES for pair in get_type_hints(cls, include_extras=True).items()]
SETTINGS = [_case(*setting) for setting in HINTS]
NUMBERS = [_case(cls, key, *get_args(hint)) for cls, key, hint in HINTS if get_origin(hint) is Annotated]
OTHERS = [_case(*setting) for setting in HINTS if get_origin(setting[2]) is not Annotated]


def refusal(override: str) -> str:
    with pytest.raises(InputError) as caught:
        load_config("sudoku-4x4", overrides=[override])
    shown = override if len(override) <= 100 else f"{override.partition('=')[0]}=..."
    assert str(caught.value) == f"--set {shown}: {caught.value.message}"
    return caught.value.message


@pytest.mark.parametrize(("cls", "key", "hint"), SETTINGS)
def test_every_number_has_limits(cls: type, key: str, hint: Any) -> None:
    assert hint not in (int, float)
    if get_origin(hint) is Annotated:
        assert get_args(hint)[0] in (int, float) and isinstance(get_args(hint)[1], Limits)


@pytest.mark.parametrize(("cls", "key", "kind", "limits"), NUMBERS)
def test_numbers_beyond_their_limits_are_refused(cls: type, key: str, kind: type, limits: Limits) -> None:
    above = limits.most + 1 if kind is int else limits.most * 2
    wrong = [limits.least - 1, above, "nan", "inf", "-inf", "true", "'many'", "[1]", f"0x{HUGE}"]
    wrong += [1.5] if kind is int else []
    said = "a whole number" if kind is int else "a number"
    for value in wrong:
        message = refusal(PLACES[cls].format(key=key, value=value))
        start = f"{key} must be {said} from {limits.least} to {limits.most}"
        assert message.startswith(start) and ", not " in message and len(message) < 250, message


@pytest.mark.parametrize(("cls", "key", "kind", "limits"), NUMBERS)
def test_numbers_within_their_limits_are_taken(cls: type, key: str, kind: type, limits: Limits) -> None:
    if key == "horizon":  # which reach must reach
        return
    for value in (limits.least, limits.most):
        rest = ", source='generated'" if cls is DataConfig else ""
        load_config("sudoku-4x4", overrides=[PLACES[cls].format(key=key, value=f"{value}{rest}")])


@pytest.mark.parametrize(("cls", "key", "hint"), OTHERS)
def test_other_types_are_refused(cls: type, key: str, hint: Any) -> None:
    kind = get_origin(hint) or hint
    message = refusal(PLACES[cls].format(key=key, value="5"))
    said = f"one of {', '.join(get_args(hint))}" if kind is Literal else ""
    assert message.startswith(f"{key} must be {said}") and message.endswith(", not 5")


@pytest.mark.parametrize(
    "setting",
    ["max_steps=1000000000", "batch_size=1000000000", "model.hidden_size=1048576", "model.expansion=0.01"],
)
def test_the_largest_and_the_smallest_runs_are_sized(setting: str) -> None:
    assert plan(load_config("sudoku-4x4", overrides=[setting])).parameters > 0


LINES = """\
preset = "sudoku-4x4"
name = "mine"
lr = 1e-3

[model]
hidden_size = 64  # wide

[[data]]
source = "generated"
count = 3000
options = { size = 4 }

[[data]]
source = "generated"
weight = 0.5

[[stage]]
from_step = 5
model.rounds = 2

[[stage]]
from_step = 6
lr = 1e-4

[[stage.data]]
source = "generated"
weight = 1.0
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sudoku-4x4", "sudoku-4x", ":1: there is no preset 'sudoku-4x'; did you mean sudoku-4x4?"),
        ("lr = 1e-3", "lr = 'x'", ":3: lr must be a number from"),
        ("lr = 1e-3", "lrr = 1e-3", ":3: unknown setting 'lrr'; did you mean lr?"),
        ("hidden_size = 64", "hidden_size = -1", ":6: hidden_size must be a whole number"),
        ("count = 3000", "count = 0", ":10: count must be a whole number"),
        ("weight = 0.5", "weight = -0.5", ":15: weight must be a number"),
        ("model.rounds = 2", "model.rounds = 0", ":19: [[stage]] from step 5: rounds must be"),
        ("from_step = 6", "from_step = 4", ":22: each [[stage]] needs a from_step"),
        ("lr = 1e-4", "lr = nan", ":23: [[stage]] from step 6: lr must be a number"),
        ("from_step = 6", "from_step = 6000\nclip = inf", ":23: [[stage]] from step 6000: clip must be"),
        ("weight = 1.0", "weight = -1.0", ":27: [[stage]] from step 6: weight must be a number"),
        ("lr = 1e-4", "horizon = 3", ":23: [[stage]] from step 6: reach must be at least horizon, 3"),
        ("lr = 1e-3", "lr = ", ":3:6: is not valid TOML: Invalid value"),
        ("lr = 1e-3", f"lr = {HUGE}", ": is not valid TOML: "),
        ("mine", "\xff", ":2: is not valid TOML: this is not text in UTF-8"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_of_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "my.toml"
    path.write_text(LINES.replace(old, new, 1), encoding="latin-1")
    with pytest.raises(InputError, match=re.escape(message)):
        load_config(str(path))
    path.write_text(LINES)
    assert load_config(str(path)).name == "mine"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["lrr=1"], "--set lrr=1: unknown setting 'lrr'; did you mean lr?"),
        (["seed=1", "lr=x"], "--set lr=x: lr must be a number from 0 to 1e+30, such as 0.001, not 'x'"),
        (
            [f"seed={HUGE}"],
            f"--set seed=...: seed must be a whole number from 0 to {2**63 - 1}, such as 0, not ",
        ),
        (["horizon=3"], "--set horizon=3: reach must be at least horizon, 3, not 0"),
        (
            ["data.count=5"],
            "--set data.count=5: 'data' holds no settings of its own: write all of it, as data=VALUE",
        ),
        (
            ["model.rounds=1", "model.hiden_size=6"],
            "--set model.hiden_size=6: unknown model setting 'hiden_size'; did you mean hidden_size?",
        ),
    ],
)
def test_what_is_wrong_in_an_option_is_said_of_the_option(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    (tmp_path / "my.toml").write_text(LINES)
    with pytest.raises(InputError) as caught:
        load_config(str(tmp_path / "my.toml"), overrides=overrides)
    assert str(caught.value).startswith(message) and len(str(caught.value)) < 250


def test_lists_say_how_many_parameters_there_are() -> None:
    """Of the presets, and of the weights that they made."""
    said = 0
    for name, entry in registry().items():
        path = bundled_path(entry)
        assert path is not None
        learned = read_header(path).tensors.items()
        count = sum(prod(info.shape) for key, info in learned if not key.startswith("initial_"))
        for text in (entry.summary, preset_titles()[name]):
            for number in re.findall(r"([\d,]+) parameters", text):
                assert int(number.replace(",", "")) == round(count, -3), (name, text)
                said += 1
    assert said > 7
