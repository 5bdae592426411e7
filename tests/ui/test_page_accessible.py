"""The page of a replay passes axe-core, which checks what WCAG asks for: contrast, labels, roles, landmarks.

axe-core comes with a package for Playwright, which needs no Playwright to hold it:
pip install --no-deps -c constraints.txt axe-playwright-python
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import PROGRAM, Browser
from replays import frame, two_tries

from trmcli.solving.answers import settle
from trmcli.tasks import read_puzzles
from trmcli.ui.page import page
from trmcli.ui.replay import Replay

PACKAGE = find_spec("axe_playwright_python")
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="this machine has no Chromium"),
    pytest.mark.skipif(PACKAGE is None, reason="axe-core is not installed (see the head of this file)"),
]
EXAMPLES = Path(__file__).parents[2] / "examples"
ALWAYS_USED = {"color-contrast", "button-name", "select-name", "label", "role-img-alt", "list"}
"""Rules that have something to say of every page of a replay."""
JUDGE = """
axe.run().then(result => ({
  broken: result.violations.map(rule => rule.id + ': ' + rule.nodes.map(node => node.html).join(' ')),
  open: result.incomplete.flatMap(rule => rule.nodes.flatMap(node => node.any.map(one => one.message))),
  used: result.passes.map(rule => rule.id),
}))
"""
SINGLE_SIGNS = {
    "Element content contains only non-text characters",
    "Element content is too short to determine if it is actual text content",
}
"""What axe-core says of arrows and of the legend's samples. Their colours are those of tested text."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def axe() -> str:
    assert PACKAGE is not None and PACKAGE.origin is not None
    return Path(PACKAGE.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def several_tries() -> Replay:
    return two_tries("solved and checked: try 2", "<here>")


def guesses(name: str) -> Replay:
    """Two steps of anything at all, in the open cells of an example."""
    task, puzzle = next(iter(read_puzzles([str(EXAMPLES / name)])))
    rng = np.random.default_rng(0)
    undecided = task.codec.undecided(puzzle.cells)
    values = np.arange(1, puzzle.shape[0] + 1) if task.name == "sudoku" else np.array([0, 4])
    frames = []
    for step in (1, 2):
        cells = np.where(undecided, rng.choice(values, puzzle.shape), puzzle.cells)
        frames.append(frame(cells.astype(puzzle.cells.dtype), 1, step, 0.4 * step))
    return Replay(task, frames, settle(puzzle, frames), "not solved: in doubt")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    "replay",
    [several_tries, lambda: guesses("sudoku/16x16.txt"), lambda: guesses("maze/63x63.txt")],
    ids=["several tries", "sudoku 16x16", "maze 63x63"],
)
def test_axe_finds_nothing_wrong(replay: Any, dark: bool, browser: Browser, axe: str, tmp_path: Path) -> None:
    shown(replay(), dark, browser, axe, tmp_path)
    for moment in ("show(0)", "show(2), hovered = 5, draw()", "show(film.moments.length)", "play()"):
        browser.run(f"{moment}, 0")
        said = browser.run(JUDGE)
        assert not said["broken"], moment
        assert set(said["open"]) <= SINGLE_SIGNS, moment
        assert set(said["used"]) >= ALWAYS_USED, moment


@pytest.mark.parametrize(
    ("harm", "rule"),
    [
        ("document.getElementById('said').style.color = '#777'", "color-contrast"),
        ("back.removeAttribute('aria-label'), back.textContent = ''", "button-name"),
        ("document.querySelector('label[for=slider]').remove()", "label"),
    ],
)
def test_axe_would_find_it(harm: str, rule: str, browser: Browser, axe: str, tmp_path: Path) -> None:
    shown(several_tries(), False, browser, axe, tmp_path)
    browser.run(f"show(film.moments.length), {harm}, 0")
    assert [line.partition(":")[0] for line in browser.run(JUDGE)["broken"]] == [rule]


def shown(replay: Replay, dark: bool, browser: Browser, axe: str, folder: Path) -> None:
    """Open the page of a replay, standing still, with axe-core in it."""
    file = folder / "page.html"
    file.write_text(page(replay), encoding="utf-8")
    browser.open(file, dark=dark)
    browser.until("typeof film === 'object' && film !== null && film.moments !== undefined")
    browser.run("pause()")
    browser.run(f"{axe}\n;0")
