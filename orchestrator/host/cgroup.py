# SPDX-License-Identifier: Apache-2.0
"""Control groups: those that this process is in, and one of our own that holds down a whole process tree.

Sources: cgroups(7); Documentation/admin-guide/cgroup-v2.rst ("Delegation Containment", "Memory", "PID"),
cgroup-v1/memory.rst and cgroup-v1/pids.rst of the kernel.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.deadline import Deadline

_ROOT = Path("/")
_CONTROLLERS = ("memory", "pids")
_NAME = "oomlab-"
_EMPTY_S = 2.0
"""How long killed processes may take to leave a group."""

_LEAVES_S = 0.01
"""Between two looks at a group whose last process is dying."""

Exceeded = Literal["", "memory", "processes"]


@dataclass(frozen=True)
class CgroupPlace:
    """Where a group can be made: one directory of the unified hierarchy, or one for each controller."""

    version: Literal[1, 2]
    memory: Path
    pids: Path

    @property
    def parents(self) -> tuple[Path, ...]:
        """The directories, each once."""
        return tuple(dict.fromkeys((self.memory, self.pids)))


@dataclass(frozen=True)
class ControlGroup:
    """A group of ours. `entrances` are descriptors of its `cgroup.procs`: "0" enters the writer."""

    memory: Path
    pids: Path
    entrances: tuple[int, ...]

    def exceeded(self) -> Exceeded:
        """Which limit its processes ran into, by the kernel's own count; "" when none."""
        for name in ("memory.events", "memory.oom_control"):
            if _field(self.memory / name, "oom_kill") > 0:
                return "memory"
        return "processes" if _field(self.pids / "pids.events", "max") > 0 else ""


def find_place(root: Path = _ROOT) -> CgroupPlace | None:
    """The nearest group below which this process may make one and enter it; None when there is none.

    Under version 2 that takes a group that hands both controllers on to its children, and leave to
    write where both the old and the new group hang. `root` is where /proc and /sys are.
    """
    for group in groups_v2(root):
        with suppress(OSError):
            handed_on = (group / "cgroup.subtree_control").read_text().split()
            if set(_CONTROLLERS) <= set(handed_on) and _is_open(group) and _is_open(group / "cgroup.procs"):
                return CgroupPlace(2, group, group)
    found = [next(filter(_is_open, groups_v1(root, name)), None) for name in _CONTROLLERS]
    memory, pids = found
    return CgroupPlace(1, memory, pids) if memory and pids else None


@contextmanager
def limited_group(place: CgroupPlace, *, memory_bytes: int, processes: int) -> Iterator[ControlGroup | None]:
    """A group with limits for everything in it together; None when it cannot be made here after all.

    Whatever is still in it at the end is killed.
    """
    name = f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}"
    made: list[Path] = []
    entrances: list[int] = []
    try:
        try:
            for parent in place.parents:
                _sweep(parent)
                (parent / name).mkdir()
                made.append(parent / name)
            _limit(place, name, memory_bytes, processes)
            entrances += [os.open(path / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for path in made]
        except OSError:
            yield None
            return
        yield ControlGroup(place.memory / name, place.pids / name, tuple(entrances))
    finally:
        for descriptor in entrances:
            os.close(descriptor)
        for path in made:
            _remove(path)


def _limit(place: CgroupPlace, name: str, memory_bytes: int, processes: int) -> None:
    memory, pids = place.memory / name, place.pids / name
    (pids / "pids.max").write_text(str(processes))
    if place.version == 2:
        (memory / "memory.max").write_text(str(memory_bytes))
        (memory / "memory.oom.group").write_text("1")
        swap = {"memory.swap.max": "0"}
    else:
        (memory / "memory.limit_in_bytes").write_text(str(memory_bytes))
        swap = {"memory.memsw.limit_in_bytes": str(memory_bytes)}
    for file, value in swap.items():
        with suppress(OSError):  # a kernel without swap has no such file
            (memory / file).write_text(value)


def _remove(group: Path) -> None:
    deadline = Deadline.after(_EMPTY_S, "a control group empties")
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if deadline.passed:
                return  # swept by the next run
            if not _kill_one(group, deadline):
                # One that has just died is in no list any more, and holds the group a moment longer.
                time.sleep(min(_LEAVES_S, deadline.remaining()))  # noqa: TID251 - no event tells of it
        else:
            return


def _kill_one(group: Path, deadline: Deadline) -> bool:
    """Kill a process of the group and wait for its end; False when there is none to be seen."""
    try:
        pid = int((group / "cgroup.procs").read_text().partition("\n")[0])
        handle = os.pidfd_open(pid)
    except (OSError, ValueError):
        return False
    try:
        with suppress(OSError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], deadline.remaining())
    finally:
        os.close(handle)
    return True


def _sweep(parent: Path) -> None:
    """Remove empty groups whose maker was killed. One in use is not removed, by the kernel's own rule."""
    for path in parent.glob(f"{_NAME}*-*"):
        pid = path.name.removeprefix(_NAME).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            with suppress(OSError):
                path.rmdir()


def groups_v2(root: Path) -> Iterator[Path]:
    """This process's group in the unified hierarchy and those around it, the innermost first."""
    for number, _, path in _memberships(root):
        if number == "0":
            mounted = root / "sys/fs/cgroup"
            # systemd's hybrid layout has the unified hierarchy beside those of version 1.
            hybrid = mounted / "unified"
            yield from _upwards(hybrid if hybrid.is_dir() else mounted, path)


def groups_v1(root: Path, controller: str) -> Iterator[Path]:
    """The same in the hierarchy of one controller of version 1."""
    for _, controllers, path in _memberships(root):
        if controller in controllers.split(","):
            yield from _upwards(root / "sys/fs/cgroup" / controller, path)


def _memberships(root: Path) -> Iterator[tuple[str, str, str]]:
    """Lines of /proc/self/cgroup: hierarchy, controllers, path; none without cgroups."""
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            yield number, controllers, path


def _upwards(mounted: Path, path: str) -> Iterator[Path]:
    """The group and those around it, down to the root of the mount."""
    group = mounted / path.lstrip("/")
    yield group
    yield from (parent for parent in group.parents if parent.is_relative_to(mounted))


def _is_open(path: Path) -> bool:
    return os.access(path, os.W_OK)


def _field(file: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
