"""``report.html``: a run's curves, summary and settings on one page that needs no network and no script.

It is made from the run directory alone, so it can be made again for any run, old or going on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from trmcli.errors import InputError
from trmcli.files import writing
from trmcli.training.history import History, Kind, read_history
from trmcli.ui.numbers import clock, percent, short
from trmcli.ui.svg import STYLE, Series, chart
from trmcli.weights.files import read_card
from trmcli.weights.header import read_header

NAME = "report.html"


@dataclass(frozen=True)
class Chart:
    """What one chart shows: a value of the log's lines of training, of evaluation, or of both."""

    title: str
    keys: Mapping[Kind, str]
    write: Callable[[float], str] = short
    logarithmic: bool = False
    noisy: bool = True


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


LINES: Mapping[Kind, tuple[str, str]] = {
    "train": ("training", "first"),
    "evaluation": ("validation", "second"),
}
"""Kinds of the log's lines: what they are called, and their colour."""

CHARTS = (
    Chart("Loss of the cells", {"train": "token_loss"}, logarithmic=True),
    Chart("Exactly right", {"train": "exact", "evaluation": "exact"}, _percent),
    Chart("Cells right", {"train": "cells"}, _percent),
    Chart("Mean supervision steps", {"train": "steps", "evaluation": "steps"}),
    Chart("Halting head right", {"evaluation": "halting"}, _percent),
    Chart("Loss of the halting head", {"train": "halt_loss"}),
    Chart("Learning rate", {"train": "lr"}, noisy=False),
    Chart("Norm of the gradient", {"train": "norm"}),
    Chart("Examples per second", {"train": "examples_per_second"}),
)


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run directory, whole or not at all.

    Raises:
        InputError: if it is no run directory, or cannot be written to.
    """
    page = html(read_history(folder))
    with writing(folder / NAME) as file:
        assert file is not None
        file.write(page)
    return folder / NAME


def html(history: History) -> str:
    """The whole page."""
    config = history.config
    name, data = config.name, ", ".join(dict.fromkeys(entry.source for entry in config.data))
    charts = [text for text in (_figure(history, one) for one in CHARTS) if text]
    done = history.step >= config.total_steps
    settings = (history.folder / "config.toml").read_text(encoding="utf-8")
    return _PAGE.substitute(
        title=escape(name),
        style=STYLE,
        lead=escape(f"{config.task}, trained on {data}"),
        state="finished" if done else time.strftime("as of %Y-%m-%d %H:%M", time.localtime(history.changed)),
        share=f"{100 * min(1.0, history.step / max(1, config.total_steps)):.1f}",
        facts="\n".join(
            f"<div><dt>{escape(key)}</dt><dd>{escape(value)}<small>{escape(more)}</small></dd></div>"
            for key, value, more in facts(history)
        ),
        charts="\n".join(charts) or "<p>The log holds no figures yet.</p>",
        sample=_sample(history),
        evaluations=_table(history),
        settings=escape(settings),
    )


def _sample(history: History) -> str:
    """How one held-out puzzle was answered, evaluation after evaluation."""
    samples = [(entry.step, entry.sample) for entry in history.of("evaluation") if entry.sample is not None]
    if not samples:
        return ""
    from trmcli.tasks import get_task  # NumPy is imported for boards alone
    from trmcli.ui.sample import boards_html

    with suppress(LookupError, InputError):  # values that the kind does not have: another run wrote the log
        task = get_task(history.config.task, history.config.kind)
        row = boards_html(task, samples)
        return f"<figure><figcaption><h2>One held-out puzzle</h2></figcaption>{row}</figure>"
    return ""


def facts(history: History) -> list[tuple[str, str, str]]:
    """The run in short: (what, value, what else is to be said)."""
    config, left, best = history.config, history.seconds_left, history.best
    rows = [("Steps", f"{history.step:,}", f"of {config.total_steps:,}")]
    if best is not None:
        rows.append(("Best in validation", percent(best.values["exact"]), f"at step {best.step:,}"))
    rows.append(("Time", clock(history.seconds), f"{clock(left)} left" if left else ""))
    speed = history.curve("train", "examples_per_second")
    if speed:
        rows.append(("Speed", short(float(f"{speed[-1][1]:.3g}")), "examples/s"))
    weights = history.folder / "best.safetensors"
    with suppress(InputError):  # not there yet, or being replaced
        header = read_header(weights)
        training = read_card(weights, header).training
        learned = [info.shape for key, info in header.tensors.items() if not key.startswith("initial_")]
        rows.append(("Parameters", f"{sum(map(math.prod, learned)):,}", ""))
        torch = str(training.get("torch", "unknown")).partition("+")[0]
        rows.append(("Device", str(training.get("device", "unknown")), f"torch {torch}"))
    return rows


def _figure(history: History, one: Chart) -> str:
    """A chart under its title and its last values; nothing without points."""
    lines = []
    for kind, key in one.keys.items():
        name, ink = LINES[kind]
        lines.append(Series(name, history.curve(kind, key), ink, one.noisy))
    drawing = chart(lines, one.title, history.step, one.write, one.logarithmic)
    if not drawing:
        return ""
    caption = f"<h2>{escape(one.title)}</h2>"
    for line in lines:
        if line.points:
            now = one.write(float(f"{line.points[-1][1]:.3g}"))
            caption += f'<span class="key {line.ink}">{line.name} <b>{escape(now)}</b></span>'
    return f"<figure><figcaption>{caption}</figcaption>{drawing}</figure>"


def _table(history: History) -> str:
    """Every evaluation in numbers."""
    rows = history.of("evaluation")
    if not rows:
        return ""
    shown = (("exact", percent), ("steps", "{:.2f}".format), ("halting", percent))
    lines = []
    for entry in rows:
        cells = [f"{entry.step:,}", clock(entry.seconds)]
        cells += [write(entry.values[key]) if key in entry.values else "" for key, write in shown]
        best = ' class="best"' if entry is history.best else ""
        lines.append(f"<tr{best}><td>{'</td><td>'.join(cells)}</td></tr>")
    heads = ("step", "time", "exact", "mean steps", "halting head right")
    return (
        f'<details><summary>Evaluations ({len(rows)})</summary><div class="wide"><table>\n'
        f"<tr><th>{'</th><th>'.join(heads)}</th></tr>\n" + "\n".join(lines) + "\n</table></div></details>"
    )


_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root {
  --page: #f4f5f7; --card: #ffffff; --text: #1b1f27; --dim: #667085; --grid: #e6e8ec; --edge: #e1e4e9;
  --first: #2563c9; --second: #d2690e; --good: #12805c; --bad: #be303e; --on-bad: #ffffff; --wall: #39404f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101318; --card: #191d24; --text: #e7eaf0; --dim: #949db0; --grid: #2a303a; --edge: #272d37;
    --first: #74a5ff; --second: #ffa95c; --good: #4fd1a1; --wall: #545c6e;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 28px 16px 48px; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
.lead { margin: 2px 0 18px; color: var(--dim); overflow-wrap: anywhere; }
.state { margin-left: .5em; padding: .1em .7em; border-radius: 1em; border: 1px solid var(--edge);
  background: var(--card); font-size: .8rem; font-weight: 500; color: var(--dim); vertical-align: middle; }
.bar { height: 5px; border-radius: 3px; background: var(--edge); overflow: hidden; }
.bar div { height: 100%; background: var(--first); }
dl, .charts { display: grid; gap: 14px; margin: 16px 0; }
dl { grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
dl div, figure, details { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; }
dl div { padding: 10px 14px; }
dt { font-size: .8rem; color: var(--dim); }
dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--dim); }
figure { margin: 0; padding: 12px 12px 8px; min-width: 0; }
figcaption { display: flex; flex-wrap: wrap; gap: 0 16px; padding: 0 4px 8px; }
h2 { font-size: .95rem; margin: 0; width: 100%; }
.key { font-size: .8rem; color: var(--dim); white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 14px; height: 3px; border-radius: 2px;
  margin-right: 5px; vertical-align: middle; background: var(--ink); }
.key b { color: var(--text); font-weight: 600; font-variant-numeric: tabular-nums; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; }
details { margin: 14px 0; padding: 10px 14px; }
summary { cursor: pointer; font-weight: 600; }
.wide, pre { overflow-x: auto; }
pre { margin: 10px 0 2px; font: 13px/1.5 ui-monospace, monospace; }
table { margin-top: 8px; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 14px 3px 0; text-align: right; white-space: nowrap; }
th { font-weight: 500; font-size: .8rem; color: var(--dim); }
tr.best { color: var(--good); font-weight: 600; }
$style</style>
</head>
<body>
<main>
<h1>$title<span class="state">$state</span></h1>
<p class="lead">$lead</p>
<div class="bar"><div style="width: $share%"></div></div>
<dl>
$facts
</dl>
<div class="charts">
$charts
</div>
$sample
$evaluations
<details><summary>Settings</summary><pre>$settings</pre></details>
</main>
</body>
</html>
""")
