# SPDX-License-Identifier: Apache-2.0
"""A kernel image that somebody brings: what it is, what it says of itself, and what QEMU starts of it.

Documentation/arch/arm64/booting.rst and Documentation/arch/x86/boot.rst tell what the headers mean.
What an image does not say is None here: nothing is guessed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from orchestrator.arch import ARCHS, ArchName
from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.compression import Compression, compression_of, unpack
from orchestrator.kernels.given import bzimage, contents, elf, foreign
from orchestrator.kernels.given.wrappings import WRAPPINGS, pe_sections
from orchestrator.units import KIB, MIB

LIMIT_BYTES = 2048 * MIB
"""Of the file. An unstripped vmlinux with debug information has half of it."""

_DEEPEST = 4
"""boot.img, in it an EFI zboot image, in that a compressed one: three."""
_ARM64_MAGIC = b"ARM\x64"
_ARM64_MAGIC_AT = 56
_ARM64_FLAGS_AT = 24
_ARM64_PAGES: Mapping[int, int] = {1: 4 * KIB, 2: 16 * KIB, 3: 64 * KIB}
_PAGE_OPTIONS = {"4K": 4 * KIB, "16K": 16 * KIB, "64K": 64 * KIB}
_X86_PAGE_BYTES = 4 * KIB
_MACHINES: Mapping[int, ArchName] = {183: "arm64", 62: "x86_64"}
_GUESTS = f"guests are {' and '.join(ARCHS)}"

Implementation = Literal["c", "rust"]
Presence = Literal["built in", "module"]


@dataclass(frozen=True)
class BinderDriver:
    """An implementation of binder that a kernel has, and how; `known_from` says how that is known."""

    implementation: Implementation
    presence: Presence
    known_from: str


@dataclass(frozen=True)
class KernelImage:
    """An image file that was read. `kind` and `wrappings` (phrases, from the outside in) say what it is.

    `boot` is what QEMU starts. `banner` is the kernel's own line on who built it, `release` its `uname -r`.
    `config` is the text of its IKCONFIG, `btf` its types, `vermagic` what a module must say to be loaded;
    `marks` are the options of `contents.MARKS` that it was built with, by the words in it.
    """

    kind: str
    wrappings: tuple[str, ...]
    arch: ArchName
    boot: bytes
    release: str
    banner: str
    page_size_bytes: int | None
    config: str | None
    btf: bytes | None
    vermagic: str | None
    marks: frozenset[str]

    @property
    def what(self) -> str:
        """What kind of file it is, in words."""
        return ", ".join([self.kind, *reversed(self.wrappings)])

    @property
    def binder(self) -> tuple[BinderDriver, ...] | None:
        """Its binder drivers; none where its configuration has none; None where nothing tells."""
        if self.config is not None:
            return configured_binder(self.config, "its IKCONFIG")
        built_in = [name for name, option in contents.BINDER_OPTIONS.items() if option in self.marks]
        found = tuple(BinderDriver(_implementation(name), "built in", "its messages") for name in built_in)
        return found or None


def configured_binder(config: str, known_from: str) -> tuple[BinderDriver, ...]:
    """The binder drivers that a configuration has."""
    lines = frozenset(config.splitlines())
    return tuple(
        BinderDriver(_implementation(name), presence, known_from)
        for name, option in contents.BINDER_OPTIONS.items()
        for value, presence in _PRESENCES.items()
        if f"CONFIG_{option}={value}" in lines
    )


_PRESENCES: Mapping[str, Presence] = {"y": "built in", "m": "module"}


def read_image_file(path: Path) -> KernelImage:
    """The image at a path; InputError naming it for what is no kernel image, or none for guests."""
    name = str(path)
    if path.is_dir():
        raise InputError(f"{name} is a directory, not a kernel image", hint=f"expected {foreign.EXPECTED}")
    return read_image(read_bounded(path, LIMIT_BYTES, what="kernel image"), name)


def read_image(content: bytes, name: str) -> KernelImage:
    """The image of these bytes; `name` is what messages call it.

    InputError for all that is no kernel, is cut, or is a kernel of another architecture; HostError when the
    program is missing that unpacks it.
    """
    wrappings: list[str] = []
    while len(wrappings) <= _DEEPEST:
        opened = _opened(content, name)
        if opened is None:
            return replace(_kernel(content, name), wrappings=tuple(wrappings))
        wrapping, content = opened
        wrappings.append(wrapping)
        name = f"{name}, unpacked," if len(wrappings) == 1 else name
    raise InputError(f"{name}: something is wrapped in this more often than any kernel is")


def _opened(content: bytes, name: str) -> tuple[str, bytes] | None:
    """One wrapping taken off: a phrase for it, and what was in it; None for what has none."""
    compression = compression_of(content)
    if compression is not None:
        return f"compressed with {compression.name}", unpack(content, compression, name)
    for wrapping in WRAPPINGS:
        try:
            inside = wrapping.open(content)
        except ValueError as error:
            raise InputError(f"{name} is {wrapping.name}, but {error}", hint="is the file whole?") from None
        if inside is not None:
            return f"in {wrapping.name}", inside
    return None


def _kernel(content: bytes, name: str) -> KernelImage:
    if content[_ARM64_MAGIC_AT : _ARM64_MAGIC_AT + 4] == _ARM64_MAGIC:
        return _arm64(content, content, "arm64 Image", name)
    if bzimage.is_bzimage(content):
        return _bzimage(content, name)
    parsed = elf.parse(content)
    if parsed is not None:
        return _vmlinux(content, parsed, name)
    raise foreign.refusal(name, content)


def _arm64(image: bytes, file: bytes, kind: str, name: str) -> KernelImage:
    flags: int = struct.unpack_from("<Q", image, _ARM64_FLAGS_AT)[0]
    if flags & 1:
        raise InputError(f"{name} is a big-endian kernel", hint="guests here are little-endian")
    if any(section.offset + section.size_bytes > len(file) for section in pe_sections(image)):
        raise _cut(name)
    made = _described(kind, "arm64", image, boot=image, name=name)
    return replace(made, page_size_bytes=header_pages(image) or _configured_pages(made.config))


def header_pages(image: bytes) -> int | None:
    """The page size in bytes that the header of an unpacked kernel tells, from its first bytes alone.

    None for what is no kernel's header, and for an arm64 one of before Linux 4.6, which does not say.
    """
    if image[_ARM64_MAGIC_AT : _ARM64_MAGIC_AT + 4] == _ARM64_MAGIC:
        flags: int = struct.unpack_from("<Q", image, _ARM64_FLAGS_AT)[0]
        return _ARM64_PAGES.get(flags >> 1 & 3)
    return _X86_PAGE_BYTES if bzimage.is_bzimage(image) else None


def _configured_pages(config: str | None) -> int | None:
    lines = (config or "").splitlines()
    sizes = [size for word, size in _PAGE_OPTIONS.items() if f"CONFIG_ARM64_{word}_PAGES=y" in lines]
    return sizes[0] if len(sizes) == 1 else None


def _bzimage(image: bytes, name: str) -> KernelImage:
    if not bzimage.is_64_bit(image):
        raise InputError(f"{name} is a kernel for 32-bit x86", hint=_GUESTS)
    if bzimage.is_cut(image):
        raise _cut(name)
    payload = bzimage.payload(image)
    compression: Compression | None = compression_of(payload)
    if compression is None:
        raise InputError(f"{name} is a bzImage whose payload is compressed in an unknown way")
    kernel = unpack(payload, compression, name)
    if not bzimage.tells_size(payload, kernel):
        raise InputError(
            f"the kernel in {name} has not the size that it should have", hint="is the file whole?"
        )
    directly = bool(elf.PVH_ENTRY.search(kernel))
    made = _described("bzImage", "x86_64", kernel, boot=kernel if directly else image, name=name)
    return replace(made, wrappings=(), page_size_bytes=_X86_PAGE_BYTES)


def _vmlinux(content: bytes, parsed: elf.Elf, name: str) -> KernelImage:
    arch = _MACHINES.get(parsed.machine)
    if parsed.type == "relocatable":
        raise foreign.module_instead(name)
    if arch is None or parsed.type != "program":
        raise foreign.refusal(name, content)
    if parsed.end > len(content):
        raise _cut(name)
    if arch == "arm64":
        return _flat_arm64(content, parsed, name)
    kernel = elf.without_symbols(content, parsed)
    made = _described("vmlinux", arch, kernel, boot=kernel, name=name)
    if not elf.PVH_ENTRY.search(kernel):
        raise InputError(
            f"{name} is a vmlinux that QEMU cannot start: it has no PVH entry",
            hint="give the bzImage of the same build (arch/x86/boot/bzImage), or build with CONFIG_PVH=y",
        )
    return replace(made, page_size_bytes=_X86_PAGE_BYTES)


def _flat_arm64(content: bytes, parsed: elf.Elf, name: str) -> KernelImage:
    try:
        image = elf.flat(content, parsed)
    except ValueError as error:
        raise InputError(f"{name} is no kernel: {error}") from None
    if image[_ARM64_MAGIC_AT : _ARM64_MAGIC_AT + 4] != _ARM64_MAGIC:
        raise InputError(f"{name} is an ELF program, not a kernel", hint=f"expected {foreign.EXPECTED}")
    return _arm64(image, image, "vmlinux", name)


def _described(kind: str, arch: ArchName, kernel: bytes, *, boot: bytes, name: str) -> KernelImage:
    banner = contents.banner_of(kernel)
    if banner is None:
        raise InputError(
            f"{name} has no version of Linux in it, which every kernel has",
            hint=f"is the file whole, and of Linux? Expected {foreign.EXPECTED}",
        )
    return KernelImage(
        kind=kind,
        wrappings=(),
        arch=arch,
        boot=boot,
        release=banner[0],
        banner=banner[1],
        page_size_bytes=None,
        config=contents.config_of(kernel),
        btf=contents.btf_of(kernel),
        vermagic=contents.vermagic_of(kernel, banner[0]),
        marks=contents.marked_options(kernel),
    )


def _implementation(name: str) -> Implementation:
    return "rust" if name == "rust" else "c"


def _cut(name: str) -> InputError:
    return InputError(f"{name} ends before the kernel in it does", hint="is the file whole?")
