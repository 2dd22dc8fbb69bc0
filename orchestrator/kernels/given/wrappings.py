# SPDX-License-Identifier: Apache-2.0
"""What a kernel is wrapped in: Android's boot image, EFI's two kinds, U-Boot's; each opened by its header.

Every `open_*` takes a file's bytes and gives what is inside, or None for a file of another kind. What a
header promises and the file does not have is a ValueError: then the file is cut short.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestrator.text.amounts import count_of

Open = Callable[[bytes], bytes | None]


@dataclass(frozen=True)
class Wrapping:
    """One way to wrap a kernel; `name` comes with its article."""

    name: str
    open: Open


@dataclass(frozen=True)
class Section:
    """A section of a PE file, where it stands in the file."""

    name: str
    offset: int
    size_bytes: int


_ANDROID_PAGE_AT = 36
_ANDROID_VERSION_AT = 40
_ANDROID_FIRST_OF_ONE_PAGE_SIZE = 3
_ANDROID_PAGE_BYTES = 4096


def open_android(content: bytes) -> bytes | None:
    """The kernel of an Android boot image, header versions 0 to 4 (bootimg.h of AOSP's mkbootimg)."""
    if not content.startswith(b"ANDROID!"):
        return None
    size = _u32(content, 8)
    old = _u32(content, _ANDROID_VERSION_AT) < _ANDROID_FIRST_OF_ONE_PAGE_SIZE
    return _part(content, _u32(content, _ANDROID_PAGE_AT) if old else _ANDROID_PAGE_BYTES, size)


def open_zboot(content: bytes) -> bytes | None:
    """The payload of an EFI zboot image (drivers/firmware/efi/libstub/zboot-header.S)."""
    if content[:2] != b"MZ" or content[4:8] != b"zimg":
        return None
    return _part(content, _u32(content, 8), _u32(content, 12))


def open_unified(content: bytes) -> bytes | None:
    """The kernel in a unified kernel image: the PE section .linux (UAPI.5)."""
    found = next((each for each in pe_sections(content) if each.name == ".linux"), None)
    return _part(content, found.offset, found.size_bytes) if found else None


_UIMAGE_HEADER_BYTES = 64


def open_uimage(content: bytes) -> bytes | None:
    """The data of a legacy U-Boot image (include/image.h of U-Boot; its fields are big endian)."""
    if not content.startswith(b"\x27\x05\x19\x56"):
        return None
    return _part(content, _UIMAGE_HEADER_BYTES, _number(">I", content, 12))


WRAPPINGS = (
    Wrapping("an Android boot image", open_android),
    Wrapping("an EFI zboot image", open_zboot),
    Wrapping("a unified kernel image", open_unified),
    Wrapping("a U-Boot image", open_uimage),
)


_PE_AT = 60
_PE_SECTION_BYTES = 40
_PE_MOST_SECTIONS = 96


def pe_sections(content: bytes) -> tuple[Section, ...]:
    """The sections of a PE file; nothing of files that are none, or are cut within their headers."""
    try:
        return tuple(_sections(content))
    except ValueError:
        return ()


def _sections(content: bytes) -> Iterator[Section]:
    if content[:2] != b"MZ":
        return
    header = _u32(content, _PE_AT)
    if content[header : header + 4] != b"PE\0\0":
        return
    count, optional = _number("<H", content, header + 6), _number("<H", content, header + 20)
    for number in range(min(count, _PE_MOST_SECTIONS)):
        at = header + 24 + optional + number * _PE_SECTION_BYTES
        name = content[at : at + 8].rstrip(b"\0").decode("ascii", errors="replace")
        virtual, raw = _u32(content, at + 8), _u32(content, at + 16)
        yield Section(name, _u32(content, at + 20), min(virtual, raw) if virtual else raw)


def _part(content: bytes, start: int, size: int) -> bytes:
    part = content[start : start + size]
    if len(part) < size:
        raise ValueError(f"its header promises {count_of('byte', start + size)}, and it has {len(content)}")
    if not size:
        raise ValueError("there is no kernel in it")
    return part


def _u32(content: bytes, at: int) -> int:
    return _number("<I", content, at)


def _number(form: str, content: bytes, at: int) -> int:
    try:
        number: int = struct.unpack_from(form, content, at)[0]
    except struct.error:
        raise ValueError("it ends within its header") from None
    return number
