"""The options of ``trm solve`` that no other command has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from trmcli.cli.options import Effort, Pace, choice

if TYPE_CHECKING:
    from trmcli.ui.saving import Cut

Fallback = Literal["search"]


@dataclass(frozen=True)
class SolveEffort(Effort):
    """How hard a puzzle is tried, and what then."""

    fallback: Annotated[
        Fallback | None,
        typer.Option(
            **choice(Fallback), metavar="search", help="Let plain search solve what the model does not."
        ),
    ] = None


def step(text: str) -> int:
    """A step from 0 on, or -1 for ``end``."""
    if text == "end":
        return -1
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"{text!r} is not a step: give a whole number from 0 on, or end")
    return int(text)


@dataclass(frozen=True)
class View(Pace):
    """How answers are shown and kept."""

    live: Annotated[
        bool | None,
        typer.Option("--live/--no-live", help="Draw every step; by default for one puzzle on a terminal."),
    ] = None
    inner: Annotated[
        bool,
        typer.Option("--inner", help="Draw the updates within each round as well."),
    ] = False
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save every step (.json), a show (.html, .gif, .svg, .cast), or the answer as a .png.",
        ),
    ] = None
    frame: Annotated[
        int | None,
        typer.Option(
            parser=step,
            metavar="N",
            help="Save one picture (.svg, .png): after step N, 0 for the question, end for the answer.",
        ),
    ] = None
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Play what --save FILE.json has kept, without any model."),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Write one JSON object a puzzle.")] = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.json",
            help="Write two attempts at each ARC test: a submission.",
        ),
    ] = None

    def cut(self) -> Cut:
        """What of the steps goes into a picture."""
        from trmcli.ui.saving import Cut

        return Cut(self.fps, self.frame)
