# SPDX-License-Identifier: Apache-2.0
"""The files that a user brings, as lines: texts, packed ones, directories, bug reports.

Of an archive only what is known by its name is read, in pieces and up to a bound, and nothing is written
anywhere.
"""

from __future__ import annotations

import os
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from orchestrator.errors import InputError
from orchestrator.logs.streams import shown, text_chunks
from orchestrator.units import KIB, MIB

_MOST_BYTES = 1024 * MIB
"""Of one text, unpacked; bug reports have some 10 to 100 MiB."""
_MOST_PIPED_BYTES = 256 * MIB
_MOST_MEMBERS = 100_000
_MOST_FILES = 10_000
_LONGEST_LINE_BYTES = 64 * KIB
_CHUNK_BYTES = 256 * KIB
_NAMES = (
    "meminfo", "zoneinfo", "buddyinfo", "pagetypeinfo", "vmstat", "swaps", "cpuinfo", "version", "cmdline",
    "getprop", "sysctl", "properties", "props", "uname",
)  # fmt: skip
_KNOWN = re.compile(rf"(?:.*[^a-z])?(?:{'|'.join(_NAMES)})(?:[^a-z].*)?(?:\.txt|\.log|\.out)?", re.IGNORECASE)
"""`meminfo`, `meminfo.txt`, `proc_meminfo`, `01-meminfo.log`: people name copies as they like."""
_ZIP = b"PK\x03\x04"
_ENCRYPTED = 0x1
"""Bit 0 of a member's flags: APPNOTE.TXT 4.4.4."""


@dataclass(frozen=True)
class Text:
    """One text: what it is called, its lines, and the path that it may be a copy of."""

    name: str
    lines: Iterator[str]
    path: str


def texts_of(files: Sequence[Path]) -> Iterator[Text]:
    """Everything readable in these files, each before the next is opened. InputError for what cannot be."""
    for file in files:
        if file.is_dir():
            yield from _of_directory(file)
            continue
        with _opened(file) as stream:
            if stream.peek(len(_ZIP))[: len(_ZIP)] == _ZIP:
                yield from _of_zip(file, stream)
            else:
                yield Text(shown(str(file)), _lines(text_chunks(str(file), stream), file.name), str(file))


def _of_directory(directory: Path) -> Iterator[Text]:
    found = 0
    for place, _, names in os.walk(directory):
        for name in sorted(names):
            path = Path(place, name)
            if _is_known(path) and path.is_file() and not path.is_symlink():
                found += 1
                if found > _MOST_FILES:
                    raise InputError(f"{shown(str(directory))}: more files than any device's /proc has")
                with _opened(path) as stream:
                    yield Text(shown(str(path)), _lines(text_chunks(str(path), stream), name), str(path))
    if not found:
        raise InputError(
            f"{shown(str(directory))}: no file in it is called as one of /proc is",
            hint=f"known are: {', '.join(_NAMES)}, and files below sys/vm/",
        )


def _is_known(path: Path | PurePosixPath) -> bool:
    return _KNOWN.fullmatch(path.name) is not None or path.parts[-3:-1] == ("sys", "vm")


@contextmanager
def _opened(file: Path) -> Iterator[BufferedReader]:
    if str(file) == "-":
        if sys.stdin is None:  # whoever started us closed it
            raise InputError("standard input is closed")
        yield BufferedReader(BytesIO(_whole(sys.stdin.buffer)))
        return
    try:
        with file.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"{shown(str(file))}: cannot be read: {error.strerror or error}") from None


def _whole(stream: IO[bytes]) -> bytes:
    """All of a pipe, for an archive is read from its end."""
    data = stream.read(_MOST_PIPED_BYTES + 1)
    if len(data) > _MOST_PIPED_BYTES:
        raise InputError(f"-: more than {_MOST_PIPED_BYTES // MIB} MiB", hint="give the file by its name")
    return data


def _of_zip(file: Path, stream: BufferedReader) -> Iterator[Text]:
    name = shown(str(file))
    try:
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            if len(members) > _MOST_MEMBERS:
                raise InputError(f"{name}: more files in it than any bug report has")
            wanted = [member for member in members if _is_wanted(member.filename)]
            if not wanted:
                raise InputError(
                    f"{name}: no bug report in this archive",
                    hint="looked for: bugreport-*.txt, dumpstate-*.txt, copies of files under /proc",
                )
            for member in wanted:
                if member.flag_bits & _ENCRYPTED:
                    raise InputError(f"{name}: encrypted", hint="unpack it first, and give the .txt in it")
                inside = shown(f"{file}:{member.filename}")
                with archive.open(member) as content:
                    yield Text(inside, _lines(_pieces(content), inside), member.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{name}: a damaged archive, or of an unknown kind: {error}") from None


def _is_wanted(member: str) -> bool:
    path = PurePosixPath(member)
    report = path.suffix == ".txt" and path.name.startswith(("bugreport", "dumpstate", "dumpState"))
    return report or _is_known(path)


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    while piece := content.read(_CHUNK_BYTES):
        yield piece


def _lines(chunks: Iterator[bytes], name: str) -> Iterator[str]:
    """Line by line; a line without end is cut, as is a text without end."""
    rest, size_bytes = b"", 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > _MOST_BYTES:
            raise InputError(f"{name}: more than {_MOST_BYTES // MIB} MiB of text; this is no bug report")
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)
        rest = rest[:_LONGEST_LINE_BYTES]
    if rest:
        yield rest.decode("utf-8", "replace")
