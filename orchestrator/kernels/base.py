# SPDX-License-Identifier: Apache-2.0
"""What any source of kernels gives, wherever its kernels come from: packages, a source tree, a file.

The run, the builds of modules, the review of patches and the dry run know no more than this. Which source
gives a base is in the table of `kernels.sources`; docs/how-to-kernel-source.md tells how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from orchestrator.arch import Arch
from orchestrator.bases import Base
from orchestrator.host.programs import Stage
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.features import KernelFeatures
from orchestrator.kernels.manifest import BuiltKernel, GivenKernel, Package
from orchestrator.kernels.modules import BINDER, TestModule
from orchestrator.kernels.patch_file import Patch
from orchestrator.text.plain import named

Progress = Callable[[str], None]
DriverPlace = Literal["module", "built-in"]

IMAGE_FILE = "vmlinuz"
CONFIG_FILE = "config"
MODULES = "modules"
ORDER_FILE = "common-order"
EXTRA_ROOT_FILE = "extra-initramfs"
SCRIPT_FILE = "script"
"""At the root of a guest: commands of a user's, for its shell."""
BUSYBOX_FILE = "busybox"
HEADERS_FILE = "headers.tar"

BUILT_IN_FACT = "built-in"
PRESENT_FACT = "options-present"
ABSENT_FACT = "options-absent"
"""Facts of an image whose configuration may be unknown: modules that are in the kernel itself; options that
it was built with, and without, as far as the image tells. Names with spaces between them."""

_SHOWN = 8
"""Digits of a patch's checksum in a kernel's name: patches of one name may differ."""


@dataclass(frozen=True)
class KernelRequest:
    """The kernel that some variants run; with a `scope`, modules are built from that directory of it.

    `patches` are compiled into the kernel itself, in this order: only a base that is built whole has any.
    With a `test_module` that is to be built against it: it comes with what modules are built against.
    """

    base: Base
    arch: Arch
    scope: str | None = None
    patches: tuple[Patch, ...] = ()
    test_module: TestModule | None = None

    @property
    def name(self) -> str:
        """What records and locks call the kernel: no other kernel of a run has this name."""
        return " + ".join(
            (self.base.name, *(f"{named(patch.name)} ({patch.sha256[:_SHOWN]})" for patch in self.patches))
        )

    @property
    def what(self) -> str:
        """In messages."""
        return f"{self.name} for {self.arch.name}"


@dataclass(frozen=True)
class SourceTree:
    """A directory of a kernel's source as it is, below `path`; `name` is that of the source, in messages.

    `scripts(names, progress)` gives files of the same source's scripts/ (checkpatch.pl is one), fetched if
    need be: HostError when they cannot be had.
    """

    path: Path
    name: str
    scripts: Callable[[Sequence[str], Progress], CacheEntry]


@dataclass(frozen=True)
class ModuleTree:
    """What modules of a kernel are built from, and against. `key`: everything of it that they depend on.

    `lay_out(directory)` makes `directory/src/linux-headers-RELEASE`, in which `make M=DIR modules` works,
    with all that it links to beside it: nothing outside of `src` is there during a build.
    """

    source: SourceTree
    key: Mapping[str, Any]
    lay_out: Callable[[Path], None]


@dataclass(frozen=True)
class Kernel:
    """A kernel whose parts are in the cache.

    `image` holds `IMAGE_FILE` as the emulator starts it, `CONFIG_FILE`, the modules of `kernels.modules` as
    `MODULES/NAME.ko`, and in `ORDER_FILE` the file names of all but the drivers, each behind what it depends
    on; what is built in is missing from both. What `EXTRA_ROOT_FILE` holds, if it is there, is unpacked
    before the guest's own files. `busybox` holds the static `BUSYBOX_FILE` of the guest's architecture.
    `packages` are what it was made from, for the record, `built` or `given` what identifies it beside them.
    `modules`: None unless the request had a scope or a test module.
    """

    release: str
    version: str
    page_size_bytes: int
    image: CacheEntry
    busybox: CacheEntry
    packages: tuple[Package, ...]
    modules: ModuleTree | None
    built: BuiltKernel | None = None
    given: GivenKernel | None = None

    @property
    def binder(self) -> DriverPlace:
        """Where the driver under test is: a file of the image entry, else in the kernel itself."""
        return "module" if f"{MODULES}/{BINDER.file}" in self.image.meta.files else "built-in"

    @property
    def features(self) -> KernelFeatures:
        """What is known of it by its configuration, its modules, and the facts of its entry."""
        files = self.image.meta.files
        modules = (Path(file).stem for file in files if file.startswith(f"{MODULES}/"))
        told = self.image.meta.facts
        built_in, present, absent = (
            frozenset(told.get(fact, "").split()) for fact in (BUILT_IN_FACT, PRESENT_FACT, ABSENT_FACT)
        )
        config = self.image.file(CONFIG_FILE).read_text() if CONFIG_FILE in files else ""
        return KernelFeatures(config or None, frozenset(modules) | built_in, present, absent)


class KernelRecord(Protocol):
    """What a run (`ArtefactManifest`) or a lock (`LockedBase`) keeps of a kernel, to have it again."""

    @property
    def release(self) -> str:
        """`uname -r`."""

    @property
    def packages(self) -> tuple[Package, ...]:
        """What it was made from."""

    @property
    def built(self) -> BuiltKernel | None:
        """What it was built from."""

    @property
    def given(self) -> GivenKernel | None:
        """What somebody brought."""


@dataclass(frozen=True)
class KernelPlan:
    """Commands for a dry run, each one line to paste, and what they make below one directory.

    `kernel` makes `IMAGE_FILE`, `root/bin/busybox`, and in `root/modules/common` the common modules and
    their `order`; `headers` makes `HEADERS_FILE`, a tar archive of what `ModuleTree.lay_out` makes in `src`.
    `driver(file)` copies the kernel's own driver to a place (None where it is built in), `source(directory)`
    the scope's source below one; both are there once `kernel` has been run.
    """

    release: str
    kernel: tuple[str, ...]
    headers: tuple[str, ...]
    driver: Callable[[Path], str] | None
    source: Callable[[Path], str]


class KernelSource(Protocol):
    """One way to come by kernels. All of it lies in the cache once it is there.

    `stages`: for which stages of `host.programs` it needs programs, unless its work is done.
    """

    @property
    def stages(self) -> tuple[Stage, ...]:
        """As above."""

    def known(self, cache: Cache, request: KernelRequest) -> Kernel | None:
        """The kernel as it was last taken, if all parts are in the cache; no process, no network."""

    def obtain(
        self, cache: Cache, request: KernelRequest, progress: Progress, *, refresh: bool = False
    ) -> Kernel:
        """The kernel from the cache, or made now. What is known stays in use until `refresh`.

        HostError when it cannot be had here, InputError when what the user named is no such kernel.
        """

    def obtain_recorded(
        self, cache: Cache, request: KernelRequest, record: KernelRecord, progress: Progress
    ) -> Kernel:
        """Exactly the kernel of a record; what `known` gives stays as it is.

        HostError when it cannot be had any more, InputError for a record of which none can be made.
        """

    def known_source(self, cache: Cache, request: KernelRequest) -> SourceTree | None:
        """The source of the scope if that is in the cache, whatever else is not; no process, no network."""

    def plan(self, cache: Cache, request: KernelRequest, directory: Path) -> KernelPlan:
        """What `obtain` would do, as commands below `directory`; starts nothing."""

    def forget(self, cache: Cache) -> None:
        """Remove what is remembered beside the cache's entries: the next `obtain` looks for the newest."""
