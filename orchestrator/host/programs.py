# SPDX-License-Identifier: Apache-2.0
"""What the host must have: the one table of programs and files, and of the packages that bring them.

Every hint about something that is not installed comes from here. The launcher has packages of its own to
name before there is a Python: a test holds the two together.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.arch import ARCHS
from orchestrator.errors import HostError

Stage = Literal[
    "boot", "compiler", "agent", "fetch", "pack", "build", "kernel", "patch", "review", "test", "unpack"
]  # fmt: skip
"""What it is needed for: guests; the name of every build; their agent; fetching kernels; packing images;
building modules; building whole kernels; patches in the sandbox; checkpatch.pl; the project's own tests;
kernels that somebody brings, if they are compressed in such a way."""

Which = Callable[[str], str | None]

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

_HOST_ARCHS = {arch.machine: arch.debian for arch in ARCHS.values()}


@dataclass(frozen=True)
class Need:
    """A program, or a file, and the Debian package that brings it.

    `name` is the program's, or what people call the file; of `others` and `files` (patterns) one is enough.
    `arch` is the guests' that it is needed for, "" for all of them. What is `always_there` is part of
    every Debian.
    """

    name: str
    package: str
    stage: Stage
    purpose: str
    arch: str = ""
    others: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    always_there: bool = False


_COMMON = (
    Need("bwrap", "bubblewrap", "patch", "the sandbox in which patches are applied and built"),
    Need("prlimit", "util-linux", "patch", "limits in the sandbox"),
    Need("make", "make", "build", "builds modules"),
    Need("gcc", "gcc", "kernel", "compiles what kernels are built with"),
    Need("flex", "flex", "kernel", "builds what configures kernels"),
    Need("bison", "bison", "kernel", "builds what configures kernels"),
    Need("bc", "bc", "kernel", "counts for kernel headers"),
    Need("ccache", "ccache", "kernel", "keeps what was compiled"),
    Need("git", "git", "kernel", "reads kernel trees"),
    Need("cp", "coreutils", "kernel", "copies trees and objects", always_there=True),
    Need(
        "openssl/ssl.h",
        "libssl-dev",
        "kernel",
        "kernels with keys in them, as distributions configure them",
        files=("/usr/include/openssl/ssl.h",),
    ),
    Need("patch", "patch", "patch", "applies patches"),
    Need("sh", "dash", "patch", "runs scripts in the sandbox", always_there=True),
    Need("tar", "tar", "patch", "files into the sandbox and out of it", always_there=True),
    Need("cpio", "cpio", "pack", "packs guest images"),
    Need("apt-get", "apt", "fetch", "downloads kernels", always_there=True),
    Need("apt-cache", "apt", "fetch", "finds kernels", always_there=True),
    Need("apt-config", "apt", "fetch", "tells where package sources are named", always_there=True),
    Need("dpkg", "dpkg", "fetch", "tells the host's architecture", always_there=True),
    Need("dpkg-deb", "dpkg", "fetch", "unpacks kernels and headers", always_there=True),
    Need(
        "the Debian archive's keyring",
        "debian-archive-keyring",
        "fetch",
        "verifies kernels",
        files=(KEYRING,),
    ),
    Need("perl", "perl-base", "review", "runs checkpatch.pl", always_there=True),
    Need("chromium", "chromium", "test", "shows reports"),
    Need("mmdebstrap", "mmdebstrap", "test", "makes a minimal Debian 13"),
    Need("patchelf", "patchelf", "test", "makes a newer Debian's cvd and adb run here"),
    Need("chromedriver", "chromium-driver", "test", "shows reports"),
    Need("ip", "iproute2", "test", "makes a network with another machine in it"),
    Need("ssh", "openssh-client", "test", "reaches the other machine as users do"),
)

_UNPACKERS = (
    Need("zstd", "zstd", "unpack", "unpacks kernels and modules"),
    Need("lz4", "lz4", "unpack", "unpacks kernels"),
    Need("lzop", "lzop", "unpack", "unpacks kernels"),
)
"""Asked for when a file needs one of them, and by nobody else."""

_OBJTOOL_LIBRARY = Need(
    "libelf.so.1",
    # The library's own package is named anew with releases.
    "libelf-dev",
    "build",
    "objtool, which x86_64 modules are built with",
    arch="x86_64",
    files=("/usr/lib/*/libelf.so.1", "/usr/lib64/libelf.so.1", "/usr/lib/libelf.so.1"),
)
_OBJTOOL_HEADER = Need(
    "libelf.h",
    "libelf-dev",
    "kernel",
    "objtool, which x86_64 kernels are built with",
    arch="x86_64",
    files=("/usr/include/libelf.h", "/usr/include/*/libelf.h"),
)


_QEMU_PACKAGES = {"arm64": "qemu-system-arm", "x86_64": "qemu-system-x86"}


def host_arch() -> str:
    """This host's architecture as Debian spells it, or the kernel's word for one that is not listed."""
    return _HOST_ARCHS.get(platform.machine(), platform.machine())


def all_needs(host: str, archs: Iterable[str] = tuple(ARCHS)) -> tuple[Need, ...]:
    """All that guests of these architectures need on a host of this one (in Debian's spelling)."""
    own = [need for arch in archs for need in _guest_needs(arch, host)]
    return (*own, *_COMMON)


def needs_of(arch: str, *stages: Stage) -> tuple[Need, ...]:
    """What guests of one architecture need on this host for these stages."""
    return tuple(need for need in all_needs(host_arch(), [arch]) if need.stage in stages)


def _guest_needs(arch: str, host: str) -> tuple[Need, ...]:
    guest = ARCHS[arch]
    native = host == guest.debian
    compiler = "gcc" if native else f"gcc-{guest.triplet.replace('_', '-')}"
    library = "libc6-dev" if native else f"libc6-dev-{guest.debian}-cross"
    gcc, strip = f"{guest.triplet}-gcc", f"{guest.triplet}-strip"
    found = (
        Need(f"qemu-system-{guest.machine}", _QEMU_PACKAGES[arch], "boot", f"{arch} guests", arch),
        Need(gcc, compiler, "compiler", f"compiles for {arch} guests", arch, others=(f"{gcc}-12",)),
        Need(
            f"libc.a for {arch}",
            library,
            "agent",
            f"the C library of {arch} guests",
            arch,
            files=(f"/usr/lib/{guest.triplet}/libc.a", f"/usr/{guest.triplet}/lib/libc.a"),
        ),
        Need(strip, compiler, "build", f"strips {arch} modules", arch),
    )
    return (*found, _OBJTOOL_LIBRARY, _OBJTOOL_HEADER) if arch == "x86_64" else found


def missing(
    needs: Iterable[Need], *, which: Which = shutil.which, root: Path = Path("/")
) -> tuple[Need, ...]:
    """Those that are not here. `root` is where files are looked for."""
    return tuple(need for need in needs if not _is_there(need, which, root))


def _is_there(need: Need, which: Which, root: Path) -> bool:
    if need.files:
        return any(next(root.glob(pattern.lstrip("/")), None) for pattern in need.files)
    return any(which(name) for name in (need.name, *need.others))


def install_command(needs: Iterable[Need], *, root: bool, which: Which = shutil.which) -> str:
    """The command that installs them; where there is no apt-get, the one for those who have it."""
    needs = list(needs)
    wanted = [need for need in needs if not need.always_there] or needs
    command = f"apt-get install {' '.join(dict.fromkeys(need.package for need in wanted))}"
    if which("apt-get") is None:
        return f"on Debian and its relatives: {command}"
    return command if root or which("sudo") is None else f"sudo {command}"


def install_hint(*names: str) -> str:
    """How programs of these names get onto this host; "" for names that the table does not have."""
    known = (*all_needs(host_arch()), *_UNPACKERS)
    needs = [need for need in known if {need.name, *need.others} & {*names}]
    return install_command(needs, root=os.geteuid() == 0) if needs else ""


def require(needs: Sequence[Need]) -> None:
    """HostError that names all that are missing at once, and the command that installs them."""
    absent = missing(needs)
    if absent:
        names = [need.name for need in absent]
        listed = f"{', '.join(names[:-1])} and {names[-1]} are" if names[1:] else f"{names[0]} is"
        raise HostError(
            f"{listed} not installed",
            hint=install_command(absent, root=os.geteuid() == 0),
            evidence=[f"{need.name}: {need.purpose}" for need in absent],
        )
