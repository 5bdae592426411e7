"""Views and tokens of ARC: equal to what the reference made, and undone exactly."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks.arc.tokens import SIDE, decode, encode
from trmcli.tasks.arc.views import TURNS, View, parse, random_view

GOLDEN = Path(__file__).parent.parent / "data" / "golden" / "arc_transforms.json.gz"
CASES: list[dict[str, Any]] = json.loads(gzip.decompress(GOLDEN.read_bytes()))["cases"]


def test_recorded_views_show_every_turn() -> None:
    assert {parse(case["name"])[1].turn for case in CASES} == set(range(TURNS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_view_is_that_of_the_reference_to_the_token(case: dict[str, Any]) -> None:
    task, view = parse(case["name"])
    grid = np.array(case["grid"], np.uint8)
    assert view.name(task) == case["name"]
    assert view.see(grid).tolist() == case["augmented"]
    assert view.back(view.see(grid)).tolist() == case["grid"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_tokens_are_those_of_the_reference(case: dict[str, Any]) -> None:
    grid = np.array(case["augmented"], np.uint8)
    moved = np.array(case["translated_sequence"]).reshape(SIDE, SIDE)
    down, across = np.argwhere(moved >= 2).min(axis=0).tolist()
    assert encode(grid).tolist() == case["sequence"]
    assert encode(grid, down, across).tolist() == case["translated_sequence"]
    assert decode(np.array(case["sequence"])).tolist() == case["cropped"]
    assert decode(np.array(case["noisy_sequence"])).tolist() == case["noisy_cropped"]


@st.composite
def grids(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    height, width = draw(st.integers(1, SIDE)), draw(st.integers(1, SIDE))
    return rng.integers(0, 10, (height, width)).astype(np.uint8)


@given(grids(), st.integers(0, 2**32))
def test_what_a_view_does_it_undoes(grid: np.ndarray[Any, Any], seed: int) -> None:
    view = random_view(np.random.default_rng(seed))
    assert view.colours[0] == 0
    assert np.array_equal(view.back(view.see(grid)), grid)
    assert np.array_equal(view.see(view.back(grid)), grid)
    assert parse(view.name("a-task")) == ("a-task", view)


@given(grids(), st.data())
def test_what_is_encoded_is_decoded_again(grid: np.ndarray[Any, Any], data: st.DataObject) -> None:
    assert np.array_equal(decode(encode(grid)), grid)
    height, width = grid.shape
    down, across = data.draw(st.integers(0, SIDE - height)), data.draw(st.integers(0, SIDE - width))
    canvas = encode(grid, down, across).reshape(SIDE, SIDE)
    assert np.array_equal(canvas[down : down + height, across : across + width], grid + 2)
    assert (canvas >= 2).sum() == grid.size


def test_tokens_without_a_colour_in_the_corner_are_an_empty_grid() -> None:
    assert decode(np.zeros(SIDE * SIDE, np.uint8)).size == 0


@pytest.mark.parametrize("view", ["t8|||0123456789", "t0|||0123456788", "0123456789|||t0", ""])
def test_a_name_that_is_not_of_a_view_is_refused(view: str) -> None:
    with pytest.raises(InputError, match="does not name a view"):
        parse(f"a|||{view}")


def test_the_plain_view_has_the_name_of_the_task() -> None:
    assert parse("00d62c1b") == ("00d62c1b", View())
