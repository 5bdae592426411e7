"""Mazes that are drawn as PNG, of every kind that drawing programs save."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.tasks import read_puzzles
from trmcli.tasks.base import Cells
from trmcli.tasks.maze.grid import GOAL, OPEN, START, WALL
from trmcli.tasks.maze.kind import maze_task

Image = pytest.importorskip("PIL.Image")
TASK = maze_task()
COLOURS = np.array([(250, 250, 250), (9, 9, 9), (0, 200, 0), (220, 20, 20), (0, 0, 255)], dtype=np.uint8)
"""Of open cells, walls, S, G and the path; none of them quite what it should be."""
ROWS = "#######/#S..#.#/###.#.#/#.....#/#.###.#/#...#G#/#######"
GAPS = "#.#####/#.#...#/#.#.#.#/#...#.#/#.###.#/#...#.#/#####.#"


def maze(text: str) -> Cells:
    values = {".": OPEN, "#": WALL, "S": START, "G": GOAL}
    return np.array([[values[sign] for sign in row] for row in text.split("/")], dtype=np.uint8)


def scaled(cells: Cells, side: int) -> Cells:
    return cells.repeat(side, axis=0).repeat(side, axis=1)


def picture(cells: Cells, side: int = 1) -> Any:
    return Image.fromarray(COLOURS[scaled(cells, side)])


def save(image: Any, folder: Path, **options: Any) -> str:
    file = folder / "maze.png"
    image.save(file, format="PNG", **options)
    return str(file)


def read(file: str) -> Cells:
    [(task, puzzle)] = read_puzzles([file])
    assert task.name == "maze"
    return puzzle.cells


def refusal(file: str) -> str:
    with pytest.raises(InputError) as caught:
        read(file)
    return str(caught.value).removeprefix(file)


@pytest.mark.parametrize("side", [1, 2, 7, 10])
def test_a_cell_is_a_pixel_or_a_block_of_pixels(side: int, tmp_path: Path) -> None:
    assert np.array_equal(read(save(picture(maze(ROWS), side), tmp_path)), maze(ROWS))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data(), side=st.integers(1, 5))
def test_every_picture_of_a_maze_is_read_as_it_is_drawn(
    data: st.DataObject, side: int, tmp_path: Path
) -> None:
    height, width = data.draw(st.integers(2, 6)), data.draw(st.integers(3, 6))
    signs = data.draw(st.lists(st.sampled_from([OPEN, WALL]), min_size=36, max_size=36))
    cells = np.array(signs, dtype=np.uint8)[: height * width].reshape(height, width)
    cells[0, :3] = START, OPEN, GOAL
    assert np.array_equal(read(save(picture(cells, side), tmp_path)), cells)


def test_the_answer_is_drawn_in_letters(tmp_path: Path) -> None:
    [(task, puzzle)] = read_puzzles([save(picture(maze("S.#./..#./#..G"), 4), tmp_path)])
    assert task.text.write(puzzle, puzzle.cells) == "S.#.\n..#.\n#..G"
    image = picture(maze("S../##G"))
    image.putpixel((1, 0), (0, 0, 255))
    image.putpixel((2, 0), (0, 0, 255))
    [(task, puzzle)] = read_puzzles([save(image, tmp_path)])
    assert puzzle.answer is not None
    assert task.text.write(puzzle, puzzle.answer) == "Soo\n##G"


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    cells = maze(ROWS)
    image = picture(cells, 3).convert("RGBA")
    pixels = np.array(image)
    pixels[scaled(cells, 3) == OPEN] = (0, 0, 0, 0)
    assert np.array_equal(read(save(Image.fromarray(pixels), tmp_path)), cells)


@pytest.mark.parametrize("mode", ["P", "L", "1", "LA", "I;16", "RGBA"])
def test_pictures_of_every_mode_are_read(mode: str, tmp_path: Path) -> None:
    cells = maze(ROWS if mode in ("P", "RGBA") else GAPS)
    expected = cells.copy()
    if mode not in ("P", "RGBA"):
        expected[0, 1], expected[6, 5] = START, GOAL
    image = picture(cells, 2)
    if mode == "P":
        image = image.quantize(8)
    elif mode == "I;16":
        image = Image.fromarray(np.array(image.convert("L")).astype(np.uint16) * 257)
    else:
        image = image.convert(mode)
    assert image.mode == mode
    assert np.array_equal(read(save(image, tmp_path)), expected)


@pytest.mark.parametrize("mode", ["P", "L", "1", "I;16"])
def test_a_transparent_colour_is_white(mode: str, tmp_path: Path) -> None:
    """Black cells that are transparent are open ones, and dark grey is a wall."""
    cells = maze(GAPS)
    grey = np.where(scaled(cells, 2) == OPEN, 0, 60).astype(np.uint8)
    options: dict[str, Any] = {"transparency": 0}
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "1":  # black is transparent, and nothing else is dark
        image = Image.fromarray(grey > 0)
    else:
        image = Image.fromarray(grey)
        if mode == "P":
            image = image.convert("P")
    file = save(image, tmp_path, **options)
    if mode == "1":
        assert refusal(file).startswith(": is a picture without a maze: use black")
        return
    read_cells = read(file)
    assert np.array_equal(read_cells == WALL, cells == WALL)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_sixteen_bits_a_colour_are_read(tmp_path: Path) -> None:
    """Pillow writes no such files, so that this one is made by hand."""
    cells = maze(ROWS)
    wide = COLOURS[cells].astype(">u2") * 257
    raw = b"".join(b"\0" + row.tobytes() for row in wide)
    header = struct.pack(">IIBBBBB", cells.shape[1], cells.shape[0], 16, 2, 0, 0, 0)
    file = tmp_path / "maze.png"
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    assert np.array_equal(read(str(file)), cells)


@pytest.mark.parametrize("ends", [True, False])
def test_lines_of_one_pixel_between_cells_are_taken_out(ends: bool, tmp_path: Path) -> None:
    cells = maze(ROWS)
    pixels = np.array(picture(cells, 8))
    pixels[7::8] = pixels[:, 7::8] = (170, 170, 170)
    if ends:
        pixels = np.pad(pixels, ((1, 0), (1, 0), (0, 0)), constant_values=170)
    assert np.array_equal(read(save(Image.fromarray(pixels), tmp_path)), cells)


def test_lines_in_the_colour_of_walls_are_not_guessed(tmp_path: Path) -> None:
    pixels = np.array(picture(maze(ROWS), 8))
    pixels[7::8] = pixels[:, 7::8] = COLOURS[WALL]
    message = refusal(save(Image.fromarray(pixels), tmp_path))
    assert message.startswith(":9:9: the green covers 49 blocks of 1x1 pixels, the largest that fit")


def test_smooth_edges_are_refused_by_name(tmp_path: Path) -> None:
    image = picture(maze(ROWS), 8).resize((50, 50), Image.Resampling.BILINEAR)
    message = refusal(save(image, tmp_path))
    assert "is between black and " in message
    assert message.endswith(": save the picture without smooth edges (antialiasing)")


def test_other_colours_are_refused_with_their_place(tmp_path: Path) -> None:
    image = picture(maze(ROWS))
    image.putpixel((2, 1), (255, 105, 180))
    assert refusal(save(image, tmp_path)) == (
        ":2:3: the pixel #ff69b4 is not a part of a maze: use black for walls, white for open cells, green "
        "for S, red for G and blue for a path"
    )
    blue = picture(maze(ROWS), 2)
    for x in (2, 3):
        for y in (2, 3):
            blue.putpixel((x, y), (0, 0, 255))
    assert refusal(save(blue, tmp_path)).startswith(": has no green cell: use black for walls")


def test_pictures_that_are_no_mazes_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, size=(20, 20, 3), dtype=np.uint8)
    assert "is not a part of a maze" in refusal(save(Image.fromarray(noise), tmp_path))
    assert refusal(save(picture(maze("S#G")), tmp_path)) == ":1:1: there is no way from this S to G"
    white = np.zeros((3, 200), dtype=np.uint8)
    assert refusal(save(picture(white), tmp_path)) == (
        ": a maze of 3x200 pixels is too large: at most 128x128, one a cell"
    )
    wide = np.zeros((4, 200), dtype=np.uint8)
    wide[1, 3] = WALL
    assert (
        refusal(save(picture(wide, 2), tmp_path)) == ": a maze of 4x200 cells is too large: at most 128x128"
    )
    long = Image.new("1", (5000, 2))
    assert refusal(save(long, tmp_path)) == ": a picture of 2x5000 pixels is too large: at most 4096x4096"


def test_the_largest_pictures_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    file = tmp_path / "maze.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    assert refusal(str(file)) == ": this picture is too large: at most 4096x4096"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_damaged_pictures_are_refused_or_read(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(Path(save(picture(maze(ROWS), 2), tmp_path)).read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(8, len(content) - 1))]
    else:
        content[data.draw(st.integers(8, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file = tmp_path / "damaged.png"
    file.write_bytes(content)
    try:
        read(str(file))
    except InputError as error:
        assert str(error).startswith(str(file))
