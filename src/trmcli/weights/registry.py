"""The weights that are known by name, and where the file of a name lies: bundled, or in the cache.

``weights/registry.toml`` lists them. A wheel carries that folder as ``trmcli/bundled``; in a checkout or an
editable install it stands beside ``src``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from trmcli import checks
from trmcli.errors import InputError, did_you_mean
from trmcli.files import cache_dir
from trmcli.settings import check, read_toml

REGISTRY_FILE = "registry.toml"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Entry:
    """One known weights file.

    Attributes:
        name: what the command line calls it.
        file: its plain file name, in the bundled folder and on a mirror.
        task: the puzzle kind it solves.
        size: bytes.
        sha256: of the file, in lower-case hexadecimal digits.
        urls: where to download it, in the order to try.
        default_for: tasks that use it when no weights are named.
        summary: one line for lists.
        figures: what was measured.
    """

    name: str
    file: str
    task: str
    size: int
    sha256: str
    urls: tuple[str, ...] = ()
    default_for: tuple[str, ...] = ()
    summary: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


def bundled_dir() -> Path:
    """The folder of the registry and of the weights that come with the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "bundled"
    return inside if inside.is_dir() else package.parents[1] / "weights"


@cache
def registry() -> dict[str, Entry]:
    """The bundled registry, by name, in its own order.

    Raises:
        InputError: if it is missing or something in it is wrong.
    """
    return read_registry(bundled_dir() / REGISTRY_FILE)


def read_registry(path: Path) -> dict[str, Entry]:
    """Read and check a registry file.

    Raises:
        InputError: naming the file and what is wrong.
    """
    origin = str(path)
    try:
        values = read_toml(path)
    except OSError as error:
        raise InputError(f"the list of weights cannot be read: {error.strerror}", origin) from None
    tables = values.pop("weights", [])
    if values or not isinstance(tables, list):
        raise InputError("must hold [[weights]] tables and nothing else", origin)
    entries: dict[str, Entry] = {}
    defaults: dict[str, str] = {}
    for table in tables:
        entry = _entry(table, origin)
        if entry.name in entries:
            raise InputError(f"lists {entry.name!r} twice", origin)
        entries[entry.name] = entry
        for task in entry.default_for:
            if task in defaults:
                raise InputError(f"{defaults[task]!r} and {entry.name!r} are both default for {task}", origin)
            defaults[task] = entry.name
    return entries


def default_weights() -> dict[str, str]:
    """For each task that has one, the name of the weights that are used when none are named."""
    return {task: entry.name for entry in registry().values() for task in entry.default_for}


def bundled_path(entry: Entry) -> Path | None:
    """The file that came with the package, if it is there in full size."""
    return _if_whole(bundled_dir() / entry.file, entry)


def cached_path(entry: Entry) -> Path | None:
    """The downloaded file, if it is there in full size."""
    return _if_whole(cache_target(entry), entry)


def cache_target(entry: Entry) -> Path:
    """Where a download of ``entry`` is kept. The digest is part of it, so that new weights get a new file."""
    return cache_dir() / f"{Path(entry.file).stem}-{entry.sha256[:12]}{Path(entry.file).suffix}"


def find_weights(name_or_path: str | Path | None, task: str) -> Path:
    """The file that ``--weights`` means. Never touches the network.

    Args:
        name_or_path: a name of the registry, a file, or None for the task's default.
        task: whose default is wanted.

    Raises:
        InputError: there is no such name or file, or it is not downloaded yet.
    """
    checks.instance("task", task, str, "the name of a task")
    if name_or_path is not None:
        name_or_path = str(checks.path("name_or_path", name_or_path, "a name of weights, or a path"))
    else:
        defaults = default_weights()
        if task not in defaults:
            raise InputError(f"trm comes with no weights for {task}: name a file with --weights")
        name_or_path = defaults[task]
    if entry := registry().get(name_or_path):
        path = bundled_path(entry) or cached_path(entry)
        if path is None:
            raise InputError(f"is not on this machine yet: run trm download {entry.name}", entry.name)
        return path
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        raise InputError("is a folder: name a weights file in it", name_or_path)
    if path.suffix == SUFFIX:
        raise InputError(f"no such file{_did_you_mean_file(path)}", name_or_path)
    raise unknown_name(name_or_path)


def unknown_name(name: str) -> InputError:
    """The error for a name that is neither in the registry nor a file."""
    hint = did_you_mean(name, registry(), "names") or "; the list of weights is empty"
    return InputError(f"no weights of this name, and no such file{hint}", name)


def file_sha256(path: Path) -> str:
    """The digest of a file, read in pieces."""
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _if_whole(path: Path, entry: Entry) -> Path | None:
    return path if path.is_file() and path.stat().st_size == entry.size else None


def _did_you_mean_file(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    close = get_close_matches(path.name, [other.name for other in path.parent.glob(f"*{SUFFIX}")], n=1)
    return f"; did you mean {path.with_name(close[0])}?" if close else ""


def _entry(table: Any, origin: str) -> Entry:
    if not isinstance(table, dict):
        raise InputError("must hold [[weights]] tables and nothing else", origin)
    origin = f"{origin}: {table.get('name', '?')}"
    check(Entry, table, origin, called="key")
    lists = {key: tuple(table[key]) for key in ("urls", "default_for") if key in table}
    for key, items in lists.items():
        if not all(isinstance(item, str) for item in items):
            raise InputError(f"{key} must be a list of texts", origin)
    if not re.fullmatch(r"[0-9a-f]{64}", table["sha256"]):
        raise InputError("sha256 must be 64 lower-case hexadecimal digits", origin)
    if not re.fullmatch(r"[\w-][\w.-]*", table["file"]):
        raise InputError(f"file must be a plain file name, not {table['file']!r}", origin)
    return Entry(**{**table, **lists})
