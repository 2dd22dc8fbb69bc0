# SPDX-License-Identifier: Apache-2.0
"""An initramfs that somebody brings: the guest's own files are put behind it.

The kernel unpacks archives one behind the other, each compressed in its own way or not, with zeros between
them (Documentation/driver-api/early-userspace/buffer-format.rst). Of files of one name the last one counts.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.compression import Compression, compression_of
from orchestrator.units import MIB

LIMIT_BYTES = 1024 * MIB
_ALIGNMENT = 4
"""Where an archive may begin (init/initramfs.c); more does no harm."""
_CPIO = (b"070701", b"070702")
_LZ4_OF_THE_KERNEL = b"\x02\x21\x4c\x18"
_OPTIONS = {
    "gzip": "RD_GZIP", "bzip2": "RD_BZIP2", "lzma": "RD_LZMA", "xz": "RD_XZ",
    "lzo": "RD_LZO", "lz4": "RD_LZ4", "zstd": "RD_ZSTD",
}  # fmt: skip


def read_extra_root(path: Path, config: str | None) -> bytes:
    """The archive, made ready for another one behind it.

    InputError for a file that is none, or one that a kernel of this configuration (None: unknown) cannot
    unpack.
    """
    content = read_bounded(path, LIMIT_BYTES, what="initramfs")
    compression = compression_of(content)
    if compression is not None:
        _require_unpackable(path, content, compression, config)
    elif not content.startswith(_CPIO):
        raise _no_archive(path)
    return content + bytes(-len(content) % _ALIGNMENT)


def _require_unpackable(path: Path, content: bytes, compression: Compression, config: str | None) -> None:
    option = _OPTIONS[compression.name]
    if config is not None and f"CONFIG_{option}=y" not in config.splitlines():
        raise InputError(
            f"the kernel cannot unpack the initramfs {path}: it is compressed with {compression.name},"
            f" and CONFIG_{option} is off",
            hint="give the archive unpacked",
        )
    if compression.name == "lz4" and not content.startswith(_LZ4_OF_THE_KERNEL):
        raise InputError(
            f"the initramfs {path} is in a format of lz4 that kernels do not read", hint="pack it with lz4 -l"
        )
    if compression.name == "gzip" and not _begins_with_cpio(content):
        raise _no_archive(path)


def _begins_with_cpio(content: bytes) -> bool:
    try:
        return zlib.decompressobj(wbits=31).decompress(content, len(_CPIO[0])) in _CPIO
    except zlib.error:
        return False


def _no_archive(path: Path) -> InputError:
    return InputError(
        f"{path} is no initramfs: it is no cpio archive of the format newc",
        hint="find . | cpio -o -H newc makes one; it may be compressed with gzip, xz, zstd or lz4 -l",
    )
