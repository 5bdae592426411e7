"""The page of a replay in a browser: it plays, is steered by keys and slider, and asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PROGRAM, Browser

from trmcli.ui.page import page
from trmcli.ui.recorded import read_replays

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="this machine has no Chromium")

RECORDINGS = Path(__file__).parents[1] / "data" / "screens"
LAST = {"sudoku": 8, "maze": 4}
KEYS = {
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    "Home": 36,
    "End": 35,
    "Escape": 27,
    "Tab": 9,
    " ": 32,
    "r": 82,
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


def shown(browser: Browser, folder: Path, name: str, dark: bool = False, width: int = 1000) -> Browser:
    """Open the page of a recording, which begins to play, and forget what the one before did."""
    (replay,) = read_replays(RECORDINGS / f"{name}.json")
    file = folder / f"{name}.html"
    file.write_text(page(replay), encoding="utf-8")
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(file, width=width, dark=dark)
    browser.until("typeof film === 'object' && film !== null && film.moments !== undefined")
    return browser


def press(browser: Browser, key: str, *more: str) -> int:
    """Press keys; the moment that is shown then."""
    for one in (key, *more):
        browser.press(one, KEYS[one], one if len(one) == 1 else "")
    place = browser.run("place")
    assert browser.run("Number(slider.value)") == place
    return int(place)


@pytest.mark.parametrize("name", LAST)
def test_it_plays_to_the_end_by_itself(name: str, browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, name)
    browser.run("pace.value = 12")
    browser.until(f"place === {LAST[name]} && !playing")
    assert "solved and checked" in browser.run("said.textContent")
    assert browser.run("document.getElementById('play').textContent") == "Again"
    assert not browser.complaints and not browser.requests


@pytest.mark.parametrize("name", LAST)
def test_keys_step_through_it(name: str, browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, name)
    assert press(browser, "End") == LAST[name]
    assert press(browser, "ArrowRight") == LAST[name]
    assert press(browser, "ArrowLeft", "ArrowLeft") == LAST[name] - 2
    assert press(browser, "Home") == 0
    assert press(browser, "ArrowLeft") == 0
    assert press(browser, "ArrowRight") == 1
    assert not browser.run("playing")
    press(browser, " ")
    assert browser.run("playing")
    press(browser, " ")
    assert not browser.run("playing")
    assert press(browser, "r") == 0 and browser.run("playing")
    assert not browser.complaints and not browser.requests


def test_the_slider_and_the_buttons_do_the_same(browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, "sudoku")
    press(browser, "Home")
    browser.run("slider.focus()")
    assert press(browser, "ArrowRight", "ArrowRight", "ArrowRight") == 3
    assert browser.run("slider.getAttribute('aria-valuetext')") == "try 1, step 3"
    browser.click("on")
    assert browser.run("place") == 4
    browser.click("back")
    browser.click("back")
    assert browser.run("place") == 2
    browser.click("document.getElementById('play')")
    assert browser.run("playing")
    assert not browser.complaints and not browser.requests


def told(browser: Browser) -> str:
    """What is said of one cell."""
    return str(browser.run("document.getElementById('cell').textContent"))


def middle(browser: Browser, cell: int) -> tuple[float, float]:
    """Of a cell in the window."""
    row, column = divmod(cell, browser.run("film.width"))
    left, top, margin, side = browser.run(
        "(box => [box.left, box.top, film.picture ? 4 : 10, side])($('grid').getBoundingClientRect())"
    )
    return left + margin + side * (column + 0.5), top + margin + side * (row + 0.5)


@pytest.mark.parametrize("name", LAST)
def test_keys_go_from_cell_to_cell(name: str, browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, name)
    assert press(browser, "Home", "ArrowRight", "ArrowRight") == 2
    assert told(browser).startswith("Point at a cell")

    def go(*keys: str) -> str:
        for key in keys:
            browser.press(key, KEYS[key], shift=True)
        return told(browser)

    assert go("ArrowDown").startswith("row 1, column 1: ")
    assert go("ArrowDown", "ArrowRight", "ArrowRight").startswith("row 2, column 3: ")
    assert go("ArrowUp", "ArrowUp", "ArrowLeft").startswith("row 1, column 2: ")
    assert browser.run("place") == 2  # nothing has stepped
    open_cell = browser.run("film.given.indexOf(0)")
    browser.run(f"choose({open_cell}), 0")
    assert "% sure" in told(browser)
    before = told(browser)
    assert press(browser, "ArrowRight") == 3
    assert told(browser).partition(":")[0] == before.partition(":")[0]
    far = browser.run("film.height + film.width")
    assert go(*["ArrowRight", "ArrowDown"] * far).startswith(
        browser.run("'row ' + film.height + ', column ' + film.width + ': '")
    )
    press(browser, "Escape")
    assert told(browser).startswith("Point at a cell")
    assert not browser.complaints and not browser.requests


def test_a_tap_and_a_click_choose_a_cell_and_the_pointer_looks_at_others(
    browser: Browser, tmp_path: Path
) -> None:
    shown(browser, tmp_path, "sudoku")
    press(browser, "End")
    browser.tap(*middle(browser, 10))
    browser.until("chosen === 10")
    chosen = told(browser)
    assert chosen.startswith(browser.run("'row ' + (1 + Math.floor(10 / film.width)) + ', column '"))
    browser.point(*middle(browser, 0))
    browser.until("hovered === 0")
    assert told(browser).startswith("row 1, column 1: ")
    browser.point(1, 1)
    browser.until("hovered === -1")
    assert told(browser) == chosen
    browser.click("$('grid')")
    browser.until("chosen !== 10")
    assert told(browser) != chosen
    assert not browser.complaints and not browser.requests


def test_the_grid_can_be_reached_by_tab_and_says_which_keys_there_are(
    browser: Browser, tmp_path: Path
) -> None:
    shown(browser, tmp_path, "sudoku")
    press(browser, "Home")
    browser.press("Tab", KEYS["Tab"])
    assert browser.run("document.activeElement.id") == "grid"
    assert browser.run("getComputedStyle($('grid')).outlineStyle") == "solid"
    hint = browser.run("$($('grid').getAttribute('aria-describedby')).textContent")
    assert "With Shift, the arrows go from cell to cell" in hint
    live = "document.getElementById('cell').getAttribute('aria-live')"
    assert browser.run(live) == "polite"  # what is said of a cell is read out, but not of each step of a show
    press(browser, " ")
    assert browser.run("playing") and browser.run(live) == "off"
    assert press(browser, "End") == LAST["sudoku"]
    assert browser.run(live) == "polite"


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_in_dark(dark: bool, browser: Browser, tmp_path: Path) -> None:
    """WCAG's contrast of everything that is written, as the browser has computed its colours."""
    shown(browser, tmp_path, "sudoku", dark=dark)
    press(browser, "End")
    assert browser.run("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    weak = browser.run(WEAK)
    assert not weak


@pytest.mark.parametrize(("width", "columns"), [(360, 1), (400, 1), (740, 2), (1000, 2), (1600, 2)])
@pytest.mark.parametrize("name", LAST)
def test_controls_stand_beside_the_grid_or_close_below_it(
    name: str, width: int, columns: int, browser: Browser, tmp_path: Path
) -> None:
    shown(browser, tmp_path, name, width=width)
    grid, play = (
        browser.run(
            f"(box => [box.left, box.top, box.right, box.bottom])($('{one}').getBoundingClientRect())"
        )
        for one in ("grid", "play")
    )
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert grid[3] <= 900
    if columns == 2:
        assert play[0] >= grid[2] and play[1] < grid[3]
    else:
        assert 0 <= play[1] - grid[3] <= 40


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sudoku", ["given", "changed", "in doubt", "supposed", "breaks a rule"]),
        ("maze", ["start", "goal", "way, from doubtful to sure", "breaks a rule"]),
    ],
)
def test_a_legend_names_the_signs(name: str, words: list[str], browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, name)
    assert browser.run("[...legend.children].map(line => line.lastChild.textContent)") == words


def test_what_can_be_used_has_a_name(browser: Browser, tmp_path: Path) -> None:
    shown(browser, tmp_path, "maze")
    nameless = browser.run(
        "[...document.querySelectorAll('button, input, select, canvas')].filter(one => !(one.ariaLabel"
        " || one.textContent.trim() || one.labels?.length)).map(one => one.outerHTML)"
    )
    assert not nameless


WEAK = """
(() => {
  const parse = text => text.match(/[0-9.]+/g).map(Number);
  const light = color => {
    const linear = share => share <= .04045 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4;
    const [r, g, b] = color.map(one => linear(one / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const paper = one => {
    for (; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color.slice(0, 3);
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
  };
  const weak = [];
  for (const one of document.querySelectorAll('main, main *')) {
    const written = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!written || one.closest('noscript, select, canvas')) continue;
    const ink = parse(getComputedStyle(one).color).slice(0, 3);
    const [a, b] = [light(ink), light(paper(one))].sort((x, y) => y - x);
    const contrast = (a + .05) / (b + .05);
    if (contrast < 4.5) weak.push(one.outerHTML.slice(0, 80) + ' ' + contrast.toFixed(2));
  }
  return weak;
})()
"""
