"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from trmcli.errors import InputError
from trmcli.files import append_text, new_file, remove_left_overs, write_text, writing


def test_a_file_is_replaced_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_text(path, "old\n")
    with pytest.raises(KeyError), writing(path) as file:
        assert file is not None
        file.write("new")
        raise KeyError
    assert path.read_text() == "old\n"
    write_text(path, "new\n")
    append_text(path, "more\n")
    assert path.read_text() == "new\nmore\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"out.txt: cannot be written: No such file or directory"):
        write_text(tmp_path / "missing" / "out.txt", "")
    with pytest.raises(InputError, match="is a directory: name a file"), new_file(tmp_path):
        pass
    with pytest.raises(InputError, match="/dev/full: cannot be written: No space left on device"):
        append_text(Path("/dev/full"), "text")


@pytest.mark.parametrize("kind", [BrokenPipeError, ChildProcessError])
def test_a_closed_pipe_or_a_killed_worker_is_no_fault_of_the_file(
    tmp_path: Path, kind: type[Exception]
) -> None:
    with pytest.raises(kind), new_file(tmp_path / "out.txt"):
        raise kind


def test_left_overs_of_one_file_go(tmp_path: Path) -> None:
    for name in (".out.txt.12-ab34", ".out.txt", ".other.txt.12-ab34", "out.txt"):
        (tmp_path / name).touch()
    remove_left_overs(tmp_path / "out.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.txt.12-ab34", ".out.txt", "out.txt"]
