# SPDX-License-Identifier: Apache-2.0
"""A small source tree in memory: what goes into a sandbox, and what came out of it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OomlabError

REGULAR_MODE = 0o644


@dataclass(frozen=True)
class TreeFile:
    """A regular file."""

    content: bytes
    mode: int = REGULAR_MODE


@dataclass(frozen=True)
class OddFile:
    """Anything else that a patch may have made: a link, a device, a pipe."""

    kind: str


Tree = Mapping[str, TreeFile]


def read_tree(root: Path, scope: str) -> dict[str, TreeFile]:
    """The files below `root`/`scope`, by their path relative to `root`."""
    return {
        str(path.relative_to(root)): TreeFile(path.read_bytes())
        for path in sorted((root / scope).rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def tree_sha256(tree: Tree) -> str:
    """A checksum of all paths and contents."""
    digest = hashlib.sha256()
    for path in sorted(tree):
        content = hashlib.sha256(tree[path].content).hexdigest()
        digest.update(f"{content}  {path}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def pack(tree: Tree) -> bytes:
    """The tree as a tar archive with fixed owners and times."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(tree):
            member = tarfile.TarInfo(path)
            member.size = len(tree[path].content)
            member.mode = tree[path].mode
            archive.addfile(member, io.BytesIO(tree[path].content))
    return buffer.getvalue()


def unpack(archive_bytes: bytes) -> dict[str, TreeFile | OddFile]:
    """The files of a tar archive; directories are left out, everything that is no regular file is odd.

    It comes out of the sandbox: a sparse file, whose few bytes could stand for any size, is odd too.
    OomlabError when it is no archive.
    """
    found: dict[str, TreeFile | OddFile] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive_bytes), mode="r:") as archive:
            for member in archive:
                path = member.name.removeprefix("./")
                is_plain = member.isreg() and not member.issparse() and member.size <= len(archive_bytes)
                file = archive.extractfile(member) if is_plain else None
                if file is not None:
                    found[path] = TreeFile(file.read(), member.mode & 0o7777)
                elif not member.isdir():
                    found[path] = OddFile(_KINDS.get(member.type, "special file"))
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise OomlabError(f"what came out of the sandbox is no archive: {error}") from None
    return found


_KINDS = {
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
}
