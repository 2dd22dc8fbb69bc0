# SPDX-License-Identifier: Apache-2.0
"""QEMU as a backend. What starts guests is loaded with the first: checking scenarios starts none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from orchestrator.guests.backend import ABLE, BootFiles, Capabilities, Launcher, Progress
from orchestrator.guests.qemu.command_line_room import room_problems
from orchestrator.guests.qemu.limits import machine_problems

if TYPE_CHECKING:
    from orchestrator.arch import ArchName
    from orchestrator.clock import Clock
    from orchestrator.guests.accelerator_report import AcceleratorReport
    from orchestrator.host.programs import Need
    from orchestrator.kernels.features import KernelNeed
    from orchestrator.plan import PlannedBlock
    from orchestrator.scenario.fields import Cross
    from orchestrator.scenario.models import Scenario


class QemuBackend:
    """QEMU's machines `virt` and `q35`, under KVM or emulated."""

    capabilities = Capabilities(
        snapshots=ABLE, deterministic_clock=ABLE, registers=ABLE, private_memory=ABLE, shell=ABLE,
        numa_nodes=ABLE, modules=ABLE,
    )  # fmt: skip

    @property
    def overhead_bytes(self) -> int:
        """With the translation cache."""
        from orchestrator.host.capacity import OVERHEAD_BYTES

        return OVERHEAD_BYTES

    @property
    def how_to_leave(self) -> str:
        """As in `Backend`; so are the others below."""
        from orchestrator.guests.terminal import LEAVE_KEY

        return f"`exit` ends the guest, {LEAVE_KEY} powers it off"

    @property
    def script_path(self) -> str:
        """At the root of the initramfs."""
        from orchestrator.kernels.base import SCRIPT_FILE

        return f"/{SCRIPT_FILE}"

    def problems(self, scenario: Scenario) -> Iterable[Cross]:
        """More than the machine has, and a command line that the kernel would cut."""
        return (*machine_problems(scenario), *room_problems(scenario))

    def kernel_needs(self, arch: ArchName) -> Sequence[KernelNeed]:
        """Bus and serial lines of the machine."""
        from orchestrator.guests.qemu.kernel_needs import MACHINE_NEEDS

        return MACHINE_NEEDS[arch]

    def assumptions(self, arch: ArchName) -> Sequence[str]:
        """None: QEMU's command runs wherever QEMU does."""
        return ()

    def needs(self, arch: ArchName) -> Sequence[Need]:
        """QEMU for this architecture."""
        from orchestrator.host.programs import needs_of

        return needs_of(arch, "boot")

    def require_version(self, arch: ArchName) -> None:
        """7.2 or newer."""
        from orchestrator.guests.qemu.machine import MACHINES
        from orchestrator.host.facts import qemu_version

        qemu_version(MACHINES[arch].program)

    def accelerator(
        self, arch: ArchName, clock: Clock, files: BootFiles, progress: Progress
    ) -> AcceleratorReport:
        """KVM or TCG, whichever a probe guest has booted with; remembered for this host and QEMU."""
        from orchestrator.guests.qemu.accelerator import find_accelerator, find_emulator

        find = find_emulator if clock == "deterministic" else find_accelerator
        return find(arch, kernel=files.kernel, initramfs=files.initramfs, progress=progress)

    def assumed_accelerator(self, arch: ArchName, clock: Clock) -> AcceleratorReport:
        """TCG, which works everywhere: only a probe, which starts a guest, could tell whether KVM does."""
        from orchestrator.guests.accelerator_report import REFERENCE_BOOT_S, AcceleratorReport
        from orchestrator.guests.qemu.machine import cpu_model

        return AcceleratorReport(
            accelerator="tcg", reason="it works everywhere", qemu_version="", boot_s=REFERENCE_BOOT_S,
            cpu_model=cpu_model(arch, "tcg", clock), loops_per_s=0,
        )  # fmt: skip

    def launcher(
        self, scenario: Scenario, planned: PlannedBlock, files: BootFiles, accelerator: AcceleratorReport
    ) -> Launcher:
        """The block as one QEMU command line."""
        from orchestrator.guests.qemu.boot import block_boot
        from orchestrator.guests.qemu.launcher import QemuLauncher

        boot = block_boot(
            scenario,
            planned,
            kernel=files.kernel,
            initramfs=files.initramfs,
            accelerator=accelerator.accelerator,
            slowdown=accelerator.slowdown,
        )
        return QemuLauncher(boot)

    def remove_abandoned(self) -> Iterable[str]:
        """None: QEMU dies with whoever started it."""
        return ()
