"""How much of the processors a container may use.

A container with a quota of two processors on a machine of 64 stands still for the rest of every tenth of a
second once 64 threads have used up its share. Linux tells the quota in files of the control groups that the
process is in, and in all those around them: ``cpu.max`` in version 2, ``cpu.cfs_quota_us`` in version 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PROC = Path("/proc/self")


def cpu_quota() -> float:
    """Processors that the control groups of this process allow; infinity where there is no limit."""
    try:
        groups = (PROC / "cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        mounts = (PROC / "mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return math.inf
    paths = {}  # of the groups, by their controllers; in version 2 these are ""
    for line in groups:
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return min((_limit(folder) for line in mounts for folder in _folders(line, paths)), default=math.inf)


def _folders(mount: str, paths: dict[str, str]) -> Iterator[Path]:
    """The folders of the process's group and of those around it, if cgroups are mounted here.

    ``mount`` is a line of mountinfo (proc(5)): number, parent, device, root, mount point, options, ... ``-``,
    type, source, options of the type.
    """
    before, _, after = mount.partition(" - ")
    _, _, _, root, point, *_ = before.split()
    kind, _, options, *_ = [*after.split(), ""]
    controller = {"cgroup2": "", "cgroup": "cpu"}.get(kind)
    if controller not in paths or (controller and controller not in options.split(",")):
        return
    group = PurePosixPath(paths[controller])
    # A container may see its own group alone, and yet be told the path that the machine has for it.
    inside = group.relative_to(root) if group.is_relative_to(root) else PurePosixPath()
    yield from (Path(point) / one for one in (inside, *inside.parents) if ".." not in one.parts)


def _limit(folder: Path) -> float:
    """Processors that one group allows."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        share = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no such file
        return math.inf
    return share if share > 0 else math.inf  # version 1 writes -1 for none
