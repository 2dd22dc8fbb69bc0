# SPDX-License-Identifier: Apache-2.0
"""Guests up to what the host has and its cgroups allow, over made-up /proc and /sys trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.host.capacity import (
    ALL_OF_IT,
    OVERHEAD_BYTES,
    Capacity,
    Share,
    available_cores,
    find_capacity,
)
from orchestrator.host.memory_room import available_memory_bytes, tightest_room
from orchestrator.scenario.models import Device
from orchestrator.units import GIB, MIB

GUEST_MIB = 256 + 128
RESERVE_MIB = 256


class Host:
    """A root directory with the files that matter."""

    def __init__(self, root: Path, available_mib: int, total_mib: int = 4096) -> None:
        self.root = root
        self.write(
            "proc/meminfo",
            f"MemTotal: {total_mib * 1024} kB\nMemFree: 1 kB\nMemAvailable: {available_mib * 1024} kB\n",
        )

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def group(self, path: str, **files: object) -> None:
        for name, value in files.items():
            self.write(f"sys/fs/cgroup/{path}/{name.replace('__', '.')}", f"{value}\n")

    def available_mib(self) -> float:
        return available_memory_bytes(self.root) / MIB


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, available_mib=10_000)


def device() -> Device:
    return Device.model_validate({"arch": "arm64", "memory": "256MiB"})


def test_without_cgroups_the_kernel_decides(host: Host) -> None:
    assert host.available_mib() == 10_000


def test_a_group_has_its_limit_less_its_usage(host: Host) -> None:
    host.write("proc/self/cgroup", "0::/box\n")
    host.group("box", memory__max=2000 * MIB, memory__current=500 * MIB)
    assert host.available_mib() == 1500


def test_idle_page_cache_of_a_group_is_free(host: Host) -> None:
    host.write("proc/self/cgroup", "0::/box\n")
    stat = f"anon 1\ninactive_file {400 * MIB}\nactive_file {50 * MIB}"
    host.group("box", memory__max=2000 * MIB, memory__current=500 * MIB, memory__stat=stat)
    assert host.available_mib() == 1900


def test_the_tightest_group_around_us_counts(host: Host) -> None:
    host.write("proc/self/cgroup", "0::/outer/inner\n")
    host.group("outer", memory__max=3000 * MIB, memory__current=2500 * MIB)
    host.group("outer/inner", memory__max="max", memory__current=100 * MIB)
    host.group("outer/sibling", memory__max=1, memory__current=1)
    assert host.available_mib() == 500


def test_throttling_counts_as_a_limit(host: Host) -> None:
    host.write("proc/self/cgroup", "0::/box\n")
    host.group("box", memory__max="max", memory__high=1000 * MIB, memory__current=0)
    assert host.available_mib() == 1000


def test_inside_a_container_the_root_of_the_mount_is_our_group(host: Host) -> None:
    host.write("proc/self/cgroup", "0::/\n")
    host.group(".", memory__max=1024 * MIB, memory__current=24 * MIB)
    assert host.available_mib() == 1000


def test_version_1(host: Host) -> None:
    host.write("proc/self/cgroup", "5:cpu,cpuacct:/box\n4:memory:/box\n0::/\n")
    host.group(
        "memory/box",
        memory__limit_in_bytes=900 * MIB,
        memory__usage_in_bytes=300 * MIB,
        memory__stat=f"inactive_file 5\ntotal_inactive_file {100 * MIB}",
    )
    host.group("memory", memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=1)
    assert host.available_mib() == 700


@pytest.mark.parametrize(
    ("quota", "cores"), [("50000 100000", 1), ("100000 100000", 1), ("max 100000", None), ("garbage", None)]
)
def test_a_quota_of_cpu_time_is_so_many_cores(host: Host, quota: str, cores: int | None) -> None:
    host.write("proc/self/cgroup", "0::/box\n")
    host.group("box", cpu__max=quota)
    assert available_cores(host.root) == (cores or len(os.sched_getaffinity(0)))


def limited(host: Host, guests_mib: int) -> None:
    """So much can be given to guests."""
    host.write("proc/self/cgroup", "0::/box\n")
    host.group("box", memory__max=(RESERVE_MIB + guests_mib) * MIB, memory__current=0)


def capacity(host: Host, share: Share = ALL_OF_IT, *, measured: bool = True, forks: bool = True) -> Capacity:
    return find_capacity(device().memory, share=share, measured=measured, forks=forks, root=host.root)


def test_a_large_host_keeps_more_to_itself_than_a_small_group(tmp_path: Path) -> None:
    large = tightest_room(Host(tmp_path / "large", available_mib=20_000, total_mib=24 * 1024).root)
    assert (large.where, large.floor_bytes // MIB, large.spare_bytes // MIB) == (
        "this host",
        768,
        20_000 - 768,
    )
    both = Host(tmp_path / "both", available_mib=20_000, total_mib=24 * 1024)
    limited(both, 744)
    room = tightest_room(both.root)
    assert room.where.startswith("the control group ")
    assert room.where.endswith("/box")
    assert (room.total_bytes // MIB, room.floor_bytes // MIB) == (1000, 128)


def test_workers_up_to_the_cores_and_the_memory(tmp_path: Path) -> None:
    large = Host(tmp_path / "large", available_mib=100_000)
    assert capacity(large).workers == len(os.sched_getaffinity(0))
    assert capacity(large, Share(jobs=7)).workers == 7
    small = Host(tmp_path / "small", available_mib=RESERVE_MIB + 3 * GUEST_MIB)
    found = capacity(small, Share(jobs=7), measured=False)
    assert (found.workers, found.guests) == (3, 3)
    assert capacity(small, Share(jobs=7)).workers == 7, "as many as are admitted run at once"


def test_by_what_guests_take_a_phone_has_room_where_twice_its_size_has_not(tmp_path: Path) -> None:
    """12 GiB on a host of 24: a block and a fork of it are not counted as 24832 MiB."""
    host = Host(tmp_path, available_mib=22_000 + 768 + 128, total_mib=24 * 1024)
    found = find_capacity(12 * GIB, root=host.root)
    assert (found.least_bytes // MIB, found.budget_bytes // MIB) == (320, 22_000)
    assert not found.worst_case
    with pytest.raises(
        HostError, match="need 24832 MiB of memory, and 22000 MiB can be given to guests here"
    ):
        find_capacity(12 * GIB, measured=False, root=host.root)


def test_a_limit_of_the_users_counts_the_worst_case(host: Host) -> None:
    limited(host, 2000)
    found = capacity(host, Share(memory_bytes=3 * GUEST_MIB * MIB))
    assert (found.guests, found.worst_case) == (3, True)
    with pytest.raises(
        HostError, match=r"need 768 MiB of memory at worst, and --memory-limit allows 767 MiB"
    ) as caught:
        capacity(host, Share(memory_bytes=767 * MIB))
    assert "leave it out" in caught.value.hint
    with pytest.raises(HostError, match="--memory-limit 2001MiB is more than the 2000 MiB that can be given"):
        capacity(host, Share(memory_bytes=2001 * MIB))


@pytest.mark.parametrize(("measured", "needed_mib"), [(False, 2 * GUEST_MIB), (True, 4 + 128 + 128)])
def test_too_little_is_refused_with_the_numbers(host: Host, measured: bool, needed_mib: int) -> None:
    limited(host, needed_mib - 1)
    with pytest.raises(HostError, match=rf"{needed_mib} MiB of memory, and {needed_mib - 1} MiB") as caught:
        capacity(host, measured=measured)
    assert "device.memory" in caught.value.hint


def test_guests_that_do_not_fork_need_room_for_one(host: Host) -> None:
    limited(host, GUEST_MIB)
    alone = capacity(host, forks=False, measured=False)
    assert (alone.workers, alone.guests) == (1, 1)
    with pytest.raises(HostError, match=rf"a guest of this scenario needs {GUEST_MIB + 1} MiB of memory"):
        find_capacity(
            device().memory, overhead_bytes=OVERHEAD_BYTES + MIB, forks=False, measured=False, root=host.root
        )


def test_a_group_that_is_full_already_is_refused_too(host: Host) -> None:
    host.write("proc/self/cgroup", "0::/box\n")
    host.group("box", memory__max=100 * MIB, memory__current=100 * MIB)
    with pytest.raises(HostError, match="and 0 MiB can be given"):
        capacity(host)
