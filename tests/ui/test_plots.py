"""Curves of accuracy against compute."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.solving.evaluation import Point
from trmcli.solving.intervals import wilson
from trmcli.ui.plots import svg, text

SVG = {"s": "http://www.w3.org/2000/svg"}


def point(tries: int, solved: int, steps: float) -> Point:
    return Point(tries, solved / 100, wilson(solved, 100), steps, steps * 2)


HARD = [point(1, 0, 16), point(2, 50, 24), point(4, 100, 32)]


def test_the_text_puts_each_point_in_its_place() -> None:
    lines = text({"all": HARD}, width=33, height=11).splitlines()
    assert lines[0].startswith(" 100% │") and lines[0].endswith("●") and lines[0].index("●") == 7 + 32
    assert lines[5].startswith("  50% │") and lines[5].rindex("●") == 7 + 19  # log2(24/16) of the way
    assert lines[10].startswith("   0% │●")
    assert lines[-2].split() == ["16", "32"]
    assert lines[-1].split() == ["●", "all"]


def test_points_of_several_curves_have_marks_of_their_own() -> None:
    drawn = text({"one": HARD[:2], "two": [point(1, 90, 1), point(2, 95, 2)]})
    assert drawn.count("●") == drawn.count("▲") == 3  # two points and the legend
    assert drawn.splitlines()[-2].split() == ["1", "2", "4", "8", "16", "32"]


@given(
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1e6, allow_nan=False)), min_size=1, max_size=6).map(
        lambda pairs: [point(2**n, solved, steps) for n, (solved, steps) in enumerate(sorted(pairs))]
    )
)
def test_any_curve_can_be_drawn(points: list[Point]) -> None:
    lines = text({"all": points}, width=40, height=8).splitlines()
    assert len(lines) == 11 and max(map(len, lines[:8])) <= 47
    root = ElementTree.fromstring(svg({"all": points}, "any"))
    for circle in root.iterfind("s:circle", SVG):
        assert 0 <= float(circle.attrib["cx"]) <= 640 and 0 <= float(circle.attrib["cy"]) <= 400


def test_the_svg_names_tries_sources_and_intervals() -> None:
    root = ElementTree.fromstring(svg({"a<b": HARD, "all": HARD[:2]}, "x & y"))
    assert root.findtext("s:title", namespaces=SVG) == "x & y"
    words = [element.text for element in root.iterfind("s:text", SVG)]
    assert {"a<b", "all", "supervision steps a puzzle", "100%", "16", "32"} <= set(words)
    small = [element.text for element in root.iterfind("s:text[@font-size='10']", SVG)]
    assert small == ["1", "2", "4", "1", "2"]
    heights = [
        float(line.attrib["points"].split()[-1].split(",")[1]) for line in root.iterfind("s:polyline", SVG)
    ]
    assert heights == pytest.approx([24, 24 + 0.5 * 280])  # all and half solved
    assert len([path for path in root.iterfind("s:path", SVG) if path.get("stroke-opacity")]) == 5
