# SPDX-License-Identifier: Apache-2.0
"""Where a control group can be made, by the files that say so; and one that holds, where it can be made."""

from __future__ import annotations

import os
import threading
from collections import deque
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.cgroup import CgroupPlace, find_place, limited_group
from orchestrator.host.privilege import confinement
from orchestrator.host.process import finish, start
from orchestrator.units import MIB

here = pytest.mark.skipif(find_place() is None, reason="no control group can be made by this user here")


def host(root: Path, membership: str, *groups: tuple[str, str]) -> Path:
    """A host with these groups: path below /sys/fs/cgroup, controllers that it hands on."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(membership)
    for path, handed_on in groups:
        group = root / "sys/fs/cgroup" / path
        group.mkdir(parents=True, exist_ok=True)
        (group / "cgroup.procs").touch()
        (group / "cgroup.subtree_control").write_text(handed_on)
    return root


def test_the_nearest_group_that_hands_both_controllers_on_is_taken(tmp_path: Path) -> None:
    root = host(
        tmp_path, "0::/user.slice/app.slice/me.scope\n",
        ("", "cpu memory pids\n"), ("user.slice", "memory pids\n"),
        ("user.slice/app.slice", "cpu memory pids\n"),
        ("user.slice/app.slice/me.scope", "\n"),
    )  # fmt: skip
    group = root / "sys/fs/cgroup/user.slice/app.slice"
    assert find_place(root) == CgroupPlace(2, group, group)


def test_one_controller_alone_is_no_limit(tmp_path: Path) -> None:
    assert find_place(host(tmp_path, "0::/me\n", ("", "memory\n"), ("me", "pids\n"))) is None


def test_version_1_has_a_place_for_each_controller(tmp_path: Path) -> None:
    membership = "8:pids:/\n4:memory:/api\n0::/\n"
    root = host(tmp_path, membership, ("memory/api", ""), ("memory", ""), ("pids", ""))
    mounted = root / "sys/fs/cgroup"
    assert find_place(root) == CgroupPlace(1, mounted / "memory/api", mounted / "pids")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_group_of_others_is_no_place(tmp_path: Path) -> None:
    root = host(tmp_path, "0::/me\n", ("", "memory pids\n"), ("me", ""))
    (root / "sys/fs/cgroup/cgroup.procs").chmod(0o444)
    assert find_place(root) is None


def test_a_host_without_groups_has_no_place(tmp_path: Path) -> None:
    assert find_place(tmp_path) is None


def test_a_place_that_cannot_be_used_after_all_gives_none(tmp_path: Path) -> None:
    place = CgroupPlace(2, tmp_path / "gone", tmp_path / "gone")
    with limited_group(place, memory_bytes=MIB, processes=1) as group:
        assert group is None


def test_a_group_that_something_still_holds_is_waited_for(tmp_path: Path) -> None:
    """As the kernel refuses while the last process, in no list any more, is dying."""
    place = CgroupPlace(2, tmp_path, tmp_path)
    with limited_group(place, memory_bytes=MIB, processes=1):
        (held,) = tmp_path.iterdir()
        inside = list(held.iterdir())
        release = threading.Timer(0.2, lambda: deque(map(Path.unlink, inside), maxlen=0))
        release.start()
    release.join()
    assert not held.exists()


@here
@pytest.mark.parametrize(
    ("script", "limit"),
    [
        ("for i in $(seq 100); do sleep 5 & done", "processes"),
        ("exec python3 -c 'bytearray(200 << 20)'", "memory"),
        ("exit 3", ""),
    ],
)
def test_a_group_holds_all_of_a_child_together_and_tells_what_ended_it(script: str, limit: str) -> None:
    place = find_place()
    assert place is not None
    argv = ["sh", "-c", script]
    with limited_group(place, memory_bytes=64 * MIB, processes=16) as group:
        assert group is not None
        with start(argv, stderr=-1, confined=confinement(cgroups=group.entrances)) as child:
            finish(child, argv, Deadline.after(20, "a command that goes too far"))
        assert child.returncode != 0
        assert group.exceeded() == limit
        paths = [group.memory, group.pids]
    assert not any(path.exists() for path in paths)


@here
def test_what_a_killed_run_left_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    place = find_place()
    assert place is not None
    left = place.memory / "oomlab-4194304-dead"  # one above the largest pid
    left.mkdir()
    with limited_group(place, memory_bytes=64 * MIB, processes=16):
        assert not left.exists()
