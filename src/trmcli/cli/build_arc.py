"""``trm data build arc``: sets of tasks to the folder that the paper's network is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from trmcli.cli.common import plural
from trmcli.cli.options import SHOW, Show, whole

if TYPE_CHECKING:
    from trmcli.tasks.arc.task import ArcTask
    from trmcli.training.arc_data import ArcSets, ArcSize

EXAMPLES = """
Examples:
  trm data build arc --train training.json --test evaluation.json --out arc
  trm data build arc --train tasks/ --views 100 --out few --dry-run
  trm train paper-arc1 --data arc
"""

WIDTH = 512
"""Of the paper's model: numbers in a row of the table of puzzle embeddings."""


@dataclass(frozen=True)
class BuildingArc:
    """What a data set of ARC is made of, and where it goes."""

    panel: ClassVar[str] = "What to build"

    train: Annotated[
        list[str],
        typer.Option(
            metavar="FILE",
            help="Tasks to learn whole: a file of challenges, with its solutions beside it, or a folder; "
            "repeatable.",
        ),
    ]
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to make.")]
    test: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Tasks to be evaluated: only their demonstrations are learned; repeatable."
        ),
    ] = None
    views: Annotated[
        int,
        typer.Option(
            parser=whole(0), metavar="N", help="Turned and recoloured copies of each task, at most."
        ),
    ] = 1000
    seed: Annotated[
        int, typer.Option(parser=whole(0), metavar="N", help="The same seed makes the same data set.")
    ] = 0
    processes: Annotated[
        int | None,
        typer.Option(
            parser=whole(1), metavar="N", help="Processes at work. Without it one for each processor."
        ),
    ] = None


@dataclass(frozen=True)
class View(Show):
    """What is shown instead of building, or besides."""

    panel: ClassVar[str] = SHOW

    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how large the data set would be, and stop.")
    ] = False


def build_arc(what: BuildingArc, view: View = View()) -> None:
    """Make a folder of ARC tasks in many views that trm and the reference train on.

    Its size is said before anything is written. Tasks that both --train and --test hold are named.
    """
    from trmcli.tasks.workers import processors
    from trmcli.training.arc_data import build_arc
    from trmcli.ui.progress import progress

    sets = _read(what)
    if shared := sets.shared:
        names = ", ".join(shared[:5]) + (", …" if len(shared) > 5 else "")
        count = plural(len(shared), "task of --test has a test input", "tasks of --test have test inputs")
        typer.echo(f"trm: warning: {count} that --train shows with its output: {names}", err=True)
    most = sets.size(what.views)
    if view.dry_run:
        typer.echo(_described(most))
        return
    view.say(_described(most))
    with progress("building", most.tasks, prints=False, hidden=view.quiet) as advance:
        size = build_arc(
            what.out,
            sets,
            views=what.views,
            seed=what.seed,
            processes=what.processes or processors(),
            built=advance,
        )
    lines = [f"{what.out / 'train'}\t{size.train} examples"]
    if what.test:
        lines.append(f"{what.out / 'test'}\t{size.test} examples")
    typer.echo("\n".join(lines))


def _read(what: BuildingArc) -> ArcSets:
    """The tasks of both sets, no two of one name.

    Raises:
        InputError: for anything that is wrong in them.
    """
    from trmcli.errors import InputError
    from trmcli.tasks.arc.files import distinct, read_tasks, with_known_solutions
    from trmcli.training.arc_data import ArcSets

    def refuse(error: InputError) -> None:
        raise error

    def tasks(sources: list[str] | None) -> list[ArcTask]:
        return with_known_solutions(read_tasks(sources or (), refuse))

    test, train = tasks(what.test), tasks(what.train)
    named = distinct([*test, *train])
    return ArcSets(named[len(test) :], named[: len(test)])


def _described(size: ArcSize) -> str:
    """How large a folder is at most, and the table of puzzle embeddings that the paper's model has for it."""
    table = 4 * WIDTH * (size.puzzles + 1)
    return (
        f"{plural(size.tasks, 'task', 'tasks')}, at most {size.puzzles:,} views: {size.train:,} examples to "
        f"learn, {size.test:,} to test, {_amount(size.bytes)} on disk; "
        f"a table of puzzle embeddings of {_amount(table)} at the paper's width"
    )


def _amount(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
