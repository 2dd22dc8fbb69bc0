# SPDX-License-Identifier: Apache-2.0
"""Exactly the packages of a record: of a run that was made elsewhere, or of a lock file.

They are asked for by version and known by checksum, so that an index of any age will do. What cannot be
had is named with the places that were looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.arch import Arch
from orchestrator.bases import Base, Origin
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.host.programs import host_arch
from orchestrator.kernels.base import Progress
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian.apt import (
    INDEX_MAX_AGE_S,
    ArchiveMovedOn,
    IndexRecord,
    host_architecture,
    open_apt,
)
from orchestrator.kernels.debian.fetch import (
    FETCH_S,
    FetchedBase,
    downloading,
    fetch_lock,
    fetch_parts,
    find_base,
)
from orchestrator.kernels.debian.origins import Index
from orchestrator.kernels.debian.resolve import BUSYBOX, ResolvedBase, packages_of
from orchestrator.kernels.debian.sources import MIRROR_VARIABLE
from orchestrator.kernels.manifest import Package

_UNKNOWN = ""
"""The checksum of a package that is wanted by its version alone."""
_HEADER_PACKAGES = 3
_PARTS = ("linux-base-", "linux-binary-", "linux-modules-")


class DownloadableIndex(Index, Protocol):
    """An index with the packages that it lists."""

    def download(self, packages: Sequence[Package], directory: Path) -> None:
        """Download exactly these packages into a directory."""


def recorded_packages(base: str, arch: str, release: str, packages: Sequence[Package]) -> ResolvedBase:
    """A record's list of packages by what each is for; InputError when one is lacking.

    A record of kernels as they were shipped names neither headers nor source.
    """

    def pick(prefix: str, suffix: str = "") -> list[Package]:
        return [each for each in packages if each.name.startswith(prefix) and each.name.endswith(suffix)]

    image, busybox, source = pick("linux-image-"), pick(BUSYBOX), pick("linux-source-")
    headers = [*pick("linux-headers-"), *pick("linux-kbuild-")]
    parts = [each for prefix in _PARTS for each in pick(prefix)]
    fits = len(image) == len(busybox) == 1 and (len(source), len(headers)) in ((0, 0), (1, _HEADER_PACKAGES))
    if not fits:
        names = ", ".join(package.name for package in packages) or "none"
        raise InputError(f"the record of {base} names packages of which no guest can be made: {names}")
    return ResolvedBase(
        base=base,
        arch=arch,
        release=release,
        image=image[0],
        parts=tuple(parts),
        headers=tuple(headers),
        source=source[0] if source else None,
        busybox=busybox[0],
    )


def fetch_recorded(
    cache: Cache, base: Base, arch: Arch, wanted: ResolvedBase, *, scope: str | None, progress: Progress
) -> FetchedBase:
    """The recorded packages from the cache, or from whichever archive has them.

    What this host takes by itself (`fetch_base`) stays as it is. HostError names all that could not be had.
    """
    if scope is None or _kbuild_is_ours(wanted):
        found = find_base(cache, wanted, scope)
        if found is not None:
            return found
    deadline = Deadline.after(FETCH_S, f"{base.name} for {arch.name}")
    with cache.lock(fetch_lock(arch.name), deadline):
        host = host_architecture()
        recall = Recall(
            base, lambda origin, past: open_apt(cache.root, origin, arch, host, past=past), progress
        )
        progress(f"{base.name} {arch.name}: looking for version {wanted.image.version}")
        if scope is not None:
            wanted = _for_host(wanted, host, recall, progress)
        return fetch_parts(cache, wanted, scope, recall.download, progress, deadline)


def _kbuild_is_ours(wanted: ResolvedBase) -> bool:
    return all(package.architecture in ("all", host_arch()) for package in wanted.headers[2:])


def _for_host(wanted: ResolvedBase, host: str, recall: Recall, progress: Progress) -> ResolvedBase:
    """With the build tools of this host's architecture: those of another do not run here."""
    kbuild = wanted.headers[-1]
    if kbuild.architecture == host:
        return wanted
    progress(f"{kbuild.name} was of {kbuild.architecture}: taking the same version of {host}")
    own = kbuild.model_copy(update={"architecture": host, "sha256": _UNKNOWN})
    (found,) = [package for _, packages in recall.locate([own]) for package in packages]
    return wanted.model_copy(update={"headers": (*wanted.headers[:-1], found)})


@dataclass
class Recall:
    """Looks for packages of a record. `open_index(origin, past)`: with `past` an index of any age."""

    base: Base
    open_index: Callable[[Origin, bool], DownloadableIndex]
    progress: Progress
    _looked: list[str] = field(default_factory=list)
    _offered: dict[str, set[str]] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)

    def locate(
        self, packages: Sequence[Package], pasts: Sequence[bool] = (False, True)
    ) -> list[tuple[DownloadableIndex, list[Package]]]:
        """Which index has which of them; HostError that names those that none has."""
        left = list(packages)
        plan: list[tuple[DownloadableIndex, list[Package]]] = []
        for origin, past in [(origin, past) for past in pasts for origin in packages_of(self.base).origins]:
            index = self.open_index(origin, past) if left else None
            if index is None or not self._updated(index, origin, past):
                continue
            found, left = self._split(left, index.show([_shown(package) for package in left]))
            if found:
                plan.append((index, found))
        if left:
            raise self._not_to_be_had(left)
        return plan

    def download(self, packages: Sequence[Package], directory: Path) -> None:
        """Download them, each from where it is; HostError that names those that are nowhere."""
        for index, found in self.locate(packages):
            self.progress(downloading(found))
            try:
                index.download(found, directory)
            except ArchiveMovedOn:
                self._looked.append("an index names them, but its archive has them no more")
                for older, again in self.locate(found, pasts=(True,)):
                    self._download_again(older, again, directory)

    def _download_again(self, index: DownloadableIndex, packages: Sequence[Package], directory: Path) -> None:
        try:
            index.download(packages, directory)
        except ArchiveMovedOn:
            raise self._not_to_be_had(packages) from None

    def _updated(self, index: Index, origin: Origin, past: bool) -> bool:
        """True when the index can be asked; else it is noted why not."""
        try:
            index.update(max_age_s=0.0 if past else INDEX_MAX_AGE_S)
        except HostError as error:
            self._note([f"{origin.suite}: {' '.join(error.message.split())}", *error.evidence])
            return False
        self._note([source.place for source in index.sources])
        return True

    def _note(self, places: Iterable[str]) -> None:
        self._looked += [place for place in places if place not in self._looked]

    def _split(
        self, wanted: Sequence[Package], records: Sequence[IndexRecord]
    ) -> tuple[list[Package], list[Package]]:
        """Those that the records offer (as they offer them), and the rest."""
        found: list[Package] = []
        left: list[Package] = []
        for package in wanted:
            named = [each.package for each in records if _identity(each.package) == _identity(package)]
            exact = [each for each in named if package.sha256 in (_UNKNOWN, each.sha256)]
            found += exact[:1]
            left += [] if exact else [package]
            if named and not exact:
                self._changed.add(package.name)
            others = {each.package.version for each in records if each.package.name == package.name}
            self._offered.setdefault(package.name, set()).update(others)
        return found, left

    def _not_to_be_had(self, packages: Sequence[Package]) -> HostError:
        return HostError(
            f"not to be had any more, of {self.base.name}: "
            + ", ".join(f"{each.name} {each.version} ({each.architecture})" for each in packages),
            hint=f"name an archive that has them, such as a snapshot of that day, with {MIRROR_VARIABLE}=URI",
            evidence=[*map(self._why, packages), "looked in", *(f"  {place}" for place in self._looked)],
        )

    def _why(self, package: Package) -> str:
        wanted = f"{package.name} {package.version} with SHA-256 {package.sha256 or 'unknown'}"
        others = self._offered.get(package.name, set()) - {package.version}
        if package.name in self._changed:
            return f"{wanted}: there is one of that version with another checksum"
        return f"{wanted}: offered {f'are {_list(others)}' if others else 'is no version'}"


def _identity(package: Package) -> tuple[str, str, str]:
    return package.name, package.version, package.architecture


def _shown(package: Package) -> str:
    return package.name if package.architecture == "all" else f"{package.name}:{package.architecture}"


def _list(versions: Iterable[str]) -> str:
    return ", ".join(sorted(versions))
