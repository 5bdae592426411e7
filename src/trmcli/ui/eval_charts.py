"""What charts show of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trmcli.files import new_file
from trmcli.solving.intervals import wilson
from trmcli.ui.board_gif import check_pillow
from trmcli.ui.plots import Chart, Heat, Mark, counting, over_tries, percent

if TYPE_CHECKING:
    from trmcli.solving.evaluation import Evaluation, Figures


def by_source(evaluation: Evaluation) -> dict[str, Figures]:
    """The figures of each source, where there are several, and of all."""
    named = evaluation.named if len(evaluation.named) > 1 else {}
    return {**named, "all": evaluation.total}


def per_step(evaluation: Evaluation) -> Chart:
    """What each supervision step of the first try adds."""
    sources = by_source(evaluation)
    last = max(len(figures.solved_by) for figures in sources.values())
    curves = {}
    for name, figures in sources.items():
        counts = figures.solved_by.tolist()
        curves[name] = [
            Mark(step, solved / max(1, figures.count), wilson(solved, figures.count))
            for step, solved in enumerate(counts, start=1)
        ]
    return Chart(
        "exact accuracy after each step of the first try", counting("supervision steps", last), curves
    )


def calibration(evaluation: Evaluation) -> Chart:
    """How often an answer is right, by how probable the model calls it."""
    marks = [
        Mark(one.mean_probability, one.right, wilson(one.right * one.steps, one.steps), f"{one.steps}")
        for one in evaluation.calibration.bins
    ]
    title = "how often an answer is right, and the halting probability"
    return Chart(title, percent("halting probability"), {"steps": marks}, even=True)


def by_tries(evaluation: Evaluation) -> Chart:
    """What more tries buy."""
    points = {
        name: figures.curve(evaluation.seconds_per_step) for name, figures in by_source(evaluation).items()
    }
    return over_tries(points, "exact accuracy by tries")


def errors(evaluation: Evaluation) -> list[Heat]:
    """Where the model errs, a map for each size."""
    return [
        Heat(f"wrong cells of {one.puzzles} unsolved {height}x{width}", one.cells, one.puzzles)
        for (height, width), one in sorted(evaluation.errors.items())
    ]


@contextmanager
def drawing(path: Path | None) -> Iterator[Callable[[Evaluation, str], None]]:
    """Open a file for charts, ``.svg`` or ``.png``; yields what draws those of an evaluation of a kind. None
    for no path.

    Raises:
        InputError: at once, if the file cannot be written, or Pillow is missing.
    """
    if path is None:
        yield lambda evaluation, task: None
        return
    as_png = path.suffix.lower() == ".png"
    if as_png:
        check_pillow(".png", "--chart")
    with new_file(path) as temporary, temporary.open("wb") as file:

        def draw(evaluation: Evaluation, task: str) -> None:
            text = document(evaluation, task)
            if not as_png:
                file.write(text.encode())
                return
            from trmcli.ui.plots_png import png

            file.write(png(text))

        yield draw


def document(evaluation: Evaluation, task: str) -> str:
    """All of them that there is something to show in, as SVG."""
    from trmcli.ui.plots_svg import svg

    parts: list[Chart | Heat] = [per_step(evaluation)]
    if evaluation.calibration.bins:
        parts.append(calibration(evaluation))
    if len(evaluation.limits) > 1:
        parts.append(by_tries(evaluation))
    parts += errors(evaluation)
    partial = "" if evaluation.complete else ", partial"
    return svg(parts, f"{task}, {evaluation.total.count} puzzles{partial}")
