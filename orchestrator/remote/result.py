# SPDX-License-Identifier: Apache-2.0
"""A run directory on its way back: packed there, brought as one file, and unpacked here file by file.

The other machine decides what is in the archive. Nothing of it is taken but folders, files, and the links of
trials that never forked; nothing is written outside of the new directory.
"""

from __future__ import annotations

import re
import shlex
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from orchestrator.errors import HostError
from orchestrator.files.folder import Folder
from orchestrator.remote.job import RUN, Job
from orchestrator.remote.transfer import bring_file
from orchestrator.units import GIB

ARCHIVE = "result.tar.gz"
_PACK_S = 1800.0
_MOST_BYTES = 16 * GIB
_TO_BLOCK = re.compile(r"\.\./blocks/[0-9]{4,}(?:-[0-9]+)?")
_HINT = "the run is still on the other machine"


def pack_result(job: Job) -> str:
    """Have the run directory as one file there; its path. For a run that is over."""
    path, folder = f"{job.path}/{ARCHIVE}", shlex.quote(job.path)
    part = f"{ARCHIVE}.making"
    job.machine.ask(
        f"cd {folder} && {{ [ -f {ARCHIVE} ] || {{ tar --hard-dereference -czf {part} -C {RUN} ."
        f" && mv {part} {ARCHIVE}; }}; }}",
        "packing the result",
        deadline_s=_PACK_S,
    )
    return path


def bring_result(job: Job, scratch: Path) -> Path:
    """The packed run directory, here, below `scratch`. Can be called again after ConnectionLost."""
    local = scratch / ARCHIVE
    bring_file(job.machine, pack_result(job), local, most_bytes=_MOST_BYTES)
    return local


def unpack_result(archive: Path, directory: Path) -> None:
    """Make `directory`, which must not exist, from what came back. HostError for what no run leaves."""
    directory.mkdir()
    root = Folder(directory)
    left_bytes = _MOST_BYTES
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for member in packed:
                left_bytes -= member.size
                if left_bytes < 0:
                    raise HostError("the result unpacks to more than any run leaves", hint=_HINT)
                _unpack(packed, member, root)
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise HostError(f"the result that came back cannot be read: {error}", hint=_HINT) from None


def _unpack(packed: tarfile.TarFile, member: tarfile.TarInfo, root: Folder) -> None:
    *folders, name = parts = PurePosixPath(member.name).parts or ("",)
    if ".." in parts or member.name.startswith("/"):
        raise HostError(f"the result has a file outside of itself: {member.name}", hint=_HINT)
    if member.isdir():
        _folder(root, parts)
        return
    place = _folder(root, folders)
    if member.issym() and _TO_BLOCK.fullmatch(member.linkname) and place.name == "trials":
        place.make_link(name, member.linkname)
    elif member.isreg() and (content := packed.extractfile(member)) is not None:
        with place.create(name) as file:
            shutil.copyfileobj(content, file)
    else:
        raise HostError(f"the result has something that is no file: {member.name}", hint=_HINT)


def _folder(root: Folder, parts: tuple[str, ...] | list[str]) -> Folder:
    for part in parts:
        if part not in ("", "."):
            root = root.make(part, exist_ok=True)
    return root
