# SPDX-License-Identifier: Apache-2.0
"""Files of the kernel source's scripts/, out of its package; they stay in the cache, the package does not."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.kernels.base import KernelRequest, Progress
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.debian.apt import host_architecture, open_apt
from orchestrator.kernels.debian.fetch import downloading, fetch_lock, verified
from orchestrator.kernels.debian.resolve import ResolvedBase
from orchestrator.kernels.debian.unpack import source_archive
from orchestrator.kernels.manifest import Package

_FORMAT = 1
_OBTAIN_S = 1800.0
_UNPACK_S = 600.0
_NEED_BYTES = 2_000_000


def obtain_scripts(
    cache: Cache, request: KernelRequest, resolved: ResolvedBase, names: Sequence[str], progress: Progress
) -> CacheEntry:
    """These files from the cache, or out of the source package; HostError when that is gone."""
    package = _source(resolved)
    recipe = {"format": _FORMAT, "deb": package.sha256, "files": list(names)}
    found = cache.find("checkpatch", recipe)
    if found is not None:
        return found
    what = f"checkpatch of {package.name} {package.version}"

    def make(directory: Path) -> dict[str, str]:
        progress(f"{downloading([package])} for {what}")
        with cache.scratch() as scratch:
            deb = _download(cache, request, resolved, scratch)
            progress(f"unpacking {what}")
            _unpack(deb, names, directory)
        return {}

    need_bytes = package.size_bytes + _NEED_BYTES
    deadline = Deadline.after(_OBTAIN_S, what)
    return cache.obtain("checkpatch", recipe, make, what=what, need_bytes=need_bytes, deadline=deadline)


def _download(cache: Cache, request: KernelRequest, resolved: ResolvedBase, scratch: Path) -> Path:
    origin = resolved.origin(request.base)
    apt = open_apt(cache.root, origin, request.arch, host_architecture())
    with cache.lock(fetch_lock(request.arch.name), Deadline.after(_OBTAIN_S, "another download")):
        apt.update()
        apt.download([_source(resolved)], scratch)
    return verified(scratch, _source(resolved))


def _source(resolved: ResolvedBase) -> Package:
    assert resolved.source is not None
    return resolved.source


def _unpack(deb: Path, names: Sequence[str], directory: Path) -> None:
    deadline = Deadline.after(_UNPACK_S, f"unpacking {deb.name}")
    with source_archive(deb) as archive:
        _pick(archive, names, directory, deadline)


def _pick(archive: tarfile.TarFile, names: Sequence[str], directory: Path, deadline: Deadline) -> None:
    wanted = {f"scripts/{name}": name for name in names}
    for member in archive:
        deadline.check()
        name = wanted.pop(member.name.partition("/")[2], None)
        file = archive.extractfile(member) if name and member.isreg() else None
        if name and file is not None:
            (directory / name).write_bytes(file.read())
        if not wanted:
            return
    raise HostError(f"the source package has no {', '.join(sorted(wanted))}")
