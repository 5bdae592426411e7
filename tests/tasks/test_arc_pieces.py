"""Pieces of a grid that an output may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trmcli.errors import Origin
from trmcli.tasks.arc.pieces import FEATURES, Pieces, pieces_of, pieces_to_choose
from trmcli.tasks.arc.task import ArcTask, Grid, Pair

GRIDS = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 3), fill=st.nothing()
)


def grid(*rows: str) -> Grid:
    return np.array([list(map(int, row)) for row in rows], np.uint8)


FRAMED = grid("0000000", "0222200", "0213200", "0222200", "0000055")


def found(pieces: Pieces) -> dict[tuple[int, ...], list[float]]:
    return dict(zip(map(tuple, pieces.boxes.tolist()), pieces.features.tolist(), strict=True))


def test_objects_colours_and_what_a_frame_encloses_are_pieces() -> None:
    pieces = pieces_of(FRAMED, 0)
    boxes = {(1, 3, 1, 4): "2222/2132/2222", (4, 4, 5, 6): "55", (2, 2, 2, 2): "1", (2, 2, 2, 3): "13"}
    by_box = dict(zip(map(tuple, pieces.boxes.tolist()), pieces.contents, strict=True))
    for box, text in boxes.items():
        assert "/".join("".join(map(str, row)) for row in by_box[box].tolist()) == text
    assert (0, 4, 0, 6) not in by_box  # the grid itself
    said = found(pieces)
    assert said[1, 3, 1, 4][:4] == [1, 1, 1, 0]  # the frame is an object, a colour, and with what is in it
    assert said[2, 2, 2, 3][:4] == [0, 0, 0, 1]
    # Most cells that are no background: both objects, which touch at a corner. Fewest cells of all.
    assert said[1, 4, 1, 6][14] == 1 and said[2, 2, 2, 2][16] == 1
    assert said[4, 4, 5, 6][22:] == [1, 1, 1, 1] and said[1, 3, 1, 4][22:] == [1, 0, 0, 1]


@given(GRIDS, st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_what_is_said_of_pieces_does_not_depend_on_turns(
    one: Any, background: int, turn: int, mirrored: bool
) -> None:
    other = np.ascontiguousarray(np.rot90(one.T if mirrored else one, turn))
    pieces, turned = pieces_of(one, background), pieces_of(other, background)
    assert pieces.features.shape == (len(pieces.boxes), FEATURES)
    assert np.isfinite(pieces.features).all()
    assert sorted(pieces.features.tolist()) == sorted(turned.features.tolist())
    for (top, bottom, left, right), content in zip(pieces.boxes, pieces.contents, strict=True):
        np.testing.assert_array_equal(one[top : bottom + 1, left : right + 1], content)
        assert content.shape != one.shape
    assert pieces.equal(one).tolist() == [False] * len(pieces.boxes)


def test_a_task_whose_outputs_are_pieces_is_told_from_others() -> None:
    def task(*answers: Grid, test: Grid = FRAMED) -> ArcTask:
        shown = tuple(Pair(FRAMED, answer) for answer in answers)
        return ArcTask("made-up", shown, (test,), None, Origin("made-up"))

    assert pieces_to_choose(task(grid("55"), grid("13"))) is not None
    assert pieces_to_choose(task(grid("55"), grid("31"))) is None
    assert pieces_to_choose(task(FRAMED)) is None
    assert pieces_to_choose(task(grid("1"), grid("3"))) is None
    assert pieces_to_choose(task(grid("55"), test=grid("0"))) is None
