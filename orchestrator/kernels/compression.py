# SPDX-License-Identifier: Apache-2.0
"""What kernels, modules and initramfs archives are compressed with, by their first bytes.

Python's own library unpacks four of the formats; for the others there are programs, which work in the
sandbox: the file may come from anybody.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.host.process import find_program
from orchestrator.kernels.build.sandbox import Limits, Sandbox, run_sandboxed
from orchestrator.units import MIB

LIMIT_BYTES = 1024 * MIB
"""Of what comes out. A kernel with all its symbols has half of it."""
SIZE_BYTES = 4
"""Kbuild appends the unpacked size (scripts/Makefile.lib: size_append), which programs take for rubbish."""

_UNPACK_S = 120.0


class Decoder(Protocol):
    """Unpacks a stream; `eof` once its end has come. ValueError and the like for what is broken."""

    @property
    def eof(self) -> bool:
        """Whether the end was read."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most so many bytes of what is in the data."""


@dataclass(frozen=True)
class Compression:
    """A format: its name, the bytes that it begins with, and the library's way, or else a program."""

    name: str
    magic: bytes
    decoder: Callable[[], Decoder] | None = None
    program: tuple[str, ...] = ()


def _gzip() -> Decoder:
    return zlib.decompressobj(wbits=31)


def _lzma() -> Decoder:
    # The kernel's lzma files state no size and end with a marker, or state one.
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE)


def _xz() -> Decoder:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ)


def decoded(data: bytes, decoder: Decoder) -> bytes:
    """The whole content; ValueError with the reason for what is broken or too large."""
    content = decoder.decompress(data, LIMIT_BYTES)
    if decoder.eof:
        return content
    if len(content) >= LIMIT_BYTES:
        raise ValueError(f"it unpacks to more than {LIMIT_BYTES // MIB} MiB")
    raise ValueError("it ends in the middle")


FORMATS = (
    Compression("gzip", b"\x1f\x8b", _gzip),
    Compression("xz", b"\xfd7zXZ\0", _xz),
    Compression("lzma", b"\x5d\0\0", _lzma),
    Compression("bzip2", b"BZh", bz2.BZ2Decompressor),
    Compression("zstd", b"\x28\xb5\x2f\xfd", program=("zstd", "-dcq")),
    # The kernel's Image.lz4 is of the old format.
    Compression("lz4", b"\x02\x21\x4c\x18", program=("lz4", "-dcq")),
    Compression("lz4", b"\x04\x22\x4d\x18", program=("lz4", "-dcq")),
    Compression("lzo", b"\x89LZO\0\r\n\x1a\n", program=("lzop", "-dcq")),
)


def compression_of(data: bytes) -> Compression | None:
    """The format that data begins like; None for data that is not compressed, or otherwise."""
    return next((each for each in FORMATS if data.startswith(each.magic)), None)


def beginning(data: bytes, format_: Compression, most_bytes: int) -> bytes:
    """The first bytes of the content, however it goes on; none where it takes a program, or is broken."""
    if format_.decoder is None:
        return b""
    try:
        return format_.decoder().decompress(data, most_bytes)
    except (lzma.LZMAError, zlib.error, OSError, ValueError, EOFError):
        return b""


def unpack(data: bytes, format_: Compression, name: str) -> bytes:
    """The content; what stands behind its end is passed over. `name` is the file's, in messages.

    InputError when it is broken, HostError without the program that it takes.
    """
    try:
        content = decoded(data, format_.decoder()) if format_.decoder else _by_program(data, format_)
    except (ValueError, lzma.LZMAError, zlib.error, OSError, EOFError) as error:
        raise InputError(
            f"{name} cannot be unpacked as {format_.name}: {error}", hint="is the file whole?"
        ) from None
    return content


def _by_program(data: bytes, format_: Compression) -> bytes:
    find_program(format_.program[0])
    limits = Limits(file_bytes=LIMIT_BYTES, total_memory_bytes=2 * LIMIT_BYTES + 512 * MIB)
    command = Sandbox(limits=limits).command(" ".join(format_.program))
    words = ""
    for whole in (data, data[:-SIZE_BYTES]):
        done = run_sandboxed(
            command,
            input_bytes=whole,
            deadline=Deadline.after(_UNPACK_S, f"unpacking with {format_.program[0]}"),
        )
        if done.returncode == 0:
            return done.stdout
        words = words or done.stderr.decode(errors="replace").strip() or done.excess
    if not words:
        raise HostError(f"{format_.program[0]} failed without a word")
    raise ValueError(words.splitlines()[-1])
