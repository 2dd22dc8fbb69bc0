# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501, ISC004 - kernels do not keep to columns
"""Crashes of a kernel are told by name, once each, whatever stands around the lines; look-alikes are none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.oom.crash_words import crash_details, crash_sentence
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import CrashBegun, KernelCrash
from tests.unit.oom.texts import console, memory_events, read_in_chunks

STAMP = "[   12.345678] "
LIST_LRU = "Oops (paging request): list_lru_add() called from binder_update_page_range() [binder_linux]"
TRACE = "Call Trace:\n <TASK>\n  ext_caller+0x10/0x20 [ext]\n  vfs_write+0x1/0x2\n </TASK>\n"
CPU = "CPU: 0 PID: 77 Comm: worker Tainted: G      D W  OE     {} #1 Debian\n"


def crashes(text: str | bytes) -> list[KernelCrash]:
    data = text if isinstance(text, bytes) else text.encode()
    return [event for event in read_events(data) if isinstance(event, KernelCrash)]


def stamped(text: str) -> str:
    return "".join(f"{STAMP}{line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("6.1-arm64-list-lru", LIST_LRU),
        (
            "6.1-arm64-null-write",
            "Oops (NULL pointer dereference): binder_alloc_mmap_handler() [binder_linux] called from"
            " binder_mmap() [binder_linux]",
        ),
        (
            "6.1-x86_64-null-write",
            "Oops (NULL pointer dereference): binder_alloc_mmap_handler() [binder_linux] called from mmap_file()",
        ),
    ],
)
def test_crashes_of_our_own_guests(name: str, sentence: str) -> None:
    (crash,) = crashes(console(name))
    assert crash_sentence(crash) == sentence
    assert (crash.tainted, crash.die, crash.times, crash.fatal) == ("GOE", 1, 1, True)
    assert crash.kernel is not None
    assert crash.kernel.startswith("6.1.0-50-")
    assert crash.task is not None
    assert crash.task.comm.startswith("oomlab-")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "6.12-arm64-list-lru",
            "Oops (paging request): list_lru_add_obj() called from binder_lru_freelist_add() [binder_linux]",
        ),
        (
            "6.12-x86_64-list-lru",
            "Oops (page fault): list_lru_add_obj() called from binder_lru_freelist_add() [binder_linux]",
        ),
    ],
)
def test_the_crash_of_a_distribution_s_own_kernel(name: str, sentence: str) -> None:
    crash, *later = crashes(console(name))
    assert (crash_sentence(crash), crash.tainted, crash.fatal) == (sentence, "", True)
    # On x86_64 a watchdog tells of the lock that the dead task holds.
    assert [each.kind for each in later] == (["soft-lockup"] if "x86" in name else [])


def test_the_same_crash_seven_times_is_one_crash() -> None:
    text = console("6.1-arm64-list-lru").decode()
    begin, end = text.index("Unable to handle"), text.index("---[ end trace")
    report = text[text.rindex("\n", 0, begin) + 1 : text.index("\n", end) + 1]
    again = "".join(report.replace("[#1]", f"[#{n}]") for n in range(1, 8))
    (crash,) = crashes(again)
    assert (crash.times, crash.die) == (7, 1)
    assert "7 times" in crash_details(crash)
    assert sum(isinstance(event, CrashBegun) for event in read_events(again.encode())) == 7


ELSEWHERE = {
    "x86 6.10": (
        "BUG: kernel NULL pointer dereference, address: 0000000000000008\n#PF: supervisor read access\n"
        "Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI\n" + CPU.format("6.12.1") +
        "Tainted: [D]=DIE, [W]=WARN\nRIP: 0010:lost_one+0x1b/0x40 [ext]\n" + TRACE +
        "---[ end trace 0000000000000000 ]---\nRIP: 0010:lost_one+0x1b/0x40 [ext]\n",
        "Oops (NULL pointer dereference): lost_one() [ext] called from ext_caller() [ext]",
    ),
    "x86 GPF": (
        "general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#3] SMP PTI\n"
        + CPU.format("5.10.0") + "RIP: 0010:lost_one+0x1b/0x40\n" + TRACE + "---[ end trace 1f ]---\n",
        "Oops (general protection fault): lost_one() called from ext_caller() [ext]",
    ),
    "x86 2.6": (
        "BUG: unable to handle kernel paging request at ffffc90000000000\n"
        "IP: [<ffffffffa0001234>] lost_one+0x5/0x10 [ext]\nPGD 1 PUD 2\nOops: 0002 [#1] SMP\nCPU 0\n"
        "Pid: 77, comm: worker Tainted: P           2.6.32-5-amd64 #1 Thing\n"
        "RIP: 0010:[<ffffffffa0001234>]  [<ffffffffa0001234>] lost_one+0x5/0x10 [ext]\n"
        "Call Trace:\n [<ffffffff810e1234>] ? maybe+0x1/0x2\n [<ffffffff810e1234>] vfs_write+0x1/0x2\n"
        "RIP  [<ffffffffa0001234>] lost_one+0x5/0x10 [ext]\n---[ end trace 4f ]---\n",
        "Oops (paging request): lost_one() [ext] called from vfs_write()",
    ),
    "x86 BUG()": (
        "------------[ cut here ]------------\nkernel BUG at mm/slub.c:4023!\n"
        "invalid opcode: 0000 [#1] PREEMPT SMP\n" + CPU.format("6.1.0") + "RIP: 0010:kfree+0x1b/0x40\n"
        + TRACE + "---[ end trace 0000000000000000 ]---\n",
        "BUG (at mm/slub.c:4023): kfree() called from ext_caller() [ext]",
    ),
    "arm64 BUG()": (
        "kernel BUG at lib/list_debug.c:26!\nInternal error: Oops - BUG: 00000000f2000800 [#1] SMP\n"
        + CPU.format("6.1.0") + "pc : __list_add_valid+0x60/0x70\nlr : __list_add_valid+0x60/0x70\n"
        "Call trace:\n __list_add_valid+0x60/0x70\n ext_caller+0x1/0x2 [ext]\n---[ end trace 0 ]---\n",
        "BUG (at lib/list_debug.c:26): __list_add_valid() called from ext_caller() [ext]",
    ),
    "arm32": (
        "8<--- cut here ---\nUnable to handle kernel NULL pointer dereference at virtual address 00000014\n"
        "pgd = (ptrval)\n[00000014] *pgd=00000000\nInternal error: Oops: 5 [#1] SMP ARM\n"
        "CPU: 1 PID: 77 Comm: worker Not tainted 5.4.0 #1\nPC is at lost_one+0x10/0x50 [ext]\n"
        "LR is at ext_caller+0x8/0x10 [ext]\nProcess worker (pid: 77, stack limit = 0x(ptrval))\n"
        "[<bf000010>] (lost_one [ext]) from [<c0301234>] (vfs_write+0x10/0x20)\n"
        "[<c0301234>] (vfs_write) from [<c0305678>] (ksys_write+0x10/0x20)\n---[ end trace 1 ]---\n",
        "Oops (NULL pointer dereference): lost_one() [ext] called from vfs_write()",
    ),
    "riscv": (
        "Unable to handle kernel paging request at virtual address ffffffd8000000\nOops [#1]\n"
        "CPU: 0 PID: 77 Comm: worker Not tainted 6.6.0 #1\nepc : lost_one+0x14/0x22\n ra : ext_caller+0x12/0x20 [ext]\n"
        "[<ffffffff80001234>] lost_one+0x14/0x22\n[<ffffffff80001234>] vfs_write+0x14/0x22\n---[ end trace 0 ]---\n",
        "Oops (paging request): lost_one() called from vfs_write()",
    ),
    "KASAN": (
        "BUG: KASAN: slab-use-after-free in lost_one+0x10/0x50 [ext]\n"
        "Write of size 4 at addr ffff888004a7d000 by task worker/77\n\n" + CPU.format("6.6.0") + TRACE
        + "Allocated by task 77:\n kasan_save_stack+0x1/0x2\n other_one+0x1/0x2 [oth]\n",
        "KASAN (slab-use-after-free): lost_one() [ext] called from ext_caller() [ext]",
    ),
    "UBSAN": (
        "UBSAN: array-index-out-of-bounds in drivers/ext/ext.c:12:34\nindex 8 is out of range for type 'int [8]'\n"
        + CPU.format("6.6.0") + TRACE,
        "UBSAN (array-index-out-of-bounds in drivers/ext/ext.c:12:34): called from ext_caller() [ext]",
    ),
    "soft lockup": (
        "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [worker:77]\n" + CPU.format("6.1.0")
        + "RIP: 0010:lost_one+0x1/0x2 [ext]\n" + TRACE,
        "soft lockup (stuck for 22s): lost_one() [ext] called from ext_caller() [ext]",
    ),
    "hard lockup": (
        "NMI watchdog: Watchdog detected hard LOCKUP on cpu 3\n" + CPU.format("4.19.0")
        + "RIP: 0010:lost_one+0x1/0x2\n" + TRACE,
        "hard lockup (cpu 3): lost_one() called from ext_caller() [ext]",
    ),
    "RCU stall": (
        "rcu: INFO: rcu_preempt self-detected stall on CPU\nrcu: \t0-....: (5249 ticks this GP)\n"
        + CPU.format("6.1.0") + "pc : lost_one+0x1/0x2\n" + TRACE,
        "RCU stall (rcu_preempt self-detected stall on CPU): lost_one() called from ext_caller() [ext]",
    ),
    "hung task": (
        "INFO: task worker:77 blocked for more than 120 seconds.\n      Not tainted 6.1.0 #1\n"
        "task:worker state:D stack:0 pid:77 ppid:2 flags:0x00000008\nCall trace:\n __switch_to+0x1/0x2\n"
        " __schedule+0x1/0x2\n schedule+0x1/0x2\n __mutex_lock.constprop.0+0x1/0x2\n ext_caller+0x1/0x2 [ext]\n",
        "hung task (blocked for more than 120 seconds): called from ext_caller() [ext]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_crashes_of_other_machines(name: str) -> None:
    text, sentence = ELSEWHERE[name]
    (crash,) = crashes(stamped(text))
    assert crash_sentence(crash) == sentence
    assert crash.task is not None
    assert (crash.task.comm, crash.task.pid) == ("worker", 77)
    assert crashes(text) or name == "hung task", "also without time stamps"


PREFIXES = [
    "Nov 30 12:00:00 host kernel: [   12.345678] ",
    "Nov 30 12:00:00 host kernel: ",
    "2026-11-30T12:00:00.123456+00:00 host kernel: [   12.345678] ",
    "<4>[   12.345678] ",
    "[   12.345678][   T77] ",
    "[Mon Nov 30 12:00:00 2026] ",
    "kern  :emerg : [   12.345678] ",
    "> [   12.345678] ",
    "11-30 12:00:00.123     0     0 E kernel  : ",
]


@given(prefix=st.sampled_from(PREFIXES), name=st.sampled_from([*ELSEWHERE, "6.1-arm64-list-lru"]))
def test_prefixes_make_no_difference(prefix: str, name: str) -> None:
    if name in ELSEWHERE:
        text, sentence = ELSEWHERE[name]
    else:
        text, sentence = re.sub(r"(?m)^\[.*?\] ?", "", console(name).decode()), LIST_LRU
    found = crashes("".join(f"{prefix}{line}\n" for line in text.splitlines()))
    assert [crash_sentence(crash) for crash in found] == [sentence]


@pytest.mark.parametrize(
    "text",
    [
        "It ends in an Oops, see the BUG: line below.\n",
        "BUG: my laptop does not resume\n",
        "Fix an error in the allocator [#12]\n",
        "general protection fault: what it means [#1]\n",
        "Unable to handle request: kernel says no\n",
        "> The kernel panicked with a NULL pointer dereference\n",
        "Nov 30 12:00:00 host systemd[1]: BUG: unable to handle\n",
        f"{STAMP}WARNING: CPU: 0 PID: 1 at mm/page_alloc.c:5531 __alloc_pages+0x1/0x2\n{STAMP}RIP: 0010:f+0x1/0x2\n",
        f"{STAMP}oomlab: BUG: kernel NULL pointer dereference\n",
        f"{STAMP}INFO: task manager started\n",
        f"{STAMP}kernel: debug [#1] of 3 units is ready\n",
    ],
)
def test_a_look_alike_is_no_crash(text: str) -> None:
    assert crashes(text) == []


@pytest.mark.parametrize("name", ["6.12-arm64-panic-on-oom", "6.12-arm64-panic", "6.1-arm64-oom"])
def test_an_oom_s_own_panic_stays_the_oom_s(name: str) -> None:
    assert crashes(console(name)) == []
    assert memory_events(read_events(console(name)))


def test_a_panic_that_ends_a_crash_belongs_to_it() -> None:
    text, sentence = ELSEWHERE["x86 6.10"]
    (crash,) = crashes(stamped(text + "Kernel panic - not syncing: Fatal exception\n---[ end Kernel panic\n"))
    assert crash_sentence(crash) == sentence
    assert crash.panic == "Fatal exception"


def test_a_crash_and_an_oom_keep_their_own_stacks() -> None:
    oom = console("6.1-arm64-binder-order3")
    both = console("6.1-arm64-list-lru") + oom
    assert memory_events(read_events(both))[0].stack == memory_events(read_events(oom))[0].stack
    assert [crash_sentence(crash) for crash in crashes(both)] == [LIST_LRU]


def test_a_crash_stands_before_the_mark_that_follows_it() -> None:
    events = read_in_chunks(console("6.1-arm64-list-lru"), 64)
    types = [event.type for event in events if event.line > 4]
    assert types == ["crash-begun", "kernel-crash", "mark"]


@settings(max_examples=200)
@given(st.data())
def test_damaged_crashes_never_raise_and_chunks_make_no_difference(data: st.DataObject) -> None:
    names = ["6.1-arm64-list-lru", "6.1-x86_64-null-write", "6.1-arm64-crash"]
    text = bytearray(console(data.draw(st.sampled_from(names))))
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 60))] = data.draw(st.binary(max_size=20))
    whole = read_events(bytes(text))
    assert read_in_chunks(bytes(text), data.draw(st.sampled_from([7, 100]))) == whole
    assert all(crash.times >= 1 for crash in whole if isinstance(crash, KernelCrash))
