# SPDX-License-Identifier: Apache-2.0
"""Out of the objects of a build, what guests boot. The build wrote them: only plain files of it are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.errors import InputError
from orchestrator.files.folder import Folder
from orchestrator.kernels import kmod
from orchestrator.kernels.base import CONFIG_FILE, IMAGE_FILE, MODULES, ORDER_FILE
from orchestrator.kernels.build.kernel.recipe import IMAGES
from orchestrator.kernels.given import bzimage
from orchestrator.kernels.modules import DRIVERS, guest_modules, module_file
from orchestrator.units import MIB

_MOST_IMAGE_BYTES = 512 * MIB
_MOST_MODULE_BYTES = 64 * MIB

BUILD_ID = bytes.fromhex("6f6f6d6c61620000000000000000000000000000")
"""What all kernels that are built here have for a build id: `oomlab`. Linkers make it from every byte; two
kernels would differ by it wherever they differ at all."""

# struct elf_note, and the name GNU: NT_GNU_BUILD_ID (elf(5)).
_NOTE = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0"


@dataclass(frozen=True)
class BuiltTree:
    """The objects' directory of a build that ended well."""

    objects: Path
    arch: Arch
    build_id: bytes

    def store(self, config: str, directory: Path) -> None:
        """Lay a kernel's files out as `kernels.base.Kernel` says.

        InputError where the configuration has a module that guests load and the build made none.
        """
        image = self._read(IMAGES[self.arch.name][1], _MOST_IMAGE_BYTES)
        (directory / IMAGE_FILE).write_bytes(with_fixed_build_id(bzimage.unpacked(image), self.build_id))
        (directory / CONFIG_FILE).write_text(config)
        modules = {kmod.module_name(path): path for path in map(_ko, self._lines("modules.order"))}
        order = self._order(modules)
        (directory / MODULES).mkdir()
        for name in order:
            content = self._read(modules[name], _MOST_MODULE_BYTES)
            (directory / MODULES / module_file(name)).write_bytes(content)
        drivers = {driver.module for driver in DRIVERS.values()}
        common = [name for name in order if name not in drivers]
        (directory / ORDER_FILE).write_text("".join(f"{module_file(name)}\n" for name in common))

    def _order(self, modules: Mapping[str, str]) -> list[str]:
        """The modules that guests load, each behind what it depends on; what is built in is none."""
        dependencies = {}
        left = [name for name in guest_modules() if name in modules]
        while left:
            name = left.pop()
            needed = kmod.depends(self._read(modules[name], _MOST_MODULE_BYTES))
            dependencies[name] = needed
            left += [each for each in needed if each in modules and each not in dependencies]
        order, missing = kmod.load_order(filter(modules.__contains__, guest_modules()), dependencies, ())
        if missing:
            raise InputError(f"the kernel's modules need {', '.join(sorted(missing))}, which it did not make")
        return order

    def _lines(self, path: str) -> list[str]:
        try:
            return self._read(path, _MOST_MODULE_BYTES).decode(errors="replace").split()
        except FileNotFoundError:
            return []

    def _read(self, path: str, most_bytes: int) -> bytes:
        *folders, name = path.split("/")
        return Folder(self.objects).folder(*folders).read(name, most_bytes=most_bytes)


def _ko(path: str) -> str:
    """The module's file: `modules.order` names its object since 6.3."""
    return f"{path.rpartition('.')[0]}.ko"


def with_fixed_build_id(image: bytes, own: bytes) -> bytes:
    """An image with `BUILD_ID` for its `own` (empty: it has none). The vDSO in it keeps another."""
    return image.replace(_NOTE + own, _NOTE + BUILD_ID) if len(own) == len(BUILD_ID) else image
