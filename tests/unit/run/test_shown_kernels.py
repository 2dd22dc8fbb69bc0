# SPDX-License-Identifier: Apache-2.0
"""What stands against a kernel on each kind of device is told where it is shown."""

from __future__ import annotations

from orchestrator.kernels.features import KernelFeatures
from orchestrator.run.shown_kernels import lacks_of

OPTIONS = tuple(
    """
ANDROID_BINDER_IPC BINFMT_ELF BLK_DEV_INITRD BLK_DEV_NULL_BLK CMA COMPACTION DEBUG_FS DEVTMPFS HIST_TRIGGERS
HUGETLBFS INET NET NUMA PCI PCI_HOST_GENERIC POSIX_MQUEUE PRINTK PROC_FS PROC_PAGE_MONITOR SERIAL_8250_PCI
SERIAL_AMBA_PL011_CONSOLE SWAP SYNTH_EVENTS SYSFS TRANSPARENT_HUGEPAGE UNIX UNIX98_PTYS ZRAM
""".split()  # noqa: SIM905 -- as people compare it with a .config
)
PLAIN = "".join(f"CONFIG_{option}=y\n" for option in OPTIONS)
BOTH = ("qemu", "cuttlefish")


def lacks(config: str, backends: tuple[str, ...] = BOTH) -> list[str]:
    return list(lacks_of("arm64", KernelFeatures(config), backends))


def test_what_another_backend_needs_is_told_with_its_name() -> None:
    (fault,) = lacks(PLAIN)
    assert fault.startswith("under backend cuttlefish: no CONFIG_IKCONFIG, which is needed for")
    assert lacks(PLAIN + "CONFIG_IKCONFIG=y\n") == []


def test_what_any_needs_is_told_once() -> None:
    without = PLAIN.replace("CONFIG_PRINTK=y\n", "CONFIG_IKCONFIG=y\n")
    (fault,) = lacks(without)
    assert fault == "no CONFIG_PRINTK, which is needed for the console, which carries OOM reports"


def test_of_a_scenarios_kernels_only_its_own_devices_count() -> None:
    assert lacks(PLAIN, ("qemu",)) == []
