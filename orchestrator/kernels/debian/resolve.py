# SPDX-License-Identifier: Apache-2.0
"""From a base to exact packages: the newest version of which the archive has every part."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

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

    `suite` says by which of the base's origins they were found. `parts` are what newer images are divided
    into: base, binary and modules. A kernel that is to be run as it is shipped may be
    without headers and source.
    """

    base: str
    arch: str
    release: str
    suite: str = ""
    image: Package
    parts: tuple[Package, ...] = ()
    headers: tuple[Package, ...]
    source: Package | None = None
    busybox: Package

    @property
    def packages(self) -> tuple[Package, ...]:
        """All of them."""
        source = () if self.source is None else (self.source,)
        return (self.image, *self.parts, *self.headers, *source, self.busybox)

    @property
    def images(self) -> tuple[Package, ...]:
        """What the kernel itself is unpacked from."""
        return (self.image, *self.parts)

    @property
    def builds_modules(self) -> bool:
        """Whether what modules are built from and with is there."""
        return self.source is not None

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
    base: Base,
    arch: Arch,
    origin: Origin,
    host_architecture: str,
    show: Show,
    libc: Version = (),
    *,
    image_alone: bool = False,
) -> ResolvedBase:
    """The newest version of `base` whose image, headers and source are all in the archive.

    The signed image follows the source package by hours or days, so the newest image and the newest
    source need not match: then an older pair that does is taken. The build tools have to run on this
    host: with its `libc` (empty takes any). With `image_alone` the newest image will do without the rest.
    Raises BaseMissing when there is no such version.
    """
    shipped = packages_of(base)
    name = f"{shipped.meta_package('image', arch, origin)}:{arch.debian}"
    lacks: list[str] = []
    for meta in show([name]):
        image_name, version = _exact_dependency(meta.depends, shipped.image_prefix)
        if not image_name:
            continue
        index = _Index(
            shipped, arch, host_architecture, show, image_name.removeprefix("linux-image-"), version
        )
        found = index.image()
        if isinstance(found, _Image):
            built = index.module_tree(libc)
            if not isinstance(built, str):
                return _resolved(base, arch, origin, index.release, found, *built)
            if image_alone:
                return _resolved(base, arch, origin, index.release, found)
            found = built
        lacks.append(f"{image_name} {version} is there, {found}")
    raise BaseMissing(
        f"no complete set of packages of {base.name} for {arch.name}",
        evidence=lacks or [f"no {name}{f' of {shipped.series}' if shipped.series else ''}"],
    )


@dataclass(frozen=True)
class _Image:
    image: Package
    parts: tuple[Package, ...]
    busybox: Package


def _resolved(
    base: Base,
    arch: Arch,
    origin: Origin,
    release: str,
    kernel: _Image,
    headers: tuple[Package, ...] = (),
    source: Package | None = None,
) -> ResolvedBase:
    return ResolvedBase(
        base=base.name,
        arch=arch.name,
        release=release,
        suite=origin.suite,
        image=kernel.image,
        parts=kernel.parts,
        headers=headers,
        source=source,
        busybox=kernel.busybox,
    )


@dataclass(frozen=True)
class _Index:
    """What an index has of one version of a kernel."""

    shipped: DebianPackages
    arch: Arch
    host: str
    show: Show
    release: str
    version: str

    def image(self) -> _Image | str:
        """What the kernel is unpacked from, or what of it is missing."""
        name = f"linux-image-{self.release}"
        records = self.show([f"{each}:{self.arch.debian}" for each in (name, BUSYBOX)])
        image, busybox = _pick(records, name, self.version), _pick(records, BUSYBOX, None)
        if image is None or busybox is None:
            return _without({"image": image, BUSYBOX: busybox})
        names = _parts(image.depends, self.release, self.version)
        found = {part: _pick(self.show([f"{part}:{self.arch.debian}"]), part, self.version) for part in names}
        parts = tuple(record.package for record in found.values() if record is not None)
        if len(parts) < len(found):
            return _without(found)
        return _Image(image.package, parts, busybox.package)

    def module_tree(self, libc: Version) -> tuple[tuple[Package, ...], Package] | str:
        """Headers and source, or what stands against building with them here."""
        headers_name, source_name = f"linux-headers-{self.release}", self.shipped.source_package(self.release)
        records = self.show([f"{headers_name}:{self.arch.debian}", source_name])
        headers = _pick(records, headers_name, self.version)
        source = _pick(records, source_name, self.version)
        if headers is None or source is None:
            return _without({headers_name: headers, source_name: source})
        common_name = _dependency(headers.depends, r"linux-headers-\S+-common\S*")
        kbuild_name = _dependency(headers.depends, r"linux-kbuild-\S+")
        more = self.show([common_name, f"{kbuild_name}:{self.host}"])
        common = _pick(more, common_name, self.version)
        kbuild = _pick(more, kbuild_name, self.version)
        if common is None or kbuild is None:
            return f"but not its {common_name if common is None else kbuild_name}"
        needed = _needed_libc(kbuild.depends)
        if libc and needed > libc:
            return f"but {kbuild_name} needs libc6 {_dotted(needed)}, and this host has {_dotted(libc)}"
        return (headers.package, common.package, kbuild.package), source.package


def _without(found: Mapping[str, IndexRecord | None]) -> str:
    return f"but not its {', '.join(name for name, record in found.items() if record is None)}"


def _parts(depends: str, release: str, version: str) -> list[str]:
    """The packages that an image is divided into: what it needs of its own release, in its own version."""
    pattern = rf"(?:^|[\s,])(linux-\S+-{re.escape(release)}) \(= {re.escape(version)}\)"
    return re.findall(pattern, depends)


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
    match = re.search(rf"({re.escape(prefix)}\d\S*) \(= ([^)]+)\)", depends)
    return (match[1], match[2]) if match else ("", "")
