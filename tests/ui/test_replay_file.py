"""Files to save to: complete or not at all."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from trmcli.errors import InputError, Origin
from trmcli.solving.answers import Answer, Frame
from trmcli.tasks import get_task
from trmcli.tasks.base import Puzzle
from trmcli.ui.replay import Replay
from trmcli.ui.saving import saving

SUDOKU = get_task("sudoku")
QUESTION = np.array([[1, 0, 0, 4], [0, 0, 1, 0], [0, 1, 0, 0], [2, 0, 0, 1]], dtype=np.uint8)


def replay(verdict: str = "not solved: <1 & 2>") -> Replay:
    puzzle = Puzzle(QUESTION, Origin("here", 3), layout="anything drawn")
    confidence = np.full((4, 4), 0.123456, dtype=np.float32)
    frame = Frame(1, 1, QUESTION, confidence, 0.98765, False, 0.5)
    trace = np.zeros(1, dtype=np.float32)
    answer = Answer(puzzle, QUESTION, confidence, False, 1, 1, 0.98765, 0.5, trace, trace.astype(bool))
    return Replay(SUDOKU, [frame], answer, verdict)


def test_several_puzzles_make_a_list(tmp_path: Path) -> None:
    file = tmp_path / "two.json"
    with saving(file, many=True) as add:
        add(replay())
        add(replay())
    first, second = json.loads(file.read_text())
    assert first == second
    assert first["puzzle"] == "1..4..1..1..2..1"
    assert first["origin"] == "here:3"
    assert first["frames"] == [
        {
            "attempt": 1,
            "step": 1,
            "cells": "1..4..1..1..2..1",
            "confidence": [0.123] * 16,
            "halt": 0.988,
            "checked": False,
            "seconds": 0.5,
            "supposed": [],
        }
    ]


def test_an_interrupted_run_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), saving(file, many=False) as add:
        add(replay())
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_svg_is_well_formed_whatever_the_verdict_holds(tmp_path: Path) -> None:
    file = tmp_path / "grid.SVG"
    with saving(file, many=False) as add:
        add(replay())
    root = ElementTree.parse(file).getroot()
    names = {"s": "http://www.w3.org/2000/svg"}
    assert root.findtext("s:title", namespaces=names) == "sudoku: not solved: <1 & 2>"
    bold = [text.text for text in root.iterfind(".//s:text[@font-weight='700']", names)]
    assert bold == ["1", "4", "1", "1", "2", "1"]


@pytest.mark.parametrize("suffix", ["json", "html", "svg"])
def test_the_name_of_any_file_can_be_kept(suffix: str, tmp_path: Path) -> None:
    before, file = replay(), tmp_path / f"x.{suffix}"
    puzzle = dataclasses.replace(before.answer.puzzle, origin=Origin("\x1b[31m\udcff.txt", 1))
    with saving(file, many=False) as add:
        add(dataclasses.replace(before, answer=dataclasses.replace(before.answer, puzzle=puzzle)))
    text = file.read_text(encoding="utf-8")
    assert "\x1b" not in text and (r"\x1b[31m\udcff.txt:1" in text.replace("\\\\", "\\")) == (suffix != "svg")


@pytest.mark.parametrize("name", ["x", "x.jpg", "x.htm"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"must end in \.json, \.html, \.svg, \.gif, \.png or \.cast"),
        saving(tmp_path / name, False),
    ):
        pass


def test_a_directory_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder.json"
    folder.mkdir()
    with pytest.raises(InputError, match="is a directory"), saving(folder, many=False):
        pass
