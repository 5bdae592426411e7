"""Downloads into the cache: weights by name, ``https://`` addresses, and files on the Hugging Face hub.

Pooch retries and moves whole files into place; :class:`_Resuming` transfers the bytes and checks them. What a
broken transfer leaves behind is kept as ``.NAME.part`` if the digest is known, and the next attempt, of this
process or another one, takes it over by renaming it; so any number of processes may fetch one file at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from trmcli import checks
from trmcli.errors import InputError
from trmcli.files import cache_dir
from trmcli.weights.registry import (
    Entry,
    bundled_path,
    cache_target,
    file_sha256,
    registry,
    unknown_name,
)

if TYPE_CHECKING:
    import requests

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the size of the file, if the server says."""

_LOCAL = ("localhost", "127.0.0.1", "::1")
_RETRIES = 3
_TIMEOUT = (10.0, 60.0)
_STALE_PART = 24 * 3600.0


@dataclass(frozen=True)
class Source:
    """Where a file comes from, what it must be, and where it will lie."""

    urls: tuple[str, ...]
    sha256: str | None
    target: Path


def is_remote(spec: str) -> bool:
    """Whether ``spec`` is an address (``https://…``, ``hf:…``) and not a name or a path."""
    return spec.startswith(("http://", "https://", "hf:"))


def resolve(spec: str, sha256: str | None = None) -> Source:
    """What a name, an ``https://`` address or ``hf:OWNER/REPO/FILE[@REV]`` stands for.

    Raises:
        InputError: it stands for nothing, or may not be fetched like this.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise InputError(f"must be 64 hexadecimal digits, not {sha256!r}", "--sha256")
    digest = sha256.lower() if sha256 else None
    if spec.startswith("hf:"):
        return _hub_source(spec, digest)
    if is_remote(spec):
        check_url(spec)
        if digest is None:
            raise InputError("name the file's digest with --sha256: an address alone proves nothing", spec)
        name = _safe_name(unquote(PurePosixPath(urlsplit(spec).path).name)) or "weights"
        return Source((spec,), digest, cache_dir() / f"{digest[:12]}-{name}")
    entry = registry().get(spec)
    if entry is None:
        raise unknown_name(spec)
    if digest not in (None, entry.sha256):
        raise InputError(f"has the digest {entry.sha256}, not {digest}", spec)
    return Source(_entry_urls(entry), entry.sha256, cache_target(entry))


def fetch(
    spec: str, sha256: str | None = None, force: bool = False, progress: Progress | None = None
) -> Path:
    """The file that ``spec`` stands for, downloaded if it is not on this machine yet.

    Args:
        spec: a name of the registry, an ``https://`` address or ``hf:OWNER/REPO/FILE[@REV]``. Plain ``http://``
            goes to this machine only.
        sha256: what the file must be; needed for addresses, known for names.
        force: download although the file is here.
        progress: is told how far a download is.

    Returns:
        Where the file lies: in the bundled folder or in the cache.

    Raises:
        InputError: the file cannot be had, or is another than it should be.
    """
    checks.instance("spec", spec, str, "a name of weights, or an address")
    source = resolve(spec, sha256)
    if not force:
        entry = registry().get(spec)
        for path in (bundled_path(entry) if entry else None, source.target):
            if path is not None and path.is_file() and source.sha256 in (None, file_sha256(path)):
                return path
    if not source.urls:
        kept = "leave out --force, or " if force else ""
        mirror = "set TRM_WEIGHTS_URL to the address of a mirror"
        raise InputError(f"has no address to download from: {kept}{mirror}", spec)
    failures = []
    for url in source.urls:
        try:
            return _download(url, source, progress)
        except InputError as error:  # noqa: PERF203
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    raise InputError("; ".join(str(failure) for failure in failures), spec)


def check_url(url: str) -> None:
    """Allow ``https://`` to anywhere and ``http://`` to this machine.

    Raises:
        InputError: for all else.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise InputError(f"is no address: {error}", url) from None
    if not host or parts.scheme not in ("http", "https"):
        raise InputError("is no https:// address", url)
    if parts.scheme == "http" and host not in _LOCAL:
        raise InputError("plain http goes to localhost only: use https://", url)


def _entry_urls(entry: Entry) -> tuple[str, ...]:
    mirror = os.environ.get("TRM_WEIGHTS_URL")
    if not mirror:
        return entry.urls
    check_url(mirror)
    return (f"{mirror.rstrip('/')}/{quote(entry.file)}", *entry.urls)


def _hub_source(spec: str, digest: str | None) -> Source:
    path, _, revision = spec.removeprefix("hf:").partition("@")
    parts = path.split("/")
    plain = all(re.fullmatch(r"[\w.+ -]+", part) and part.strip(".") for part in parts)
    if len(parts) < 3 or not plain:
        raise InputError("must be hf:OWNER/REPO/FILE or hf:OWNER/REPO/FILE@REVISION", spec)
    owner, repo, *file = parts
    revision = revision or "main"
    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{hub}/{owner}/{repo}/resolve/{quote(revision, safe='')}/{quote('/'.join(file))}"
    check_url(url)
    return Source((url,), digest, cache_dir().joinpath("hf", owner, repo, _safe_name(revision), *file))


def _safe_name(text: str) -> str:
    """``text`` as one plain file name; what had to change is told apart by a digest."""
    plain = re.sub(r"[^\w.+-]", "_", text).lstrip(".")
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _download(url: str, source: Source, progress: Progress | None) -> Path:
    import pooch  # type: ignore[import-untyped]
    import requests

    pooch.get_logger().setLevel("WARNING")
    target = source.target
    # A name of its own, so that a file that is already there stays until the new one is whole.
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    store = pooch.create(
        target.parent,
        base_url="",
        registry={fresh.name: source.sha256},
        urls={fresh.name: url},
        retry_if_failed=_RETRIES,
    )
    try:
        store.fetch(fresh.name, downloader=_Resuming(source, progress))
        fresh.replace(target)
    except (requests.RequestException, _StalePartError) as error:
        raise InputError(f"cannot be downloaded: {_reason(error)}; run the same command again", url) from None
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror or error}", str(target)) from None
    finally:
        with suppress(OSError):
            fresh.unlink()
    return target


class _StalePartError(ValueError):
    """What an earlier attempt left behind does not belong to this file. Pooch tries again, from nothing."""


class _Resuming:
    """A downloader for Pooch that goes on where an earlier attempt, of whatever process, was cut off."""

    def __init__(self, source: Source, progress: Progress | None) -> None:
        self.sha256 = source.sha256
        self.shared = source.target.with_name(f".{source.target.name}.part")
        self.progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        part = self.shared.with_name(f"{self.shared.name}-{os.getpid()}-{secrets.token_hex(4)}")
        resumed = self._take_over(part)
        try:
            if not (resumed and file_sha256(part) == self.sha256):
                self._transfer(url, part)
            if self.sha256 is not None and (found := file_sha256(part)) != self.sha256:
                part.unlink()
                if resumed:
                    raise _StalePartError("what an earlier attempt left behind was of no use")
                raise InputError(
                    f"is not the file that was meant: its sha256 is {found}, not {self.sha256}; removed", url
                )
            part.replace(output_file)
        finally:
            with suppress(OSError):
                if self.sha256 is not None and part.is_file() and part.stat().st_size:
                    part.replace(self.shared)
                part.unlink(missing_ok=True)

    def _take_over(self, part: Path) -> bool:
        """Rename what was left behind to ``part``, which only one process can; clear up after killed ones."""
        for stale in self.shared.parent.glob(f"{self.shared.name}-*"):
            with suppress(OSError):
                if time.time() - stale.stat().st_mtime > _STALE_PART:
                    stale.unlink()
        with suppress(OSError):
            if self.sha256 is not None:
                self.shared.rename(part)
                return True
        return False

    def _transfer(self, url: str, part: Path) -> None:
        have = part.stat().st_size if part.is_file() else 0
        with _get(url, have) as response:
            status = response.status_code
            began = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if have and (status == 416 or (status == 206 and not began)):
                part.unlink()
                return self._transfer(url, part)
            if status not in (200, 206):
                raise InputError(f"cannot be downloaded: the server says {status} {response.reason}", url)
            done = have if status == 206 else 0
            length = response.headers.get("Content-Length", "")
            total = done + int(length) if length.isdigit() else None
            with part.open("ab" if done else "wb") as file:
                for piece in response.iter_content(1 << 16):
                    file.write(piece)
                    done += len(piece)
                    if self.progress is not None:
                        self.progress(done, total)
        return None


@contextmanager
def _get(url: str, start: int) -> Iterator[requests.Response]:
    """A streamed answer, from byte ``start`` where the server can.

    Raises:
        InputError: the server cannot be reached, or sends on to plain http.
        requests.RequestException: what is worth another attempt.
    """
    import requests
    from requests.adapters import HTTPAdapter
    from requests.exceptions import ConnectTimeout, ProxyError, SSLError
    from urllib3.exceptions import NewConnectionError

    class LocalOnly(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            check_url(request.url or "")
            return super().send(request, *args, **kwargs)

    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.Session() as session:
        session.mount("http://", LocalOnly())
        session.trust_env = urlsplit(url).hostname not in _LOCAL  # no proxy between this machine and itself
        try:
            response = session.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
        except requests.ConnectionError as error:
            cause = getattr(error.args[0], "reason", None) if error.args else None
            if isinstance(error, (ConnectTimeout, ProxyError, SSLError)) or isinstance(
                cause, NewConnectionError
            ):
                raise InputError(f"cannot be downloaded: {_reason(error)}", url) from None
            raise
        with response:
            if response.status_code == 429 or response.status_code >= 500:
                response.raise_for_status()
            yield response


def _reason(error: Exception) -> str:
    """One short sentence of the nested messages of requests and urllib3."""
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import HTTPError, Timeout

    if isinstance(error, HTTPError) and error.response is not None:
        return f"the server says {error.response.status_code} {error.response.reason}"
    if isinstance(error, Timeout):
        return "the server does not answer"
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, NoConnection) and cause is not None:
        return f"no connection ({str(cause).rsplit(': ', 1)[-1].strip()})"
    return str(error) if isinstance(error, _StalePartError) else "the connection broke"
