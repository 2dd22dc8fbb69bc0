# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - kernels do not keep to columns
"""Crashes of architectures that no guest of ours has, shortened from public reports; and every form of die()."""

from __future__ import annotations

import pytest

from orchestrator.oom.crash_heads import crash_head
from orchestrator.oom.crash_words import crash_sentence
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import KernelCrash

REPORTS = {
    "powerpc64 5.14, instruction fetch": (
        """\
[    8.496850] kernel tried to execute exec-protected page (c008000004073278) - exploit attempt? (uid: 0)
[    8.496921] BUG: Unable to handle kernel instruction fetch
[    8.496954] Faulting instruction address: 0xc008000004073278
[    8.496994] Oops: Kernel access of bad area, sig: 11 [#1]
[    8.497028] LE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=2048 NUMA pSeries
[    8.497186] CPU: 3 PID: 44 Comm: kworker/3:1 Not tainted 5.14.0-rc4+ #12
[    8.497272] NIP:  c008000004073278 LR: c008000004073278 CTR: c0000000001e9de0
""",
        "Oops (instruction fetch)",
    ),
    "powerpc32 5.10, instruction fetch at 0": (
        """\
[    0.681659] kernel tried to execute user page (0) - exploit attempt? (uid: 0)
[    0.766618] BUG: Unable to handle kernel instruction fetch (NULL pointer?)
[    0.848899] Faulting instruction address: 0x00000000
[    0.908273] Oops: Kernel access of bad area, sig: 11 [#1]
[    0.972851] BE PAGE_SIZE=4K SMP NR_CPUS=2 P1020 RDB
[    1.067640] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 5.10.80 #0
""",
        "Oops (instruction fetch)",
    ),
    "powerpc64 6.4, NULL": (
        """\
BUG: Kernel NULL pointer dereference on read at 0x000000c8
Faulting instruction address: 0xc0000000001024c0
Oops: Kernel access of bad area, sig: 7 [#1]
LE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=2048 NUMA pSeries
CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.4.0-150600.9-default #1
NIP:  c0000000001024c0 LR: c0000000001024b0 CTR: c000000000102450
NIP [c0000000001024c0] pci_dma_bus_setup_pSeriesLP+0x70/0x2a0
LR [c0000000001024b0] pci_dma_bus_setup_pSeriesLP+0x60/0x2a0
""",
        "Oops (NULL pointer dereference): pci_dma_bus_setup_pSeriesLP()",
    ),
    "powerpc32 5.5, unaligned": (
        """\
BUG: Unable to handle kernel unaligned access at 0xf10af004
Faulting instruction address: 0xc01cc6c4
Oops: Kernel access of bad area, sig: 7 [#1]
CPU: 0 PID: 1 Comm: swapper Not tainted 5.5.0-rc2+ #8
NIP [c01cc6c4] f_dupfd+0x6c/0xb8
""",
        "Oops (unaligned access): f_dupfd()",
    ),
    "s390 6.10, [#1]SMP": (
        """\
[   14.350676] Unable to handle kernel pointer dereference in virtual kernel address space
[   14.350682] Failing address: 4000000000000000 TEID: 4000000000000803 ESOP-2 FSI
[   14.350686] Fault in home space mode while using kernel ASCE.
[   14.350689] AS:0000000002798007 R3:000000002d2c4007 S:000000002d2c3001 P:000000000000013d
[   14.350730] Oops: 0038 ilc:3 [#1]SMP
[   14.350760] CPU: 0 UID: 0 PID: 32 Comm: khugepaged Not tainted 7.0.0-rc5 #1
[   14.350770] Krnl PSW : 0704c00180000000 000003ffe288975a (memset+0x3a/0xa0)
""",
        "Oops (pointer dereference): memset()",
    ),
    "s390 6.0, illegal operation": (
        """\
[    1.675787] illegal operation: 0001 ilc:3 [#1] SMP
[    1.675888] Modules linked in:
[    1.676044] CPU: 0 PID: 59 Comm: modprobe Not tainted 6.0.0-rc5-00017-gd1221cea11fc #1
[    1.676202] Krnl PSW : 0704d00180000000 0000000000579fbc (load_elf_binary+0x31c/0x11c0)
""",
        "Oops (illegal operation): load_elf_binary()",
    ),
    "s390 5.4, BUG": (
        """\
[  330.681357] kernel BUG at include/linux/rmap.h:159!
[  330.681442] illegal operation: 0001 ilc:1 [#1] SMP DEBUG_PAGEALLOC
[  330.681502] CPU: 0 PID: 7651 Comm: cc1 Not tainted 5.4.0-rc2-next-20191009+ #4
[  330.681530] Krnl PSW : 0704c00180000000 00000000531d9cac (__vma_adjust+0xcf4/0xf30)
""",
        "BUG (at include/linux/rmap.h:159): __vma_adjust()",
    ),
    "mips 6.19": (
        """\
CPU 0 Unable to handle kernel paging request at virtual address 000000bc, epc == 8048b3a4, ra == 80470a78
Oops[#1]:
CPU: 0 UID: 0 PID: 1 Comm: swapper/0 Not tainted 6.19.0-dirty #35 NONE
epc   : 8048b3a4 __dev_fwnode+0x0/0xc
ra    : 80470a78 serial_base_ctrl_add+0xa0/0x168
""",
        "Oops (paging request): __dev_fwnode()",
    ),
    "mips 2.6.12": (
        """\
CPU 0 Unable to handle kernel paging request at virtual address 00000000, epc == 8029fb20, ra == 8029fc0c
Oops in arch/mips/mm/fault.c::do_page_fault, line 167[#1]:
Cpu 0
epc   : 8029fb20 pci_bus_clock_list+0x0/0x38     Not tainted
ra    : 8029fc0c hpt372_tune_chipset+0xb4/0x138
Process swapper (pid: 1, threadinfo=811de000, task=80456bf0)
""",
        "Oops (paging request): pci_bus_clock_list()",
    ),
    "mips 3.14, BUG": (
        """\
Kernel bug detected[#1]:
CPU: 0 PID: 177 Comm: mcp Not tainted 3.14.10 #19
epc   : 801bb014 copy_strings+0x304/0x394
    Not tainted
""",
        "Oops (Kernel bug detected): copy_strings()",
    ),
    "riscv 6.15, user memory": (
        """\
[   51.954695] Unable to handle kernel access to user memory without uaccess routines at virtual address 0000000000000010
[   51.956868] Current cat pgtable: 4K pagesize, 57-bit VAs, pgdp=0x0000000101a9a000
[   51.958324] Oops [#1]
[   51.958721] CPU: 1 UID: 0 PID: 83 Comm: cat Not tainted 6.15.0-rc4-00147-gebd297a2affa #1 NONE
[   51.959196] epc : msi_domain_debug_show+0xa/0x8a
[   51.959736]  ra : irq_domain_debug_show_one+0xb6/0xf4
""",
        "Oops (access to user memory without uaccess routines): msi_domain_debug_show()",
    ),
    "riscv 6.5, access fault": (
        """\
[    0.000000] Oops - load access fault [#1]
[    0.000000] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.5.0-rc3 #1
[    0.000000] epc : __plic_toggle+0x5a/0x62
[    0.000000]  ra : __plic_init.isra.0+0x2d0/0x462
""",
        "Oops (load access fault): __plic_toggle()",
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_one_crash_with_its_cause_and_place(name: str) -> None:
    text, sentence = REPORTS[name]
    crashes = [event for event in read_events(text.encode()) if isinstance(event, KernelCrash)]
    assert [crash_sentence(crash) for crash in crashes] == [sentence]
    assert (crashes[0].die, crashes[0].tainted) == (1, crashes[0].tainted and "")


# die() of each architecture, as a format; what it is called for is each one's own.
DIE = {
    "x86": "{}: 0002 [#1] PREEMPT SMP KASAN PTI",
    "arm": "Internal error: {}: 17 [#1] PREEMPT SMP ARM",
    "arm64": "Internal error: {}: 0000000096000004 [#1]  SMP",
    "powerpc": "Oops: {}, sig: 11 [#1]",
    "s390": "{}: 003b ilc:2 [#1]PREEMPT_RT SMP DEBUG_PAGEALLOC",
    "mips, loongarch": "{}[#1]:",
    "sparc": "swapper/0(1): {} [#1]",
    "sh": "{}: 0002 [#1]",
    "xtensa": "{}: sig: 9 [#1] PREEMPT",
}
CAUSES = (
    "no such cause yet",
    "Space-switch event",
    "FPU disabled in kernel",
    "Oops",
    "Hypervisor fault (code 3)",
)


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("form", DIE)
def test_the_form_of_die_makes_an_oops_whatever_the_cause(form: str, cause: str) -> None:
    head = crash_head(DIE[form].format(cause))
    assert head is not None
    assert (head.kind, head.die) == ("oops", 1)
    assert head.what == ("" if cause == "Oops" else cause)


@pytest.mark.parametrize(
    "cause", ["Oops", "Kernel BUG", "Oops - load access fault", "Oops - environment call from M-mode"]
)
def test_riscv_has_the_cause_alone(cause: str) -> None:
    head = crash_head(f"{cause} [#2]")
    assert head is not None
    assert (head.kind, head.die) == ("oops", 2)


@pytest.mark.parametrize(
    "text",
    [
        "kernel tried to execute exec-protected page (c008000004073278) - exploit attempt? (uid: 0)",
        "Kernel attempted to read user page (0) - exploit attempt? (uid: 0)",
        "Unable to handle the load",
        "usb 1-1: see issue [#12]",
        "I have the same as in [#3]",
        "Unable to handle endpoint 3 [#1]",
        "fixed: it crashed [#1] twice",
    ],
)
def test_what_a_kernel_may_survive_or_did_not_write_is_none(text: str) -> None:
    """An access through uaccess that was refused may be fixed up (bad_page_fault() in arch/powerpc)."""
    assert crash_head(text) is None
