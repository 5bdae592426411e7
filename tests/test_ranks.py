"""Ranks that meet, and one that is not there any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support import environment

SCRIPT = """
import os, torch
from trmcli.errors import InputError
from trmcli.ranks import join

with join(torch.device("cpu")) as (ranks, _):
    assert ranks.total([1, ranks.rank]) == [2, 1]
    if ranks.rank == 1:
        os._exit(0)
    one = torch.ones(1)
    for meet, with_what in ((ranks.total, [1]), (ranks.mean_, one), (ranks.gather, one)):
        try:
            meet(with_what)
        except InputError as error:
            print(error)
"""


def test_whoever_is_gone_is_missed_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, str(script)], capture_output=True, text=True, env=environment(), timeout=120
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all(line.startswith("another process is gone: ") for line in lines)
