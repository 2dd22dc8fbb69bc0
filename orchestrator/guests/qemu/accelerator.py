# SPDX-License-Identifier: Apache-2.0
"""Which accelerator this machine really has, and how fast its guests are.

An accelerator is believed only after a probe guest has booted with it: /dev/kvm can open and
KVM still be unable to run an ordinary guest (MSR errors, or a guest that never prints).
The answer is cached per host and QEMU version.
"""

from __future__ import annotations

import hashlib
import os
import platform
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from orchestrator.arch import ARCHS, ArchName
from orchestrator.clock import Clock
from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError, OomlabError
from orchestrator.files.atomic import write_atomic
from orchestrator.guests.accelerator_report import KVM_BROKEN, Accelerator, AcceleratorReport
from orchestrator.guests.qemu.guest import power_on
from orchestrator.guests.qemu.handover import KVM
from orchestrator.guests.qemu.machine import MACHINES, Boot, cpu_model, kernel_command_line
from orchestrator.host.facts import host_facts, qemu_version
from orchestrator.host.privilege import device_groups
from orchestrator.paths import cache_dir
from orchestrator.protocol.recipe import probe_recipe
from orchestrator.protocol.records import PROTOCOL_VERSION, ProbeResult, parse_record
from orchestrator.text.lines import LineSplitter
from orchestrator.units import MIB

_PROBE_S: dict[Accelerator, float] = {"kvm": 6.0, "tcg": 120.0}
"""A guest under working KVM answers within 2 s; broken KVM must cost seconds only."""
_TAIL_CHARS = 2000
_PROBE_MEMORY_BYTES = 256 * MIB
_HOST_ARCH = {arch.machine: arch.name for arch in ARCHS.values()}


def find_accelerator(
    arch: ArchName, *, kernel: Path, initramfs: Path, progress: Callable[[str], None], anew: bool = False
) -> AcceleratorReport:
    """KVM if a guest boots with it, else TCG and why; `anew`: whatever was found before.

    HostError when neither boots.
    """
    version = qemu_version(MACHINES[arch].program)
    probe = partial(_probe_all, arch, kernel, initramfs, version)
    cached = _cache_file(arch, version)
    if anew:
        cached.unlink(missing_ok=True)
    return _remembered(cached, probe, arch, progress)


def remembered_accelerator(arch: ArchName) -> AcceleratorReport | None:
    """What a probe of this host and QEMU found before; None without one. HostError without a QEMU."""
    return _read(_cache_file(arch, qemu_version(MACHINES[arch].program)))


def kvm_is_forbidden(arch: ArchName) -> bool:
    """This host has a KVM that could run these guests, but they may not open it as this user starts them."""
    is_own = _HOST_ARCH.get(platform.machine()) == arch
    return is_own and KVM.exists() and device_groups(KVM) is None


def find_emulator(
    arch: ArchName, *, kernel: Path, initramfs: Path, progress: Callable[[str], None]
) -> AcceleratorReport:
    """TCG, also where KVM works: the deterministic clock counts instructions. HostError as above."""
    report = find_accelerator(arch, kernel=kernel, initramfs=initramfs, progress=progress)
    if report.accelerator != "tcg":
        progress(
            "the deterministic clock counts instructions, which KVM cannot do: its guests are emulated (TCG)"
        )
        version = report.qemu_version
        probe = partial(_probe, arch, "tcg", kernel, initramfs, version, "KVM counts no instructions")
        cached = _cache_file(arch, version)
        report = _remembered(cached.with_stem(f"{cached.stem}-tcg"), probe, f"{arch} without KVM", progress)
    return report.model_copy(update={"cpu_model": cpu_model(arch, "tcg", "deterministic")})


def _remembered(
    cached: Path, probe: Callable[[], AcceleratorReport], what: str, progress: Callable[[str], None]
) -> AcceleratorReport:
    known = _read(cached)
    if known is not None:
        return known
    progress(f"probing the accelerator for {what} guests (once per host and QEMU version)")
    report = probe()
    progress(f"accelerator for {what}: {report.accelerator} ({report.reason})")
    with suppress(OSError):  # on a full disk it is found again next time
        cached.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(cached, report.model_dump_json().encode())
    return report


def _read(cached: Path) -> AcceleratorReport | None:
    try:
        return AcceleratorReport.model_validate_json(cached.read_bytes())
    except (OSError, ValidationError):
        return None  # no answer yet, or one from another version of this program


def _probe_all(arch: ArchName, kernel: Path, initramfs: Path, version: str) -> AcceleratorReport:
    reason = why_not_kvm(arch)
    if not reason:
        try:
            return _probe(arch, "kvm", kernel, initramfs, version, "a probe guest booted with it")
        except OomlabError as error:
            reason = f"{KVM_BROKEN}: {' '.join(error.message.split())}"
    return _probe(arch, "tcg", kernel, initramfs, version, reason)


def why_not_kvm(arch: ArchName) -> str:
    """Why KVM cannot run these guests, as far as can be told without one; "" when it might."""
    if _HOST_ARCH.get(platform.machine()) != arch:
        return f"a {platform.machine()} host emulates {arch}"
    if not KVM.exists():
        return "there is no /dev/kvm"
    return "" if device_groups(KVM) is not None else "/dev/kvm is closed to the user that guests run as"


def _probe(
    arch: ArchName, accelerator: Accelerator, kernel: Path, initramfs: Path, version: str, reason: str
) -> AcceleratorReport:
    boot = probe_boot(arch, accelerator, kernel, initramfs)
    started = time.monotonic()
    answer = boot_probe(
        boot, Deadline.after(_PROBE_S[accelerator], f"a probe guest answers under {accelerator}")
    )
    return AcceleratorReport(
        accelerator=accelerator,
        reason=reason,
        qemu_version=version,
        cpu_model=cpu_model(arch, accelerator),
        boot_s=round(time.monotonic() - started, 3),
        loops_per_s=round(answer.loops / (answer.elapsed_us / 1e6)),
    )


def probe_boot(
    arch: ArchName, accelerator: Accelerator, kernel: Path, initramfs: Path, clock: Clock = "realtime"
) -> Boot:
    """The power-on of a guest that measures its CPU by a fixed loop."""
    line = kernel_command_line(arch, cma_bytes=0, extra=(), recipe=probe_recipe(MACHINES[arch].control_tty))
    return Boot(arch, _PROBE_MEMORY_BYTES, 1, kernel, initramfs, line, accelerator, clock)


def boot_probe(boot: Boot, deadline: Deadline) -> ProbeResult:
    """Boot a probe guest up to its answer; HostError or DeadlinePassed when there is none."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    console = bytearray()
    splitter = LineSplitter()

    def control_sink(chunk: bytes) -> None:
        for line in splitter.feed(chunk):
            lines.put(line)
        if not chunk:
            lines.put(None)

    # No file on disk: killed, we could not remove it.
    with os.fdopen(os.memfd_create("oomlab-probe-log"), "w+b") as log:
        with power_on(
            boot, log=log, console_sink=console.extend, control_sink=control_sink, deadline=deadline
        ):
            answer = _await_answer(lines, deadline)
        if answer is None:
            tails = (os.pread(log.fileno(), 1 << 20, 0), bytes(console))
            evidence = [tail.decode(errors="replace")[-_TAIL_CHARS:] for tail in tails]
            raise HostError(
                f"the probe guest ended without an answer under {boot.accelerator}", evidence=evidence
            )
    return answer


def _await_answer(lines: queue.SimpleQueue[bytes | None], deadline: Deadline) -> ProbeResult | None:
    while True:
        try:
            line = lines.get(timeout=deadline.remaining())
        except queue.Empty:
            raise DeadlinePassed(f"not in time: {deadline.what}") from None
        if line is None:
            return None
        try:
            record = parse_record(line)
        except ValueError as error:
            raise HostError(f"the probe guest does not speak sense: {error}") from None
        if isinstance(record, ProbeResult):
            return record


def _cache_file(arch: ArchName, version: str) -> Path:
    host = host_facts()
    identity = "\n".join(
        [platform.node(), host.kernel, host.cpu_model, str(host.cpus), version, arch, str(PROTOCOL_VERSION),
         str(device_groups(KVM))]
    )  # fmt: skip
    return cache_dir() / "probe" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"
