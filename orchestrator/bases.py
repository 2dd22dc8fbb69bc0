# SPDX-License-Identifier: Apache-2.0
"""The one table of kernels that a variant can start from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from orchestrator.arch import ARCHS, Arch, ArchName
from orchestrator.errors import InputError
from orchestrator.units import KIB, USUAL_PAGE_BYTES, format_size


@dataclass(frozen=True)
class Origin:
    """Where a base can come from: `suite` has its kernel; busybox and other versions are in other `suites`.

    Origins of one `index` share the package lists that are fetched for them. `named`: the kernel is not the
    one its release came with, so that meta packages have the series in their names.
    """

    suite: str
    index: str
    suites: tuple[str, ...]
    named: bool = False


class MadeFrom(Protocol):
    """What a base is made from. Its type tells which source of kernels gives it (`kernels.sources`)."""

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """The architectures that it gives kernels for."""

    @property
    def source_name(self) -> str:
        """The kernel source behind it; bases that are built from one and the same have this in common."""


@dataclass(frozen=True)
class DebianPackages:
    """A kernel as Debian packages it: a series and, by architecture, Debian's name of its flavour.

    `origins` are tried in order. Older releases come first: newer hosts can run their build tools, so
    that hosts of all releases agree on a version. Without a series it is whatever its suite has now.
    A kernel that is `shipped` is one to be run as it is: where what modules are built with is missing
    or does not run on this host, it can be had all the same.
    """

    series: str
    flavours: dict[ArchName, str] = field(hash=False)
    origins: tuple[Origin, ...]
    shipped: bool = False

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """The architectures that have a flavour."""
        return tuple(self.flavours)

    @property
    def source_name(self) -> str:
        """The package with the kernel's source; without a series the meta package that depends on it."""
        return f"linux-source-{self.series}" if self.series else "linux-source"

    def source_package(self, release: str) -> str:
        """The package with the source of the kernel of this release: `6.12.118+deb13-arm64`."""
        series = self.series or ".".join(release.split(".")[:2])
        return f"linux-source-{series}"

    @property
    def image_prefix(self) -> str:
        """What the names of its images begin with, before their flavours and versions."""
        return f"linux-image-{self.series}." if self.series else "linux-image-"

    def meta_package(self, part: str, arch: Arch, origin: Origin) -> str:
        """The meta package that names the newest `part` ("image" or "headers")."""
        series = f"{self.series}-" if origin.named else ""
        return f"linux-{part}-{series}{self.flavours[arch.name]}"


CONFIGS = ("small", "gki-like")
"""The configurations that are shipped (images/kernel/), beside those of the bases and the user's own."""


@dataclass(frozen=True)
class TreeSpec:
    """A kernel's whole source: the name of a Debian source package, or where it lies on this machine.

    A path is absolute: a directory, taken as it is, or a git repository of which `revision` is taken, or a
    tarball. `suite`: the suite whose package it is; `linux-source` alone means the newest there.
    """

    source: str | Path
    revision: str | None = None
    suite: str | None = None

    def words(self, depth: int = 1) -> str:
        """For people; of a path the last `depth` parts."""
        more = (f"@{self.revision}" if self.revision else "") + (f" ({self.suite})" if self.suite else "")
        return _tail(self.source, depth) + more


@dataclass(frozen=True)
class ConfigSpec:
    """A kernel's configuration: one of `CONFIGS`, that of one of `BASES`, or the user's file (absolute).

    `options` are set beyond it, sorted by name, without `CONFIG_`. A value is as a .config has it: `y`, `m`,
    `n` (which a .config writes as "is not set"), a number, or a text in quotation marks.
    """

    name_or_path: str | Path
    page_size_bytes: int = USUAL_PAGE_BYTES
    options: tuple[tuple[str, str], ...] = ()

    def words(self, depth: int = 1) -> str:
        """For people; what is not said is usual."""
        usual = BASES[name].page_size_bytes if (name := str(self.name_or_path)) in BASES else USUAL_PAGE_BYTES
        page_size = () if self.page_size_bytes == usual else (format_size(self.page_size_bytes),)
        options = (f"{option}={value}" for option, value in self.options)
        return " ".join((_tail(self.name_or_path, depth), *page_size, *options))


@dataclass(frozen=True)
class SourceBuild:
    """A kernel that is built from its whole source. Patches of a variant without scope are compiled in."""

    tree: TreeSpec
    config: ConfigSpec

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """All: which of them the tree has is for the build to find out."""
        return tuple(arch.name for arch in ARCHS.values())

    @property
    def source_name(self) -> str:
        """The tree."""
        return self.tree.words()

    def words(self, depth: int) -> str:
        """For people."""
        return f"{self.tree.words(depth)} {self.config.words(depth)}"


@dataclass(frozen=True)
class GivenImage:
    """A kernel that somebody brings: absolute paths. `modules` is a directory as /lib/modules/RELEASE."""

    image: Path
    initramfs: Path | None = None
    modules: Path | None = None

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """All: which one it is for is read from the file."""
        return tuple(arch.name for arch in ARCHS.values())

    @property
    def source_name(self) -> str:
        """The file."""
        return self.image.name

    def words(self, depth: int) -> str:
        """For people."""
        more = [_tail(path, depth) for path in (self.initramfs, self.modules) if path is not None]
        return " + ".join((_tail(self.image, depth), *more))


def _tail(path: str | Path, depth: int) -> str:
    """The last parts of a path; a name as it is."""
    return path if isinstance(path, str) else "/".join(path.parts[-depth:]).replace("//", "/")


@dataclass(frozen=True)
class Base:
    """One kernel that variants start from. `compiler_major` is the compiler that it was built with."""

    name: str
    page_size_bytes: int
    made_from: MadeFrom
    compiler_major: int = 12

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """The architectures this base exists for."""
        return self.made_from.archs

    @property
    def source_name(self) -> str:
        """What bases of one kernel source have in common: their page sizes may differ."""
        return self.made_from.source_name


_EVERYWHERE: dict[ArchName, str] = {"arm64": "arm64", "x86_64": "amd64"}
_BOOKWORM = ("bookworm", "bookworm-updates", "bookworm-security")
_IN_BOOKWORM = Origin("bookworm", "bookworm", _BOOKWORM)
_IN_BOOKWORM_SECURITY = Origin("bookworm-security", "bookworm", _BOOKWORM, named=True)
_IN_TRIXIE = Origin("trixie", "trixie", ("trixie", "trixie-updates", "trixie-security"))
_IN_BACKPORTS = Origin("bookworm-backports", "bookworm-backports", ("bookworm", "bookworm-backports"))
_TESTING = Origin("testing", "testing", ("testing",))
_SID = Origin("sid", "sid", ("sid",))
_OF_6_12 = (_IN_BOOKWORM_SECURITY, _IN_TRIXIE, _IN_BACKPORTS)

BASES = {
    base.name: base
    for base in (
        Base(
            "debian-6.1",
            page_size_bytes=4 * KIB,
            made_from=DebianPackages("6.1", _EVERYWHERE, (_IN_BOOKWORM,)),
        ),
        Base(
            "debian-6.12",
            page_size_bytes=4 * KIB,
            made_from=DebianPackages("6.12", _EVERYWHERE, _OF_6_12),
        ),
        Base(
            "debian-6.12-16k",
            page_size_bytes=16 * KIB,
            made_from=DebianPackages("6.12", {"arm64": "arm64-16k"}, _OF_6_12),
        ),
        Base(
            "debian-13",
            page_size_bytes=4 * KIB,
            made_from=DebianPackages("6.12", _EVERYWHERE, (_IN_TRIXIE,), shipped=True),
            compiler_major=14,
        ),
        Base(
            "debian-testing",
            page_size_bytes=4 * KIB,
            made_from=DebianPackages("", _EVERYWHERE, (_TESTING,), shipped=True),
            compiler_major=16,
        ),
        Base(
            "debian-sid",
            page_size_bytes=4 * KIB,
            made_from=DebianPackages("", _EVERYWHERE, (_SID,), shipped=True),
            compiler_major=16,
        ),
    )
}

DEFAULT_BASE = "debian-6.1"
"""Taken where nobody names one, and for probe guests: it is in every whole archive, and its binder still
allocates page arrays with kcalloc."""

_MOST_PARTS = 4096
"""More than a path can have: then names are whole paths."""

if TYPE_CHECKING:
    BaseName = str
else:
    BaseName = Literal[tuple(BASES)]
"""As scenarios and records spell them: the keys of `BASES`."""


def unlisted_bases(made: Iterable[SourceBuild | GivenImage]) -> dict[SourceBuild | GivenImage, Base]:
    """A base for each of these, which no table has; readable names, of which no two are alike.

    Names have as little of paths as that takes.
    """
    wanted = tuple(dict.fromkeys(made))
    depth, names = 1, [each.words(1) for each in wanted]
    while len({*names, *BASES}) < len(names) + len(BASES) and depth < _MOST_PARTS:
        depth += 1
        names = [each.words(depth) for each in wanted]
    return {
        each: Base(
            name, each.config.page_size_bytes if isinstance(each, SourceBuild) else USUAL_PAGE_BYTES, each
        )
        for each, name in zip(wanted, names, strict=True)
    }


def peculiarities() -> str:
    """Which bases have other pages than 4 KiB, are not always the same, or are of some architectures only."""
    return "; ".join(
        f"`{base.name}` {' and '.join(said)}" for base in BASES.values() if (said := tuple(_peculiar(base)))
    )


def _peculiar(base: Base) -> Iterator[str]:
    if base.page_size_bytes != USUAL_PAGE_BYTES:
        yield f"has {base.page_size_bytes // KIB} KiB pages"
    if isinstance(base.made_from, DebianPackages) and not base.made_from.series:
        yield "is the newest kernel of its suite"
    if len(base.archs) < len(ARCHS):
        yield f"exists for {', '.join(base.archs)} only"


def find_base(base_name: str, arch_name: str) -> tuple[Base, Arch]:
    """The base and architecture of these names; InputError naming what exists."""
    if arch_name not in ARCHS:
        raise InputError(f"unknown architecture '{arch_name}'", hint=f"known: {', '.join(ARCHS)}")
    base = BASES.get(base_name)
    if base is None:
        near = difflib.get_close_matches(base_name, BASES, n=1)
        suggestion = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(f"unknown base '{base_name}'", hint=f"{suggestion}known: {', '.join(BASES)}")
    require_arch(base, arch_name)
    return base, ARCHS[arch_name]


def require_arch(base: Base, arch_name: str) -> None:
    """InputError unless a base exists for an architecture."""
    if arch_name not in base.archs:
        raise InputError(
            f"base '{base.name}' does not exist for {arch_name}",
            hint=f"it exists for {', '.join(base.archs)}; bases for {arch_name}:"
            f" {', '.join(bases_for(arch_name))}",
        )


def bases_for(arch_name: str) -> list[str]:
    """The names of the bases that exist for an architecture."""
    return [base.name for base in BASES.values() if arch_name in base.archs]


def counterpart(base: Base, arch_name: str) -> str | None:
    """The base nearest to one that an architecture lacks: of the same source, else any; None for none."""
    there = bases_for(arch_name)
    same = [name for name in there if BASES[name].source_name == base.source_name]
    return next(iter([*same, *there]), None)
