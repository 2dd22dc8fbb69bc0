# SPDX-License-Identifier: Apache-2.0
"""From a base to exact packages: the newest version of which the archive has every part."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence

from orchestrator.arch import Arch
from orchestrator.bases import Base, DebianPackages, Origin
from orchestrator.errors import HostError
from orchestrator.frozen import Frozen
from orchestrator.kernels.debian.apt import IndexRecord
from orchestrator.kernels.manifest import Package

BUSYBOX = "busybox-static"

Show = Callable[[Sequence[str]], list[IndexRecord]]
Version = tuple[int, ...]


class BaseMissing(HostError):
    """The index has no complete set of packages of a base; the evidence names what it lacks."""


class ResolvedBase(Frozen):
    """The packages of one base kernel, all of the same version where they must be.

    `suite` says by which of the base's origins they were found.
    """

    base: str
    arch: str
    release: str
    suite: str = ""
    image: Package
    headers: tuple[Package, ...]
    source: Package
    busybox: Package

    @property
    def packages(self) -> tuple[Package, ...]:
        """All of them."""
        return (self.image, *self.headers, self.source, self.busybox)

    def origin(self, base: Base) -> Origin:
        """The origin of `base` that these packages come from; records of older versions name none."""
        known = (origin for origin in packages_of(base).origins if origin.suite == self.suite)
        return next(known, packages_of(base).origins[0])


def packages_of(base: Base) -> DebianPackages:
    """What a base that Debian ships is made from."""
    assert isinstance(base.made_from, DebianPackages)
    return base.made_from


def host_libc() -> Version:
    """The version of this host's C library, which the kernel's build tools are linked with."""
    return _version(os.confstr("CS_GNU_LIBC_VERSION") or "")


def resolve(
    base: Base, arch: Arch, origin: Origin, host_architecture: str, show: Show, libc: Version = ()
) -> ResolvedBase:
    """The newest version of `base` whose image, headers and source are all in the archive.

    The signed image follows the source package by hours or days, so the newest image and the newest
    source need not match: then an older pair that does is taken. The build tools have to run on this
    host: with its `libc` (empty takes any). Raises BaseMissing when there is no such version.
    """
    name = f"{packages_of(base).meta_package('image', arch, origin)}:{arch.debian}"
    lacks: list[str] = []
    for meta in show([name]):
        image_name, version = _exact_dependency(meta.depends, f"linux-image-{packages_of(base).series}.")
        if not image_name:
            continue
        release = image_name.removeprefix("linux-image-")
        found = _resolve_version(base, arch, host_architecture, show, release, version, libc)
        if isinstance(found, ResolvedBase):
            return found.model_copy(update={"suite": origin.suite})
        lacks.append(f"{image_name} {version} is there, {found}")
    raise BaseMissing(
        f"no complete set of packages of {base.name} for {arch.name}",
        evidence=lacks or [f"no {name} of {packages_of(base).series}"],
    )


def _resolve_version(
    base: Base, arch: Arch, host: str, show: Show, release: str, version: str, libc: Version
) -> ResolvedBase | str:
    """The packages of one version, or what stands against it."""
    headers_name = f"linux-headers-{release}"
    guest = [f"{name}:{arch.debian}" for name in (f"linux-image-{release}", headers_name, BUSYBOX)]
    records = show([*guest, packages_of(base).source_name])
    image = _pick(records, f"linux-image-{release}", version)
    headers = _pick(records, headers_name, version)
    source = _pick(records, packages_of(base).source_name, version)
    busybox = _pick(records, BUSYBOX, None)
    if image is None or headers is None or source is None or busybox is None:
        found = {
            "image": image,
            headers_name: headers,
            packages_of(base).source_name: source,
            BUSYBOX: busybox,
        }
        return f"but not its {', '.join(name for name, record in found.items() if record is None)}"
    common_name = _dependency(headers.depends, r"linux-headers-\S+-common\S*")
    kbuild_name = _dependency(headers.depends, r"linux-kbuild-\S+")
    more = show([common_name, f"{kbuild_name}:{host}"])
    common = _pick(more, common_name, version)
    kbuild = _pick(more, kbuild_name, version)
    if common is None or kbuild is None:
        return f"but not its {common_name if common is None else kbuild_name}"
    needed = _needed_libc(kbuild.depends)
    if libc and needed > libc:
        return f"but {kbuild_name} needs libc6 {_dotted(needed)}, and this host has {_dotted(libc)}"
    return ResolvedBase(
        base=base.name,
        arch=arch.name,
        release=release,
        image=image.package,
        headers=(headers.package, common.package, kbuild.package),
        source=source.package,
        busybox=busybox.package,
    )


def _needed_libc(depends: str) -> Version:
    match = re.search(r"\blibc6 \(>= ([0-9.]+)", depends)
    return _version(match[1]) if match else ()


def _version(text: str) -> Version:
    match = re.search(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


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
    """Name and version of `NAME (= VERSION)`, as meta packages depend on what they stand for; or nothing."""
    match = re.search(rf"({re.escape(prefix)}\S+) \(= ([^)]+)\)", depends)
    return (match[1], match[2]) if match else ("", "")
