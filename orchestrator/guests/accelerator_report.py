# SPDX-License-Identifier: Apache-2.0
"""What the probe of this machine's accelerators found.

Apart from the probe itself, so that reading a run does not load what starts guests.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.frozen import Frozen

Accelerator = Literal["tcg", "kvm"]

REFERENCE_BOOT_S = 3.0
"""Power-on to the probe's answer on the reference machine (2 idle cores, TCG)."""

KVM_BROKEN = "KVM does not work here"
"""How the reason for TCG begins where KVM was there and no guest booted with it."""


class AcceleratorReport(Frozen):
    """What the probe found."""

    accelerator: Accelerator
    reason: str
    program: str = "QEMU"
    qemu_version: str
    cpu_model: str = ""
    boot_s: float | None = None
    loops_per_s: float | None = None
    programs: dict[str, str] = Field(default_factory=dict)

    @property
    def version(self) -> str:
        """Of `program`; the field's name is of the time when that was always QEMU."""
        return self.qemu_version

    @property
    def versions(self) -> dict[str, str]:
        """By name, `program` first."""
        return {self.program: self.version, **self.programs}

    @property
    def programs_words(self) -> str:
        """What ran the guests, each with its version: `QEMU 7.2.22`, or several."""
        return ", ".join(f"{name} {version}".rstrip() for name, version in self.versions.items())

    @property
    def machine_words(self) -> str:
        """How the guests' CPUs were run, and which they were where that is known: `tcg, cortex-a76`."""
        return ", ".join(filter(None, (self.accelerator, self.cpu_model)))

    @property
    def slowdown(self) -> float:
        """How much longer than on the reference machine things may take here; at least 1. Without a probe
        nobody knows, and deadlines stay as the scenario has them."""
        return max(1.0, (self.boot_s or REFERENCE_BOOT_S) / REFERENCE_BOOT_S)
