# SPDX-License-Identifier: Apache-2.0
"""Debian's source packages as whole trees, and the static busybox that goes with any kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.bases import BASES, Base, DebianPackages, Origin
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.frozen import Frozen
from orchestrator.kernels.base import Progress
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.debian import unpack
from orchestrator.kernels.debian.apt import Apt, IndexRecord, SuiteMissing, host_architecture, open_apt
from orchestrator.kernels.debian.fetch import FETCH_S, busybox_part, fetch_lock, verified
from orchestrator.kernels.debian.recorded import Recall
from orchestrator.kernels.debian.resolve import BUSYBOX
from orchestrator.kernels.manifest import Package
from orchestrator.kernels.source_build.listing import Entry
from orchestrator.kernels.source_build.tarball import entries_of
from orchestrator.units import USUAL_PAGE_BYTES

_NEWEST = "linux-source"
_NAME = re.compile(r"linux-source(-\d+\.\d+)?")
_ROLLING = ("sid", "unstable", "experimental")


class _Choice(Frozen):
    """What was taken, for as long as nobody asks for the newest."""

    package: Package
    suite: str


@dataclass(frozen=True)
class PackagedTrees:
    """Source packages of the kernel, by name and, if named, by the suite that they are to come from."""

    def known(self, cache: Cache, name: str, suite: str | None) -> Package | None:
        """The package that was last chosen; no process, no network."""
        choice = _read(cache, f"{name}-{suite or 'usual'}")
        return choice.package if choice else None

    def choose(
        self, cache: Cache, name: str, suite: str | None, arch: Arch, progress: Progress, *, refresh: bool
    ) -> Package:
        """The same, or the newest now. InputError for a name that is none, HostError where none has it."""
        origins = _origins(name, suite)
        known = self.known(cache, name, suite)
        if known is not None and not refresh:
            return known
        with cache.lock(fetch_lock(arch.name), Deadline.after(FETCH_S, name)):
            progress(f"{name}{f' of {suite}' if suite else ''}: looking for the newest")
            found, origin = _search(cache, origins, arch, lambda apt: _newest(apt, name), name)
            _write(cache, f"{name}-{suite or 'usual'}", _Choice(package=found, suite=origin.suite))
        return found

    @contextmanager
    def entries(
        self, cache: Cache, package: Package, suite: str | None, arch: Arch, progress: Progress
    ) -> Iterator[Iterable[Entry]]:
        """The files of exactly this package, downloaded for it; HostError when it cannot be had any more."""
        with ExitStack() as stack:
            scratch = stack.enter_context(cache.scratch())
            with cache.lock(fetch_lock(arch.name), Deadline.after(FETCH_S, package.name)):
                _download(cache, [package], suite, arch, scratch, progress)
            archive = stack.enter_context(unpack.source_archive(verified(scratch, package)))
            yield entries_of(archive, f"{package.name} {package.version}")

    def known_busybox(self, cache: Cache, arch: Arch) -> tuple[CacheEntry, Package] | None:
        """The busybox that was last chosen, if it is in the cache."""
        choice = _read(cache, f"busybox-{arch.name}")
        if choice is None:
            return None
        part = busybox_part(choice.package)
        entry = cache.find(part.kind, part.recipe)
        return (entry, choice.package) if entry else None

    def busybox(
        self, cache: Cache, arch: Arch, progress: Progress, *, recorded: Package | None = None
    ) -> tuple[CacheEntry, Package]:
        """The same, or downloaded now, alone; with `recorded` exactly that one."""
        known = self.known_busybox(cache, arch)
        if known is not None and recorded in (None, known[1]):
            return known
        deadline = Deadline.after(FETCH_S, BUSYBOX)
        with cache.lock(fetch_lock(arch.name), deadline), cache.scratch() as scratch:
            package = recorded
            if package is None:
                name = f"{BUSYBOX}:{arch.debian}"
                package, origin = _search(cache, _usual_origins(), arch, lambda apt: _first(apt, name), name)
                _write(cache, f"busybox-{arch.name}", _Choice(package=package, suite=origin.suite))
            part = busybox_part(package)
            entry = cache.find(part.kind, part.recipe)
            if entry is None:
                _download(cache, [package], None, arch, scratch, progress)
                deb = verified(scratch, package)
                entry = cache.obtain(
                    part.kind, part.recipe, lambda directory: part.make([deb], directory),
                    what=part.what, need_bytes=package.size_bytes, deadline=deadline,
                )  # fmt: skip
        return entry, package


def is_source_name(name: str) -> bool:
    """Whether a name is one of Debian's source packages of the kernel."""
    return _NAME.fullmatch(name) is not None


def _origins(name: str, suite: str | None) -> tuple[Origin, ...]:
    """Where a source package can come from; InputError that says how it is asked for."""
    known = [each for each in _packaged() if each.source_name != _NEWEST]
    names = ", ".join(dict.fromkeys(each.source_name for each in known))
    if not is_source_name(name):
        raise InputError(
            f"'{name}' is no source package of the kernel",
            hint=f"known: {names}, and {_NEWEST} with a suite; a path begins as in ./{name}",
        )
    if suite is not None:
        more = () if suite in _ROLLING or "-" in suite else (f"{suite}-updates", f"{suite}-security")
        return (Origin(suite, f"source-{suite}", (suite, *more)),)
    for each in known:
        if each.source_name == name:
            return each.origins
    raise InputError(f"where {name} comes from is not known", hint=f"add `suite:`; without one: {names}")


def _usual_origins() -> tuple[Origin, ...]:
    return tuple(dict.fromkeys(origin for each in _packaged() for origin in each.origins))


def _packaged() -> list[DebianPackages]:
    return [base.made_from for base in BASES.values() if isinstance(base.made_from, DebianPackages)]


def _search(
    cache: Cache, origins: Sequence[Origin], arch: Arch, find: object, name: str
) -> tuple[Package, Origin]:
    """The first that an origin has, each asked twice: with the index as it is, and as it is now."""
    assert callable(find)
    looked: list[str] = []
    for origin in origins:
        apt = open_apt(cache.root, origin, arch, host_architecture())
        try:
            fetched = apt.update()
            found = find(apt)
            if found is None and not fetched:
                apt.update(max_age_s=0.0)
                found = find(apt)
        except SuiteMissing as missing:
            looked += missing.evidence
            continue
        if found is not None:
            return found, origin
        looked += [source.place for source in apt.sources]
    raise HostError(
        f"{name} is in no package source of this host",
        hint="add its suite to this host's package sources, or name a mirror that has it",
        evidence=["looked in", *looked],
    )


def _first(apt: Apt, name: str) -> Package | None:
    return next((record.package for record in apt.show([name])), None)


def _newest(apt: Apt, name: str) -> Package | None:
    """The newest version; of `linux-source` what it stands for."""
    records: list[IndexRecord] = apt.show([name])
    if not records or name != _NEWEST:
        return records[0].package if records else None
    match = re.search(r"(linux-source-\S+)(?: \(= ([^)]+)\))?", records[0].depends)
    found = apt.show([match[1]]) if match else []
    return next((each.package for each in found if match and match[2] in (None, each.package.version)), None)


def _download(
    cache: Cache,
    packages: Sequence[Package],
    suite: str | None,
    arch: Arch,
    directory: Path,
    progress: Progress,
) -> None:
    """Exactly these, from whichever archive has them."""
    name = packages[0].name
    origins = _origins(name, suite) if is_source_name(name) else _usual_origins()
    stand_in = Base(name, USUAL_PAGE_BYTES, DebianPackages("", {}, origins))
    host = host_architecture()
    recall = Recall(
        stand_in, lambda origin, past: open_apt(cache.root, origin, arch, host, past=past), progress
    )
    recall.download(packages, directory)


def _path(cache: Cache, name: str) -> Path:
    return cache.root / "bases" / f"{name}.json"


def _read(cache: Cache, name: str) -> _Choice | None:
    try:
        return _Choice.model_validate_json(_path(cache, name).read_bytes())
    except (OSError, ValueError):
        return None


def _write(cache: Cache, name: str, choice: _Choice) -> None:
    path = _path(cache, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with cache.scratch() as scratch:
        new = scratch / path.name
        new.write_text(choice.model_dump_json(indent=1))
        new.replace(path)
