# SPDX-License-Identifier: Apache-2.0
"""What lines mean that are not the usual head, dump and kill line; written after the kernel's formats."""

from __future__ import annotations

import pytest

from orchestrator.oom.explain import explain
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import KernelCrash, MemoryEvent, Process, SlabFailure
from orchestrator.report.oom import event_page
from tests.unit.oom.texts import memory_events


def every(text: str) -> list[MemoryEvent]:
    return memory_events(read_events(text.encode()))


def only(text: str) -> MemoryEvent:
    (event,) = every(text)
    return event


# -- heads of warn_alloc() ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "warning", "order"),
    [
        ("vmemmap alloc failure: order:9", "vmemmap alloc failure", 9),
        ("page allocation stalls for 10001ms, order:0", "page allocation stalls for 10001ms", 0),
        ("huge zero page allocation failure, order:9", "huge zero page allocation failure", 9),
        ("no memory for the table", "no memory for the table", None),
    ],
)
@pytest.mark.parametrize("tail", ["", ", nodemask=(null)", ", nodemask=(null),cpuset=/,mems_allowed=0"])
def test_other_heads_of_the_same_warning(message: str, warning: str, order: int | None, tail: str) -> None:
    event = only(
        f"[ 1.0] kworker/0:1: {message}, mode:0x4cc0(GFP_KERNEL|__GFP_RETRY_MAYFAIL){tail}\n"
        "[ 1.0] CPU: 0 PID: 18 Comm: kworker/0:1 Not tainted 5.13.0-rc5 #1\n"
        "[ 1.0] Call Trace:\n"
        "[ 1.0]  warn_alloc.cold+0x78/0xdc\n"
        "[ 1.0]  vmemmap_alloc_block+0x86/0xdc\n"
        "[ 1.0] Mem-Info:\n"
    )
    assert (event.type, event.warning, event.order) == ("alloc-failure", warning, order)
    assert event.trigger == Process(comm="kworker/0:1", pid=18)
    assert (event.gfp_mask, event.gfp_flags) == ("0x4cc0", "GFP_KERNEL|__GFP_RETRY_MAYFAIL")
    assert event.stack_first_caller == "vmemmap_alloc_block"


def test_a_stall_is_no_failure() -> None:
    event = only(
        "[ 1.0] sh: page allocation stalls for 24500ms, order:2, mode:0x14200ca(GFP_HIGHUSER_MOVABLE)\n"
    )
    assert event.outcome == "allocation stalled"
    assert "it had not failed, but waited for 24.5 s" in explain(event)[0]
    assert (
        explain(event)[2] == "Nobody was killed: the request waited, and the text does not say how it ended."
    )


@pytest.mark.parametrize(
    "line",
    [
        "sh: device enters mode:0x3 (fast)",
        "eth0: link up, mode:0x10",
        "the warning ends in mode:0xcc0(GFP_KERNEL) as always",
    ],
)
def test_a_mode_alone_is_no_warning(line: str) -> None:
    assert every(f"[ 1.0] {line}\n") == []


def test_vmemmap_says_what_for() -> None:
    event = only("[ 1.0] a: vmemmap alloc failure: order:9, mode:0x4cc0(GFP_KERNEL|__GFP_RETRY_MAYFAIL)\n")
    assert "for the array of struct page of memory that is being added (vmemmap)" in explain(event)[0]


# -- vmalloc ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        ": allocation failure: 0 bytes",
        " error: size 0, exceeds total pages",
        " error: size 0, vm_struct allocation failed",
        " size 0 allocation failure: exceeds total pages",
    ],
)
def test_a_size_of_0_is_the_caller_s_bug(message: str) -> None:
    event = only(f"[ 1.0] modprobe: vmalloc{message}, mode:0xcc2(GFP_KERNEL|__GFP_HIGHMEM)\n")
    assert (event.vmalloc_bytes, event.order) == (0, None)
    assert "requested a vmalloc area of 0" in explain(event)[0]
    assert explain(event)[1] == "The vmalloc: 0 bytes were requested: a bug of the caller, whatever was free."


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("vmap allocation for size 393216 failed: use vmalloc=<size> to increase size", "no gap that large;"),
        (
            "vmap allocation for size 393216 failed: use vmalloc=<size> to increase size.",
            "no gap that large;",
        ),
        (
            "vmalloc_node_range for size 393216 failed: Address range restricted to 0xf000000 - 0xf800000",
            "no gap that large (0xf000000 to 0xf800000);",
        ),
    ],
)
def test_a_full_range_of_addresses_is_no_lack_of_memory(before: str, words: str) -> None:
    failure = (
        "systemd-udevd: vmalloc error: size 327680, vm_struct allocation failed, mode:0xcc0(GFP_KERNEL),"
        " nodemask=(null),cpuset=/,mems_allowed=0-3"
    )
    event = only(f"[ 64.1] {before}\n[ 64.2] {failure}\n")
    assert event.vmalloc_bytes == 327680
    assert event.vmalloc is not None
    assert words in event.vmalloc
    assert "a vmalloc area of 320 KiB" in explain(event)[0]
    assert "a lack of addresses, not of memory" in explain(event)[1]
    assert "   why       a lack of addresses" in " ".join(event_page(event, "x"))
    unsure = only(f"[ 64.2] {failure}\n")
    assert "a lack of addresses most likely" in explain(unsure)[1]


def test_a_full_range_long_before_has_nothing_to_do_with_a_vmalloc() -> None:
    event = only(
        "[ 64.1] vmap allocation for size 393216 failed: use vmalloc=<size> to increase size\n"
        + "[ 64.1] something else\n" * 9
        + "[ 64.2] sh: vmalloc error: size 4096, exceeds total pages, mode:0xcc0(GFP_KERNEL)\n"
    )
    assert event.vmalloc == "4KiB, which is more than the machine has"


# -- slabs --------------------------------------------------------------------------------------------

SLAB_LINES = (
    "[ 1.2]   cache: mnt_cache, object size: 384, buffer size: 384, default order: 2, min order: 0\n"
    "[ 1.2]   node 0: slabs: 100, objs: 4200, free: 0\n"
    "[ 1.2]   node 1: slabs: 10, objs: 420, free: 7\n"
)
MNT_CACHE = SlabFailure(
    cache="mnt_cache", object_bytes=384, default_order=2, min_order=0, slabs=110, objects=4620, free_objects=7
)


@pytest.mark.parametrize(
    ("head", "mask", "flags"),
    [
        ("SLUB: Unable to allocate memory on node -1 (gfp=0x20)", "0x20", None),
        ("SLUB: Unable to allocate memory on node -1, gfp=0x2080020(GFP_ATOMIC)", "0x2080020", "GFP_ATOMIC"),
        ("SLUB: Unable to allocate memory on node 0, gfp=0xa20(GFP_ATOMIC)", "0xa20", "GFP_ATOMIC"),
        (
            "SLUB: Unable to allocate memory on CPU 5 (of node 0) on node -1, gfp=0x820(GFP_ATOMIC)",
            "0x820",
            "GFP_ATOMIC",
        ),
    ],
)
def test_a_cache_without_a_slab(head: str, mask: str, flags: str | None) -> None:
    event = only(
        f"[ 1.2] {head}\n{SLAB_LINES}"
        "[ 1.2] Call Trace:\n"
        "[ 1.2]  warn_alloc+0x103/0x190\n"
        "[ 1.2]  new_slab+0x475/0x550\n"
        "[ 1.2]  kmem_cache_alloc+0x181/0x1b0\n"
        "[ 1.2]  hfi1_make_rc_req+0x90/0x18b0 [hfi1]\n"
    )
    assert (event.type, event.gfp_mask, event.gfp_flags, event.order) == ("alloc-failure", mask, flags, 0)
    assert event.slab == MNT_CACHE
    assert event.stack_first_caller == "hfi1_make_rc_req"
    assert explain(event)[0] == (
        "Somebody requested an object of 384 bytes from the cache mnt_cache (GFP_ATOMIC), called from"
        " hfi1_make_rc_req; no slab of 4 KiB (order 0) could be had after one of order 2."
    )


def test_slab_of_old() -> None:
    event = only(
        "[ 1.2] SLAB: Unable to allocate memory on node 0 (gfp=0x8020)\n"
        "[ 1.2]   cache: size-4096, object size: 4096, order: 0\n"
        "[ 1.2]   node 0: slabs: 30/32, objs: 30/32, free: 2\n"
    )
    assert event.slab == SlabFailure(
        cache="size-4096",
        object_bytes=4096,
        default_order=0,
        min_order=0,
        slabs=32,
        objects=32,
        free_objects=2,
    )


HEAD = "[ 1.1] gcc: page allocation failure: order:2, mode:0xd20(GFP_ATOMIC|__GFP_ZERO), nodemask=(null)\n"
SLUB_HEAD = "[ 1.2] SLUB: Unable to allocate memory on node -1, gfp=0xa20(GFP_ATOMIC)\n"


@pytest.mark.parametrize(
    "text", [HEAD + "[ 1.1] Mem-Info:\n" + SLUB_HEAD + SLAB_LINES, SLUB_HEAD + SLAB_LINES + HEAD]
)
def test_a_slab_s_report_beside_the_failure_for_its_pages_is_one(text: str) -> None:
    event = only(text)
    assert (event.trigger, event.order) == (Process(comm="gcc"), 2)
    assert event.slab == MNT_CACHE
    assert "for objects of 384 bytes of the cache mnt_cache" in explain(event)[0]


# -- stacks of others ---------------------------------------------------------------------------------

FAILURE = "[ 1.0] thp04: page allocation failure: order:0, mode:0x400dc0(GFP_KERNEL_ACCOUNT|__GFP_ZERO)\n"
OWN = (
    "[ 1.4] CPU: 1 PID: 77 Comm: thp04 Not tainted 5.4.114-rc1 #1\n"
    "[ 1.4] Call trace:\n"
    "[ 1.4]  warn_alloc+0x10/0x20\n"
    "[ 1.4]  pte_alloc_one+0x10/0x20\n"
)
OOPS = (
    "[ 1.1] Unable to handle kernel paging request at virtual address 0000000000001540\n"
    "[ 1.1] Internal error: Oops: 96000004 [#1] PREEMPT SMP\n"
    "[ 1.1] CPU: 0 PID: 210 Comm: kworker/0:2 Not tainted 5.4.114-rc1 #1\n"
    "[ 1.1] pc : next_online_pgdat+0x24/0x78\n"
    "[ 1.1] Call trace:\n"
    "[ 1.1]  next_online_pgdat+0x24/0x78\n"
    "[ 1.1]  vmstat_shepherd+0x7c/0x100\n"
    "[ 1.1] ---[ end trace cd32e7e2c7ee8919 ]---\n"
)
X86_OOPS = (
    "[ 1.1] BUG: kernel NULL pointer dereference, address: 0000000000000008\n"
    "[ 1.1] Oops: 0000 [#1] SMP PTI\n"
    "[ 1.1] CPU: 3 PID: 210 Comm: kworker/3:2 Not tainted 6.1.0-13-amd64 #1\n"
    "[ 1.1] RIP: 0010:next_online_pgdat+0x24/0x78\n"
    "[ 1.1] Call Trace:\n"
    "[ 1.1]  <TASK>\n"
    "[ 1.1]  need_update+0x7c/0xb0\n"
    "[ 1.1]  vmstat_shepherd+0x7c/0x100\n"
    "[ 1.1]  </TASK>\n"
    "[ 1.1] ---[ end trace 0000000000000000 ]---\n"
)
WARNING = (
    "[ 1.1] WARNING: CPU: 2 PID: 99 at kernel/workqueue.c:1234 flush_work+0x1/0x2\n"
    "[ 1.1] CPU: 2 PID: 99 Comm: kworker/2:1 Not tainted 5.4.114-rc1 #1\n"
    "[ 1.1] Call Trace:\n"
    "[ 1.1]  flush_work+0x1/0x2\n"
    "[ 1.1]  drain_all_pages+0x1/0x2\n"
)
STALL = (
    "[ 1.1] INFO: task sync:55 blocked for more than 120 seconds.\n"
    "[ 1.1] task:sync            state:D stack:    0 pid:   55 ppid:     1 flags:0x00004000\n"
    "[ 1.1] Call trace:\n"
    "[ 1.1]  __switch_to+0x1/0x2\n"
    "[ 1.1]  schedule+0x1/0x2\n"
)
OTHERS = [OOPS, X86_OOPS, WARNING, STALL]


@pytest.mark.parametrize("other", OTHERS, ids=["oops", "x86-oops", "warning", "hung-task"])
def test_a_stack_of_another_task_behind_the_head_gives_no_caller(other: str) -> None:
    event = only(FAILURE + other)
    assert event.stack_first_caller is None
    assert event.stack == ()
    assert event.trigger == Process(comm="thp04")


@pytest.mark.parametrize("other", OTHERS[:3], ids=["oops", "x86-oops", "warning"])
def test_its_own_stack_behind_that_gives_one(other: str) -> None:
    event = only(FAILURE + other + OWN)
    assert event.stack_first_caller == "pte_alloc_one"
    assert event.trigger == Process(comm="thp04", pid=77)


@pytest.mark.parametrize("other", [OOPS, WARNING], ids=["oops", "warning"])
def test_so_it_does_when_the_other_comes_last(other: str) -> None:
    event = only(FAILURE + OWN + other)
    assert [frame.function for frame in event.stack] == ["warn_alloc", "pte_alloc_one"]


def test_the_other_s_oops_is_a_crash_of_its_own() -> None:
    crashes = [
        event for event in read_events((FAILURE + OOPS + OWN).encode()) if isinstance(event, KernelCrash)
    ]
    assert [crash.pc for crash in crashes] == ["next_online_pgdat"]


# -- kills --------------------------------------------------------------------------------------------

INVOKED = "[ 834.095] VDecChn0 invoked oom-killer: gfp_mask=0x242c2c2, order=2, oom_score_adj=0\n"
CHOSEN = "[ 834.096] Out of memory: Kill process 1267 (zkgui_ui) score 100 or sacrifice child\n"


def test_whom_the_reaper_reaped_was_killed() -> None:
    event = only(INVOKED + CHOSEN + "[ 834.2] oom_reaper: reaped process 1267 (zkgui_ui), now anon-rss:0kB\n")
    assert (event.outcome, event.victim, event.chosen) == ("killed", Process(comm="zkgui_ui", pid=1267), None)


def test_a_child_that_was_reaped_died_in_its_parent_s_place() -> None:
    event = only(INVOKED + CHOSEN + "[ 834.2] oom_reaper: reaped process 1300 (zk_child), now anon-rss:0kB\n")
    assert event.victim == Process(comm="zk_child", pid=1300)
    assert event.chosen == Process(comm="zkgui_ui", pid=1267)


def test_the_reaper_alone_is_no_event_and_does_not_end_the_next_one() -> None:
    reaped = "[ 834.2] oom_reaper: reaped process 5 (a), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB\n"
    assert every(reaped) == []
    killed = "[ 834.1] Out of memory: Killed process 5 (a) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
    first, second = every(INVOKED + killed + INVOKED + reaped)
    assert first.victim == Process(comm="a", pid=5)
    assert (second.victim, second.outcome) == (None, "truncated")


def test_one_that_was_only_to_be_killed_is_named_as_such() -> None:
    event = only(INVOKED + CHOSEN)
    assert event.chosen == Process(comm="zkgui_ui", pid=1267)
    assert explain(event)[2] == (
        "To be killed was zkgui_ui (pid 1267) or a child of it; the line that says who it was is not in the"
        " text."
    )


@pytest.mark.parametrize("apart_s", [700, 1629, 86400])
@pytest.mark.parametrize(
    "kill",
    [
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,oom_memcg=/a,task=b,pid=9,uid=0",
        "Memory cgroup out of memory: Killed process 9 (b) total-vm:1kB, anon-rss:1kB, file-rss:0kB",
        "Out of memory: Killed process 9 (b) total-vm:1kB, anon-rss:1kB, file-rss:0kB",
        "Out of memory and no killable processes...",
    ],
)
def test_a_kill_long_after_a_head_is_another_event(kill: str, apart_s: int) -> None:
    head = "[ 1000.5] go invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-997\n"
    first, second = every(f"{head}[ 1000.6]  oom_kill_process.cold+0xb/0x10\n[ {1000 + apart_s}.1] {kill}\n")
    assert (first.trigger, first.victim, first.outcome) == (Process(comm="go"), None, "truncated")
    assert (second.trigger, second.header) == (None, "missing")


@pytest.mark.parametrize("left_out", ["...", "[...]", "<...>", "\u2026", ".."])
def test_dots_are_no_name(left_out: str) -> None:
    event = only(
        f"[ 1.0] {left_out} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
    )
    assert event.trigger is None
    named = only(
        f"[ 1.0] {left_out} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
        "[ 1.0] CPU: 0 PID: 18 Comm: mysqld Not tainted 5.13.0-rc5 #1\n"
    )
    assert named.trigger == Process(comm="mysqld", pid=18)
    glued = only(f"[ 1.0] {left_out} mysqld: page allocation failure: order:1, mode:0xcc0(GFP_KERNEL)\n")
    assert glued.trigger == Process(comm="mysqld")


# -- free lists alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "cause"), [(3, "no free block of order 3 or higher"), (2, "does not show enough")]
)
def test_free_lists_without_zones_show_whether_there_was_a_block(order: int, cause: str) -> None:
    event = only(
        f"[ 1.0] a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order={order}, oom_score_adj=0\n"
        "[ 1.0] Normal: 12488*4kB (UMEH) 6984*8kB (UMEH) 2101*16kB (UMEH) 0*32kB 0*64kB = 139440kB\n"
    )
    assert cause in " ".join(event_page(event, "x"))
