"""A held-out puzzle as one evaluation of a run left it: on a terminal, and as small boards in the report.

Givens are bold. Right cells are green. Wrong ones are red, on a terminal with ``!``, and in a picture what
should be there and is not is a thin line. An open cell is a dot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html import escape
from itertools import groupby

import numpy as np
from rich.console import Console

from trmcli.tasks.base import Cells
from trmcli.tasks.task import Task
from trmcli.training.sample import Sample
from trmcli.ui.grid import Grid, box_of, draws_pictures

MOST_BOARDS = 10
"""In a report; of more evaluations some are shown, the first and the last among them."""


def views(task: Task, sample: Sample, console: Console) -> Iterator[list[Grid]]:
    """How it may be shown on a terminal, the best first: question and answer, or the answer alone. Only in
    forms in which wrong cells have a sign; but pictures in halves, where they are red."""
    question, answer = sample.grids
    right = np.ones(sample.shape, dtype=np.float32)
    right.ravel()[list(sample.wrong)] = 0
    wrong = frozenset(sample.wrong) - open_cells(task, sample)
    both = [Grid(task, question, question), Grid(task, question, answer, right, None, wrong)]
    forms = [form for form in both[0].forms(console) if form != "tight"]
    for grids in (both, both[1:]):
        yield from ([replace(grid, form=form) for grid in grids] for form in forms)


def open_cells(task: Task, sample: Sample) -> frozenset[int]:
    """Cells to be filled that hold nothing yet; in pictures that is an answer, too."""
    if draws_pictures(task):
        return frozenset()
    undecided = task.codec.undecided(sample.grids[0]).ravel()
    return frozenset(cell for cell in sample.wrong if undecided[cell] and sample.answer[cell] == 0)


def figures(task: Task, sample: Sample) -> tuple[int, int]:
    """How many cells are right, and of how many."""
    asked = set(np.flatnonzero(task.codec.undecided(sample.grids[0])).tolist()) | set(sample.wrong)
    return len(asked) - len(sample.wrong), len(asked)


def told(task: Task, sample: Sample) -> str:
    """The answer in words."""
    (right, asked), still_open = figures(task, sample), len(open_cells(task, sample))
    if not sample.wrong:
        return f"all {asked} cells right after {_steps(sample)}"
    wrong = len(sample.wrong) - still_open
    open_ones = f", {still_open} open" if still_open else ""
    return f"{right} of {asked} cells right, {wrong} wrong{open_ones}, {_steps(sample)}"


def _steps(sample: Sample) -> str:
    return f"{sample.steps} step{'s' * (sample.steps != 1)}"


def spread(samples: Sequence[tuple[int, Sample]]) -> list[tuple[int, Sample]]:
    """At most :data:`MOST_BOARDS` of them, evenly."""
    count = min(len(samples), MOST_BOARDS)
    return [samples[round(place)] for place in np.linspace(0, len(samples) - 1, count).tolist()]


STYLE = """
.boards { display: flex; gap: 14px; flex-wrap: wrap; padding: 0 4px 6px; }
.boards div { flex: 0 0 124px; font-size: .8rem; color: var(--dim); text-align: center; }
.boards b { display: block; color: var(--text); }
.boards svg { border-radius: 3px; }
.boards svg text { font-size: .66px; text-anchor: middle; fill: var(--good); font-weight: 600; }
.boards svg .given { fill: var(--text); font-weight: 700; }
.boards svg .open { fill: var(--dim); }
.boards svg .wrong { fill: var(--on-bad); }
.boards path { stroke-width: 1; fill: none; shape-rendering: crispEdges; }
.boards .back { stroke: var(--grid); }
.boards .wall { stroke: var(--wall); }
.boards .way { stroke: var(--good); }
.boards .bad { stroke: var(--bad); }
.boards .missing { stroke: var(--bad); stroke-width: .3; }
.boards .lines { stroke: var(--dim); stroke-width: .07; stroke-linecap: square; shape-rendering: auto; }
"""


def boards_html(task: Task, samples: Sequence[tuple[int, Sample]]) -> str:
    """A row of boards and their style, ``(step, sample)`` each; the question first, and again where it is
    another one."""
    parts, question = [], None
    for step, sample in spread(samples):
        if sample.question != question:
            question = sample.question
            blank = Sample(sample.shape, question, question, (), 0)
            parts.append(_board(task, blank, "the question", ""))
        right, asked = figures(task, sample)
        parts.append(
            _board(
                task, sample, f"step {step:,}", f"{right} of {asked}, {_steps(sample)}", told(task, sample)
            )
        )
    return f'<style>{STYLE}</style><div class="boards">{"".join(parts)}</div>'


def _board(task: Task, sample: Sample, title: str, below: str, words: str = "") -> str:
    height, width = sample.shape
    label = escape(": ".join(filter(None, (title, words))))
    drawn = "".join([*_papers(task, sample), *_signs(task, sample), _lines(task, sample)])
    return (
        f'<div><svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}"><title>{label}</title>'
        f"{drawn}</svg><b>{escape(title)}</b>{escape(below)}</div>"
    )


def _papers(task: Task, sample: Sample) -> Iterator[str]:
    """What cells are filled with: runs of one kind in a row are one stroke."""
    question, answer = (one.ravel().tolist() for one in sample.grids)
    undecided = task.codec.undecided(sample.grids[0]).ravel().tolist()
    wrong, still_open = set(sample.wrong), open_cells(task, sample)
    picture, width = draws_pictures(task), sample.shape[1]

    def paper(cell: int) -> str:
        value = answer[cell] if undecided[cell] else question[cell]
        look = task.paint.look(value)
        if cell in wrong and cell not in still_open:
            return "missing" if picture and look == "empty" else "bad"
        if look == "solid":
            return "wall"
        if look == "trail":
            return "way"
        return "back" if not undecided[cell] and not picture else ""

    strokes: dict[str, list[str]] = defaultdict(list)
    for (row, kind), run in groupby(range(len(answer)), key=lambda cell: (cell // width, paper(cell))):
        cells = list(run)
        if kind:
            strokes[kind].append(f"M{cells[0] % width} {row + 0.5}h{len(cells)}")
    yield from (f'<path class="{kind}" d="{"".join(path)}"/>' for kind, path in strokes.items())


def _signs(task: Task, sample: Sample) -> Iterator[str]:
    """Symbols, and dots for open cells."""
    question, answer = (one.ravel().tolist() for one in sample.grids)
    undecided = task.codec.undecided(sample.grids[0]).ravel().tolist()
    wrong, picture, width = set(sample.wrong), draws_pictures(task), sample.shape[1]
    for cell, given in enumerate(question):
        value = answer[cell] if undecided[cell] else given
        if task.paint.look(value) != "symbol" or (picture and not value):
            continue
        kind = "" if undecided[cell] else "given"
        kind = "open" if not value else "wrong" if cell in wrong else kind
        text = escape(task.paint.symbol(value, sample.shape)) if value else "·"
        named = f' class="{kind}"' if kind else ""
        yield f'<text x="{cell % width + 0.5}" y="{cell // width + 0.73:.2f}"{named}>{text}</text>'


def _lines(task: Task, sample: Sample) -> str:
    """Around the board, and between its boxes."""
    around = np.pad(box_of(task, sample.shape), 1, constant_values=-1)
    down, across = around[1:, 1:-1] != around[:-1, 1:-1], around[1:-1, 1:] != around[1:-1, :-1]
    path = [f"M{column} {row}h1" for row, column in _places(down)]
    path += [f"M{column} {row}v1" for row, column in _places(across)]
    return f'<path class="lines" d="{"".join(path)}"/>'


def _places(marked: Cells) -> Iterable[tuple[int, int]]:
    return ((row, column) for row, column in np.argwhere(marked).tolist())
