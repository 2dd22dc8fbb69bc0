# SPDX-License-Identifier: Apache-2.0
"""What this host needs before a device is created: looked for once, before anything is built or booted."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.arch import ARCHS, ArchName
from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish.command import DevicePlan
from orchestrator.guests.cuttlefish.failure import JOIN_GROUPS
from orchestrator.guests.cuttlefish.group import require_accepted
from orchestrator.guests.cuttlefish.places import Places, require_places
from orchestrator.guests.cuttlefish.version import adb_version, images_version, probe, unknown_flags
from orchestrator.host.programs import host_arch
from orchestrator.host.scratch import scratch_directory
from orchestrator.paths import cache_dir
from orchestrator.scenario.cuttlefish import Cuttlefish
from orchestrator.text.nearest import nearest

_KVM = Path("/dev/kvm")


def require_host(asked: Cuttlefish, places: Places, arch: ArchName) -> None:
    """HostError, with what to do, where devices of this architecture cannot be created here.

    Programs and files are looked at first, and at last cvd is asked, which has its own view of groups and
    devices: it makes a group that is never started.
    """
    probe()
    adb_version(places.adb)
    require_places(places)
    _require_flags(asked, places)
    if host_arch() == ARCHS[arch].debian and not os.access(_KVM, os.R_OK | os.W_OK):
        raise HostError(
            f"{_KVM} cannot be used: Cuttlefish runs guests of the host's architecture under KVM alone",
            hint=JOIN_GROUPS
            if _KVM.exists()
            else "in a cloud VM: turn nested virtualisation on (docs/cuttlefish.md)",
        )
    parent = cache_dir() / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with scratch_directory(parent) as scratch:
        require_accepted(places.host_path, places.product_path, scratch)


def programs(places: Places, vmm: str) -> dict[str, str]:
    """Versions of what takes part, by name, cvd's first. HostError where cvd or adb are missing."""
    return {
        "cvd": probe().words,
        "adb": adb_version(places.adb) or "of a version that it does not tell",
        "images": images_version(places.product_path) or f"of {places.product_path}",
        "VMM": f"{vmm} of {places.host_path}",
    }


def _require_flags(asked: Cuttlefish, places: Places) -> None:
    plan = DevicePlan(places.host_path, places.product_path, Path("Image"), 1, 1, ("x",), Path("x"), vmm="x")
    unknown = unknown_flags(places.host_path, {**plan.launcher_flags, **asked.flags})
    if not unknown:
        return
    own = [name for name in unknown if name in asked.flags]
    if own:
        near = nearest(own[0], plan.launcher_flags)
        raise HostError(
            f"the launcher of {places.host_path} does not know '{own[0]}' (device.cuttlefish.flags)",
            hint=f"did you mean '{near}'?"
            if near
            else f"{places.host_path}/bin/assemble_cvd --help lists all",
        )
    raise HostError(
        f"the launcher of {places.host_path} does not know {', '.join(unknown)}, which oomlab needs",
        hint="take a host package of 2022 or later",
    )
