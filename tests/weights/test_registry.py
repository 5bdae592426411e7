from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from trmcli.errors import InputError
from trmcli.files import cache_dir
from trmcli.model import TinyRecursiveModel, TRMConfig
from trmcli.weights import registry as module
from trmcli.weights.files import Card, read_card, save_weights
from trmcli.weights.registry import (
    Entry,
    bundled_dir,
    bundled_path,
    cache_target,
    cached_path,
    file_sha256,
    find_weights,
    read_registry,
    registry,
)

GOOD = {"name": "a", "file": "a.safetensors", "task": "sudoku", "size": 3, "sha256": "0" * 64}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Put a registry with these entries in the place of the bundled one; returns its folder."""
    folder = tmp_path / "bundled"

    def write(*entries: dict[str, object]) -> Path:
        folder.mkdir(exist_ok=True)
        text = ""
        for entry in entries:
            text += "[[weights]]\n" + "".join(
                f"{key} = {json.dumps(value)}\n" for key, value in entry.items()
            )
        (folder / "registry.toml").write_text(text)
        registry.cache_clear()
        return folder

    monkeypatch.setattr(module, "bundled_dir", lambda: folder)
    yield write
    registry.cache_clear()


def register_script() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "register_weights.py"
    spec = importlib.util.spec_from_file_location("register_weights", path)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def tiny(path: Path, seed: int = 0, name: str = "tiny") -> Path:
    torch.manual_seed(seed)
    model = TinyRecursiveModel(TRMConfig(vocab_size=11, hidden_size=16, num_heads=2, ffn_multiple=8))
    figure = {"dataset": "extreme", "metric": "exact", "value": 0.5, "command": "trm eval"}
    save_weights(path, model, Card(name, "sudoku", figures=(figure,)))
    return path


def error(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_bundled_file_is_the_one_that_the_registry_names() -> None:
    for entry in registry().values():
        path = bundled_dir() / entry.file
        if path.exists():
            assert (path.stat().st_size, file_sha256(path)) == (entry.size, entry.sha256), entry.name
            assert read_card(path).task == entry.task
        else:
            assert entry.urls, f"{entry.name} is neither bundled nor to be downloaded"


def test_every_file_of_the_bundled_folder_is_in_the_registry() -> None:
    known = {entry.file for entry in registry().values()}
    assert {path.name for path in bundled_dir().glob("*.safetensors")} <= known


def test_cache_dir_is_the_users_unless_the_environment_says_otherwise(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_dir() == cache
    monkeypatch.delenv("TRM_CACHE_DIR")
    assert "trmcli" in str(cache_dir())


def test_default_name_and_path(bundled: Callable[..., Path], tmp_path: Path) -> None:
    folder = bundled({**GOOD, "default_for": ["sudoku"]}, {**GOOD, "name": "b", "file": "b.safetensors"})
    (folder / "a.safetensors").write_bytes(b"abc")
    assert find_weights(None, "sudoku") == folder / "a.safetensors"
    assert find_weights("a", "maze") == folder / "a.safetensors"
    mine = tmp_path / "mine.bin"
    mine.write_bytes(b"x")
    assert find_weights(str(mine), "sudoku") == mine


def test_cached_file_serves_a_name(bundled: Callable[..., Path]) -> None:
    bundled(GOOD)
    entry = registry()["a"]
    assert error(lambda: find_weights("a", "sudoku")) == "a: is not on this machine yet: run trm download a"
    cache_target(entry).parent.mkdir(parents=True)
    cache_target(entry).write_bytes(b"abc")
    assert find_weights("a", "sudoku") == cached_path(entry) == cache_target(entry)


def test_files_of_the_wrong_size_do_not_count(bundled: Callable[..., Path]) -> None:
    folder = bundled(GOOD)
    entry = registry()["a"]
    for path in (folder / entry.file, cache_target(entry)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"abcd")
    assert bundled_path(entry) is None and cached_path(entry) is None


def test_new_weights_of_an_old_name_get_a_new_place_in_the_cache() -> None:
    entries = [Entry("a", "a.safetensors", "sudoku", 3, digit * 64) for digit in "01"]
    assert cache_target(entries[0]) != cache_target(entries[1])


def test_errors_help(bundled: Callable[..., Path], tmp_path: Path) -> None:
    bundled({**GOOD, "name": "sudoku-small"})
    assert error(lambda: find_weights("sudoku-smal", "sudoku")).endswith("did you mean sudoku-small?")
    assert error(lambda: find_weights("xyz", "sudoku")).endswith("names are sudoku-small")
    assert "comes with no weights for maze" in error(lambda: find_weights(None, "maze"))
    assert "is a folder" in error(lambda: find_weights(str(tmp_path), "sudoku"))
    (tmp_path / "best.safetensors").touch()
    near = tmp_path / "bets.safetensors"
    assert error(lambda: find_weights(str(near), "sudoku")) == (
        f"{near}: no such file; did you mean {tmp_path / 'best.safetensors'}?"
    )
    assert error(lambda: find_weights("no/x.safetensors", "sudoku")) == "no/x.safetensors: no such file"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sha256": "0" * 63}, "a: sha256 must be 64 lower-case hexadecimal digits"),
        ({"sha256": "F" * 64}, "a: sha256 must be 64 lower-case hexadecimal digits"),
        ({"file": "../a.safetensors"}, "a: file must be a plain file name, not '../a.safetensors'"),
        ({"size": "3"}, "a: size must be a whole number, not '3'"),
        ({"size": True}, "a: size must be a whole number, not True"),
        ({"urls": "https://x"}, "a: urls must be a list, not 'https://x'"),
        ({"urls": [1]}, "a: urls must be a list of texts"),
        ({"colour": "red"}, "a: unknown key 'colour'"),
    ],
)
def test_wrong_entries(bundled: Callable[..., Path], changes: dict[str, object], expected: str) -> None:
    bundled({**GOOD, **changes})
    text = error(registry)
    assert text.startswith(str(module.bundled_dir() / "registry.toml")) and expected in text


def test_missing_keys_and_doubles(bundled: Callable[..., Path]) -> None:
    bundled({key: value for key, value in GOOD.items() if key != "task"})
    assert error(registry).endswith("a: task is missing")
    bundled(GOOD, GOOD)
    assert error(registry).endswith("lists 'a' twice")
    bundled({**GOOD, "default_for": ["maze"]}, {**GOOD, "name": "b", "default_for": ["maze"]})
    assert error(registry).endswith("'a' and 'b' are both default for maze")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[weights]", "is not valid TOML"),
        ("weights = 3", "must hold [[weights]] tables"),
        ("weights = [3]", "must hold [[weights]] tables"),
        ("[other]\n", "must hold [[weights]] tables"),
    ],
)
def test_broken_registry(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "registry.toml"
    path.write_text(text)
    assert expected in error(lambda: read_registry(path))


def test_missing_registry(tmp_path: Path) -> None:
    assert "cannot be read" in error(lambda: read_registry(tmp_path / "registry.toml"))


def test_registering_a_file(tmp_path: Path) -> None:
    script = register_script()
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "registry.toml").write_text("# The list.\n#\n# of all.\n")
    made = tiny(tmp_path / "best.safetensors")
    script.register(made, folder, name="small", summary='says "hi"', default_for=["sudoku"])
    entry = read_registry(folder / "registry.toml")["small"]
    copied = folder / "small.safetensors"
    assert copied.read_bytes() == made.read_bytes()
    assert (entry.size, entry.sha256) == (copied.stat().st_size, file_sha256(copied))
    assert (entry.task, entry.summary, entry.default_for) == ("sudoku", 'says "hi"', ("sudoku",))
    assert entry.figures == {"extreme, exact": 0.5}
    assert (folder / "registry.toml").read_text().startswith("# The list.\n#\n# of all.\n\n[[weights]]\n")


def test_registering_again_keeps_what_was_said(tmp_path: Path) -> None:
    script = register_script()
    path = tmp_path / "registry.toml"
    script.register(tiny(tmp_path / "tiny.safetensors"), tmp_path, summary="first", urls=["https://x/y"])
    script.register(tiny(tmp_path / "other.safetensors", name="other"), tmp_path, bundle=False)
    before = read_registry(path)["tiny"]
    script.register(tiny(tmp_path / "tiny.safetensors", seed=1), tmp_path)
    after = read_registry(path)["tiny"]
    assert list(read_registry(path)) == ["tiny", "other"]
    assert (after.summary, after.urls) == ("first", ("https://x/y",))
    assert after.sha256 != before.sha256


def test_a_task_has_one_default(tmp_path: Path) -> None:
    """The last one that was registered as such; the one before stays known by its name."""
    script = register_script()
    script.register(tiny(tmp_path / "tiny.safetensors"), tmp_path, default_for=["sudoku"])
    other = tiny(tmp_path / "other.safetensors", name="other")
    script.register(other, tmp_path, default_for=["sudoku"])
    entries = read_registry(tmp_path / "registry.toml")
    assert [(entry.name, entry.default_for) for entry in entries.values()] == [
        ("tiny", ()),
        ("other", ("sudoku",)),
    ]
