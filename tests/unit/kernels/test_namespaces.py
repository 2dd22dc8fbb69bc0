# SPDX-License-Identifier: Apache-2.0
"""Who refused a user namespace: a setting, a container's filter, or the kernel because of a chroot."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.kernels.namespaces import Host, look, remedy

# Of bubblewrap, for EPERM (0.8 as Debian has it, and upstream) and ENOSPC.
DEBIAN = (
    "bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged"
    " user namespaces. See [...]"
)
NO_PERMISSIONS = (
    "bwrap: No permissions to create a new namespace, likely because the kernel does not allow non-privileged"
    " user namespaces. On e.g. debian this can be enabled with 'sysctl kernel.unprivileged_userns_clone=1'."
)
TOO_MANY = (
    "bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)"
)
FINE = {
    "kernel.unprivileged_userns_clone": "1",
    "kernel.apparmor_restrict_unprivileged_userns": "0",
    "user.max_user_namespaces": "96000",
}
ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
PROC = "22 27 0:21 / /proc rw,relatime - proc proc rw\n"


@pytest.mark.parametrize(
    ("host", "error", "begins"),
    [
        (Host(FINE, chroot=True), NO_PERMISSIONS, "leave the chroot"),
        (Host(FINE, chroot=True, filtered=True), NO_PERMISSIONS, "leave the chroot"),
        (Host({"user.max_user_namespaces": "0"}, chroot=True), TOO_MANY, "leave the chroot"),
        # A chroot into a mount point: nothing else is left.
        (Host(FINE), NO_PERMISSIONS, "leave the chroot"),
        (Host({}), DEBIAN, "leave the chroot"),
        (Host(FINE, filtered=True), NO_PERMISSIONS, "in a container"),
        (Host(FINE), "bwrap: Can't mount proc on /newroot/proc: Operation not permitted", "in a container"),
        (
            Host({**FINE, "kernel.unprivileged_userns_clone": "0"}),
            NO_PERMISSIONS,
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            Host({**FINE, "user.max_user_namespaces": "0"}, filtered=True),
            TOO_MANY,
            "sudo sysctl -w user.max_user_namespaces=15000",
        ),
        (
            Host({"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_user_namespaces": "0"}),
            TOO_MANY,
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=15000",
        ),
    ],
)
def test_the_remedy_is_for_what_refused(host: Host, error: str, begins: str) -> None:
    assert remedy(host, error, sudo="sudo ").startswith(begins)


def host_with(root: Path, mounts: str, seccomp: int) -> Host:
    for name, text in {
        "self/mountinfo": mounts,
        "self/status": f"Name:\tpython\nNoNewPrivs:\t0\nSeccomp:\t{seccomp}\nSeccomp_filters:\t0\n",
        "sys/user/max_user_namespaces": "96000\n",
    }.items():
        path = root / "proc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return look(root)


def test_a_root_that_is_no_mount_point_is_a_chroot(tmp_path: Path) -> None:
    sysctls = {"user.max_user_namespaces": "96000"}
    assert host_with(tmp_path, PROC + ROOT, 0) == Host(sysctls)
    assert host_with(tmp_path, PROC, 2) == Host(sysctls, chroot=True, filtered=True)


def test_without_proc_nothing_is_claimed(tmp_path: Path) -> None:
    assert look(tmp_path) == Host({})
