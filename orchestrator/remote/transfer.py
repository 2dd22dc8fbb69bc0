# SPDX-License-Identifier: Apache-2.0
"""Files to and from another machine, each once: by checksum, under another name until it is whole.

What is on its way is called `NAME.part`; after a cut it goes on from where it was. A file that is there
with the right checksum is not sent again.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import paramiko

from orchestrator.errors import HostError
from orchestrator.kernels.verified import file_sha256
from orchestrator.remote.connection import ConnectionLost, Machine
from orchestrator.text.amounts import count_of

PART = ".part"
_CHUNK_BYTES = 1 << 18
_CHECKSUM_S = 600.0
_TOGETHER = 100
"""Files of which checksums are asked for at once: a command line has an end (128 KiB a word)."""


def checksums_there(machine: Machine, paths: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of those of these files that the other machine has and can read."""
    found: dict[str, str] = {}
    for start in range(0, len(paths), _TOGETHER):
        found |= _checksums(machine, paths[start : start + _TOGETHER])
    return found


def _checksums(machine: Machine, paths: Sequence[str]) -> dict[str, str]:
    # Each name a command of its own, from stdin: sha256sum then has no name to print, and none to quote.
    script = "; ".join(f"sha256sum 2>/dev/null <{shlex.quote(path)} || echo -" for path in paths)
    lines = machine.ask(f"{{ {script}; }} 2>/dev/null", "taking checksums", deadline_s=_CHECKSUM_S)
    sums = [line.partition(" ")[0] for line in lines.splitlines()]
    if len(sums) != len(paths):
        raise HostError("the other machine's sha256sum does not say what it should")
    return {path: sha256 for path, sha256 in zip(paths, sums, strict=True) if sha256 != "-"}


def send_file(machine: Machine, local: Path, remote: str) -> bool:
    """Have a file on the other machine, in a directory that exists there; whether anything was sent.

    Can be called again after ConnectionLost. HostError when the other machine has no room for it.
    """
    wanted = file_sha256(local)
    if checksums_there(machine, [remote]).get(remote) == wanted:
        return False
    part = remote + PART
    for anew in (False, True):  # what lies there of an earlier attempt may be of another file
        with _refusal_told(remote):
            _send(machine, local, part, anew=anew)
        if checksums_there(machine, [part]).get(part) == wanted:
            with machine.files() as files:
                files.posix_rename(part, remote)
            return True
    raise HostError(f"{PurePosixPath(remote).name} arrived on the other machine with another checksum, twice")


def bring_file(machine: Machine, remote: str, local: Path, *, most_bytes: int) -> None:
    """Have a file of the other machine here; what is here already is believed by its checksum alone.

    Can be called again after ConnectionLost. HostError for one that is missing, or larger than `most_bytes`.
    """
    name = PurePosixPath(remote).name
    wanted = checksums_there(machine, [remote]).get(remote)
    if wanted is None:
        raise HostError(f"the other machine has no {name}")
    if local.is_file() and file_sha256(local) == wanted:
        return
    part = local.with_name(local.name + PART)
    for anew in (False, True):
        if anew:
            part.unlink()
        _bring(machine, remote, part, most_bytes)
        if file_sha256(part) == wanted:
            part.replace(local)
            return
    raise HostError(f"{name} arrived from the other machine with another checksum, twice")


def _send(machine: Machine, local: Path, part: str, *, anew: bool) -> None:
    with machine.files() as files, local.open("rb") as source:
        there_bytes = 0 if anew else _size(files, part)
        mode = "wb" if there_bytes == 0 or there_bytes > local.stat().st_size else "r+b"
        with files.open(part, mode) as target:
            if mode == "r+b":
                source.seek(there_bytes)
                target.seek(there_bytes)
            target.set_pipelined()
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)


def _bring(machine: Machine, remote: str, part: Path, most_bytes: int) -> None:
    with part.open("ab") as target:
        for chunk in machine.stream(f"tail -c +{target.tell() + 1} {shlex.quote(remote)}"):
            if target.tell() + len(chunk) > most_bytes:
                name, most = PurePosixPath(remote).name, count_of("byte", most_bytes)
                raise HostError(f"{name} of the other machine has more than {most}")
            target.write(chunk)


def _size(files: paramiko.SFTPClient, path: str) -> int:
    try:
        return files.stat(path).st_size or 0
    except FileNotFoundError:
        return 0


@contextmanager
def _refusal_told(remote: str) -> Iterator[None]:
    try:
        yield
    except ConnectionLost:
        raise
    except OSError as error:  # SFTP of version 3 has one word, "Failure", for a full disk and for the rest
        raise HostError(
            f"{PurePosixPath(remote).name} cannot be written on the other machine: {error.strerror or error}",
            hint="has it room left, and may you write there?",
        ) from None
