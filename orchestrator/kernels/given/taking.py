# SPDX-License-Identifier: Apache-2.0
"""From the files that somebody names to what a guest boots: read, checked against each other, written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orchestrator.arch import ArchName
from orchestrator.bases import GivenImage
from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.base import (
    ABSENT_FACT,
    BUILT_IN_FACT,
    CONFIG_FILE,
    EXTRA_ROOT_FILE,
    IMAGE_FILE,
    MODULES,
    ORDER_FILE,
    PRESENT_FACT,
)
from orchestrator.kernels.given import contents, module_files
from orchestrator.kernels.given.extra_root import read_extra_root
from orchestrator.kernels.given.image import KernelImage, read_image_file
from orchestrator.kernels.given.module_files import GivenModules
from orchestrator.kernels.manifest import GivenKernel
from orchestrator.kernels.modules import BINDER, COMMON_MODULES, DRIVERS, RUST_BINDER, module_file
from orchestrator.kernels.verified import file_sha256
from orchestrator.units import MIB

FORMAT = 2
"""Of what is made of the files: change it when the reader makes something else of them."""

_BUILT_IN_BY = {
    "configfs": ("CONFIGFS_FS",),
    "null_blk": ("BLK_DEV_NULL_BLK",),
    "zsmalloc": ("ZSMALLOC",),
    "zram": ("ZRAM",),
    BINDER.module: tuple(contents.BINDER_OPTIONS.values()),
}
"""The options of modules that guests load; any one of them is enough."""
_CONFIG_LIMIT_BYTES = 16 * MIB


@dataclass(frozen=True)
class Taken:
    """All that is made of the files. `config`: from the image, else from beside it; None: from nowhere."""

    image: KernelImage
    page_size_bytes: int
    config: str | None
    modules: GivenModules
    built_in: frozenset[str]
    extra_root: bytes | None
    given: GivenKernel


@dataclass(frozen=True)
class Facts:
    """What of it is kept with the files in the cache."""

    release: str
    page_size_bytes: int
    given: GivenKernel

    @property
    def kept(self) -> dict[str, str]:
        """As an entry of the cache keeps facts."""
        return {
            "release": self.release,
            "page_size_bytes": str(self.page_size_bytes),
            "given": self.given.model_dump_json(),
        }

    @classmethod
    def of(cls, kept: Mapping[str, str]) -> Self:
        """Back from there."""
        given = GivenKernel.model_validate(json.loads(kept["given"]))
        return cls(kept["release"], int(kept["page_size_bytes"]), given)


def take(given: GivenImage, arch: ArchName) -> Taken:
    """The files read and checked: of one architecture, of one kernel. Raises InputError, HostError."""
    image = read_image_file(given.image)
    if image.arch != arch:
        raise InputError(
            f"{given.image} is a kernel for {image.arch}, and the scenario's device is {arch}",
            hint=f"say `arch: {image.arch}` under `device`, or give a kernel for {arch}",
        )
    if image.page_size_bytes is None:
        raise InputError(
            f"{given.image} does not say how large its pages are",
            hint="its header says so since Linux 4.6; with CONFIG_IKCONFIG older ones do, too",
        )
    directory = module_files.look(given.modules, image.release) if given.modules else None
    config = image.config or (directory.config if directory else None) or config_beside(given.image)
    built_in = _built_in(image, config) | ((directory.builtin or frozenset()) if directory else frozenset())
    modules = _modules(image, directory, built_in)
    extra_root = read_extra_root(given.initramfs, config) if given.initramfs else None
    record = GivenKernel(
        image=given.image.name,
        image_sha256=file_sha256(given.image),
        version=image.banner,
        initramfs_sha256=file_sha256(given.initramfs) if given.initramfs else None,
        modules_sha256=modules.sha256,
    )
    own = built_in & {*COMMON_MODULES, BINDER.module}
    return Taken(image, image.page_size_bytes, config, modules, own, extra_root, record)


def config_beside(image: Path) -> str | None:
    """The configuration that distributions put beside their `vmlinuz-RELEASE`; None where there is none."""
    name, _, release = image.name.partition("-")
    beside = image.with_name(f"config-{release}")
    if not (name and release and beside.is_file()):
        return None
    return read_bounded(beside, _CONFIG_LIMIT_BYTES).decode("utf-8", errors="replace")


def _modules(
    image: KernelImage, directory: module_files.ModuleDirectory | None, builtin: frozenset[str]
) -> GivenModules:
    """What guests load: the driver in C, or else the one in Rust, and what stressors need."""
    if directory is None:
        return GivenModules(missing=frozenset({*COMMON_MODULES, BINDER.module} - builtin))
    driver = [] if BINDER.module in builtin else [_driver(directory)]
    return module_files.take(directory, [*COMMON_MODULES, *driver], builtin, image.vermagic, image.release)


def _driver(directory: module_files.ModuleDirectory) -> str:
    return next((name for name in (BINDER.module, RUST_BINDER) if name in directory.files), BINDER.module)


def _built_in(image: KernelImage, config: str | None) -> frozenset[str]:
    """The modules that are known to be in the kernel itself; a driver of either kind counts as the driver."""
    lines = (config or "").splitlines()
    there = {line.removesuffix("=y").removeprefix("CONFIG_") for line in lines} if config else image.marks
    return frozenset(name for name, options in _BUILT_IN_BY.items() if there.intersection(options))


def write(taken: Taken, directory: Path) -> dict[str, str]:
    """An entry of the cache (`kernels.base.Kernel.image`); the facts that go with it."""
    (directory / IMAGE_FILE).write_bytes(taken.image.boot)
    (directory / CONFIG_FILE).write_text(taken.config or "")
    if taken.extra_root is not None:
        (directory / EXTRA_ROOT_FILE).write_bytes(taken.extra_root)
    modules = directory / MODULES
    modules.mkdir()
    drivers = {*(driver.module for driver in DRIVERS.values()), RUST_BINDER}
    for name, content in taken.modules.contents.items():
        # Whichever implementation it is, the guest loads the driver under one name.
        (modules / (BINDER.file if name == RUST_BINDER else module_file(name))).write_bytes(content)
    common = [name for name in taken.modules.order if name not in drivers]
    (directory / ORDER_FILE).write_text("".join(f"{module_file(name)}\n" for name in common))
    facts = Facts(taken.image.release, taken.page_size_bytes, taken.given)
    return {
        **facts.kept,
        BUILT_IN_FACT: " ".join(sorted(taken.built_in)),
        PRESENT_FACT: " ".join(sorted(taken.image.marks)),
        ABSENT_FACT: " ".join(sorted(contents.MARKS.keys() - taken.image.marks)),
    }
