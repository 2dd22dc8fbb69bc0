# SPDX-License-Identifier: Apache-2.0
"""Cuttlefish as a backend: Android's virtual device, created by `cvd`, its agent pushed over adb.

What starts devices is loaded with the first: checking scenarios starts none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orchestrator.guests.backend import Ability, BootFiles, Capabilities, Launcher, Progress
from orchestrator.guests.cuttlefish.problems import KERNEL_NEEDS, cuttlefish_problems
from orchestrator.scenario.cuttlefish import Cuttlefish
from orchestrator.units import GIB, MIB

if TYPE_CHECKING:
    from orchestrator.arch import ArchName
    from orchestrator.clock import Clock
    from orchestrator.guests.accelerator_report import AcceleratorReport
    from orchestrator.guests.cuttlefish.command import DevicePlan
    from orchestrator.guests.cuttlefish.places import Places
    from orchestrator.host.programs import Need
    from orchestrator.kernels.features import KernelNeed
    from orchestrator.plan import PlannedBlock
    from orchestrator.scenario.fields import Cross
    from orchestrator.scenario.models import Device, Scenario

_SMALL_BYTES = 1536 * MIB
"""No Android image is known to boot with less. (The presets of Cuttlefish begin there.)"""


@dataclass(frozen=True)
class CuttlefishBackend:
    """Devices of Cuttlefish, under crosvm or QEMU. `device` is whose host package and images are meant."""

    device: Device | None = None

    capabilities = Capabilities(
        snapshots=Ability(
            "a snapshot of a Cuttlefish device holds its kernel, so variants could not share one, and only"
            " crosvm takes any"
        ),
        deterministic_clock=Ability("its devices run on the host's time"),
        registers=Ability("cvd does not tell a device's registers"),
        private_memory=Ability("cvd does not tell what memory of the host a device has"),
        shell=Ability("`adb shell` gives one, in a device that `cvd create` made"),
        numa_nodes=Ability("its launcher has no flag for them"),
        modules=Ability("a device's modules are its images'"),
    )

    @property
    def overhead_bytes(self) -> int:
        """What crosvm or QEMU takes, and the dozen helpers that Google's launcher starts beside it."""
        return GIB

    @property
    def how_to_leave(self) -> str:
        """As in `Backend`; so are the others below."""
        return "`exit` leaves the device's shell"

    @property
    def script_path(self) -> str:
        """Beside the agent."""
        from orchestrator.guests.cuttlefish.device import SCRIPT

        return SCRIPT

    def problems(self, scenario: Scenario) -> Iterable[Cross]:
        """Words of the kernel command line that would not arrive, and modules."""
        return cuttlefish_problems(scenario)

    def kernel_needs(self, arch: ArchName) -> Sequence[KernelNeed]:
        """What the launcher reads of a kernel, and what adbd needs."""
        return KERNEL_NEEDS

    def assumptions(self, arch: ArchName) -> Sequence[str]:
        """Where host package and images are, if nobody says, and what else a dry run cannot know."""
        runs = "under KVM" if _is_native(arch) else "by emulation, under qemu_cli"
        return (
            *self._places.assumed,
            f"assumed: cvd 1.54 or newer, a device that runs {runs}; cvd was not asked",
            "assumed: the instance number 1 and its adb port 6520 are free",
        )

    def needs(self, arch: ArchName) -> Sequence[Need]:
        """None of the table's: cvd and adb are asked for in `require_version`, wherever they come from."""
        return ()

    def require_version(self, arch: ArchName) -> None:
        """cvd, adb, the host package and the images are there, and cvd accepts this host and user."""
        from orchestrator.guests.cuttlefish.check import require_host

        require_host(self._asked, self._places, arch)

    def accelerator(
        self, arch: ArchName, clock: Clock, files: BootFiles, progress: Progress
    ) -> AcceleratorReport:
        """What Cuttlefish runs such guests with, and the versions of what takes part. Boots nothing."""
        from orchestrator.guests.cuttlefish.check import programs

        for line in self.remove_abandoned():
            progress(line)
        memory = self.device.memory if self.device is not None else _SMALL_BYTES
        if memory < _SMALL_BYTES:
            progress(
                f"warning: {memory // MIB} MiB are less than any Android image is known to boot with"
                f" ({_SMALL_BYTES // MIB} MiB)"
            )
        return _report(arch, programs(self._places, self._asked.vmm or _usual_vmm(arch)))

    def assumed_accelerator(self, arch: ArchName, clock: Clock) -> AcceleratorReport:
        """As Cuttlefish chooses, whatever this host has."""
        return _report(arch, {"cvd": ""})

    def launcher(
        self, scenario: Scenario, planned: PlannedBlock, files: BootFiles, accelerator: AcceleratorReport
    ) -> Launcher:
        """The boot as one `cvd create`, and what its agent is told."""
        from orchestrator.guests.cuttlefish.guest import DeviceBoot
        from orchestrator.guests.cuttlefish.launcher import CuttlefishLauncher
        from orchestrator.protocol.recipe import device_recipe
        from orchestrator.stage import Mode

        asked = self._asked
        mode: Literal[Mode.TRIAL, Mode.PROOF] = Mode.PROOF if planned.mode is Mode.PROOF else Mode.TRIAL
        recipe = device_recipe(
            scenario, mode=mode, variants=planned.variants, seed=planned.seed,
            slowdown=accelerator.slowdown, stage=planned.stage, binder=asked.binder,
        )  # fmt: skip
        boot = DeviceBoot(
            plan=self.plan(scenario, planned.variants[0], files),
            agent=files.agent,
            recipe=recipe,
            boot_s=scenario.deadlines.boot * accelerator.slowdown,
            root=asked.root,
            script=files.script,
            files=files.files,
            adb=self._places.adb,
        )
        return CuttlefishLauncher(boot)

    def plan(self, scenario: Scenario, variant: str, files: BootFiles) -> DevicePlan:
        """The device that a variant's kernel is booted on. Pure."""
        from pathlib import Path

        from orchestrator.guests.cuttlefish.command import DevicePlan
        from orchestrator.scenario.kernel_base import ImageBase

        device, base, places = scenario.device, scenario.variants[variant].base, self._places
        given = base.initramfs if isinstance(base, ImageBase) else None
        return DevicePlan(
            host_path=places.host_path,
            product_path=places.product_path,
            kernel=files.kernel,
            initramfs=Path(given) if given is not None else None,
            cpus=device.cpus,
            memory_mib=device.memory // MIB,
            kernel_words=(
                f"cma={device.cma}", "printk.devkmsg=on", *device.cmdline,
                *scenario.variants[variant].command_line,
                f"binder.impl={self._asked.binder}",
            ),
            vmm=self._asked.vmm,
            flags=self._asked.flags,
        )  # fmt: skip

    def remove_abandoned(self) -> Iterable[str]:
        """Groups that cvd still has."""
        from orchestrator.guests.cuttlefish.group import remove_abandoned

        return remove_abandoned()

    @property
    def _asked(self) -> Cuttlefish:
        return (self.device.cuttlefish if self.device is not None else None) or Cuttlefish()

    @property
    def _places(self) -> Places:
        from orchestrator.guests.cuttlefish.places import find_places

        return find_places(self._asked)


def _report(arch: ArchName, programs: dict[str, str]) -> AcceleratorReport:
    from orchestrator.guests.accelerator_report import AcceleratorReport

    native = _is_native(arch)
    reason = (
        "Cuttlefish runs guests of the host's architecture under KVM alone"
        if native
        else f"QEMU emulates {arch} on this host"
    )
    cvd = programs.pop("cvd")
    return AcceleratorReport(
        accelerator="kvm" if native else "tcg", reason=reason, program="cvd", qemu_version=cvd,
        programs=programs,
    )  # fmt: skip


def _is_native(arch: ArchName) -> bool:
    from orchestrator.arch import ARCHS
    from orchestrator.host.programs import host_arch

    return host_arch() == ARCHS[arch].debian


def _usual_vmm(arch: ArchName) -> str:
    return "crosvm" if _is_native(arch) else "qemu_cli"
