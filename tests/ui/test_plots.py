"""Curves of accuracy against compute."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageColor
from rich.console import Console

from trmcli.solving.evaluation import Point
from trmcli.solving.intervals import wilson
from trmcli.ui.plots import Chart, Heat, Mark, counting, heat_text, over_tries, percent, text
from trmcli.ui.plots_png import png
from trmcli.ui.plots_svg import svg

SVG = {"s": "http://www.w3.org/2000/svg"}


def point(tries: int, solved: int, steps: float) -> Point:
    return Point(tries, solved / 100, wilson(solved, 100), steps, steps * 2)


HARD = [point(1, 0, 16), point(2, 50, 24), point(4, 100, 32)]


def test_the_text_puts_each_point_in_its_place() -> None:
    title, *lines = text(over_tries({"all": HARD}, "any"), width=33, height=11).splitlines()
    assert title == "any"
    assert lines[0].startswith(" 100% │") and lines[0].endswith("●") and lines[0].index("●") == 7 + 32
    assert lines[5].startswith("  50% │") and lines[5].rindex("●") == 7 + 19  # log2(24/16) of the way
    assert lines[10].startswith("   0% │●")
    assert lines[-2].split() == ["16", "32"]
    assert lines[-1].strip() == "● all  over supervision steps a puzzle"


def test_points_of_several_curves_have_marks_of_their_own() -> None:
    drawn = text(over_tries({"one": HARD[:2], "two": [point(1, 90, 1), point(2, 95, 2)]}, "any"))
    assert drawn.count("●") == drawn.count("▲") == 3  # two points and the legend
    assert drawn.splitlines()[-2].split() == ["1", "2", "4", "8", "16", "32"]


@given(
    st.lists(st.tuples(st.integers(0, 100), st.floats(0, 1e6, allow_nan=False)), min_size=1, max_size=6).map(
        lambda pairs: [point(2**n, solved, steps) for n, (solved, steps) in enumerate(sorted(pairs))]
    )
)
def test_any_curve_can_be_drawn(points: list[Point]) -> None:
    chart = over_tries({"all": points}, "any")
    lines = text(chart, width=40, height=8).splitlines()
    assert len(lines) == 12 and max(map(len, lines[1:9])) <= 47
    root = ElementTree.fromstring(svg([chart], "any"))
    for circle in root.iterfind("s:g/s:circle", SVG):
        assert 0 <= float(circle.attrib["cx"]) <= 640 and 0 <= float(circle.attrib["cy"]) <= 420


def test_the_svg_names_tries_sources_and_intervals() -> None:
    root = ElementTree.fromstring(svg([over_tries({"a<b": HARD, "all": HARD[:2]}, "tries")], "x & y"))
    assert root.findtext("s:title", namespaces=SVG) == "x & y"
    words = [element.text for element in root.iterfind("s:g/s:text", SVG)]
    assert {"a<b", "all", "supervision steps a puzzle", "100%", "16", "32"} <= set(words)
    small = [element.text for element in root.iterfind("s:g/s:text[@font-size='10']", SVG)]
    assert small == ["1", "2", "4", "1", "2"]
    heights = [
        float(line.attrib["points"].split()[-1].split(",")[1])
        for line in root.iterfind("s:g/s:polyline", SVG)
    ]
    assert heights == pytest.approx([44, 44 + 0.5 * 280])  # all and half solved
    assert len([path for path in root.iterfind("s:g/s:path", SVG) if path.get("stroke-opacity")]) == 5


STEPS = Chart(
    "after each step",
    counting("steps", 4),
    {"all": [Mark(n, share, (share, share)) for n, share in zip(range(1, 5), (0, 0.5, 0.5, 1), strict=True)]},
)


def test_steps_stand_at_equal_distances() -> None:
    title, *lines = text(STEPS, width=31, height=11).splitlines()
    assert title == "after each step"
    assert [(row, line.index("●") - 7) for row, line in enumerate(lines[:11]) if "●" in line] == [
        (0, 30),
        (5, 10),
        (10, 0),
    ]
    assert lines[-2].split() == ["1", "2", "3", "4"]


@given(st.integers(1, 2000))
def test_an_axis_of_steps_has_few_ticks_and_ends_with_the_last(last: int) -> None:
    axis = counting("steps", last)
    values = [value for value, _ in axis.ticks]
    assert 1 <= len(values) <= 8 and all(1 <= value <= max(last, 2) for value in values)
    assert axis.share(1) == 0 and axis.share(max(last, 2)) == 1


def test_what_is_as_often_right_as_it_says_lies_on_the_line() -> None:
    marks = [Mark(0.25, 0.25, (0.1, 0.4), "7"), Mark(1, 0.5, (0.4, 0.6), "9")]
    chart = Chart("trust", percent("probability"), {"steps": marks}, even=True)
    rows = text(chart, width=41, height=11).splitlines()[1:12]
    assert rows[8].index("●") == 7 + 10  # on the diagonal
    assert rows[5].endswith("●") and rows[0].endswith(".")
    root = ElementTree.fromstring(svg([chart], "any"))
    even = [one for one in root.iterfind("s:g/s:path", SVG) if one.get("stroke-dasharray")]
    assert [one.get("d") for one in even] == ["M64.0 324.0L616.0 44.0"]
    assert {"7", "9"} <= {one.text for one in root.iterfind("s:g/s:text", SVG)}


HEAT = Heat("wrong cells", np.array([[0, 1], [4, 2]]), 5)


def test_a_map_is_darker_where_more_was_counted() -> None:
    console = Console(file=io.StringIO(), width=40)
    assert heat_text(HEAT, console).plain.splitlines() == [
        "wrong cells, at most 4 in one cell",
        "··░░",
        "██▒▒",
    ]
    narrow = Console(file=io.StringIO(), width=3)
    assert heat_text(HEAT, narrow).plain.splitlines()[1:] == ["·░", "█▒"]
    assert "needs 2 columns" in heat_text(HEAT, Console(file=io.StringIO(), width=1)).plain


def test_a_map_in_svg_names_every_cell_and_stands_below_the_chart() -> None:
    root = ElementTree.fromstring(svg([STEPS, HEAT], "any"))
    chart, heat = root.iterfind("s:g", SVG)
    assert (chart.get("transform"), heat.get("transform")) == ("translate(0 0)", "translate(0 420)")
    told = [one.findtext("s:title", namespaces=SVG) for one in heat.iterfind("s:rect", SVG)]
    assert told == [
        "row 1, column 1: 0 of 5",
        "row 1, column 2: 1 of 5",
        "row 2, column 1: 4 of 5",
        "row 2, column 2: 2 of 5",
    ]
    fills = [one.get("fill", "") for one in heat.iterfind("s:rect", SVG)]
    assert fills[0] == "#ffffff" and fills[2] == "rgb(132,22,48)" and len(set(fills)) == 4


def test_the_png_has_everything_where_the_svg_has_it() -> None:
    chart = Chart(
        "even",
        percent("sure"),
        {"a<b": [Mark(0.25, 0.75, (0.5, 0.9), "12"), Mark(0.9, 0.1, (0.0, 0.2))]},
        even=True,
    )
    heat = Heat("errors", np.array([[0, 3], [9, 0]]), 9)
    text = svg([chart, heat], "x & y")
    root = ElementTree.fromstring(text)
    with Image.open(io.BytesIO(png(text))) as picture:
        assert picture.size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
        places = []
        for top, group in zip((0, 420), root.iterfind("s:g", SVG), strict=True):
            for mark in [*group.iterfind("s:circle", SVG), *group.iterfind("s:rect", SVG)]:
                x, y = float(mark.get("cx", mark.get("x", 0))), float(mark.get("cy", mark.get("y", 0)))
                inside = 4 if "x" in mark.attrib else 0
                places.append((x + inside, top + y + inside, mark.attrib["fill"]))
        assert len(places) == 3 + 4
        for x, y, colour in places:
            found, wanted = picture.getpixel((round(2 * x), round(2 * y))), ImageColor.getrgb(colour)
            assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 8, (x, y, colour)
        title = picture.crop((0, 20, 640, 60)).convert("L")
        assert title.getextrema()[0] < 100


@pytest.mark.parametrize(
    "parts", [[over_tries({"all": HARD}, "any")], [Heat("errors", np.zeros((64, 64), int), 1)]]
)
def test_any_drawing_becomes_a_png(parts: list[Chart | Heat]) -> None:
    assert png(svg(parts, "any")).startswith(b"\x89PNG")
