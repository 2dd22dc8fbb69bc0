# SPDX-License-Identifier: Apache-2.0
"""What a kernel must have to boot on QEMU's machines, beside what any guest needs."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.arch import ArchName
from orchestrator.kernels.features import Feature, KernelNeed

_CONTROL = KernelNeed(
    Feature(("SERIAL_8250_PCI", "SERIAL_8250")), "the line on which the guest's agent talks"
)

MACHINE_NEEDS: Mapping[ArchName, tuple[KernelNeed, ...]] = {
    "arm64": (
        _CONTROL,
        KernelNeed(Feature(("SERIAL_AMBA_PL011_CONSOLE",)), "the console of QEMU's machine virt"),
        KernelNeed(Feature(("PCI_HOST_GENERIC",)), "the bus of QEMU's machine virt"),
    ),
    "x86_64": (
        _CONTROL,
        KernelNeed(Feature(("SERIAL_8250_CONSOLE",)), "the console of QEMU's machine q35"),
        KernelNeed(Feature(("PCI",)), "the bus of QEMU's machine q35"),
    ),
}
