"""Saved shows: the pictures of a GIF and an SVG, and the recording of a terminal, read back by others."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from replays import MAZE, QUESTION, two_tries

from trmcli.errors import InputError, Origin
from trmcli.solving.answers import Frame, settle
from trmcli.tasks.base import Puzzle
from trmcli.ui.player import HOLD, STAY
from trmcli.ui.replay import Replay
from trmcli.ui.saving import Cut, saving
from trmcli.ui.storyboard import Storyboard, pace, storyboard

Image = pytest.importorskip("PIL.Image")
NAMES = {"s": "http://www.w3.org/2000/svg"}
RED, WHITE, WALL, SURE = (190, 48, 62), (255, 255, 255), (57, 64, 79), (72, 199, 142)
NEW = (226, 233, 250)


def sudoku(verdict: str = "solved and checked: <1 & 2>") -> Replay:
    """Two tries."""
    return two_tries(verdict, "here")


def maze(side: int, tries: int = 1, steps: int = 2) -> Replay:
    """An open field, in which the last step has a path along the top."""
    rng = np.random.default_rng(0)
    question = np.ones((side, side), dtype=np.uint8)
    question[1:-1, 1:-1] = 0
    question[1, 1], question[1, -2] = 2, 3
    frames = []
    for attempt in range(1, tries + 1):
        for step in range(1, steps + 1):
            cells = np.where((question == 0) & (rng.random(question.shape) < 0.3), 4, question)
            sure = rng.random(question.shape).astype(np.float32)
            frames.append(Frame(attempt, step, cells.astype(np.uint8), sure, 0.5, False, 1.0))
    cells = question.copy()
    cells[1, 2:-2] = 4
    frames.append(Frame(tries, steps + 1, cells, np.ones(question.shape, np.float32), 0.9, True, 1.0))
    return Replay(MAZE, frames, settle(Puzzle(question, Origin("here")), frames), "solved and checked")


def save(replay: Replay, path: Path, cut: Cut = Cut()) -> bytes:
    with saving(path, False, cut) as add:
        add(replay)
    return path.read_bytes()


def center(board: Storyboard, row: int, column: int) -> tuple[int, int]:
    """Inside a cell, beside its symbol."""
    left, top = board.place(row * board.shape[1] + column)
    return left + board.side // 8 + 1, top + board.side // 8 + 1


def test_the_files_keep_the_pace_of_the_player() -> None:
    assert pace(sudoku(), 4.0) == [
        (-1, HOLD),
        (0, 0.25),
        (1, 0.25),
        (2, pytest.approx(0.25 / 3, abs=0.01)),
        (3, STAY),
    ]
    long = maze(5, tries=100, steps=16)
    places = [place for place, _ in pace(long, 4.0)]
    assert places[:17] == list(range(-1, 16))  # the first try is kept whole
    assert places[-1] == len(long.frames) and len(places) < 120
    assert sum(seconds for _, seconds in pace(long, 0)) < sum(seconds for _, seconds in pace(long, 4.0))


@pytest.mark.parametrize("still", [None, 0, 2, -1])
def test_a_png_shows_the_answer_or_one_step(still: int | None, tmp_path: Path) -> None:
    replay = sudoku()
    board = storyboard(replay, 4.0, -1 if still is None else still)
    (moment,) = board.moments
    with Image.open(io.BytesIO(save(replay, tmp_path / "x.png", Cut(still=still)))) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", board.size)
        papers = [picture.getpixel(center(board, *divmod(cell, 4))) for cell in range(16)]
    assert papers == [tile.paper for tile in moment.tiles]
    assert (RED in papers) is (still == 2)


def test_a_gif_shows_the_moments_in_the_colours_of_the_cells(tmp_path: Path) -> None:
    replay = sudoku()
    board = storyboard(replay, 4.0)
    with Image.open(io.BytesIO(save(replay, tmp_path / "x.gif"))) as image:
        picture: Any = image
        assert picture.size == board.size
        assert picture.n_frames == 5
        assert picture.info["loop"] == 0 and b"<1 & 2>" in picture.info["comment"]
        durations, papers = [], []
        for number in range(5):
            picture.seek(number)
            durations.append(picture.info["duration"])
            pixels = picture.convert("RGB")
            papers.append([pixels.getpixel(center(board, *place)) for place in ((0, 0), (0, 1), (2, 2))])
    assert durations == [1000, 250, 250, 90, 4000] or durations == [1000, 250, 250, 80, 4000]
    given, new = (241, 243, 247), (226, 233, 250)
    assert [one[0] for one in papers] == [given] * 5
    assert [one[1] for one in papers] == [WHITE, new, WHITE, WHITE, WHITE]
    assert [one[2] for one in papers] == [WHITE, RED, RED, new, WHITE]


def test_a_gif_of_a_maze_has_its_path(tmp_path: Path) -> None:
    replay = maze(21)
    board = storyboard(replay, 4.0)
    with Image.open(io.BytesIO(save(replay, tmp_path / "x.gif"))) as image:
        picture: Any = image
        picture.seek(picture.n_frames - 1)
        pixels = picture.convert("RGB")
    assert pixels.getpixel(center(board, 0, 0)) == WALL
    assert {pixels.getpixel(center(board, 1, column)) for column in range(2, 19)} == {SURE}
    assert pixels.getpixel(center(board, 5, 5)) == WHITE


@pytest.mark.parametrize(("side", "tries", "steps"), [(128, 2, 4), (63, 8, 8)])
def test_large_mazes_fit_into_files_that_can_be_sent(
    side: int, tries: int, steps: int, tmp_path: Path
) -> None:
    """Cells at random cannot be packed; mazes that a model walks through take a small part of this."""
    replay = maze(side, tries, steps)
    assert len(save(replay, tmp_path / "x.html")) <= 300_000
    with Image.open(io.BytesIO(save(replay, tmp_path / "x.gif"))) as picture:
        assert max(picture.size) < 1200


def papers(group: ElementTree.Element) -> dict[tuple[int, int], str]:
    """Row and column of cells, and the colour that they are drawn in."""
    found = {}
    for path in group.iterfind("s:g/s:path", NAMES):
        for column, row, count in re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d", "")):
            for across in range(int(count)):
                found[int(row), int(column) + across] = path.get("stroke", "")
    return found


def drawn(text: bytes) -> tuple[ElementTree.Element, ElementTree.Element, list[ElementTree.Element]]:
    """The document, the group of all cells, and the groups of the moments."""
    root = ElementTree.fromstring(text)
    board = root.find("s:g", NAMES)
    assert board is not None
    return root, board, [one for one in board.iterfind("s:g", NAMES) if one.get("class")]


def test_an_svg_moves_by_keyframes_and_rests_at_the_end(tmp_path: Path) -> None:
    root, board, moments = drawn(save(sudoku(), tmp_path / "x.SVG"))
    assert root.findtext("s:title", namespaces=NAMES) == "sudoku: solved and checked: <1 & 2>"
    assert [one.get("class") for one in moments] == ["m"] * 4 + ["m e"]
    style = root.findtext("s:style", namespaces=NAMES) or ""
    assert "prefers-reduced-motion:no-preference" in style
    assert [one.get("style") for one in moments] == [f"animation-name:m{number}" for number in range(5)]
    starts = [float(one) for one in re.findall(r"([\d.]+)%\{visibility:visible\}", style)]
    assert len(starts) == 5 and starts == sorted(starts) and starts[0] == 0
    assert "<script" not in (tmp_path / "x.SVG").read_text() and not re.search(r"https?://(?!www\.w3)", style)
    question = papers(board)
    assert len(question) == 16 and question[0, 0] == "#f1f3f7" and question[0, 1] == "#ffffff"
    assert [papers(one).get((2, 2)) for one in moments] == [None, "#be303e", "#be303e", "#e2e9fa", "#ffffff"]
    assert (0, 0) not in papers(moments[2])  # a given is drawn once
    said = [[text.text for text in one.iterfind("s:text", NAMES)][-2:] for one in moments]
    assert said[1:4] == [
        ["step 1, try 1", "halting 25%"],
        ["step 2, try 1", "halting 25%"],
        ["step 1, try 2", "halting 50%"],
    ]
    assert said[4] == ["solved and checked", "<1 & 2>"]


@pytest.mark.parametrize(
    ("still", "color", "said"),
    [(0, "#ffffff", "the question"), (1, "#be303e", "halting 25%"), (-1, "#ffffff", "<1 & 2>")],
)
def test_one_step_is_drawn_as_it_stands(still: int, color: str, said: str, tmp_path: Path) -> None:
    root, board, moments = drawn(save(sudoku(), tmp_path / "x.svg", Cut(still=still)))
    assert not moments and root.find("s:style", NAMES) is None
    assert papers(board)[2, 2] == color
    assert [text.text for text in board.iterfind("s:text", NAMES)][-1] == said


def test_doubt_supposition_and_conflict_are_told_apart_by_shape(tmp_path: Path) -> None:
    replay = sudoku()
    tiles = storyboard(replay, 4.0, 3).moments[0].tiles
    assert [cell for cell, tile in enumerate(tiles) if tile.supposed] == [1]
    tiles = storyboard(replay, 4.0, 1).moments[0].tiles
    assert [cell for cell, tile in enumerate(tiles) if not tile.doubt] == np.flatnonzero(QUESTION).tolist()
    _, board, _ = drawn(save(replay, tmp_path / "x.svg", Cut(still=1)))
    assert len(board.findall("s:circle", NAMES)) == 10


@pytest.mark.parametrize("still", [1, 2, 3])
def test_conflict_and_change_are_told_by_shape_as_well_as_colour(still: int, tmp_path: Path) -> None:
    """A cut corner and a hook, in each format."""
    replay = sudoku()
    board = storyboard(replay, 4.0, still)
    (moment,) = board.moments
    wrong = {cell for cell, tile in enumerate(moment.tiles) if tile.wrong}
    changed = {cell for cell, tile in enumerate(moment.tiles) if tile.changed}
    assert wrong == {cell for cell, tile in enumerate(moment.tiles) if tile.paper == RED}
    assert {cell for cell, tile in enumerate(moment.tiles) if tile.paper == NEW} == changed - wrong
    assert bool(wrong) == (still < 3) and bool(changed) == (still != 2)

    with Image.open(io.BytesIO(save(replay, tmp_path / "x.png", Cut(still=still)))) as picture:
        for cell, tile in enumerate(moment.tiles):
            corner, hook = board.cut(cell)[0], board.hook(cell)[1]
            inside = picture.getpixel((corner[0] + 3, corner[1] + 3))
            assert inside == (WHITE if cell in wrong else tile.paper)
            assert (picture.getpixel(hook) != tile.paper) == (cell in changed)

    _, drawing, _ = drawn(save(replay, tmp_path / "x.svg", Cut(still=still)))
    paths = [path.attrib for path in drawing.findall("s:path", NAMES)]
    cuts = "".join(path["d"] for path in paths if path.get("fill") == "#ffffff")
    hooks = "".join(path["d"] for path in paths if path.get("fill") == "none" and "l4 4l-4 4" in path["d"])
    assert points(cuts) == {board.cut(cell)[0] for cell in wrong}
    assert points(hooks) == {board.hook(cell)[0] for cell in changed}


def points(path: str) -> set[tuple[int, int]]:
    """Where the strokes of a path begin."""
    return {(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)", path)}


def test_an_end_of_a_maze_that_breaks_a_rule_is_marked() -> None:
    question = maze(7).answer.puzzle.cells
    frames = [Frame(1, 1, question, np.ones(question.shape, np.float32), 0.5, False, 1.0)]  # no path leaves S
    replay = Replay(MAZE, frames, settle(Puzzle(question, Origin("here")), frames), "not solved")
    (moment,) = storyboard(replay, 4.0, 1).moments
    start = moment.tiles[8]
    assert start.text == "S" and start.wrong and start.paper == RED


def test_a_step_that_was_never_made_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "x.svg"
    file.write_text("old")
    with pytest.raises(InputError, match="there is no step 9: it took 3"):
        save(sudoku(), file, Cut(still=9))
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_svg_of_a_maze_has_walls_path_and_ends(tmp_path: Path) -> None:
    root, board, _ = drawn(save(maze(40), tmp_path / "x.svg", Cut(still=-1)))
    assert [one.text for one in board.iterfind("s:text[@font-weight='700']", NAMES)] == ["S", "G"]
    cells = papers(board)
    assert len(cells) == 1600
    assert {cells[0, column] for column in range(40)} == {"#39404f"}
    assert {cells[1, column] for column in range(2, 38)} == {"#48c78e"}
    assert cells[1, 1] != cells[1, 38]
    assert float(root.get("width", "")) < 1100


def test_a_recording_has_a_header_and_events_in_order(tmp_path: Path) -> None:
    lines = save(sudoku(), tmp_path / "x.cast").decode().splitlines()
    header, *events = map(json.loads, lines)
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert header["title"] == "sudoku 4x4: solved and checked: <1 & 2>"
    times = [event[0] for event in events]
    assert times == sorted(times) and times[0] == 0
    assert times[1] == HOLD and times[-1] - times[-2] == STAY
    assert {event[1] for event in events} == {"o"}
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", event[2]) for event in events]
    assert "sudoku 4x4" in plain[1] and "1/2" in plain[1] and "┃ 1  2 ┃ 3  4 ┃" in plain[-2]
    assert "✔ solved and checked: <1 & 2>" in plain[-2]
    assert events[0][2].startswith("\x1b[?25l") and events[-1][2] == "\x1b[?25h"
    assert "38;2;" in events[1][2]  # 24-bit colours, whatever terminal this runs on


def test_a_recording_is_as_large_as_its_board(tmp_path: Path) -> None:
    header, event, *_ = map(json.loads, save(maze(128), tmp_path / "x.cast").decode().splitlines())
    assert header["width"] >= 128 and header["height"] >= 64
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", event[2]).split("\r\n")
    assert len(shown) <= header["height"] and max(map(len, shown)) <= header["width"]
    assert "not drawn" not in event[2]


def test_without_pillow_a_gif_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with (
        pytest.raises(InputError, match=r"a GIF needs Pillow: pip install 'trmcli\[gif\]'"),
        saving(tmp_path / "x.gif", False),
    ):
        pass
    assert not list(tmp_path.iterdir())
