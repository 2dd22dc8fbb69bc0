# SPDX-License-Identifier: Apache-2.0
"""Kernel images as small as they can be, byte by byte as their headers are documented."""

from __future__ import annotations

import gzip
import lzma
import struct

RELEASE = "6.6.30-test"
BANNER = f"Linux version {RELEASE} (me@here) (gcc 12, ld 2.40) #3 SMP PREEMPT Mon Jan 1 2026\n"
VERMAGIC = f"{RELEASE} SMP preempt mod_unload aarch64"
CONFIG = "CONFIG_ARM64=y\nCONFIG_ANDROID_BINDER_IPC=y\nCONFIG_COMPACTION=y\n"
PVH_NOTE = struct.pack("<III", 4, 8, 18) + b"Xen\0" + struct.pack("<Q", 0x1000)
C_MESSAGE = b"\0\x013binder: %d:%d buffer allocation failed\n\0"
RUST_MESSAGE = b"\0drivers/android/binder/process.rs\0"


def ikconfig(text: str = CONFIG) -> bytes:
    """As kernel/configs.c has it."""
    return b"IKCFG_ST" + gzip.compress(text.encode(), mtime=0) + b"IKCFG_ED"


def btf() -> bytes:
    """A header, one type (an int), and a table of two strings."""
    types, strings = struct.pack("<IIII", 1, 1 << 24, 4, 32), b"\0int\0"
    return (
        struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings
    )


def content(*parts: bytes, banner: str = BANNER, vermagic: str = VERMAGIC) -> bytes:
    """What is behind a kernel's header."""
    return b"code" * 8 + b"\0" + banner.encode() + b"\0" + vermagic.encode() + b"\0" + b"".join(parts)


def arm64_image(*parts: bytes, flags: int = 0b1010, banner: str = BANNER) -> bytes:
    """An `Image`; the flags say 4 KiB pages, little endian, anywhere in memory."""
    header = struct.pack("<IIQQQQQQ4sI", 0x91005A4D, 0, 0, 1 << 20, flags, 0, 0, 0, b"ARM\x64", 0)
    return header + content(*parts, banner=banner)


def elf(
    machine: int, loaded: bytes, *, kind: int = 2, address: int = 0x8000_0000, more: bytes = b""
) -> bytes:
    """A vmlinux of one segment; `more` stands behind it, as symbols do."""
    start = 64 + 56
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, start + len(loaded), 0, 64, 56, 1, 64, 3, 2
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, start, address, address, len(loaded), len(loaded), 4096)
    return header + segment + loaded + more


def arm64_vmlinux(*parts: bytes, more: bytes = b"") -> bytes:
    """An ELF kernel, of which the Image is a part."""
    return elf(183, arm64_image(*parts), kind=3, more=more)


def x86_vmlinux(*parts: bytes, pvh: bool = True, more: bytes = b"") -> bytes:
    """An ELF kernel with the note that QEMU looks for, or without."""
    return elf(62, content(PVH_NOTE if pvh else b"", *parts), more=more)


def bzimage(payload: bytes, *, version: int = 0x20F, setup_sects: int = 2, flags: int = 1) -> bytes:
    """Boot sector and setup code, 16 bytes of decompressor, the payload, some more."""
    image = bytearray(512 * ((setup_sects or 4) + 1))
    image[0x1F1] = setup_sects
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, version)
    struct.pack_into("<H", image, 0x236, flags)
    struct.pack_into("<II", image, 0x248, 16, len(payload))
    return bytes(image) + b"decompressor    " + payload + b"end"


def packed(kernel: bytes) -> bytes:
    """The payload of a bzImage: compressed, and how long it is unpacked."""
    return lzma.compress(kernel) + struct.pack("<I", len(kernel))


def android(kernel: bytes, *, version: int = 4, page_bytes: int = 2048) -> bytes:
    """A boot.img: before version 3 its pages are as large as it says, from then on 4 KiB."""
    header = bytearray(4096 if version >= 3 else page_bytes)
    header[:8] = b"ANDROID!"
    struct.pack_into("<I", header, 8, len(kernel))
    if version < 3:
        struct.pack_into("<I", header, 36, page_bytes)
    struct.pack_into("<I", header, 40, version)
    return bytes(header) + kernel + bytes(-len(kernel) % page_bytes) + b"ramdisk"


def zboot(payload: bytes) -> bytes:
    """An EFI zboot image."""
    header = struct.pack("<4s4sIIII32sI", b"MZ\0\0", b"zimg", 128, len(payload), 0, 0, b"gzip", 64)
    return header.ljust(128, b"\0") + payload


def unified(kernel: bytes) -> bytes:
    """A unified kernel image: a PE file with a section .linux."""
    sections = ((".osrel", b"ID=x"), (".linux", kernel))
    header = bytearray(1024)
    header[:2] = b"MZ"
    struct.pack_into("<I", header, 60, 64)
    struct.pack_into("<4sHHIIIHH", header, 64, b"PE\0\0", 0xAA64, len(sections), 0, 0, 0, 0, 0)
    body = b""
    for number, (name, data) in enumerate(sections):
        struct.pack_into(
            "<8sIIII", header, 88 + 40 * number, name.encode(), len(data), 0, len(data), 1024 + len(body)
        )
        body += data
    return bytes(header) + body


def uimage(kernel: bytes) -> bytes:
    """A legacy U-Boot image."""
    return struct.pack(">IIIIIIIBBBB32s", 0x27051956, 0, 0, len(kernel), 0, 0, 0, 5, 22, 2, 0, b"x") + kernel
