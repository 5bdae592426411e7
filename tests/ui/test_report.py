"""The report of a run: round axes, well-formed drawings, curves that a browser shows without network."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.ui.numbers import clock, short
from trmcli.ui.report import CHARTS, write_report
from trmcli.ui.svg import HEIGHT, WIDTH, Series, chart, log_ticks, running_mean, thinned, ticks

POSITIVE = st.floats(1e-6, 1e9)
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@given(POSITIVE, st.integers(2, 8))
def test_ticks_are_round_and_just_reach_the_top(most: float, count: int) -> None:
    marks = ticks(most, count)
    assert marks[0] == 0 and 2 <= len(marks) <= count + 2
    step = marks[1]
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - round_one) for round_one in (1, 2, 2.5, 5)) < 1e-6
    assert marks[-2] < most <= marks[-1] * (1 + 1e-6)


def test_ticks_of_nothing() -> None:
    assert ticks(0.0, 4) == [0.0, 0.25]


@given(POSITIVE, POSITIVE)
def test_log_ticks_enclose_the_values(one: float, other: float) -> None:
    least, most = sorted((one, other))
    marks = log_ticks(least, most)
    assert 2 <= len(marks) <= 8 and marks == sorted(set(marks))
    assert marks[0] <= least * 1.001 and most <= marks[-1] * 1.001


VALUES = st.floats(0, 1e9) | st.just(0.0)


@given(
    st.lists(st.lists(VALUES, max_size=60), min_size=1, max_size=2),
    st.booleans(),
    st.text(max_size=9),
    st.booleans(),
)
def test_any_curve_is_drawn_within_its_frame(
    curves: list[list[float]], logarithmic: bool, name: str, noisy: bool
) -> None:
    series = [Series(name, list(enumerate(values)), "first", noisy) for values in curves]
    text = chart(series, "label", max(map(len, curves)), logarithmic=logarithmic)
    drawn = [value for values in curves for value in values if value > (1e-9 if logarithmic else -1)]
    if not drawn:
        assert text == ""
        return
    clean = "".join(
        char for char in text if char.isprintable() or char == "\n"
    )  # XML forbids controls, HTML not
    root = ElementTree.fromstring(clean)
    lines = [path.get("d", "") for path in root.iter("path") if "line" in path.get("class", "")]
    assert lines
    for line in lines:
        places = [tuple(map(float, pair.split())) for pair in line[1:].split("L")]
        assert all(0 <= x <= WIDTH and -0.1 <= y <= HEIGHT for x, y in places)


def test_long_curves_are_averaged() -> None:
    points = [(float(x), float(x % 2)) for x in range(10_000)]
    few = thinned(points, 100)
    assert len(few) == 100 and all(y == 0.5 for _, y in few)
    smooth = running_mean(few)
    assert [x for x, _ in smooth] == [x for x, _ in few]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (1000, "1k"),
        (2500, "2.5k"),
        (15e6, "15M"),
        (2.5e-4, "2.5e-4"),
        (1e-12, "1e-12"),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short(value) == text


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0, 61.4, 3723)] == ["0:00", "1:01", "1:02:03"]


def test_the_report_shows_the_run_and_asks_for_nothing(run_directory: Path) -> None:
    path = write_report(run_directory)
    assert path == run_directory / "report.html"
    assert not [other for other in run_directory.iterdir() if other.name.startswith(".")]
    page = path.read_text(encoding="utf-8")
    assert page.count("<figure>") == len(CHARTS) == page.count("<svg")
    assert "<b>run" not in page and "a &lt;b&gt;run&lt;/b&gt;" in page
    assert 'source = "puzzles & answers.csv"' in unescape(page[page.index("<pre>") :])
    for fact in ("6,020", "of 10,000", "90.0%", "at step 6,000", "2:00", "exact"):
        assert fact in page, fact
    assert not re.search(r"<script|<link|<img|@import|url\(|https?:", page)


def test_the_report_is_well_formed(run_directory: Path) -> None:
    class Checker(HTMLParser):
        open: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    checker = Checker()
    checker.feed(write_report(run_directory).read_text(encoding="utf-8"))
    checker.close()
    assert checker.open == []


def test_a_run_without_figures_has_a_report(run_directory: Path) -> None:
    (run_directory / "log.jsonl").write_text("")
    page = write_report(run_directory).read_text(encoding="utf-8")
    assert "holds no figures yet" in page and "<svg" not in page


def test_an_old_report_stays_if_there_is_no_new_one(run_directory: Path) -> None:
    (run_directory / "report.html").write_text("old")
    (run_directory / "config.toml").write_text("task = 3")
    with pytest.raises(InputError):
        write_report(run_directory)
    assert (run_directory / "report.html").read_text() == "old"


MEASURE = """<script>
addEventListener("load", () => {
  const measure = path => {
    const box = path.getBoundingClientRect(), style = getComputedStyle(path);
    const card = getComputedStyle(path.closest("figure")).backgroundColor;
    const {width, height} = box, {stroke, strokeWidth} = style;
    return {width, height, stroke, thick: parseFloat(strokeWidth), card};
  };
  const seen = [...document.querySelectorAll("figure")].map(
    figure => [...figure.querySelectorAll("path.line")].map(measure));
  const fetched = performance.getEntriesByType("resource").map(entry => entry.name);
  const wide = document.documentElement.scrollWidth - innerWidth;
  document.body.innerHTML = "<pre id=measured>" + JSON.stringify({seen, fetched, wide}) + "</pre>";
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [500, 1300])
def test_a_browser_without_network_shows_the_curves(run_directory: Path, tmp_path: Path, width: int) -> None:
    page = write_report(run_directory).read_text(encoding="utf-8")
    (tmp_path / "measured.html").write_text(page.replace("</head>", MEASURE + "</head>"), encoding="utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"),
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},1000",
            "--dump-dom",
            (tmp_path / "measured.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
    )
    found = re.search(r'<pre id="measured">(.*)</pre>', done.stdout)
    assert found, done.stderr
    measured = json.loads(unescape(found[1]))
    assert measured["fetched"] == [] and measured["wide"] <= 0
    assert [len(lines) for lines in measured["seen"]] == [len(one.keys) for one in CHARTS]
    for one, lines in zip(CHARTS, measured["seen"], strict=True):
        for line in lines:
            assert line["width"] > 200 and line["thick"] > 1, (one.title, line)
            assert line["stroke"].startswith("rgb") and line["stroke"] != line["card"]
    falling = measured["seen"][0][0]
    assert falling["height"] > 100  # the loss goes from the top to the bottom
