# SPDX-License-Identifier: Apache-2.0
"""Where a base comes from: its origins tried in order, until one has every package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.arch import Arch
from orchestrator.bases import Base, Origin
from orchestrator.errors import HostError
from orchestrator.kernels.debian.apt import INDEX_MAX_AGE_S, IndexRecord, PackageSource, SuiteMissing
from orchestrator.kernels.debian.resolve import BaseMissing, ResolvedBase, Version, packages_of, resolve
from orchestrator.kernels.debian.sources import MIRROR_VARIABLE

_BUILD = "build it: a base can be `{source: linux-source, suite: SUITE, config: small}`"


class Index(Protocol):
    """The package lists of an origin; `kernels.debian.apt.Apt` is one."""

    sources: list[PackageSource]

    def show(self, names: Sequence[str]) -> list[IndexRecord]:
        """All versions of packages."""

    def update(self, *, max_age_s: float) -> bool:
        """Fetch it unless it is as young as that and as configured; True when it was fetched."""


@dataclass(frozen=True)
class BaseSearch:
    """One base that is looked for on this host. `afresh`: trust no index that was fetched before.

    `image_alone`: nothing is to be built for it.
    """

    base: Base
    arch: Arch
    host_architecture: str
    libc: Version
    open_index: Callable[[Origin], Index]
    afresh: bool = False
    image_alone: bool = False

    def find(self) -> ResolvedBase:
        """The newest complete packages of the first origin that has some.

        An index that lacks them is fetched once more before the next is asked: it may have been made from
        other package sources, or in the middle of a mirror's update. Raises HostError saying what was
        looked for and where.
        """
        looked: list[str] = []
        for origin in packages_of(self.base).origins:
            try:
                return self._find_in(origin)
            except SuiteMissing as missing:
                looked += missing.evidence
            except BaseMissing as missing:
                looked += missing.evidence
        raise self._not_found(looked)

    def _not_found(self, looked: Sequence[str]) -> HostError:
        shipped = packages_of(self.base)
        if shipped.shipped and not self.image_alone:
            return HostError(
                f"no module can be built for {self.base.name} on this host",
                hint=f"it runs as it is, without scope and patches; to change such a kernel, {_BUILD}",
                evidence=looked,
            )
        return HostError(
            f"{self.base.name} for {self.arch.name} is in no package source of this host",
            hint=f"{_hint(self.base)}, or name a mirror that has one of them ({MIRROR_VARIABLE})",
            evidence=looked,
        )

    def _find_in(self, origin: Origin) -> ResolvedBase:
        index = self.open_index(origin)
        fetched = index.update(max_age_s=0.0 if self.afresh else INDEX_MAX_AGE_S)
        try:
            return self._resolve(index, origin)
        except BaseMissing:
            if fetched:
                raise
        index.update(max_age_s=0.0)
        return self._resolve(index, origin)

    def _resolve(self, index: Index, origin: Origin) -> ResolvedBase:
        try:
            return resolve(
                self.base,
                self.arch,
                origin,
                self.host_architecture,
                index.show,
                self.libc,
                image_alone=self.image_alone,
            )
        except BaseMissing as missing:
            places = [f"  {source.place}" for source in index.sources]
            raise BaseMissing(missing.message, evidence=[*missing.evidence, "looked in", *places]) from None


def _hint(base: Base) -> str:
    suites = list(dict.fromkeys(origin.suite for origin in packages_of(base).origins))
    return f"{base.name} comes from the suite {' or '.join(suites)}: add it to this host's package sources"
