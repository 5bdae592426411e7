"""``trm download``: weights by name, from an address, or from the Hugging Face hub."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from trmcli.cli import complete
from trmcli.cli.options import SHOW, Show
from trmcli.cli.outputs import check_outputs
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.weights.download import Progress

EXAMPLES = """
Examples:
  trm download                     # what there is, and where it lies
  trm download sudoku              # prints the path of the file
  TRM_WEIGHTS_URL=https://example.org/w trm download --all --force
  trm download hf:OWNER/REPO/model.safetensors@v1 --output model.safetensors
  trm download https://example.org/m.safetensors --sha256 DIGEST

Files go to the folder that trm info names, or to TRM_CACHE_DIR.
A mirror whose address is in TRM_WEIGHTS_URL is asked first. Weights that come
with the package have no other address, so --force needs one.
"""


@dataclass(frozen=True)
class What:
    """What is downloaded, and where to."""

    panel: ClassVar[str] = "What to download"

    what: Annotated[
        str | None,
        typer.Argument(
            autocompletion=complete.weights,
            metavar="NAME|URL|hf:...",
            help="A known name, an https:// address, or a file of the Hugging Face hub.",
        ),
    ] = None
    everything: Annotated[bool, typer.Option("--all", help="Download all known weights.")] = False
    force: Annotated[bool, typer.Option("--force", help="Download what is here already, too.")] = False
    sha256: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="What the file must be; needed for addresses.")
    ] = None
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Copy the file there.")
    ] = None


@dataclass(frozen=True)
class View:
    """How the known weights are listed."""

    panel: ClassVar[str] = SHOW

    listing: Annotated[
        bool, typer.Option("--list", help="List the known weights; so does trm download alone.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="List as JSON.")] = False


def download(given: What = What(), view: View = View(), show: Show = Show()) -> None:
    """Download weights, check them, and print where they lie.

    A file that is here already is checked and not downloaded again.

    In a pipe, a line of the list is name, task, bytes, place and summary, with tabs between.
    """
    from trmcli.ui.progress import piped
    from trmcli.weights.download import fetch
    from trmcli.weights.registry import registry

    what, listing = given.what, view.listing or view.as_json
    if what is not None and (given.everything or listing):
        raise InputError(f"name {what!r}, or list, or download all: one of them")
    if given.everything and (listing or given.sha256 or given.output):
        raise InputError("goes with --force only", "--all")
    if what is None and not given.everything:
        if given.force or given.sha256 or given.output:
            raise InputError("name what to download; trm download --list shows what there is")
        _list(view.as_json)
        return
    check_outputs((), ("-o", given.output))
    hidden = show.quiet or (given.everything and piped())  # a path is printed between two bars
    for spec in [what] if what is not None else registry():
        with _progress(spec, hidden) as progress:
            path = fetch(spec, given.sha256, given.force, progress)
        if given.output is not None:
            _copy(path, given.output)
            path = given.output
        typer.echo(path)


def _list(as_json: bool) -> None:
    from trmcli.weights.registry import bundled_path, cached_path, registry

    rows: list[dict[str, Any]] = []
    for entry in registry().values():
        bundled, cached = bundled_path(entry), cached_path(entry)
        where = "bundled" if bundled else "cached" if cached else "remote"
        path = bundled or cached
        rows.append({**asdict(entry), "where": where, "path": str(path) if path else None})
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif not rows:
        typer.echo("trm: the list of weights is empty", err=True)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.filesize import decimal
        from rich.table import Table
        from rich.text import Text

        table = Table("name", "task", "size", "where", "summary", box=None, header_style="bold")
        for row in rows:
            cells = (row["name"], row["task"], decimal(row["size"]), row["where"], row["summary"])
            table.add_row(*(Text(cell) for cell in cells))
        Console().print(table)
    else:
        for row in rows:
            typer.echo("\t".join(str(row[key]) for key in ("name", "task", "size", "where", "summary")))


def _copy(path: Path, output: Path) -> None:
    from trmcli.files import new_file

    with new_file(output) as temporary:
        shutil.copyfile(path, temporary)


@contextmanager
def _progress(name: str, hidden: bool) -> Iterator[Progress | None]:
    """A bar on stderr that appears with the first bytes; nothing where stderr is not a terminal."""
    if hidden or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    label = TextColumn("{task.description}", markup=False)
    console = Console(stderr=True)
    with Bar(label, *columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(name, visible=False, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)
