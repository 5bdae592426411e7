"""How many processors there are to use: those that the process is bound to, within a container's quota."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trmcli.tasks import quota
from trmcli.tasks.workers import processors

V2 = "41 31 0:38 {root} {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "32 31 0:29 {root} {point} rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
OTHER = (
    "35 31 0:32 / {point}-memory rw,relatime - cgroup cgroup rw,memory\n20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc/self, on a machine of 64 processors."""
    monkeypatch.setattr(quota, "PROC", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    return tmp_path


def mounted(machine: Path, cgroup: str, mount: str, root: str = "/") -> Path:
    point = machine / "mounted"
    (machine / "cgroup").write_text(cgroup)
    (machine / "mountinfo").write_text((OTHER + mount).format(root=root, point=point))
    return point


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{content}\n")


def test_without_control_groups_all_processors_are_there(machine: Path) -> None:
    assert processors() == 64


@pytest.mark.parametrize(
    ("limit", "count"),
    [("max 100000", 64), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1), ("nonsense", 64)],
)
def test_the_quota_of_version_2(machine: Path, limit: str, count: int) -> None:
    point = mounted(machine, "0::/app/worker\n", V2)
    write(point / "app" / "worker", cpu_max=limit)
    assert processors() == count


def test_the_smallest_quota_on_the_way_holds(machine: Path) -> None:
    point = mounted(machine, "0::/app/worker\n", V2)
    write(point / "app", cpu_max="300000 100000")
    write(point / "app" / "worker", cpu_max="800000 100000")
    write(point / "other", cpu_max="100000 100000")
    assert processors() == 3


@pytest.mark.parametrize(("limit", "count"), [(-1, 64), (400000, 4)])
def test_the_quota_of_version_1(machine: Path, limit: int, count: int) -> None:
    point = mounted(machine, "4:cpu,cpuacct:/docker/4f\n3:memory:/docker/4f\n", V1)
    write(point / "docker" / "4f", cpu_cfs_quota_us=limit, cpu_cfs_period_us=100000)
    assert processors() == count


@pytest.mark.parametrize(
    ("path", "root"), [("/docker/4f", "/docker/4f"), ("/docker/4f/inner", "/docker/4f"), ("/../4f", "/")]
)
def test_a_container_that_sees_its_own_group_alone(machine: Path, path: str, root: str) -> None:
    point = mounted(machine, f"0::{path}\n", V2, root)
    write(point, cpu_max="200000 100000")
    assert processors() == 2


def test_a_process_may_be_bound_to_fewer(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(mounted(machine, "0::/\n", V2), cpu_max="800000 100000")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert processors() == 3
