from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner, Result

from trmcli.cli import download
from trmcli.cli.app import app
from trmcli.weights import registry

DATA = bytes(range(256)) * 300
DIGEST = hashlib.sha256(DATA).hexdigest()


def trm(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def refused(*arguments: str) -> str:
    """What stderr says; status 2, one line, nothing on stdout."""
    result = trm(*arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of one folder that holds ``tiny.safetensors``."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "tiny.safetensors").write_bytes(DATA)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A registry of two entries of which one is bundled; returns the cache."""
    folder, cache = tmp_path / "bundled", tmp_path / "cache"
    folder.mkdir()
    (folder / "here.safetensors").write_bytes(DATA)
    (folder / "registry.toml").write_text(
        "".join(
            f'[[weights]]\nname = "{name}"\nfile = "{file}.safetensors"\ntask = "sudoku"\n'
            f'size = {len(DATA)}\nsha256 = "{DIGEST}"\nsummary = "The {name} [one]"\n'
            for name, file in (("near", "here"), ("far", "tiny"))
        )
    )
    monkeypatch.setenv("TRM_CACHE_DIR", str(cache))
    monkeypatch.delenv("TRM_WEIGHTS_URL", raising=False)
    monkeypatch.setattr(registry, "bundled_dir", lambda: folder)
    registry.registry.cache_clear()
    yield cache
    registry.registry.cache_clear()


def test_list_is_tab_separated_in_a_pipe() -> None:
    near = f"near\tsudoku\t{len(DATA)}\tbundled\tThe near [one]\n"
    expected = near + near.replace("near", "far").replace("bundled", "remote")
    assert trm("download").stdout == expected
    assert trm("download", "--list").stdout == expected


def test_list_as_json() -> None:
    near, far = json.loads(trm("download", "--json").stdout)
    assert (near["where"], far["where"]) == ("bundled", "remote")
    assert Path(near["path"]).read_bytes() == DATA and far["path"] is None


def test_list_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    download.download()
    assert "76.8 kB" in (shown := capsys.readouterr().out) and "The near [one]" in shown


def test_downloading_by_name_prints_the_path(
    address: str, known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRM_WEIGHTS_URL", address)
    result = trm("download", "far")
    assert result.exit_code == 0 and result.stderr == ""
    path = Path(result.stdout.removesuffix("\n"))
    assert path.parent == known and path.read_bytes() == DATA
    assert "far\tsudoku" in (listed := trm("download").stdout) and "cached" in listed


def test_all(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRM_WEIGHTS_URL", address)
    paths = trm("download", "--all").stdout.splitlines()
    assert [Path(path).read_bytes() for path in paths] == [DATA, DATA]


def test_output_gets_a_copy(address: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.safetensors"
    result = trm("download", f"{address}/tiny.safetensors", "--sha256", DIGEST, "-o", str(target))
    assert result.stdout == f"{target}\n" and target.read_bytes() == DATA


def test_refusals(address: str, tmp_path: Path) -> None:
    assert "404" in refused("download", f"{address}/none", "--sha256", DIGEST)
    assert "--sha256" in refused("download", f"{address}/tiny.safetensors")
    assert DIGEST in refused("download", f"{address}/tiny.safetensors", "--sha256", "0" * 64)
    assert "did you mean near?" in refused("download", "nea")
    assert "no address to download from" in refused("download", "far")
    assert "is a directory" in refused("download", "near", "--output", str(tmp_path))
    assert "one of them" in refused("download", "near", "--all")
    assert "name what to download" in refused("download", "--force")
    assert "--force only" in refused("download", "--all", "--json")


def test_help_shows_examples() -> None:
    shown = trm("download", "--help").stdout
    assert "Examples:" in shown and "hf:OWNER/REPO/model.safetensors@v1" in shown
