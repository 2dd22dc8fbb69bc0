# SPDX-License-Identifier: Apache-2.0
"""The base kernel's own scripts/checkpatch.pl on a restored patch, in the sandbox.

The script and its word lists come out of the base's source package once and stay in the cache.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, cast

from orchestrator.arch import ARCHS
from orchestrator.bases import BASES
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.kernels.build import tree as trees
from orchestrator.kernels.build.sandbox import Sandbox, run_sandboxed
from orchestrator.kernels.build.tree import TreeFile
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.debian.apt import deb_file_name, host_architecture, open_apt
from orchestrator.kernels.debian.resolve import ResolvedBase
from orchestrator.kernels.debian.unpack import deb_members
from orchestrator.kernels.manifest import Package
from orchestrator.kernels.verified import file_sha256
from orchestrator.patch_review.applicability import Verdict
from orchestrator.patch_review.bases import Progress

FILES = ("checkpatch.pl", "const_structs.checkpatch", "spelling.txt")

_FORMAT = 1
_OBTAIN_S = 1800.0
_UNPACK_S = 600.0
_RUN_S = 120.0
_NEED_BYTES = 2_000_000
_FINDING = re.compile(r"^([^:]*):(\d+): (ERROR|WARNING|CHECK):([A-Z_0-9]+): (.*)$")
# Without sign-off and description: of the mail's text only the diff is restored.
_SCRIPT = (
    "umask 022; tar -xf -; cd scripts; code=0; "
    "perl ./checkpatch.pl --strict --no-tree --no-signoff --ignore COMMIT_MESSAGE --terse --showfile "
    "--show-types --no-summary --color=never ../restored.patch || code=$?; test $code -le 1"
)
# Types that speak of white space, alignment or the width of a line (see --list-types).
_SPACE_TYPES = re.compile(
    r"SPAC|INDENT|ALIGN|TAB|WHITE|LONG_LINE|OPEN_ENDED_LINE|POINTER_LOCATION|BLOCK_COMMENT_STYLE|LINE_CONTINU"
)


class Scripts(Protocol):
    """Where checkpatch and its word lists are; a cache entry is one."""

    def file(self, name: str) -> Path:
        """The path of one of `FILES`."""


@dataclass(frozen=True)
class Finding:
    """One remark of checkpatch; `judgeable` is False where it speaks of white space that was restored."""

    path: str
    line: int
    level: str
    kind: str
    text: str
    judgeable: bool


def obtain_checkpatch(cache: Cache, resolved: ResolvedBase, progress: Progress) -> CacheEntry:
    """The script of a base from the cache, or out of its source package; HostError when that is gone."""
    package = resolved.source
    recipe = {"format": _FORMAT, "deb": package.sha256, "files": list(FILES)}
    found = cache.find("checkpatch", recipe)
    if found is not None:
        return found
    what = f"checkpatch of {package.name} {package.version}"

    def make(directory: Path) -> dict[str, str]:
        progress(
            f"downloading {package.size_bytes / 1e6:.0f} MB: {package.name} {package.version} for {what}"
        )
        with cache.scratch() as scratch:
            deb = _download(cache, resolved, scratch)
            progress(f"unpacking {what}")
            _unpack(deb, directory)
        return {}

    need_bytes = package.size_bytes + _NEED_BYTES
    deadline = Deadline.after(_OBTAIN_S, what)
    return cache.obtain("checkpatch", recipe, make, what=what, need_bytes=need_bytes, deadline=deadline)


def _download(cache: Cache, resolved: ResolvedBase, scratch: Path) -> Path:
    package: Package = resolved.source
    arch, origin = ARCHS[resolved.arch], resolved.origin(BASES[resolved.base])
    apt = open_apt(cache.root, origin, arch, host_architecture())
    with cache.lock(f"fetch-{arch.name}", Deadline.after(_OBTAIN_S, "another download")):
        apt.update()
        apt.download([package], scratch)
    deb = scratch / deb_file_name(package)
    if not deb.exists() or file_sha256(deb) != package.sha256:
        raise HostError(f"the archive has another {package.name} {package.version} than its index says")
    return deb


def _unpack(deb: Path, directory: Path) -> None:
    deadline = Deadline.after(_UNPACK_S, f"unpacking {deb.name}")
    with deb_members(deb) as outer:
        for member in outer:
            if member.name.endswith(".tar.xz"):
                inner = cast(IO[bytes], outer.extractfile(member))
                with tarfile.open(fileobj=inner, mode="r|xz") as archive:
                    _pick(archive, directory, deadline)
                return
    raise HostError(f"{deb.name} holds no source tarball")


def _pick(archive: tarfile.TarFile, directory: Path, deadline: Deadline) -> None:
    wanted = {f"scripts/{name}": name for name in FILES}
    for member in archive:
        deadline.check()
        name = wanted.pop(member.name.partition("/")[2], None)
        file = archive.extractfile(member) if name and member.isreg() else None
        if name and file is not None:
            (directory / name).write_bytes(file.read())
        if not wanted:
            return
    raise HostError(f"the source package has no {', '.join(sorted(wanted))}")


def run_checkpatch(scripts: Scripts, verdict: Verdict) -> list[Finding]:
    """What checkpatch says of the restored patch. Raises HostError when it breaks."""
    package = {f"scripts/{name}": TreeFile(scripts.file(name).read_bytes()) for name in FILES}
    package["restored.patch"] = TreeFile(verdict.text.encode(errors="surrogateescape"))
    done = run_sandboxed(
        Sandbox().command(_SCRIPT),
        input_bytes=trees.pack(package),
        deadline=Deadline.after(_RUN_S, "checkpatch"),
    )
    if done.returncode != 0:
        raise HostError(
            "checkpatch broke",
            hint=done.excess,
            evidence=done.stderr.decode(errors="replace").splitlines()[-10:],
        )
    return read_findings(done.stdout.decode(errors="replace"), {path for path, _ in verdict.rebuilt})


def read_findings(output: str, restored: set[str]) -> list[Finding]:
    """The remarks in `--terse --showfile --show-types` output. `restored`: files with rebuilt white space."""
    found = []
    for line in output.splitlines():
        if match := _FINDING.match(line):
            path, number, level, kind, text = match.groups()
            judgeable = path not in restored or _SPACE_TYPES.search(kind) is None
            found.append(Finding(path, int(number), level, kind, text, judgeable))
    return found
