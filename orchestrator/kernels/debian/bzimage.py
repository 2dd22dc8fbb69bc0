# SPDX-License-Identifier: Apache-2.0
"""x86 kernel images: the kernel out of its self-extracting wrapper.

An emulated CPU spends as long in the wrapper's decompressor as in the whole boot that follows.
QEMU starts an unpacked kernel directly, if it has an entry for that (PVH).
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zlib
from collections.abc import Callable

_SETUP_SECTS = 0x1F1
_MAGIC = 0x202
_VERSION = 0x206
_PAYLOAD = 0x248
"""Fields of the setup header: Documentation/arch/x86/boot.rst."""
_FIRST_WITH_PAYLOAD = 0x0208
_SECTOR_BYTES = 512
_DEFAULT_SETUP_SECTS = 4
_SIZE_BYTES = 4
"""Behind the payload stands how long it is when unpacked (scripts/Makefile.lib: size_append)."""

_ELF = b"\x7fELF"
_PVH_ENTRY = re.compile(rb"\x04\0\0\0[\x04\x08]\0\0\0\x12\0\0\0Xen\0")
"""Note XEN_ELFNOTE_PHYS32_ENTRY (include/xen/interface/elfnote.h): where QEMU enters the kernel."""

_Unpack = Callable[[bytes], bytes]
# What Python's own library unpacks; a kernel that is packed otherwise boots as it is.
_FORMATS: tuple[tuple[bytes, _Unpack], ...] = (
    (b"\xfd7zXZ\0", lambda data: lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data)),
    (b"\x5d\0\0", lambda data: lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(data)),
    (b"\x1f\x8b", lambda data: zlib.decompressobj(wbits=31).decompress(data)),
    (b"BZh", lambda data: bz2.BZ2Decompressor().decompress(data)),
)


def unpacked(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage if QEMU can start it; otherwise the image as it is."""
    payload = _payload(image)
    kernel = _decompress(payload)
    whole = kernel.startswith(_ELF) and payload.endswith(struct.pack("<I", len(kernel)))
    return kernel if whole and _PVH_ENTRY.search(kernel) else image


def _payload(image: bytes) -> bytes:
    if len(image) < _PAYLOAD + 8 or image[_MAGIC : _MAGIC + 4] != b"HdrS":
        return b""
    if struct.unpack_from("<H", image, _VERSION)[0] < _FIRST_WITH_PAYLOAD:
        return b""
    start, length = struct.unpack_from("<II", image, _PAYLOAD)
    start += ((image[_SETUP_SECTS] or _DEFAULT_SETUP_SECTS) + 1) * _SECTOR_BYTES
    return image[start : start + length]


def _decompress(payload: bytes) -> bytes:
    for magic, unpack in _FORMATS:
        if payload.startswith(magic):
            try:
                return unpack(payload)
            except (lzma.LZMAError, zlib.error, OSError, ValueError):
                return b""
    return b""
