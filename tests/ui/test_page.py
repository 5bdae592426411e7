"""The page that plays a replay: what it holds, its size, and what a browser makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from base64 import b64decode
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replays import MAZE, two_tries

from trmcli.errors import Origin
from trmcli.solving.answers import Frame, settle
from trmcli.tasks.base import Puzzle
from trmcli.ui.page import MOST_BYTES, page
from trmcli.ui.replay import Replay

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def replay(verdict: str = "solved and checked: </script> & <b>") -> Replay:
    return two_tries(verdict, "<here>")


def content(text: str) -> Any:
    packed = re.search(r'const PACKED = "([^"]+)"', text)
    assert packed is not None
    return json.loads(zlib.decompress(b64decode(packed[1])))


def test_every_step_is_in_the_page() -> None:
    text = page(replay())
    data = content(text)
    assert (data["height"], data["width"], data["picture"]) == (4, 4, False)
    assert [(one["try"], one["step"]) for one in data["frames"]] == [(1, 1), (1, 2), (2, 1), (0, 0)]
    assert data["frames"][0]["wrong"] == [9, 10, 11, 14] or data["frames"][0]["wrong"]
    assert data["frames"][2]["wrong"] == [] and data["frames"][2]["supposed"] == [1]
    assert data["question"] == "1004001001002001"
    assert data["given"] == "1001001001001001"
    assert data["frames"][2]["cells"] == "1234341241232341"
    assert data["verdict"] == "solved and checked: </script> & <b>"
    assert "&lt;here&gt;" in text and "<here>" not in text


def test_nothing_is_asked_from_anywhere() -> None:
    text = page(replay())
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)=["'](?!data:)|https?://|@import|url\(""", text)


def large(tries: int, steps: int) -> Replay:
    rng = np.random.default_rng(0)
    question = np.ones((128, 128), dtype=np.uint8)
    question[1:-1, 1:-1] = 0
    question[1, 1], question[126, 126] = 2, 3
    frames = []
    for attempt in range(1, tries + 1):
        for step in range(1, steps + 1):
            cells = np.where((question == 0) & (rng.random(question.shape) < 0.3), 4, question)
            sure = rng.random(question.shape).astype(np.float32)
            frames.append(Frame(attempt, step, cells.astype(np.uint8), sure, 0.5, False, 1.0))
    return Replay(MAZE, frames, settle(Puzzle(question, Origin("here")), frames), "not solved: in doubt")


def test_long_replays_leave_steps_of_later_tries_out_and_say_so() -> None:
    text = page(large(8, 2))
    assert len(text.encode()) <= MOST_BYTES
    frames = content(text)["frames"]
    assert [(one["try"], one["step"]) for one in frames[:2]] == [(1, 1), (1, 2)]
    assert (frames[-2]["try"], frames[-2]["step"]) == (8, 2)
    assert f"{17 - len(frames)} steps of later tries are left out" in text


def in_browser(text: str, script: str, folder: Path, *options: str) -> str:
    """The document after a script has run in it; fails for whatever the console says."""
    file = folder / "page.html"
    file.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    done = subprocess.run(
        [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
         f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=20000", *options, "--dump-dom",
         file.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line], done.stderr
    return done.stdout


browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")

STEPS = """
const key = (name) => document.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
const seen = [], look = () => seen.push($("slider").getAttribute("aria-valuetext"));
setTimeout(() => {
  look(); key("ArrowLeft"); look(); key("Home"); look(); key("ArrowRight"); look();
  const slider = $("slider"); slider.value = 2; slider.dispatchEvent(new Event("input")); look();
  const box = $("grid").getBoundingClientRect();
  const at = {clientX: box.left + box.width * 0.4, clientY: box.top + box.height * 0.1, bubbles: true};
  $("grid").dispatchEvent(new PointerEvent("pointermove", at));
  seen.push($("cell").textContent, $("conflicts").textContent);
  key("r"); look(); key(" "); look(); key("End");
  seen.push($("said").textContent);
  document.body.dataset.seen = JSON.stringify(seen);
}, 8000);
"""


@browser
def test_a_browser_plays_it_and_steps_by_keyboard_and_slider(tmp_path: Path) -> None:
    document = in_browser(page(replay()), STEPS, tmp_path)
    found = re.search(r'data-seen="([^"]+)"', document)
    assert found is not None, document[-2000:]
    seen = json.loads(unescape(found[1]))
    assert seen[:5] == ["the end", "try 2, step 1", "the question", "try 1, step 1", "try 1, step 2"]
    assert seen[5] == "row 1, column 2: 2, 75% sure"
    assert int(seen[6]) > 0
    assert seen[7:] == ["the question", "the question", "solved and checked: </script> & <b>"]


@browser
def test_with_reduced_motion_it_shows_the_end_at_once(tmp_path: Path) -> None:
    script = "setTimeout(() => { document.body.dataset.said = $('said').textContent; }, 500);"
    document = in_browser(page(large(1, 2)), script, tmp_path, "--force-prefers-reduced-motion")
    assert 'data-said="not solved: in doubt"' in document


def channel(colour: str) -> float:
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [level / 12.92 if level <= 0.03928 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3: from 1 to 21."""
    light, dark = sorted((channel(one), channel(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_text_has_contrast_enough_in_both_schemes() -> None:
    style = page(replay()).split("<style>")[1].split("</style>")[0]
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    schemes = [dict(re.findall(r"--([\w-]+): (#\w{6})", text)) for text in (light, dark)]
    schemes[1] = {**schemes[0], **schemes[1]}
    for colours in schemes:
        papers = ("page", "card", "given", "new")
        for ink, on in [("text", papers), ("dim", ("page", "card")), ("wrong-text", ("wrong",))] + [
            (f"r{number}", ("card", "new")) for number in range(4)
        ]:
            for paper in on:
                assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
