# SPDX-License-Identifier: Apache-2.0
"""From a base to exact packages: the newest version of which the archive has every part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from orchestrator.errors import HostError
from orchestrator.kernels.apt import IndexRecord
from orchestrator.kernels.bases import Arch, Base
from orchestrator.kernels.manifest import Package

BUSYBOX = "busybox-static"

Show = Callable[[Sequence[str]], list[IndexRecord]]


class ResolvedBase(BaseModel):
    """The packages of one base kernel, all of the same version where they must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    arch: str
    release: str
    image: Package
    headers: tuple[Package, ...]
    source: Package
    busybox: Package

    @property
    def packages(self) -> tuple[Package, ...]:
        """All of them."""
        return (self.image, *self.headers, self.source, self.busybox)


def resolve(base: Base, arch: Arch, host_architecture: str, show: Show) -> ResolvedBase:
    """The newest version of `base` whose image, headers and source are all in the archive.

    The signed image follows the source package by hours or days, so the newest image and the newest
    source need not match: then an older pair that does is taken. HostError when there is none.
    """
    metas = show([f"{base.image_meta[arch.name]}:{arch.debian}"])
    seen: list[str] = []
    for meta in metas:
        image_name, version = _exact_dependency(meta.depends, "linux-image-")
        release = image_name.removeprefix("linux-image-")
        seen.append(f"{image_name} {version}")
        found = _resolve_version(base, arch, host_architecture, show, release, version)
        if found is not None:
            return found
    raise HostError(
        f"the archive has no complete set of packages for {base.name} on {arch.name}",
        hint="its mirror may be in the middle of an update: try again later",
        evidence=seen or [f"{base.image_meta[arch.name]} is not in the index"],
    )


def _resolve_version(
    base: Base, arch: Arch, host_architecture: str, show: Show, release: str, version: str
) -> ResolvedBase | None:
    headers_name = f"linux-headers-{release}"
    records = show([
        f"linux-image-{release}:{arch.debian}",
        f"{headers_name}:{arch.debian}",
        base.source_package,
        f"{BUSYBOX}:{arch.debian}",
    ])  # fmt: skip
    image = _pick(records, f"linux-image-{release}", version)
    headers = _pick(records, headers_name, version)
    source = _pick(records, base.source_package, version)
    busybox = _pick(records, BUSYBOX, None)
    if image is None or headers is None or source is None or busybox is None:
        return None
    common_name = _dependency(headers.depends, r"linux-headers-\S+-common\S*")
    kbuild_name = _dependency(headers.depends, r"linux-kbuild-\S+")
    more = show([common_name, f"{kbuild_name}:{host_architecture}"])
    common = _pick(more, common_name, version)
    kbuild = _pick(more, kbuild_name, version)
    if common is None or kbuild is None:
        return None
    return ResolvedBase(
        base=base.name,
        arch=arch.name,
        release=release,
        image=image.package,
        headers=(headers.package, common.package, kbuild.package),
        source=source.package,
        busybox=busybox.package,
    )


def _pick(records: Iterable[IndexRecord], name: str, version: str | None) -> IndexRecord | None:
    """The record of a package: of this version, or the first (newest)."""
    for record in records:
        if record.package.name == name and version in (None, record.package.version):
            return record
    return None


def _dependency(depends: str, pattern: str) -> str:
    match = re.search(rf"(?:^|[\s,])({pattern})", depends)
    if match is None:
        raise HostError("the kernel headers package has an unknown form", evidence=[depends])
    return match[1].rstrip(",").split(":")[0]


def _exact_dependency(depends: str, prefix: str) -> tuple[str, str]:
    """Name and version of `NAME (= VERSION)`, as meta packages depend on what they stand for."""
    match = re.search(rf"({re.escape(prefix)}\S+) \(= ([^)]+)\)", depends)
    if match is None:
        raise HostError("the kernel's meta package has an unknown form", evidence=[depends])
    return match[1], match[2]
