# SPDX-License-Identifier: Apache-2.0
"""What QEMU's machines can have, held against what a scenario asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.arch import ArchName
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.models import Scenario
from orchestrator.units import MIB, format_size


@dataclass(frozen=True)
class MachineLimits:
    """What one of QEMU's machines can have, and what a distribution's kernel needs to come up on it."""

    machine: str
    most_cpus: int
    least_memory_bytes: int


MACHINE_LIMITS: Mapping[ArchName, MachineLimits] = {
    # Its interrupt controller is a GICv2 (hw/intc/arm_gic.c, GIC_NCPU), unless asked otherwise.
    "arm64": MachineLimits("virt", 8, 64 * MIB),
    # q35 has many more. With 80 MiB these kernels die while they boot, with 64 they do not begin.
    "x86_64": MachineLimits("q35", 64, 96 * MIB),
}


def machine_problems(scenario: Scenario) -> Iterator[Cross]:
    """Processors and memory that the machine cannot have, at their keys."""
    device = scenario.device
    machine = MACHINE_LIMITS[device.arch]
    if device.cpus > machine.most_cpus:
        most = machine.most_cpus
        what = f"QEMU's machine '{machine.machine}' ({device.arch}) has at most {most} processors"
        yield Cross(("device", "cpus"), f"{what}, not {device.cpus}", str(most))
    if device.memory < machine.least_memory_bytes:
        least = format_size(machine.least_memory_bytes)
        what = f"no base kernel boots on {device.arch} with less than {least}, not with"
        yield Cross(("device", "memory"), f"{what} {format_size(device.memory)}", least)
    if "deterministic" in scenario.trials.clock and device.cpus > 1:
        what = (
            "the deterministic clock counts the instructions of one processor (QEMU's icount):"
            " with several, which of them runs next would be the host's doing"
        )
        yield Cross(("device", "cpus"), what, "1")
