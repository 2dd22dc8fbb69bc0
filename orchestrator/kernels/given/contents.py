# SPDX-License-Identifier: Apache-2.0
"""What an unpacked kernel says of itself: version, configuration, types, and which driver it talks for.

All of it is looked for in the bytes as they are loaded; the table of symbols is compressed and left alone.
"""

from __future__ import annotations

import re
import struct
import zlib

from orchestrator.kernels.compression import LIMIT_BYTES

BINDER_OPTIONS = {"c": "ANDROID_BINDER_IPC", "rust": "ANDROID_BINDER_IPC_RUST"}
"""By implementation (drivers/android/Kconfig)."""

_BANNER = re.compile(rb"Linux version (\d[^\s\0]*) \([^\0\n]{1,1000}")
_NUMBERED = re.compile(r" #\d")
_CONFIG = re.compile(rb"IKCFG_ST(?=\x1f\x8b)")
_BTF = struct.Struct("<HBBIIIII")
_BTF_MAGIC = 0xEB9F
_BTF_START = re.compile(rb"\x9f\xeb\x01\0" + re.escape(struct.pack("<I", _BTF.size)))

MARKS = {
    option: re.compile(pattern)
    for option, pattern in {
        # pr_fmt() of binder.c and binder_alloc.c begins with the name of the object, and Debian's is another.
        "ANDROID_BINDER_IPC": rb"\x01[0-7]binder(_linux|_alloc)?: ",
        # Where panics came from, and the name of the module.
        "ANDROID_BINDER_IPC_RUST": rb"drivers/android/binder/\w+\.rs|\0rust_binder\0",
        # Where a RAM disk might be meant it is the first, else the second (init/initramfs.c).
        "BLK_DEV_INITRD": rb"unpack rootfs image as initramfs|Unpacking initramfs\.\.\.",
        "BLK_DEV_NULL_BLK": rb"null_blk: ",
        "CMA": rb"\x01[0-7]cma: |\0cma: ",
        "COMPACTION": rb"\0compact_memory\0",
        "DEBUG_FS": rb"debugfs: ",
        "DEVTMPFS": rb"devtmpfs: ",
        "HIST_TRIGGERS": rb"hist:keys",
        "HUGETLBFS": rb"nr_hugepages\0",
        "INET": rb"\0ip_default_ttl\0",
        "PCI_HOST_GENERIC": rb"\0pci-host-ecam-generic\0",
        "POSIX_MQUEUE": rb"\0msgsize_max\0",
        "PROC_PAGE_MONITOR": rb"\0kpageflags\0",
        "SWAP": rb"\0swaps\0",
        "SYNTH_EVENTS": rb"\0synthetic_events\0",
        "UNIX": rb"\0max_dgram_qlen\0",
        "ZRAM": rb"zram: ",
    }.items()
}
"""By option: words that a kernel has in it if it was built with that, not as a module, and else has not.

They are messages and names of files that the code of the option alone has.
"""


def banner_of(kernel: bytes) -> tuple[str, str] | None:
    """Release and whole line of `linux_banner` (init/version-timestamp.c); None where there is none.

    One with a build number is preferred: the first stage of linking leaves one without.
    """
    found = [
        (match[1].decode("ascii", errors="replace"), match[0].decode("utf-8", errors="replace"))
        for match in _BANNER.finditer(kernel)
    ]
    numbered = [each for each in found if _NUMBERED.search(each[1])]
    return next(iter([*numbered, *found]), None)


def config_of(kernel: bytes) -> str | None:
    """The configuration (CONFIG_IKCONFIG, kernel/configs.c); None where it is not, or is broken."""
    for match in _CONFIG.finditer(kernel):
        decoder = zlib.decompressobj(wbits=31)
        try:
            text = decoder.decompress(kernel[match.end() :], LIMIT_BYTES)
        except zlib.error:
            continue
        if decoder.eof and decoder.unused_data.startswith(b"IKCFG_ED"):
            return text.decode("utf-8", errors="replace")
    return None


def btf_of(kernel: bytes) -> bytes | None:
    """The kernel's types (Documentation/bpf/btf.rst); None where none are in the image."""
    for match in _BTF_START.finditer(kernel):
        header = kernel[match.start() : match.start() + _BTF.size]
        if len(header) < _BTF.size:
            return None
        _, _, _, size, type_at, type_size, string_at, string_size = _BTF.unpack(header)
        end = match.start() + size + max(type_at + type_size, string_at + string_size)
        strings = match.start() + size + string_at
        plausible = type_at == 0 and string_at >= type_size > 0 and string_size > 0
        if plausible and end <= len(kernel) and kernel[strings] == 0 and kernel[end - 1] == 0:
            return kernel[match.start() : end]
    return None


def marked_options(kernel: bytes) -> frozenset[str]:
    """The options of `MARKS` that a kernel was built with, by its words."""
    return frozenset(option for option, pattern in MARKS.items() if pattern.search(kernel))


def vermagic_of(kernel: bytes, release: str) -> str | None:
    """What modules have to say of themselves to be loaded; None in kernels that load none."""
    wanted = re.escape(release.encode())
    match = re.search(rb"\0(" + wanted + rb"(?: [\w-]+){1,12}) ?\0", kernel)
    return match[1].decode() if match else None
