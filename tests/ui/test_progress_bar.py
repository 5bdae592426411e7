"""The progress bar: silent in a pipe, drawn on a terminal, gone at the end."""

from __future__ import annotations

import io

import pytest

from trmcli.ui.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("terminal", "total"), [(False, 2), (True, 2), (True, None)])
def test_it_shows_on_terminals_only(
    terminal: bool, total: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    with progress("solving", total, prints=False) as advance:
        advance()
        advance()
    if not terminal:
        assert stderr.getvalue() == ""
        return
    assert "solving" in stderr.getvalue()
    assert f"2/{'?' if total is None else total}" in stderr.getvalue()
    assert stderr.getvalue().rindex("\x1b[?25h") > stderr.getvalue().rindex("\x1b[?25l")
