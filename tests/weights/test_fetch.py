from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from trmcli.errors import InputError
from trmcli.weights import download, registry
from trmcli.weights.download import fetch
from trmcli.weights.registry import Entry

DATA = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves :data:`DATA` and does wrong on demand.

    Attributes:
        ranges: whether it honours Range.
        cuts: how many answers to cut off in the middle.
        status: what to answer instead of the data; 0 for the data.
        asked: path and Range of every request.
    """

    daemon_threads = True
    data = DATA

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = True
        self.cuts = 0
        self.status = 0
        self.redirect = ""
        self.asked: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append((self.path, wanted))
        if server.redirect:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if server.status:
            self.send_error(server.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if start >= len(server.data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{len(server.data)}")
        body = server.data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            server.cuts -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and no waiting between attempts."""
    monkeypatch.setenv("TRM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TRM_WEIGHTS_URL", raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    return tmp_path / "cache"


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Entry]:
    """Make the registry list one file, ``tiny``, with these addresses."""
    (tmp_path / "bundled").mkdir()
    monkeypatch.setattr(registry, "bundled_dir", lambda: tmp_path / "bundled")

    def make(*urls: str) -> Entry:
        made = Entry("tiny", "tiny.safetensors", "sudoku", len(DATA), DIGEST, urls)
        monkeypatch.setattr(download, "registry", lambda: {"tiny": made})
        return made

    return make


def error(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_address_is_fetched_once(server: Server, cache: Path) -> None:
    path = fetch(server.url("a/m.safetensors?x=1"), DIGEST)
    assert path.read_bytes() == DATA
    assert path.name == f"{DIGEST[:12]}-m.safetensors" and files(cache) == [path.name]
    assert fetch(server.url("a/m.safetensors?x=1"), DIGEST.upper()) == path
    assert len(server.asked) == 1


def test_force_fetches_again_and_replaces(server: Server) -> None:
    path = fetch(server.url("m"), DIGEST)
    fetch(server.url("m"), DIGEST, force=True)
    assert len(server.asked) == 2 and path.read_bytes() == DATA


def test_failed_force_keeps_the_old_file(server: Server, cache: Path) -> None:
    path = fetch(server.url("m"), DIGEST)
    server.status = 404
    assert "the server says 404" in error(lambda: fetch(server.url("m"), DIGEST, force=True))
    assert path.read_bytes() == DATA and files(cache) == [path.name]


def test_damaged_cache_is_mended(server: Server) -> None:
    path = fetch(server.url("m"), DIGEST)
    path.write_bytes(DATA[:-1] + b"!")
    assert fetch(server.url("m"), DIGEST).read_bytes() == DATA


def test_wrong_digest_names_both_and_leaves_nothing(server: Server, cache: Path) -> None:
    text = error(lambda: fetch(server.url("m"), "0" * 64))
    assert DIGEST in text and "0" * 64 in text
    assert files(cache) == [] and len(server.asked) == 1


def test_cut_transfer_goes_on_where_it_stopped(server: Server, cache: Path) -> None:
    server.cuts = 2
    path = fetch(server.url("m"), DIGEST)
    assert path.read_bytes() == DATA and files(cache) == [path.name]
    starts = [int(wanted[6:-1]) for _, wanted in server.asked if wanted]
    assert len(starts) == 2 and 0 < starts[0] < starts[1] <= len(DATA) * 3 // 4


def test_cut_transfer_without_ranges_begins_again(server: Server) -> None:
    server.cuts, server.ranges = 1, False
    assert fetch(server.url("m"), DIGEST).read_bytes() == DATA


def test_next_run_goes_on(server: Server, cache: Path) -> None:
    server.cuts = 99
    assert "the connection broke" in error(lambda: fetch(server.url("m"), DIGEST))
    (left,) = files(cache)
    server.cuts = 0
    server.asked.clear()
    assert fetch(server.url("m"), DIGEST).read_bytes() == DATA
    assert len(server.asked) == 1 and server.asked[0][1] is not None
    assert left.endswith(".part") and left not in files(cache)


def test_leftovers_of_another_file_are_dropped(server: Server, cache: Path) -> None:
    cache.mkdir()
    part = cache / f".{DIGEST[:12]}-m.part"
    for rubbish in (b"x" * 1000, DATA + b"x"):
        part.write_bytes(rubbish)
        path = fetch(server.url("m"), DIGEST, force=True)
        assert path.read_bytes() == DATA and files(cache) == [path.name]


def test_complete_leftover_needs_no_transfer(server: Server, cache: Path) -> None:
    cache.mkdir()
    (cache / f".{DIGEST[:12]}-m.part").write_bytes(DATA)
    assert fetch(server.url("m"), DIGEST).read_bytes() == DATA
    assert server.asked == []


def test_server_errors_are_tried_again_and_refusals_are_not(server: Server) -> None:
    server.status = 503
    assert "the server says 503" in error(lambda: fetch(server.url("m"), DIGEST))
    assert len(server.asked) == 4
    server.status = 403
    assert "the server says 403" in error(lambda: fetch(server.url("m"), DIGEST))
    assert len(server.asked) == 5


def test_no_connection_is_one_line() -> None:
    with Server() as server:
        url = server.url("m")
    assert error(lambda: fetch(url, DIGEST)).startswith(f"{url}: cannot be downloaded: no connection (")


def test_redirect_to_plain_http_elsewhere_is_refused(server: Server) -> None:
    server.redirect = "http://example.com/m"
    assert "plain http goes to localhost only" in error(lambda: fetch(server.url("m"), DIGEST))


@pytest.mark.parametrize(
    ("spec", "digest", "expected"),
    [
        ("http://example.com/m", DIGEST, "plain http goes to localhost only"),
        ("http://localhost.example.com/m", DIGEST, "plain http goes to localhost only"),
        ("http://127.0.0.1@example.com/m", DIGEST, "plain http goes to localhost only"),
        ("https://example.com/m", None, "--sha256"),
        ("https://example.com/m", "abc", "must be 64 hexadecimal digits"),
        ("https:///m", DIGEST, "is no https:// address"),
        ("https://[::1/m", DIGEST, "is no address"),
        ("hf:owner/repo", None, "must be hf:OWNER/REPO/FILE"),
        ("hf:owner", None, "must be hf:OWNER/REPO/FILE"),
        ("hf:owner/repo/../../x", None, "must be hf:OWNER/REPO/FILE"),
        ("hf:owner/repo/a?b", None, "must be hf:OWNER/REPO/FILE"),
        ("nosuch", None, "no weights of this name"),
    ],
)
def test_what_cannot_be_fetched(spec: str, digest: str | None, expected: str) -> None:
    assert expected in error(lambda: fetch(spec, digest))


def test_hub_addresses(server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url(""))
    assert fetch("hf:o/r/sub/m.safetensors") == cache / "hf/o/r/main/sub/m.safetensors"
    other = fetch("hf:o/r/sub/m.safetensors@refs/pr/1")
    assert other.read_bytes() == DATA and other != cache / "hf/o/r/main/sub/m.safetensors"
    assert [path for path, _ in server.asked] == [
        "/o/r/resolve/main/sub/m.safetensors",
        "/o/r/resolve/refs%2Fpr%2F1/sub/m.safetensors",
    ]


def test_hub_file_without_digest_is_never_joined_from_pieces(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url(""))
    server.cuts = 1
    assert fetch("hf:o/r/m").read_bytes() == DATA
    assert [wanted for _, wanted in server.asked] == [None, None]


def test_bundled_weights_need_no_network(entry: Callable[..., Entry], tmp_path: Path) -> None:
    entry()
    path = tmp_path / "bundled" / "tiny.safetensors"
    path.write_bytes(DATA)
    assert fetch("tiny") == path
    path.write_bytes(bytes(len(DATA)))
    mirror = "set TRM_WEIGHTS_URL to the address of a mirror"
    assert error(lambda: fetch("tiny")) == f"tiny: has no address to download from: {mirror}"
    path.write_bytes(DATA)
    kept = f"leave out --force, or {mirror}"
    assert error(lambda: fetch("tiny", force=True)) == f"tiny: has no address to download from: {kept}"


def test_addresses_are_tried_in_order(server: Server, entry: Callable[..., Entry]) -> None:
    with Server() as closed:
        dead = closed.url("tiny.safetensors")
    entry(dead, server.url("tiny.safetensors"))
    assert fetch("tiny").read_bytes() == DATA
    entry(dead, dead)
    assert error(lambda: fetch("tiny", force=True)).count("no connection") == 2


def test_mirror_is_asked_first(
    server: Server, entry: Callable[..., Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(server.url("original"))
    monkeypatch.setenv("TRM_WEIGHTS_URL", server.url("mirror/"))
    fetch("tiny")
    server.status = 404
    error(lambda: fetch("tiny", force=True))
    assert [path for path, _ in server.asked] == ["/mirror/tiny.safetensors"] * 2 + ["/original"]


def test_names_are_always_checked(server: Server, entry: Callable[..., Entry]) -> None:
    entry(server.url("m"))
    server.data = DATA[:-1]
    assert DIGEST in error(lambda: fetch("tiny"))
    assert error(lambda: fetch("tiny", "0" * 64)) == f"tiny: has the digest {DIGEST}, not {'0' * 64}"


def test_progress_is_told(server: Server) -> None:
    told: list[tuple[int, int | None]] = []
    fetch(server.url("m"), DIGEST, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_cache_that_cannot_be_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TRM_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert "cannot be written" in error(lambda: fetch(server.url("m"), DIGEST))


def test_processes_at_once(server: Server, cache: Path) -> None:
    server.cuts = 2
    url = server.url("m")
    code = f"from trmcli.weights import fetch; print(fetch({url!r}, {DIGEST!r}))"
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    (path,) = printed
    assert Path(path).read_bytes() == DATA
    assert [name for name in files(cache) if not name.endswith(".part")] == [Path(path).name]
