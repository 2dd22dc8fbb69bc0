# SPDX-License-Identifier: Apache-2.0
"""The real `cvd`, `adb` and `adbd`, out of Debian's packages, unpacked and kept in the user's cache.

They are newer than the host may be, so nothing of them is installed: apt resolves them in a state of its
own as if nothing were there, and of that closure only what programs are linked with is fetched. Sid moves
and is sometimes broken: what was fetched once is used again, by its checksums, and testing is asked next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import Origin
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.process import run
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.debian.apt import Apt, ArchiveMovedOn, host_architecture, open_apt
from orchestrator.kernels.debian.fetch import fetch_lock, verified
from orchestrator.kernels.manifest import Package

SUITES = ("sid", "testing")
"""In the order in which they are asked; testing has `cuttlefish-base` for amd64 alone."""

HOST_PROGRAMS = ("cuttlefish-base", "adb")
GUEST_PROGRAMS = ("adbd", "busybox-static")
HOST_TAR, GUEST_TAR = "host.tar", "guest.tar"

_GUEST = ARCHS["arm64"]
_LINKED_WITH = re.compile(r"(z?lib|android-(lib|sdk-lib))")
_UNUSED = re.compile(r"lib(python3|c-gconv|systemd-shared|semanage|perl)")
_INSTALLED = re.compile(r"^Inst (?P<name>\S+) .*?\((?P<version>\S+) .*\[(?P<arch>\w+)\]\)", re.MULTILINE)
_RESOLVE_S = 120.0
_FETCH_S = 1200.0
_UNPACK_S = 300.0
_UNPACKED_BYTES = 500_000_000
_FORMAT = 2

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Chosen:
    """The packages of one suite, for the host's programs and for the guest's."""

    suite: str
    host: tuple[Package, ...]
    guest: tuple[Package, ...]

    def version(self, name: str) -> str:
        """The version of one of the programs."""
        return next(package.version for package in (*self.host, *self.guest) if package.name == name)

    def recipe(self) -> dict[str, object]:
        """What the unpacked tree is made from."""
        return {
            "format": _FORMAT,
            "host": [package.sha256 for package in self.host],
            "guest": [package.sha256 for package in self.guest],
        }


@dataclass(frozen=True)
class Programs:
    """The unpacked programs in the cache: two archives, for the host and for the guest."""

    chosen: Chosen
    entry: CacheEntry

    @property
    def host_tar(self) -> Path:
        """`cvd`, `adb` and what they are linked with."""
        return self.entry.file(HOST_TAR)

    @property
    def guest_tar(self) -> Path:
        """`adbd`, busybox and what adbd is linked with."""
        return self.entry.file(GUEST_TAR)


def fetch_programs(cache: Cache, progress: Progress, suites: Sequence[str] = SUITES) -> Programs:
    """The programs out of the cache, or downloaded from the first suite that has all of them.

    Raises HostError that says of each suite why not.
    """
    recorded = _recorded(cache, suites)
    found = _find(cache, recorded) if recorded else None
    if found is not None:
        return found
    evidence: list[str] = []
    deadline = Deadline.after(_FETCH_S, "cvd, adb and adbd")
    with cache.lock(fetch_lock(_GUEST.name), deadline):
        for suite in suites:
            try:
                return _fetch(cache, suite, progress, deadline)
            except HostError as error:
                evidence += [f"{suite}: {error.message}", *error.evidence]
                progress(f"{suite} does not give cvd, adb and adbd: {error.message}")
    raise HostError("no suite here gives cvd, adb and adbd", evidence=evidence)


def _fetch(cache: Cache, suite: str, progress: Progress, deadline: Deadline) -> Programs:
    """From one suite; an index that names what the archive no longer has is fetched anew, once."""
    try:
        return _fetch_as_indexed(cache, suite, progress, deadline)
    except ArchiveMovedOn:
        progress(f"the package index of {suite} is stale: fetching it again")
        return _fetch_as_indexed(cache, suite, progress, deadline, max_age_s=0.0)


def _fetch_as_indexed(
    cache: Cache, suite: str, progress: Progress, deadline: Deadline, **update: float
) -> Programs:
    host = host_architecture()
    sides = ((_arch_of(host), HOST_PROGRAMS), (_GUEST, GUEST_PROGRAMS))
    opened = [_opened(cache, suite, arch, host, update) for arch, _ in sides]
    host_side, guest_side = (
        _closure(apt, arch.debian, names) for apt, (arch, names) in zip(opened, sides, strict=True)
    )
    chosen = Chosen(suite, host_side, guest_side)
    present = _find(cache, chosen)
    if present is None:
        with cache.scratch() as scratch:
            for apt, packages in zip(opened, (host_side, guest_side), strict=True):
                size_bytes = sum(package.size_bytes for package in packages)
                progress(f"downloading {size_bytes / 1e6:.0f} MB of {suite} {apt.architectures[0]}")
                apt.download(packages, scratch)
            present = _unpack(cache, chosen, scratch, deadline)
    _record(cache, chosen)
    return present


def _arch_of(debian: str) -> Arch:
    for arch in ARCHS.values():
        if arch.debian == debian:
            return arch
    raise HostError(f"there is no cuttlefish-base for {debian}")


def _opened(cache: Cache, suite: str, arch: Arch, host: str, update: dict[str, float]) -> Apt:
    apt = open_apt(cache.root, Origin(suite, suite, (suite,)), arch, host)
    apt.update(**update)
    return apt


def _closure(apt: Apt, architecture: str, names: Sequence[str]) -> tuple[Package, ...]:
    """The packages that these programs are linked with, and their own, as the index has them."""
    done = run(
        apt.command("apt-get", "--quiet", "--simulate", "--no-install-recommends", "install",
                    *(f"{name}:{architecture}" for name in names)),
        deadline=Deadline.after(_RESOLVE_S, "what cvd, adb and adbd need"),
    )  # fmt: skip
    text = done.stdout.decode()
    versions = {
        f"{match['name'].partition(':')[0]}:{match['arch']}": match["version"]
        for match in _INSTALLED.finditer(text)
        if match["arch"] == architecture
    }
    wanted = [name for name in versions if _is_wanted(name.partition(":")[0], names)]
    records = {
        f"{record.package.name}:{record.package.architecture}": record.package
        for record in apt.show(wanted)
        if versions.get(f"{record.package.name}:{record.package.architecture}") == record.package.version
    }
    if missing := {f"{name}:{architecture}" for name in names} - records.keys():
        raise HostError(f"no {', '.join(sorted(missing))}")
    return tuple(records[name] for name in sorted(records))


def _is_wanted(name: str, programs: Sequence[str]) -> bool:
    return name in programs or bool(_LINKED_WITH.match(name) and not _UNUSED.match(name))


def _unpack(cache: Cache, chosen: Chosen, downloads: Path, deadline: Deadline) -> Programs:
    def make(directory: Path) -> dict[str, str]:
        for packages, name in ((chosen.host, HOST_TAR), (chosen.guest, GUEST_TAR)):
            with cache.scratch() as root:
                debs = [verified(downloads, package) for package in packages]
                _pack(debs, root, directory / name)
        return {package.name: package.version for package in (*chosen.host, *chosen.guest)}

    entry = cache.obtain(
        "cuttlefish",
        chosen.recipe(),
        make,
        what=f"cvd {chosen.version('cuttlefish-base')}, adb and adbd of {chosen.suite}",
        need_bytes=_UNPACKED_BYTES,
        deadline=deadline,
    )
    return Programs(chosen, entry)


def _pack(debs: Iterable[Path], root: Path, archive: Path) -> None:
    """Programs and libraries of packages in one archive: without manuals and data."""
    deadline = Deadline.after(_UNPACK_S, "unpacking cvd, adb and adbd")
    for deb in debs:
        run(["dpkg-deb", "--extract", deb, root], deadline=deadline)
    parts = [
        name for name in ("usr/lib", "usr/bin", "usr/sbin", "bin", "sbin", "lib") if (root / name).exists()
    ]
    run(["tar", "--create", "--file", archive, "--directory", root, *parts], deadline=deadline)


def _find(cache: Cache, chosen: Chosen) -> Programs | None:
    entry = cache.find("cuttlefish", chosen.recipe())
    return Programs(chosen, entry) if entry else None


def _record_path(cache: Cache, suite: str) -> Path:
    return cache.root / "bases" / f"cuttlefish-{suite}-{host_architecture()}.json"


def _recorded(cache: Cache, suites: Sequence[str]) -> Chosen | None:
    """What was chosen when they were last fetched."""
    for suite in suites:
        try:
            said = json.loads(_record_path(cache, suite).read_bytes())
            host, guest = (tuple(map(Package.model_validate, said[side])) for side in ("host", "guest"))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return Chosen(suite, host, guest)
    return None


def _record(cache: Cache, chosen: Chosen) -> None:
    path = _record_path(cache, chosen.suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    sides = {"host": chosen.host, "guest": chosen.guest}
    said = {side: [package.model_dump() for package in packages] for side, packages in sides.items()}
    with cache.scratch() as scratch:
        new = scratch / path.name
        new.write_text(json.dumps(said, indent=1))
        new.replace(path)
