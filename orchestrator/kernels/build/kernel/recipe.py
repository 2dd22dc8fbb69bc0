# SPDX-License-Identifier: Apache-2.0
"""How a whole kernel is configured and compiled: shell scripts for the sandbox, and where things lie in it.

Whatever could make two builds of the same content differ is fixed: time, user, host, number and suffix of
the version, and all paths. The build id, which counts every byte, is set afterwards (`result`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.kernels.build.sandbox import (
    BUILD_DIR,
    GIVEN_DIR,
    SOURCE_DIR,
    Bound,
    Limits,
    Sandbox,
    SandboxCommand,
)
from orchestrator.kernels.build.toolchain import Compiler
from orchestrator.units import GIB

SOURCE = f"{SOURCE_DIR}/linux"
_OBJECTS = f"{BUILD_DIR}/objects"
_STORE, _SHARED = f"{BUILD_DIR}/compiled", f"{BUILD_DIR}/compiled-before"

START_FILE, FRAGMENTS_FILE, FULL_CONFIG_FILE = "start", "fragments", "config"

LIMITS = Limits(
    scratch_bytes=2 * GIB,
    file_bytes=2 * GIB,
    memory_bytes=16 * GIB,
    total_memory_bytes=6 * GIB,
    processes=4096,
    cpu_s=3600,
)
"""Of a build: a linker maps all objects at once, and headers make compilers large."""

IMAGES: Mapping[str, tuple[str, str]] = {
    "arm64": ("Image", "arch/arm64/boot/Image"),
    "x86_64": ("bzImage", "arch/x86/boot/bzImage"),
}
"""By architecture: what make is asked for, and the file that it makes."""

# $1 ARCH, $2 compiler prefix, $3 compiler, $4 jobs, $5 the compiler for cache names, $6 targets.
_SETTINGS = f"""umask 022
exec 3>&1 >&2
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_VERSION=1 LOCALVERSION=
export KBUILD_BUILD_USER=oomlab KBUILD_BUILD_HOST=oomlab
export CCACHE_DIR=/tmp/ccache CCACHE_REMOTE_ONLY=1 CCACHE_NOSTATS=1 CCACHE_COMPILERCHECK="string:$5"
# By the compiler's own word on what it read: else what is not in the store is preprocessed twice.
export CCACHE_DEPEND=1
CCACHE_REMOTE_STORAGE="file:{_STORE}"
test ! -d {_SHARED} || CCACHE_REMOTE_STORAGE="$CCACHE_REMOTE_STORAGE file:{_SHARED}|read-only=true"
export CCACHE_REMOTE_STORAGE
make() {{
    command make -C {SOURCE} O={_OBJECTS} ARCH="$arch" CROSS_COMPILE="$prefix" CC="ccache $cc" \\
        HOSTCC="ccache gcc" -j"$jobs" "$@"
}}
arch=$1 prefix=$2 cc=$3 jobs=$4
cd {_OBJECTS}
"""

CONFIGURE_SCRIPT = f"""{_SETTINGS}
export KCONFIG_CONFIG=/tmp/config
if test -e {GIVEN_DIR}/{START_FILE}; then
    cp {GIVEN_DIR}/{START_FILE} /tmp/config
else
    KCONFIG_ALLCONFIG={SOURCE}/kernel/configs/tiny-base.config make allnoconfig
    test ! -e {SOURCE}/kernel/configs/tiny.config || cat {SOURCE}/kernel/configs/tiny.config >>/tmp/config
fi
cat {GIVEN_DIR}/{FRAGMENTS_FILE} >>/tmp/config
make olddefconfig
cat /tmp/config >&3
"""

COMPILE_SCRIPT = f"""{_SETTINGS}
cmp -s {GIVEN_DIR}/{FULL_CONFIG_FILE} .config || cp {GIVEN_DIR}/{FULL_CONFIG_FILE} .config
make $6
make -s kernelrelease >&3
"$prefix"readelf -n vmlinux | sed -n 's/^ *Build ID: //p' | head -n 1 >&3
times >&3
"""


@dataclass(frozen=True)
class Places:
    """The directories of a build. `store` is filled with what is compiled, `shared` is only read."""

    source: Path
    objects: Path
    store: Path
    shared: Path | None = None

    @property
    def bound(self) -> tuple[Bound, ...]:
        """As the sandbox finds them."""
        shared = () if self.shared is None else (Bound(self.shared, _SHARED),)
        return (
            Bound(self.source, SOURCE),
            Bound(self.objects, _OBJECTS, writable=True),
            Bound(self.store, _STORE, writable=True),
            *shared,
        )


@dataclass(frozen=True)
class Tools:
    """What compiles, for which architecture."""

    arch: Arch
    compiler: Compiler

    @property
    def arguments(self) -> tuple[str, ...]:
        """The scripts' own."""
        jobs = str(len(os.sched_getaffinity(0)))
        return (self.arch.kbuild, self.compiler.prefix, self.compiler.command, jobs, self.compiler.sha256)


def configure_command(places: Places, tools: Tools, given: Mapping[str, Path]) -> SandboxCommand:
    """Makes a whole configuration (standard output) from a start, if one is given, and fragments."""
    return Sandbox(given, LIMITS, places.bound).command(CONFIGURE_SCRIPT, *tools.arguments)


def compile_command(places: Places, tools: Tools, config: Path, *, modules: bool) -> SandboxCommand:
    """Compiles in the objects' directory; on standard output release, build id, and the time it took."""
    targets = f"{IMAGES[tools.arch.name][0]} modules" if modules else IMAGES[tools.arch.name][0]
    sandbox = Sandbox({FULL_CONFIG_FILE: config}, LIMITS, places.bound)
    return sandbox.command(COMPILE_SCRIPT, *tools.arguments, targets)


def inputs() -> dict[str, str]:
    """How kernels are built, whatever they are built from: part of every name."""
    return {"configure": CONFIGURE_SCRIPT, "compile": COMPILE_SCRIPT}
