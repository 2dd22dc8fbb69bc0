# SPDX-License-Identifier: Apache-2.0
"""Kernel trees as tarballs, from anybody: members that are no files of one tree are refused."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, cast

from orchestrator.deadline import Deadline
from orchestrator.errors import InputError
from orchestrator.host.process import PIPE, start
from orchestrator.kernels.source_build.listing import FILE, LINK, PROGRAM, Entry
from orchestrator.units import GIB, MIB

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tar.zst")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_UNZSTD = ("zstd", "-dcq", "--")
_READ_S = 900.0
MOST_FILE_BYTES = 128 * MIB
MOST_BYTES = 8 * GIB
"""A kernel's tree has 1.5 GB; what unpacks to more than this is none."""


def entries_of(archive: tarfile.TarFile, name: str) -> Iterator[Entry]:
    """The files and links below the one directory that all members lie in (or below none).

    InputError for devices, pipes, hard links, sparse files, more than one top directory and for what is
    too large to be a kernel's; where a path or a link leads is for the reader to check. One pass: an entry
    is to be read before the next is asked for.
    """
    deadline = Deadline.after(_READ_S, f"reading {name}")
    top: str | None = None
    left_bytes = MOST_BYTES
    for member in archive:
        deadline.check()
        path = member.name.removeprefix("./").rstrip("/")
        if path in ("", ".", "pax_global_header"):
            continue
        first, _, inner = path.partition("/")
        top = first if top is None else top
        if first != top:
            raise InputError(
                f"{name} has more than one directory at its top: '{top}' and '{first}'",
                hint="a kernel's tarball holds one directory, as `git archive --prefix=linux/` makes it",
            )
        if member.isdir():
            continue
        left_bytes -= member.size
        _require_plain(member, name, left_bytes)
        if not inner:
            raise InputError(f"{name} holds the file '{path}' beside a directory", hint=_ONE_TREE)
        yield Entry(inner, _mode(member), partial(_content, archive, member))


_ONE_TREE = "a kernel's tarball holds files, directories, and links between them"


def _require_plain(member: tarfile.TarInfo, name: str, left_bytes: int) -> None:
    if member.issparse() or not (member.isreg() or member.issym()):
        raise InputError(f"{name} holds '{member.name}', which is no plain file", hint=_ONE_TREE)
    if member.size > MOST_FILE_BYTES or left_bytes < 0:
        raise InputError(
            f"{name} unpacks to more than a kernel's tree has: at '{member.name}'",
            hint=f"at most {MOST_FILE_BYTES // MIB} MiB a file and {MOST_BYTES // GIB} GiB in all are read",
        )


def _mode(member: tarfile.TarInfo) -> str:
    if member.issym():
        return LINK
    return PROGRAM if member.mode & 0o100 else FILE


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.issym():
        return member.linkname.encode(errors="surrogateescape")
    file = cast(IO[bytes], archive.extractfile(member))
    with file:
        return file.read()


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """A tarball as a stream, however it is packed; InputError when it is none or ends too early."""
    try:
        with ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(path.open("rb"))
            if file.read(len(_ZSTD_MAGIC)) == _ZSTD_MAGIC:
                child = stack.enter_context(start([*_UNZSTD, path], stdout=PIPE))
                archive = tarfile.open(fileobj=cast(IO[bytes], child.stdout), mode="r|")  # noqa: SIM115
            else:
                file.seek(0)
                archive = tarfile.open(fileobj=file, mode="r|*")  # noqa: SIM115
            yield stack.enter_context(archive)
    except (tarfile.TarError, EOFError, ValueError, ArithmeticError) as error:
        raise InputError(f"{path} is no tarball, or not a whole one: {error}", hint=_KINDS) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", hint=_KINDS) from None


_KINDS = f"a tree is a directory, a git repository, or a tarball ({', '.join(SUFFIXES)})"
