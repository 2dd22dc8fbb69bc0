# SPDX-License-Identifier: Apache-2.0
"""The command lines of `cvd`. Pure.

Every flag is one word `--name=value`: the launcher reads most of its booleans as texts, for which `--name`
and `--noname` are errors, and takes a word that stands alone for nothing at all, without saying so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.host.process import paste_ready

CVD = "cvd"
STOP_S = 40
"""How long the launcher is given to stop its guest in order."""

_CONSTANT = {
    "daemon": "true",
    "resume": "false",  # else the disk of an earlier device goes on
    # The connector talks to the user's adb server alone, and runs a command in the guest every 5 s.
    "run_adb_connector": "false",
    "report_anonymous_usage_stats": "n",  # launchers of old ask on the terminal without it
}
_QUIET = {
    "gpu_mode": "guest_swiftshader",
    "enable_sandbox": "false",  # fails where user namespaces are restricted, as on Ubuntu 24.04
    "enable_audio": "false",
    "enable_bootanimation": "false",
    "enable_modem_simulator": "false",
    "enable_wifi": "false",
}
"""What makes a device quieter, unless the user says otherwise."""
_CROSVM = {"crosvm_use_balloon": "false"}
"""The host must not take memory back from the guest while it is measured."""


@dataclass(frozen=True)
class DevicePlan:
    """One device: what it is made from and what it has."""

    host_path: Path
    product_path: Path
    kernel: Path
    cpus: int
    memory_mib: int
    kernel_words: tuple[str, ...] = ()
    """For the end of the kernel command line."""
    initramfs: Path | None = None
    """The modules that go with the kernel, in place of those that the images have."""
    vmm: str | None = None
    flags: Mapping[str, str] = field(default_factory=dict)
    """The user's own."""

    @property
    def launcher_flags(self) -> dict[str, str]:
        """All flags that reach the launcher, by name."""
        given = {
            "kernel_path": str(self.kernel),
            "initramfs_path": None if self.initramfs is None else str(self.initramfs),
            "extra_kernel_cmdline": " ".join(self.kernel_words) or None,
            "cpus": str(self.cpus),
            "memory_mb": str(self.memory_mib),
            "vm_manager": self.vmm,
        }
        own = {name: value for name, value in given.items() if value is not None}
        quiet = _QUIET if self.vmm == "qemu_cli" else {**_QUIET, **_CROSVM}
        return {**own, **_CONSTANT, **quiet, **self.flags}


def create(plan: DevicePlan, name: str, number: int) -> list[str]:
    """Creates the group `name` of one device with this instance number, and returns once it has booted."""
    flags = {
        "host_path": str(plan.host_path),
        "product_path": str(plan.product_path),
        "instance_nums": str(number),
        **plan.launcher_flags,
    }
    return [*_of_group(name), "create", *(f"--{flag}={value}" for flag, value in flags.items())]


def create_unstarted(host_path: Path, product_path: Path, name: str, number: int) -> list[str]:
    """Creates a group without starting anything: whether cvd accepts this host, this user and these paths."""
    return [
        *_of_group(name), "create", "--start=false", f"--host_path={host_path}",
        f"--product_path={product_path}", f"--instance_nums={number}",
    ]  # fmt: skip


def stop(name: str) -> list[str]:
    """Cuts the power of a group's device. (`--wait_for_launcher_seconds` is unknown to cvd 1.55.)"""
    return [*_of_group(name), "stop", f"--wait_for_launcher={STOP_S}"]


def remove(name: str) -> list[str]:
    """Removes a group with all its files. It takes no other argument."""
    return [*_of_group(name), "remove"]


def fleet() -> list[str]:
    """Tells all groups of this user, as JSON."""
    return [CVD, "fleet"]


def version() -> list[str]:
    """Tells cvd's version; builds of Debian's tell an empty one."""
    return [CVD, "version"]


def by_hand(plan: DevicePlan, name: str, number: int, home: str) -> tuple[str, ...]:
    """Commands for a shell that create a device; what is done with it comes between, then `end_by_hand`."""
    return (f"mkdir -p {paste_ready([home])}", _in_home(create(plan, name, number), home))


def end_by_hand(name: str, home: str) -> tuple[str, ...]:
    """Commands for a shell that end and remove that device."""
    return tuple(_in_home(argv, home) for argv in (stop(name), remove(name)))


def _of_group(name: str) -> list[str]:
    """The selector stands before the command: versions of old look for it nowhere else."""
    return [CVD, f"--group_name={name}"]


def _in_home(argv: list[str], home: str) -> str:
    return f"HOME={paste_ready([home])} {paste_ready(argv)} </dev/null"
