# SPDX-License-Identifier: Apache-2.0
"""Which rights a child that works on foreign input keeps: none of its caller's.

Root is more than its capabilities: /proc/sys and /sys ask for the uid alone, and a user namespace whose
only user is the host's root opens them for writing. So children of root get ids that nobody has, one of
their own for each child: they can neither touch each other nor share a limit on processes.
Ordinary users cannot change their ids; their children keep these, and can never gain anything either.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrator.errors import HostError

_PID_MAX_LIMIT = 1 << 22  # include/linux/threads.h
_FIRST_ID = 0x7400_0000
_CAPABILITIES = 64
"""More than there are (CAP_LAST_CAP is 40); the kernel refuses those that it does not have."""

_NO_CORE_BYTES = 1
"""A limit of 0 keeps a crash from no program that core_pattern names, and that runs as the host's root; a
limit of 1 does (do_coredump in fs/coredump.c), and is too small for any file."""

# include/uapi/linux/prctl.h, include/uapi/linux/keyctl.h
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_KEYCTL_JOIN_SESSION_KEYRING = 1
_KEYCTL = {"x86_64": 250, "aarch64": 219}.get(platform.machine())
_libc = ctypes.CDLL(None, use_errno=True)

# include/uapi/linux/sched.h, include/uapi/linux/mount.h, include/uapi/linux/capability.h
_CLONE_NEWNS = 0x00020000
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_CAP_SYS_ADMIN = 21
_DOORS = "/tmp"
"""Where a child finds directories that it could not get to: an empty one that it alone sees there."""


@dataclass(frozen=True)
class IdRange:
    """Users (and groups of the same numbers) that exist nowhere."""

    first: int
    count: int

    def of(self, pid: int) -> int:
        """The id of the child with this pid."""
        return self.first + pid % self.count


UNUSED_IDS = (IdRange(_FIRST_ID, _PID_MAX_LIMIT), IdRange(65000, 534))
"""Where to look: as many ids as there can be pids, out of a range that systemd's UIDS-GIDS calls unused;
where a container maps 65,536 ids only, those that Debian Policy (9.2.2) keeps reserved."""


@dataclass(frozen=True)
class Confinement:
    """What a child becomes between fork and exec. Without `ids` it stays the user that it is.

    `groups` are kept beside its own (for /dev/kvm); `cgroups` are descriptors of `cgroup.procs` files
    to enter first, while the right to do so is still there. `doors` are directories that it may not get to
    by their own path; it finds them where `door` says. `user`: the one of the `ids` that it becomes, if not
    the one of its pid.
    """

    ids: IdRange | None
    groups: tuple[int, ...] = ()
    cgroups: tuple[int, ...] = ()
    doors: tuple[Path, ...] = ()
    user: int | None = None

    @property
    def words(self) -> str:
        """Whose rights these are."""
        if self.ids is None:
            return "this user's own, without the chance of more"
        last = self.ids.first + self.ids.count - 1
        return f"those of unused users, {self.ids.first} to {last}, one for each child; not root's"

    def enter(self) -> None:
        """Give up everything, for good. Runs in the child; raises OSError when the kernel refuses.

        A session keyring of its own: keys of the caller's would go with every child (keyrings(7)).
        """
        for descriptor in self.cgroups:
            os.write(descriptor, b"0")
        if self.ids is not None and self.doors:
            self._open_doors()
        with suppress(ValueError, OSError):  # where it is 0 already, and root may not raise it either
            resource.setrlimit(resource.RLIMIT_CORE, (_NO_CORE_BYTES, _NO_CORE_BYTES))
        if self.ids is not None:
            mine = self.ids.of(os.getpid()) if self.user is None else self.user
            for capability in range(_CAPABILITIES):
                _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
            os.setgroups(self.groups)
            os.setresgid(mine, mine, mine)
            os.setresuid(mine, mine, mine)
        if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError("no_new_privs was refused")
        if _KEYCTL is not None:
            _libc.syscall(_KEYCTL, _KEYCTL_JOIN_SESSION_KEYRING, None)

    def door(self, number: int) -> str:
        """Where the child finds one of the `doors`."""
        return f"{_DOORS}/{number}" if self.ids is not None else str(self.doors[number])

    def _open_doors(self) -> None:
        """Mount the directories in a place that is open to all, for this child and its children alone.

        Root's home, and with it the cache, is closed to the ids that the child will have.
        """
        _mount_call(_libc.unshare(_CLONE_NEWNS), "unshare")
        _mount_call(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None), "mount /")
        # Opened before something is laid over the place where they may lie themselves.
        opened = [os.open(path, os.O_PATH | os.O_DIRECTORY) for path in self.doors]
        _mount_call(_libc.mount(b"tmpfs", _DOORS.encode(), b"tmpfs", 0, b"mode=755,size=1m"), _DOORS)
        for number, descriptor in enumerate(opened):
            place = f"{_DOORS}/{number}"
            os.mkdir(place)  # noqa: PTH102 - between fork and exec, the less the better
            itself = f"/proc/self/fd/{descriptor}".encode()
            _mount_call(_libc.mount(itself, place.encode(), None, _MS_BIND, None), place)
            os.close(descriptor)

    def by_hand(self, argv: Sequence[str]) -> list[str]:
        """The command as one types it for the same end: setpriv(1) does what `enter` does."""
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
        if self.ids is None:
            return [*clean, "setpriv", "--no-new-privs", *argv]
        mine = str(self.ids.first)
        return [
            *clean, "setpriv", "--reuid", mine, "--regid", mine, "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all", *argv,
        ]  # fmt: skip


def _mount_call(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def confinement(
    groups: Sequence[int] = (),
    cgroups: Sequence[int] = (),
    doors: Sequence[Path] = (),
    user: int | None = None,
) -> Confinement:
    """The confinement for children of this process; HostError where root cannot get rid of its rights."""
    return Confinement(_ids(), tuple(groups), tuple(cgroups), tuple(doors), user)


def owner_to_be() -> int | None:
    """A user that nobody has, to own what confined children of this process write; None: they are this user.

    It is the one that a child with this process's own pid would get, which no child ever has.
    """
    ids = _ids()
    return ids.of(os.getpid()) if ids is not None else None


def require_mounts() -> None:
    """HostError where root's children cannot be shown a directory of root's."""
    status = Path("/proc/self/status").read_text()
    effective = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    if _ids() is not None and not effective >> _CAP_SYS_ADMIN & 1:
        raise HostError(
            "root may not mount here, so that builds without root's rights cannot be shown their source",
            hint="give this container CAP_SYS_ADMIN, or start oomlab as an ordinary user",
        )


@cache
def _ids() -> IdRange | None:
    if os.geteuid() != 0:
        return None
    return find_ids(Path("/proc/self/uid_map").read_text(), Path("/proc/self/gid_map").read_text())


def find_ids(uid_map: str, gid_map: str) -> IdRange | None:
    """Unused ids that can be changed to, from the two maps (user_namespaces(7)).

    None where nothing else is mapped and root is an ordinary user of the host in truth. HostError where
    it may be the host's root.
    """
    for ids in UNUSED_IDS:
        if _maps(uid_map, ids) and _maps(gid_map, ids):
            return ids
    outside = [int(line.split()[1]) for line in uid_map.splitlines() if line.split()[0] == "0"]
    if outside and outside[0] != 0:
        return None
    raise HostError(
        "nothing foreign is run with root's rights, and no other user can be changed to here",
        hint="start oomlab as an ordinary user, or give this container a range of users",
    )


def _maps(id_map: str, ids: IdRange) -> bool:
    rows = [[int(field) for field in line.split()] for line in id_map.splitlines()]
    return any(inside <= ids.first and ids.first + ids.count <= inside + count for inside, _, count in rows)


def device_groups(device: Path) -> tuple[int, ...] | None:
    """The groups that a confined child of root needs to open a device for reading and writing.

    None when it could not: root's own group is not given to anybody. For an ordinary user none are
    needed, whose children keep theirs.
    """
    if os.geteuid() != 0:
        return () if os.access(device, os.R_OK | os.W_OK) else None
    try:
        status = device.stat()
    except OSError:
        return None
    if status.st_mode & 0o006 == 0o006:
        return ()
    return (status.st_gid,) if status.st_mode & 0o060 == 0o060 and status.st_gid != 0 else None
