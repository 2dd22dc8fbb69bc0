# SPDX-License-Identifier: Apache-2.0
"""The most that a scenario may ask for: what the guest's agent takes, and what QEMU's machines have.

The agent's part is read from the header that the agent itself is compiled with, so that neither side
knows another number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from orchestrator.errors import HostError
from orchestrator.paths import resource_dir
from orchestrator.units import MIB

_DEFINE = re.compile(r"^#define LIMIT_([A-Z_]+) (\d+)$", re.MULTILINE)


@cache
def agent_limits() -> Mapping[str, int]:
    """Every limit of images/guest/limits.h by its name there, without `LIMIT_`, in small letters."""
    path = resource_dir("images") / "guest" / "limits.h"
    try:
        text = path.read_text()
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}", hint="reinstall oomlab") from None
    return {name.lower(): int(number) for name, number in _DEFINE.findall(text)}


def limit(name: str) -> int:
    """One of the agent's limits; KeyError for a name that the header has not."""
    return agent_limits()[name]


@dataclass(frozen=True)
class MachineLimits:
    """What one of QEMU's machines can have, and what a distribution's kernel needs to come up on it."""

    machine: str
    most_cpus: int
    least_memory_bytes: int


MACHINE_LIMITS: Mapping[str, MachineLimits] = {
    # Its interrupt controller is a GICv2 (hw/intc/arm_gic.c, GIC_NCPU), unless asked otherwise.
    "arm64": MachineLimits("virt", 8, 64 * MIB),
    # q35 has many more. With 80 MiB these kernels die while they boot, with 64 they do not begin.
    "x86_64": MachineLimits("q35", 64, 96 * MIB),
}
"""By architecture."""
