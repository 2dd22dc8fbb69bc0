# SPDX-License-Identifier: Apache-2.0
"""Looks at this machine. What cannot be looked at raises OSError or OomlabError; `examine` says so."""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from orchestrator import paths
from orchestrator.arch import ARCHS, DEFAULT_ARCH, ArchName
from orchestrator.bases import BASES, DEFAULT_BASE
from orchestrator.deadline import Deadline
from orchestrator.doctor.machine import (
    Accelerator,
    Archives,
    Interpreter,
    Library,
    Memory,
    Processors,
    Programs,
    SandboxTrial,
    StderrTerminal,
    Stored,
    User,
    Version,
    WritablePlace,
)
from orchestrator.errors import HostError, OomlabError
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.guests.qemu.accelerator import (
    find_accelerator,
    kvm_is_forbidden,
    remembered_accelerator,
    why_not_kvm,
)
from orchestrator.guests.qemu.machine import MACHINES
from orchestrator.host.capacity import available_cores, find_capacity, memory_for_guests_bytes
from orchestrator.host.cgroup import find_place
from orchestrator.host.facts import qemu_version
from orchestrator.host.privilege import confinement
from orchestrator.host.programs import Need, all_needs, host_arch, missing, needs_of
from orchestrator.kernels import namespaces
from orchestrator.kernels.base import KernelRequest, Progress
from orchestrator.kernels.build.sandbox import Sandbox, run_sandboxed
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian.sources import Archive, read_archives
from orchestrator.kernels.images import prepare_probe, probe_base
from orchestrator.kernels.sources import source_of
from orchestrator.scenario.models import Device

_SANDBOX_S = 20.0
_WRITTEN_BYTES = 1 << 20
_SMALL_GUEST = {"arch": DEFAULT_ARCH, "memory": "256MiB"}
_ROOT = Path("/")


def user() -> User:
    """Who asks, also where no account has this number."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.geteuid())
    return User(
        name=name,
        is_root=os.geteuid() == 0,
        has_sudo=shutil.which("sudo") is not None,
        has_apt=shutil.which("apt-get") is not None,
    )


def programs(archs: Iterable[str], *, builds: bool = True) -> Programs:
    """The table of needs, but for what only the project's own tests want; of no builds, what guests do."""
    known = all_needs(host_arch(), archs)
    needs = tuple(need for need in known if (need.stage != "test" if builds else need.stage == "boot"))
    return Programs(needs, missing(needs))


def emulator(arch: ArchName) -> Version:
    """QEMU's version for one architecture."""
    program = MACHINES[arch].program
    qemu_version.cache_clear()
    try:
        return Version(program, qemu_version(program))
    except OomlabError as error:
        return Version(program, error=_line(error))


def compiler(arch: str) -> Version:
    """The compiler that modules and agent are built with."""
    try:
        found = find_compiler(ARCHS[arch], BASES[DEFAULT_BASE].compiler_major)
        return Version(found.command, found.version())
    except OomlabError as error:
        return Version(f"{ARCHS[arch].triplet}-gcc", error=_line(error))


def accelerator(arch: ArchName, progress: Progress, *, probe: bool, builds: bool = True) -> Accelerator:
    """What is known of the accelerator, or a probe guest booted now where its kernel is at hand.

    With `probe` one is booted in any case, its kernel fetched if need be; without `builds` there is none.
    """
    forbidden = kvm_is_forbidden(arch)
    try:
        report = None if probe or missing(needs_of(arch, "boot")) else remembered_accelerator(arch)
        if report is None and not builds:
            return Accelerator(
                arch, not_probed=_expected(arch, "no run was made yet"), kvm_forbidden=forbidden
            )
        if report is None:
            absent = missing(needs_of(arch, "boot", "compiler", "agent", "fetch", "pack"))
            base = DEFAULT_BASE if probe else probe_base(arch)
            if absent or base is None:
                return Accelerator(arch, not_probed=_not_probed(arch, absent), kvm_forbidden=forbidden)
            report = _probe(arch, base, progress)
        return Accelerator(arch, report, kvm_forbidden=forbidden)
    except OomlabError as error:
        return Accelerator(arch, error=_line(error), kvm_forbidden=forbidden)


def _not_probed(arch: ArchName, absent: Sequence[Need]) -> str:
    why = f"without {', '.join(need.name for need in absent)}" if absent else "no kernel is in the cache yet"
    return _expected(arch, why)


def _expected(arch: ArchName, why: str) -> str:
    no_kvm = why_not_kvm(arch)
    return f"{why}; {f'tcg is expected ({no_kvm})' if no_kvm else 'kvm may work'}"


def _probe(arch: ArchName, base: str, progress: Progress) -> AcceleratorReport:
    images = prepare_probe(arch, base=base, progress=progress)
    return find_accelerator(
        arch, kernel=images.kernel, initramfs=images.initramfs, progress=progress, anew=True
    )


def sandbox(root: Path = _ROOT) -> SandboxTrial:
    """Runs the least of commands in the sandbox that patches get."""
    error = identity = ""
    try:
        identity = confinement().words
        done = run_sandboxed(
            Sandbox().command("true"), input_bytes=b"", deadline=Deadline.after(_SANDBOX_S, "the sandbox")
        )
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").split()
            error = " ".join(words) or f"status {done.returncode}"
    except OomlabError as failure:
        error = " ".join([failure.message, *failure.evidence])
    place = find_place(root)
    group = f"{place.memory} (version {place.version})" if place else ""
    return SandboxTrial(error, namespaces.look(root), identity, group)


def archives() -> Archives:
    """The Debian archives that this host, or the user, names; nothing is fetched."""
    try:
        found = read_archives()
    except OomlabError as error:
        return Archives((), _line(error), error.hint)
    return Archives(tuple(_archive_words(archive) for archive in found))


def _archive_words(archive: Archive) -> str:
    pockets = ", ".join(pocket or "releases" for pocket in sorted(archive.pockets))
    return f"{archive.uri} ({pockets}; {archive.where})"


def memory(root: Path = _ROOT) -> Memory:
    """What the smallest shipped guests could have."""
    available_bytes = max(0, memory_for_guests_bytes(root))
    device = Device.model_validate(_SMALL_GUEST)
    try:
        return Memory(available_bytes, find_capacity(device.memory, root=root).guests)
    except HostError as error:
        return Memory(available_bytes, 0, error.message)


def processors(root: Path = _ROOT) -> Processors:
    """Cores and load."""
    try:
        load = float((root / "proc/loadavg").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        load = None
    return Processors(available_cores(root), load)


def cache_place() -> WritablePlace:
    """The cache, or the nearest directory above where it will be made."""
    try:
        return place(paths.cache_dir())
    except HostError as error:
        return WritablePlace("the cache", error=f"{error.message}; {error.hint}")


def place(wanted: Path) -> WritablePlace:
    """Whether something can be written there; nothing is left behind."""
    directory = next((path for path in (wanted, *wanted.parents) if path.exists()), wanted)
    try:
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_WRITTEN_BYTES))
            file.flush()
        return WritablePlace(str(wanted), shutil.disk_usage(directory).free)
    except OSError as error:
        return WritablePlace(str(wanted), error=error.strerror or str(error))


def stored() -> Stored:
    """What the cache holds."""
    cache = Cache(paths.cache_dir())
    entries = cache.entries()
    return Stored(len(entries), sum(entry.size_bytes for entry in entries), tuple(_bases(cache)))


def _bases(cache: Cache) -> Iterator[str]:
    for base in BASES.values():
        for name in base.archs:
            kernel = source_of(base).known(cache, KernelRequest(base, ARCHS[name]))
            if kernel is not None:
                yield f"{base.name} {name} {kernel.version}"


def terminal() -> StderrTerminal:
    """Standard error's terminal."""
    stream: TextIO | None = sys.stderr  # None when it was closed before the start
    if stream is None:
        return StderrTerminal(is_terminal=False, kind="", columns=0, encoding="")
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return StderrTerminal(is_terminal=False, kind="", columns=0, encoding="")
    return StderrTerminal(
        is_terminal=True, kind=os.environ.get("TERM", ""), columns=columns, encoding=stream.encoding
    )


def interpreter() -> Interpreter:
    """This Python and its libraries."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Interpreter(sys.executable, version, tuple(_libraries()))


def _libraries() -> Iterator[Library]:
    for requirement in _requirements():
        match = re.match(r"([A-Za-z0-9._-]+?)\s*>=\s*([0-9.]+)$", requirement)
        if match is None:
            continue  # of the tests, which no run needs
        try:
            found = importlib.metadata.version(match[1])
        except importlib.metadata.PackageNotFoundError:
            found = ""
        yield Library(match[1], match[2], found)


def _requirements() -> list[str]:
    """As the installed program states them, or its checkout."""
    project = Path(paths.__file__).resolve().parent.parent / "pyproject.toml"
    if project.is_file():
        return list(tomllib.loads(project.read_text())["project"]["dependencies"])
    try:
        return list(importlib.metadata.requires("oomlab") or ())
    except importlib.metadata.PackageNotFoundError:
        return []


def _line(error: OomlabError) -> str:
    return " ".join(error.message.split())
