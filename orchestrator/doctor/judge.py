# SPDX-License-Identifier: Apache-2.0
"""From what was looked at to findings. Pure: any host can be judged on any other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from orchestrator.doctor.condition import Condition
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
from orchestrator.guests.accelerator_report import KVM_BROKEN
from orchestrator.host.programs import Need, install_command
from orchestrator.kernels import namespaces
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB

FIRST_BASE_BYTES = 500_000_000
"""For a first run with a patched driver: 214 MB of packages, unpacked beside them, and what is built."""
RUN_BYTES = 100_000_000
"""A run directory of a few dozen trials."""

_NARROW_COLUMNS = 80


def install(needs: Iterable[Need], user: User) -> str:
    """The command with which this user installs what is missing; "" when nothing is."""
    absent = list(needs)
    there = {"apt-get": user.has_apt, "sudo": user.has_sudo}
    if not absent:
        return ""
    return install_command(
        absent, root=user.is_root, which=lambda name: name if there.get(name, True) else None
    )


def judge_programs(facts: Programs, user: User) -> Iterator[Condition]:
    """A line for each that is missing, and one for all that are there."""
    for need in facts.missing:
        yield Condition(
            what=need.name,
            state="warning" if need.stage == "review" else "fault",
            detail=f"is not installed: {need.purpose}",
            remedy=f"part of every Debian (package {need.package}): is PATH right?"
            if need.always_there
            else install([need], user),
        )
    there = [need.name for need in facts.needs if need not in facts.missing]
    if there:
        yield Condition(what="programs", state="ok", detail=", ".join(there))


def judge_version(what: str, facts: Version, remedy: str = "") -> Condition:
    """QEMU or a compiler, by the version that it reports."""
    if facts.error:
        return Condition(what=what, state="fault", detail=facts.error, remedy=remedy)
    return Condition(what=what, state="ok", detail=f"{facts.program}: {facts.text}")


def judge_accelerator(facts: Accelerator, user: User, *, can_probe: bool = True) -> Condition:
    """How guests of one architecture run here, by a guest that did.

    `can_probe`: a kernel for a probe guest can be made here.
    """
    what = f"accelerator for {facts.arch}"
    if facts.error:
        return Condition(what=what, state="fault", detail=facts.error)
    join = f"usermod --append --groups kvm {shlex.quote(user.name)}, then log in again"
    if user.is_root:
        join = "chgrp kvm /dev/kvm && chmod 0660 /dev/kvm"
    as_root = "" if user.is_root else "sudo " if user.has_sudo else "as root: "
    remedy = f"{as_root}{join}" if facts.kvm_forbidden else ""
    if facts.report is None:
        return Condition(
            what=what,
            state="warning",
            detail=f"not probed: {facts.not_probed}",
            remedy=remedy or ("oomlab doctor --probe" if can_probe else ""),
        )
    report = facts.report
    answered = f"a probe guest answered in {report.boot_s:.1f} s, " if report.boot_s is not None else ""
    detail = (
        f"{report.accelerator} ({report.reason}); {answered}{report.program} {report.version},"
        f" {report.cpu_model}"
    )
    slower = bool(remedy) or report.reason.startswith(KVM_BROKEN)
    return Condition(what=what, state="warning" if slower else "ok", detail=detail, remedy=remedy)


def judge_sandbox(facts: SandboxTrial, user: User) -> Iterator[Condition]:
    """Whether patches can be applied and built apart from the host, and held down there."""
    if facts.error:
        yield _broken_sandbox(facts, user)
        return
    detail = f"a command ran in it (user namespaces work), its rights: {facts.identity}"
    yield Condition(what="sandbox", state="ok", detail=detail)
    if facts.group:
        detail = f"memory and processes of a whole build, by a control group below {facts.group}"
        yield Condition(what="sandbox limits", state="ok", detail=detail)
    else:
        yield Condition(
            what="sandbox limits",
            state="warning",
            detail="for each process alone: this user can make no control group for a whole build",
            remedy="systemd-run --user --scope oomlab ..., where systemd keeps a session for this user",
        )


def _broken_sandbox(facts: SandboxTrial, user: User) -> Condition:
    sudo = "sudo " if user.has_sudo and not user.is_root else ""
    remedy = namespaces.remedy(facts.host, facts.error, sudo=sudo)
    if "not installed" in facts.error:
        remedy = ""  # a line of its own says how
    return Condition(what="sandbox", state="fault", detail=f"cannot be set up: {facts.error}", remedy=remedy)


def judge_archives(facts: Archives) -> Condition:
    """Whether there is an archive to fetch kernels from. What it has is seen when one is fetched."""
    if facts.error:
        return Condition(what="package archives", state="fault", detail=facts.error, remedy=facts.hint)
    return Condition(what="package archives", state="ok", detail="; ".join(facts.places))


def judge_memory(facts: Memory) -> Condition:
    """Whether the smallest shipped guests fit."""
    available = f"{facts.available_bytes // MIB} MiB can be given"
    if facts.error:
        remedy = "free memory, or raise the limit of this cgroup"
        return Condition(what="memory", state="fault", detail=facts.error, remedy=remedy)
    detail = f"{available}, enough for {count_of('guest', facts.guests)} of 256 MiB at once"
    return Condition(what="memory", state="ok", detail=detail)


def judge_processors(facts: Processors) -> Condition:
    """Cores and what they are doing."""
    cores = count_of("core", facts.cores)
    if facts.load is None:
        return Condition(what="processors", state="ok", detail=f"{cores}")
    busy = facts.load > facts.cores
    return Condition(
        what="processors",
        state="warning" if busy else "ok",
        detail=f"{cores}, load {facts.load:.1f}" + ("; runs take longer" if busy else ""),
        remedy="measure latencies when less is running here" if busy else "",
    )


def judge_place(
    what: str, facts: WritablePlace, *, need_bytes: int, remedy: str, needed_now: bool = False
) -> Condition:
    """A directory that a run writes to. Less space than `need_bytes` is a fault if it is `needed_now`."""
    if facts.error:
        return Condition(what=what, state="fault", detail=f"{facts.path}: {facts.error}", remedy=remedy)
    free = f"{facts.path}: {facts.free_bytes // 1_000_000} MB free"
    if facts.free_bytes < need_bytes:
        detail = f"{free}, up to {need_bytes // 1_000_000} MB may be needed"
        return Condition(what=what, state="fault" if needed_now else "warning", detail=detail, remedy=remedy)
    return Condition(what=what, state="ok", detail=free)


def judge_stored(facts: Stored) -> Condition:
    """What needs no download any more."""
    if not facts.bases:
        detail = "no kernel yet: the first run downloads up to 214 MB"
    else:
        size = f"{count_of('entry', facts.entries)}, {facts.size_bytes // 1_000_000} MB"
        detail = f"{', '.join(facts.bases)}; {size}"
    return Condition(what="cached kernels", state="ok", detail=detail)


def judge_terminal(facts: StderrTerminal) -> Condition:
    """What people will see of a run."""
    if not facts.is_terminal:
        return Condition(what="terminal", state="ok", detail="none: progress is plain lines")
    detail = f"{facts.kind or 'unknown'}, {count_of('column', facts.columns)}, {facts.encoding}"
    if facts.columns < _NARROW_COLUMNS:
        return Condition(
            what="terminal",
            state="warning",
            detail=f"{detail}: tables wrap below {_NARROW_COLUMNS} columns",
            remedy="widen it, or oomlab report RUN --format html",
        )
    return Condition(what="terminal", state="ok", detail=detail)


def judge_interpreter(facts: Interpreter) -> Iterator[Condition]:
    """Python, and a line for each library that is missing or too old."""
    # An older Python than is needed would not have come this far.
    yield Condition(what="Python", state="ok", detail=f"{facts.program} {facts.version}")
    poor = [library for library in facts.libraries if not _is_new_enough(library)]
    for library in poor:
        yield Condition(
            what=library.name,
            state="fault",
            detail=f"{library.found or 'not installed'}: {library.wanted} or newer is needed",
            remedy=shlex.join([facts.program, "-m", "pip", "install", f"{library.name}>={library.wanted}"]),
        )
    if facts.libraries and not poor:
        detail = ", ".join(f"{library.name} {library.found}" for library in facts.libraries)
        yield Condition(what="Python libraries", state="ok", detail=detail)


def unknown(what: str, why: str, remedy: str, *, needed: bool) -> Condition:
    """Something that could not be found out; a fault if a run needs it."""
    return Condition(
        what=what,
        state="fault" if needed else "warning",
        detail=f"could not be found out: {why}",
        remedy=remedy,
    )


def _is_new_enough(library: Library) -> bool:
    return bool(library.found) and _numbers(library.found) >= _numbers(library.wanted)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with, such as (2, 11) of "2.11rc1"."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
