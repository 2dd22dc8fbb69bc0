# SPDX-License-Identifier: Apache-2.0
"""x86 kernel images: the kernel out of its self-extracting wrapper.

An emulated CPU spends as long in the wrapper's decompressor as in the whole boot that follows.
QEMU starts an unpacked kernel directly, if it has an entry for that (PVH).
"""

from __future__ import annotations

import lzma
import struct
import zlib

from orchestrator.kernels.compression import SIZE_BYTES, compression_of, decoded
from orchestrator.kernels.given import elf

_SETUP_SECTS = 0x1F1
_MAGIC = 0x202
_VERSION = 0x206
_XLOADFLAGS = 0x236
_PAYLOAD = 0x248
"""Fields of the setup header: Documentation/arch/x86/boot.rst."""
_FIRST_WITH_PAYLOAD = 0x0208
_FIRST_WITH_XLOADFLAGS = 0x020C
_XLF_KERNEL_64 = 1
_SECTOR_BYTES = 512
_DEFAULT_SETUP_SECTS = 4


def is_bzimage(image: bytes) -> bool:
    """Whether this is an x86 kernel with a setup header."""
    return len(image) >= _PAYLOAD + 8 and image[_MAGIC : _MAGIC + 4] == b"HdrS"


def is_64_bit(image: bytes) -> bool:
    """Whether its kernel is one of 64 bits; ones so old that they do not say are taken for such."""
    flags: int = struct.unpack_from("<H", image, _XLOADFLAGS)[0]
    return _version(image) < _FIRST_WITH_XLOADFLAGS or bool(flags & _XLF_KERNEL_64)


def unpacked(image: bytes) -> bytes:
    """The ELF kernel inside a bzImage if QEMU can start it, and Python can unpack it; else the image.

    The same on every host, whatever programs it has: the result's checksum is in locks and records.
    """
    content = payload(image)
    kernel = _decompress(content)
    whole = kernel.startswith(elf.MAGIC) and content.endswith(struct.pack("<I", len(kernel)))
    return kernel if whole and elf.PVH_ENTRY.search(kernel) else image


def payload(image: bytes) -> bytes:
    """The compressed kernel, and behind it how long it is unpacked; nothing of older images or others."""
    start, length = _place(image)
    return image[start : start + length]


def is_cut(image: bytes) -> bool:
    """Whether the file ends before its payload does."""
    start, length = _place(image)
    return len(image) < start + length


def tells_size(content: bytes, kernel: bytes) -> bool:
    """Whether a payload says of this kernel that it is whole."""
    return content[-SIZE_BYTES:] == struct.pack("<I", len(kernel))


def _place(image: bytes) -> tuple[int, int]:
    if not is_bzimage(image) or _version(image) < _FIRST_WITH_PAYLOAD:
        return 0, 0
    start, length = struct.unpack_from("<II", image, _PAYLOAD)
    return start + ((image[_SETUP_SECTS] or _DEFAULT_SETUP_SECTS) + 1) * _SECTOR_BYTES, length


def _version(image: bytes) -> int:
    number: int = struct.unpack_from("<H", image, _VERSION)[0]
    return number


def _decompress(content: bytes) -> bytes:
    compression = compression_of(content)
    if compression is None or compression.decoder is None:
        return b""
    try:
        return decoded(content, compression.decoder())
    except (lzma.LZMAError, zlib.error, OSError, ValueError, EOFError):
        return b""
