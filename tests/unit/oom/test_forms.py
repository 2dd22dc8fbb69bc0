# SPDX-License-Identifier: Apache-2.0
"""Wordings of older kernels and of other loggers, written by hand after the kernel's format strings."""

from __future__ import annotations

from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent, Process
from tests.unit.oom.texts import memory_events


def only(text: str) -> MemoryEvent:
    (event,) = memory_events(read_events(text.encode()))
    return event


def test_a_header_that_names_no_task() -> None:
    event = only(
        "oom-killer: gfp_mask=0xd0\n"
        "Mem-info:\n"
        "DMA free:12564kB min:16kB low:32kB high:48kB active:0kB inactive:0kB present:16384kB\n"
        "protections[]: 0 0 0\n"
        "DMA: 1*4kB 1*8kB 0*16kB = 12kB\n"
        "Out of Memory: Killed process 4128 (mysqld).\n"
    )
    assert (event.type, event.header, event.gfp_mask, event.outcome) == ("oom", None, "0xd0", "killed")
    assert event.trigger is None
    assert event.victim == Process(comm="mysqld", pid=4128)
    assert event.buddy["DMA"].sum_matches


def test_oomkilladj_and_a_kill_line_with_uid() -> None:
    event = only(
        "Dec  1 10:00:00 web1 kernel: httpd invoked oom-killer: gfp_mask=0x201d2, order=0, oomkilladj=0\n"
        "Dec  1 10:00:00 web1 kernel: \n"
        "Dec  1 10:00:00 web1 kernel: Call Trace:\n"
        "Dec  1 10:00:00 web1 kernel:  [<ffffffff800c9d3a>] out_of_memory+0x8e/0x2f3\n"
        "Dec  1 10:00:00 web1 kernel:  [<ffffffff8000f677>] __alloc_pages+0x27f/0x308\n"
        "Dec  1 10:00:00 web1 kernel:  [<ffffffff80013034>] __do_page_cache_readahead+0x96/0x17b\n"
        "Dec  1 10:00:01 web1 kernel: Out of memory: Killed process 2334, UID 51, (sendmail).\n"
    )
    assert event.oom_adj == 0
    assert event.stack_first_caller == "__do_page_cache_readahead"
    assert event.victim == Process(comm="sendmail", pid=2334)


def test_chosen_lines_alone_are_events_and_with_their_kill_line_one_event() -> None:
    text = (
        "[99.1] Out of memory: Kill process 28991 (java) score 900 or sacrifice child\n"
        "[99.2] Killed process 28991 (java) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
        "[99.9] Out of memory: Kill process 5 (a b) score 900 or sacrifice child\n"
    )
    first, second = memory_events(read_events(text.encode()))
    assert (first.outcome, first.chosen) == ("killed", None)
    assert (second.outcome, second.chosen) == ("truncated", Process(comm="a b", pid=5))


def test_a_victim_that_exits_already_is_said_and_not_guessed() -> None:
    event = only(
        "kern  :warn  : [  +0.000004] foo invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, "
        "oom_score_adj=0\n"
        "kern  :err   : [  +0.000004] Out of memory: OOM victim 123 (foo) is already exiting. Skip killing\n"
    )
    assert event.victim is None
    assert event.notes == ("the kernel killed nobody: its victim was exiting already",)


def test_low_memory_killers_of_user_space_and_of_old_kernels() -> None:
    text = (
        "I/lowmemorykiller(  479): Kill 'com.x' (17757), uid 1010174, oom_adj 900 to free 4kB\n"
        "07-28 10:46:14.514 I/lowmemorykiller(  479): Kill 'com.y' (7), uid 5, adj 9\n"
        "<4>[  1.0] lowmemorykiller: send sigkill to 88 (com.z), oom_adj 12, score_adj 706, size 1234\n"
    )
    kills = memory_events(read_events(text.encode()))
    assert [(kill.type, kill.victim, kill.oom_score_adj_victim) for kill in kills] == [
        ("lmk-kill", Process(comm="com.x", pid=17757), 900),
        ("lmk-kill", Process(comm="com.y", pid=7), 9),
        ("lmk-kill", Process(comm="com.z", pid=88), 706),
    ]


def test_the_line_that_announces_a_kill_names_the_victim_when_the_kill_line_is_cut_off() -> None:
    event = only(
        "[ 1.234567] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
        "oom_memcg=/test,task_memcg=/test/child,task=Web, Content,pid=1324,uid=0\n"
    )
    assert (event.type, event.header, event.outcome) == ("memcg-oom", "missing", "truncated")
    assert event.victim == Process(comm="Web, Content", pid=1324)
    assert event.memcg is not None
    assert event.memcg.path == "/test"


def test_a_stack_decoded_to_source_lines() -> None:
    event = only(
        "[ 1.2] a.out: page allocation failure: order:3, mode:0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)\n"
        "[ 1.3] CPU: 1 UID: 1000 PID: 55 Comm: a.out Tainted: G           OE      6.14.0-rc1 #1\n"
        "[ 1.3] Tainted: [O]=OOT_MODULE, [E]=UNSIGNED_MODULE\n"
        "[ 1.3] Call Trace:\n"
        "[ 1.3]  dump_stack_lvl (lib/dump_stack.c:123 (discriminator 1))\n"
        "[ 1.3]  warn_alloc (mm/page_alloc.c:4224)\n"
        "[ 1.3]  ___kmalloc_large_node (mm/slub.c:4262)\n"
        "[ 1.3]  ? foo_bar (drivers/a.c:1)\n"
        "[ 1.3]  binder_mmap (drivers/android/binder.c:10) binder_linux\n"
    )
    assert event.stack_first_caller == "binder_mmap"
    assert event.stack[-1].module == "binder_linux"
    assert event.kernel == "6.14.0-rc1"


def test_64_kib_pages() -> None:
    event = only(
        "[ 1.0] x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=1, oom_score_adj=0\n"
        "[ 1.0] Node 0 Normal free:192kB min:64kB low:128kB high:192kB present:9kB managed:9kB\n"
        "[ 1.0] Node 0 Normal: 1*64kB (U) 1*128kB (M) 0*256kB = 192kB\n"
    )
    assert event.buddy["Node 0 Normal"].smallest_block_kb == 64


def test_a_damaged_free_list_is_left_out_and_said() -> None:
    event = only(
        "[ 1.0] x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=1, oom_score_adj=0\n"
        "[ 1.0] Node 0 Normal: 1*4kB (U) 1*8kB (M) 3*32kB = 108kB\n"
    )
    assert event.buddy == {}
    assert event.notes


def test_a_free_list_that_does_not_add_up_is_marked() -> None:
    event = only(
        "[ 1.0] x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=1, oom_score_adj=0\n"
        "[ 1.0] Normal: 1*4kB (U) 1*8kB (M) = 16kB\n"
    )
    assert event.buddy["Normal"].sum_matches is False


def test_a_machine_without_mmu_names_who_could_not_map() -> None:
    event = only(
        "[ 1.0] Allocation of length 1048576 from process 33 (sh) failed\n"
        "[ 1.0] Mem-Info:\n"
        "[ 1.0] DMA free:688kB min:352kB low:440kB high:528kB present:8192kB managed:6384kB\n"
        "[ 1.0] DMA: 4*4kB (U) 2*8kB (U) = 32kB\n"
    )
    assert (event.type, event.trigger, event.outcome) == ("show-mem", Process(comm="sh", pid=33), None)
