# SPDX-License-Identifier: Apache-2.0
"""Why this host refuses a user namespace, without which there is no sandbox, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FORBIDDING: Mapping[str, tuple[str, str]] = {
    "kernel.unprivileged_userns_clone": ("0", "1"),
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),
    "user.max_user_namespaces": ("0", "15000"),
}
"""Settings that forbid user namespaces to ordinary users: the value that does, and one that does not."""
_REFUSED = re.compile(r"No permissions to creat\w+ (?:a )?new namespace")
"""What bubblewrap says for EPERM of clone(2): a setting's zero is another errno (ENOSPC)."""

IN_A_CHROOT = (
    "leave the chroot: in one the kernel makes no user namespace for anybody, root and settings or not"
    " (create_user_ns() in kernel/user_namespace.c). Enter the directory with a container's tools instead,"
    " e.g. systemd-nspawn --directory DIR"
)
IN_A_CONTAINER = "in a container: start it with user namespaces allowed (its seccomp profile forbids them)"


@dataclass(frozen=True)
class Host:
    """What bears on user namespaces: settings as they stand, by name, and where this program is.

    `chroot`: its root is no mount point, so it is not the root of the mount namespace either. A chroot into
    a mount point looks like a container from within. `filtered`: a seccomp filter may refuse system calls.
    """

    sysctls: Mapping[str, str]
    chroot: bool = False
    filtered: bool = False


def look(root: Path = Path("/")) -> Host:
    """This host. What /proc does not show counts as harmless."""
    mounts = _text(root / "proc/self/mountinfo").splitlines()
    at = [line.split()[4] for line in mounts]  # proc(5): the mount point, relative to the process's root
    return Host(
        dict(_settings(root)),
        chroot=bool(at) and "/" not in at,
        filtered="\nSeccomp:\t2" in _text(root / "proc/self/status"),
    )


def remedy(host: Host, error: str, *, sudo: str = "") -> str:
    """What to do where bubblewrap failed with `error`; commands begin with `sudo`."""
    settings = [
        f"{name}={good}" for name, (bad, good) in _FORBIDDING.items() if host.sysctls.get(name) == bad
    ]
    if host.chroot:
        return IN_A_CHROOT
    if settings:
        return f"{sudo}sysctl -w {' '.join(settings)}"
    if _REFUSED.search(error) and not host.filtered:
        return IN_A_CHROOT  # no setting and no filter is left that could have refused
    return IN_A_CONTAINER


def _settings(root: Path) -> Iterator[tuple[str, str]]:
    for name in _FORBIDDING:
        value = _text(root / "proc/sys" / name.replace(".", "/")).strip()
        if value:
            yield name, value


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # no such setting in this kernel, or no /proc
