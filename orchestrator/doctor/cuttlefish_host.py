# SPDX-License-Identifier: Apache-2.0
"""Looks at what Cuttlefish devices need of this machine. Nothing is started, and no change remains."""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OomlabError
from orchestrator.guests.cuttlefish.group import require_accepted
from orchestrator.guests.cuttlefish.places import Places, find_places, require_places
from orchestrator.guests.cuttlefish.reservation import in_use, prepared_numbers
from orchestrator.guests.cuttlefish.version import adb_version, images_version, probe
from orchestrator.host.scratch import scratch_directory
from orchestrator.paths import cache_dir
from orchestrator.scenario.cuttlefish import Cuttlefish

DEVICES = ("/dev/kvm", "/dev/vhost-vsock", "/dev/vhost-net", "/dev/net/tun")
GROUPS = ("kvm", "cvdnetwork", "render")
_ROOT = Path("/")
_SETTINGS = "etc/default/cuttlefish-host-resources"
_ACCOUNTS = re.compile(r"^\s*num_cvd_accounts\s*=\s*[\"']?(\d+)", re.MULTILINE)
_VIRTUAL = re.compile(r"^flags\s*:.*\bhypervisor\b", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """What a program or a directory tells of itself, or why it does not, and what to do then."""

    text: str = ""
    error: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Node:
    """A device file that launchers open."""

    path: str
    exists: bool
    usable: bool


@dataclass(frozen=True)
class Membership:
    """A group that cvd asks for: whether there is one, this process is in it, and the account is."""

    name: str
    exists: bool
    now: bool
    after_login: bool


@dataclass(frozen=True)
class CuttlefishHost:
    """All of it. `accepted` is cvd's own opinion, None where it was not asked; `accounts` as set, or None."""

    cvd: Told
    adb: Told
    images: Told
    accepted: Told | None
    nodes: tuple[Node, ...]
    groups: tuple[Membership, ...]
    accounts: int | None
    numbers: tuple[int, ...]
    taken: tuple[str, ...]
    is_virtual: bool


def look(root: Path = _ROOT) -> CuttlefishHost:
    """At this machine, or, of its files, at one below `root`."""
    places = find_places(Cuttlefish())
    cvd, images = _told(lambda: probe().words), _images(places)
    numbers = prepared_numbers(root / "sys/class/net")
    return CuttlefishHost(
        cvd=cvd,
        adb=_told(lambda: adb_version(places.adb)),
        images=images,
        accepted=_accepted(places) if cvd.text and images.text else None,
        nodes=tuple(_node(path, root) for path in DEVICES),
        groups=tuple(map(_membership, GROUPS)),
        accounts=_accounts(root / _SETTINGS),
        numbers=tuple(numbers),
        taken=tuple(f"{number}: {user}" for number in numbers if (user := in_use(number))),
        is_virtual=_is_virtual(root / "proc/cpuinfo"),
    )


def _told(ask: Callable[[], str]) -> Told:
    try:
        return Told(ask() or "it tells no version")
    except OomlabError as error:
        return Told(error=" ".join(error.message.split()), remedy=error.hint)


def _images(places: Places) -> Told:
    def found() -> str:
        require_places(places)
        version = images_version(places.product_path)
        return f"{places.product_path}{f' ({version})' if version else ''}, host package {places.host_path}"

    if len(places.assumed) > 1 and not places.host_path.exists():
        why = "ANDROID_HOST_OUT and ANDROID_PRODUCT_OUT name none, nor is there any in ~/cf"
        return Told(error=why, remedy="cvd fetch --target_directory=$HOME/cf (docs/cuttlefish.md)")
    return _told(found)


def _accepted(places: Places) -> Told:
    def asked() -> str:
        parent = cache_dir() / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        with scratch_directory(parent) as scratch:
            require_accepted(places.host_path, places.product_path, scratch)
        return "a group was made (and removed, never started)"

    return _told(asked)


def _node(path: str, root: Path) -> Node:
    file = root / path.lstrip("/")
    return Node(path, file.exists(), os.access(file, os.R_OK | os.W_OK))


def _membership(name: str) -> Membership:
    try:
        group = grp.getgrnam(name)
    except KeyError:
        return Membership(name, exists=False, now=False, after_login=False)
    user = ""
    with suppress(KeyError):
        user = pwd.getpwuid(os.geteuid()).pw_name
    now = group.gr_gid in {os.getegid(), *os.getgroups()}
    return Membership(name, exists=True, now=now, after_login=user in group.gr_mem)


def _accounts(settings: Path) -> int | None:
    with suppress(OSError):
        said = _ACCOUNTS.search(settings.read_text(errors="replace"))
        return int(said[1]) if said else None
    return None


def _is_virtual(cpuinfo: Path) -> bool:
    with suppress(OSError):
        return _VIRTUAL.search(cpuinfo.read_text(errors="replace")) is not None
    return False
