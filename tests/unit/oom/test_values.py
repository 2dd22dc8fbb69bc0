# SPDX-License-Identifier: Apache-2.0
"""Values inside the lines of a report, up to the lengths and counts that are believed."""

from __future__ import annotations

import pytest

from orchestrator.oom.explain import explain
from orchestrator.oom.fields import (
    clean_flags,
    number_after,
    parse_buddy,
    parse_reserve,
    parse_zone,
    pid_of,
    tidy_comm,
    word_after,
)
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import Frame, MemoryEvent, Process, summary
from orchestrator.oom.stack import first_caller, is_allocator, parse_frame
from orchestrator.oom.usage import Usage
from tests.unit.oom.texts import memory_events

STAMP = "[    1.0] "
HEADER = "sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"


def one(*lines: str) -> MemoryEvent:
    (event,) = memory_events(read_events("".join(f"{STAMP}{line}\n" for line in lines).encode()))
    return event


@pytest.mark.parametrize(("digits", "believed"), [(15, True), (16, False)])
def test_a_number_may_have_15_digits(digits: int, believed: bool) -> None:
    text = "7" * digits
    number = int(text) if believed else None
    assert number_after("order", f"mode:0x1, order={text}, x") == number
    assert number_after("order", f"order: -{text}") == (-number if number else None)
    zone = parse_zone(text, " min:1kB")
    assert (zone.free_kb if zone else None) == number
    found = parse_zone("1", f" min:{text}kB")
    assert found is not None
    assert (found.min_kb == number) is believed
    assert parse_reserve(f"lowmem_reserve[]: 0 {text}") == ((0, number) if number else None)


@pytest.mark.parametrize("text", ["reorder=3", "-order=3", "order 3", "order=x", ""])
def test_no_number_behind_another_word(text: str) -> None:
    assert number_after("order", text) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("nodemask=0-1,3, x", "0-1,3"),
        ("a nodemask=(null),", "(null)"),
        ("nodemask=/a/b,c=1", "/a/b"),
        ("x", None),
    ],
)
def test_words(text: str, word: str | None) -> None:
    assert word_after("nodemask", text) == word


def test_a_pid_has_ten_digits_at_most() -> None:
    assert [pid_of(text) for text in (None, "7", "9" * 10, "9" * 11)] == [None, 7, 9_999_999_999, None]


def test_the_first_of_two_equal_fields_counts_and_flags_lose_their_breaks() -> None:
    zone = parse_zone("5", " min:1kB low:2kB min:9kB FREE_CMA:3kB")
    assert zone is not None
    assert zone.as_json() == {"free_kb": 5, "min_kb": 1, "low_kb": 2, "free_cma_kb": 3}
    assert (clean_flags("A| B\n|C"), clean_flags(None)) == ("A|B|C", None)


def orders(count: int) -> str:
    return " ".join(f"1*{4 << order}kB" for order in range(count))


def test_a_free_list_has_at_most_32_orders() -> None:
    for count, kept in ((1, 1), (11, 11), (32, 32), (33, 32)):
        buddy = parse_buddy(f"{orders(count)} = 1kB")
        assert buddy is not None
        assert len(buddy.counts) == kept
        assert buddy.smallest_block_kb == 4


@pytest.mark.parametrize(
    ("text", "total", "matches"),
    [("3*4kB (UM) 2*8kB = 28kB", 28, True), ("3*4kB 2*8kB = 29kB", 29, False), ("3*4kB 2*8kB", None, None)],
)
def test_the_sum_of_a_free_list(text: str, total: int | None, matches: bool | None) -> None:
    buddy = parse_buddy(text)
    assert buddy is not None
    assert (buddy.counts, buddy.printed_total_kb, buddy.sum_matches) == ((3, 2), total, matches)


@pytest.mark.parametrize(
    "text", ["", "= 28kB", "3*4kB 2*12kB = 1kB", "3*4kB 2*4kB = 1kB", "3*4kB 2*8kB 2*8kB"]
)
def test_a_list_whose_blocks_do_not_double_is_damaged(text: str) -> None:
    assert parse_buddy(text) is None


def test_a_reserve_has_at_most_32_zones() -> None:
    assert parse_reserve("lowmem_reserve[]: " + "1 " * 32) == (1,) * 32
    for damaged in ("1 " * 33, "", "1 x", "-1"):
        assert parse_reserve(f"lowmem_reserve[]: {damaged}") is None


def test_a_reserve_belongs_to_the_zone_before_it_and_only_the_first_counts() -> None:
    zones = one(
        HEADER,
        "Node 0 DMA free:1kB min:1kB",
        "lowmem_reserve[]: 0 7",
        "lowmem_reserve[]: 0 8",
        "Node 0 Normal free:2kB min:1kB",
        "Node 0 Normal free:3kB min:1kB",
        "lowmem_reserve[]: 0 0",
    ).zones
    assert {name: (zone.free_kb, zone.lowmem_reserve_pages) for name, zone in zones.items()} == {
        "Node 0 DMA": (1, (0, 7)),
        "Node 0 Normal": (2, (0, 0)),
    }


def test_no_more_than_512_zones_are_kept() -> None:
    numbers = range(513)
    event = one(
        HEADER,
        *(f"Node {number} Normal free:1kB min:1kB active_anon:1kB" for number in numbers),
        *(f"Node {number} Normal: 1*4kB = 4kB" for number in numbers),
    )
    assert (len(event.zones), len(event.buddy)) == (512, 512)
    assert event.usage_kb == {"active_anon": 512}


def test_no_more_than_512_lines_are_added_up() -> None:
    usage = Usage()
    for _ in range(256):
        usage.node("Node 0 mapped:1kB")
        usage.zone("Normal mapped:5kB shmem:1kB")
    usage.zone("Normal shmem:1kB")
    assert usage.kb(None) == {"mapped": 256, "shmem": 256}


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("Web Content", "Web Content"),
        (" a b ", "a b"),
        ("fifteen letters", "fifteen letters"),
        ("sixteen letters!", "letters!"),
        ("glued before it sh", "sh"),
        ("nothing_to_cut_off_here", "nothing_to_cut_off_here"),
        ("kworker/0:1 events long", "kworker/0:1 events long"),
    ],
)
def test_what_is_glued_before_a_name_is_cut_off(printed: str, name: str) -> None:
    assert tidy_comm(printed) == name


@pytest.mark.parametrize(("comm", "pid"), [("sh", 7), ("sh ", 7), ("other", None), ("s", None)])
def test_a_line_that_names_another_task_gives_no_pid(comm: str, pid: int | None) -> None:
    event = one(HEADER, f"CPU: 0 PID: 7 Comm: {comm} Not tainted 6.1.0 #1")
    assert event.trigger == Process(comm="sh", pid=pid)
    assert event.kernel == ("6.1.0" if pid else None)


def test_names_that_are_cut_to_15_letters_are_the_same() -> None:
    header = HEADER.replace("sh", "fifteen_letters")
    line = "CPU: 0 PID: 7 Comm: fifteen_letters_more Not tainted 6.1.0 #1"
    assert one(header, line).trigger == Process(comm="fifteen_letters", pid=7)
    assert one(header, line.replace("letters_more", "letterX")).trigger == Process(comm="fifteen_letters")


@pytest.mark.parametrize(
    ("usage", "limit", "believed"),
    [("1" * 18, "2" * 19, True), ("1" * 19, "2" * 19, False), ("1" * 18, "2" * 20, False)],
)
def test_a_cgroup_s_usage_is_believed_up_to_64_bits(usage: str, limit: str, believed: bool) -> None:
    event = one(
        HEADER,
        f"memory: usage {usage}kB, limit {limit}kB, failcnt 1",
        "Memory cgroup stats for /a:",
        "Memory cgroup stats for /b:",
    )
    assert event.memcg is not None
    assert event.memcg.path == "/a"
    assert event.memcg.usage_kb == (int(usage) if believed else None)
    assert event.memcg.limit_kb == (int(limit) if believed else None)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([HEADER], "oom"),
        ([HEADER, "Call trace:", " mem_cgroup_out_of_memory+0x1/0x2"], "memcg-oom"),
        ([HEADER, "Call trace:", " ? mem_cgroup_out_of_memory+0x1/0x2"], "oom"),
        ([HEADER, "memory: usage 1kB, limit 2kB, failcnt 1"], "oom"),
        ([HEADER, "Task in /a/b killed as a result of limit of /a"], "memcg-oom"),
        ([HEADER, "oom-kill:constraint=CONSTRAINT_MEMCG,task=a,pid=1,uid=0"], "memcg-oom"),
        ([HEADER, "oom-kill:constraint=CONSTRAINT_NONE,oom_memcg=/a,task=a,pid=1,uid=0"], "memcg-oom"),
        ([HEADER, "oom-kill:constraint=CONSTRAINT_NONE,task=a,pid=1,uid=0"], "oom"),
        ([HEADER, "Memory cgroup out of memory: Kill process 5 (a) score 9 or sacrifice child"], "memcg-oom"),
        ([HEADER, "Out of memory: Kill process 5 (a) score 9 or sacrifice child"], "oom"),
        ([HEADER, "Memory cgroup out of memory and no killable processes..."], "memcg-oom"),
        ([HEADER, "Out of memory and no killable processes..."], "oom"),
    ],
)
def test_what_shows_that_the_limit_of_a_cgroup_was_hit(lines: list[str], kind: str) -> None:
    event = one(*lines)
    assert event.type == kind
    assert event.memcg is None or kind == "memcg-oom"


def test_a_victim_is_named_once_and_the_chosen_one_only_if_it_is_another() -> None:
    chosen = "Out of memory: Kill process 5 (a) score 9 or sacrifice child"
    kill = "Killed process {} ({}) total-vm:1kB, anon-rss:1kB, file-rss:0kB, oom_score_adj:-17"
    assert one(HEADER, chosen, kill.format(5, "a")).chosen is None
    event = one(HEADER, chosen, kill.format(6, "b"))
    assert (event.chosen, event.victim) == (Process(comm="a", pid=5), Process(comm="b", pid=6))
    assert (event.victims, event.oom_score_adj_victim) == (None, -17)


VMALLOC = {
    # mm/vmalloc.c since 5.15; the second as 6.16 has it
    "error: size 327680, vm_struct allocation failed": (None, "addresses for 320KiB in the range"),
    "error: size 65536, align 0x10000, vm_struct allocation failed. Retrying.": (None, "addresses"),
    "error: size 8589934592, exceeds total pages": (None, "8GiB, which is more than the machine has"),
    "error: size 4194304, failed to allocated page array size 8192": (
        None, "the array of 8KiB that lists the pages of 4MiB",
    ),
    "error: size 8192, page order 2, failed to allocate pages": (2, "further pages, after 8KiB"),
    "error: size 0, page order 9, failed to allocate pages": (9, "further pages, after 0"),
    "error: size 8192, failed to allocate pages": (0, "further pages, after 8KiB"),
    "error: size 8192, failed to map pages": (None, "the page tables for 8KiB of pages that were there"),
    # 5.12 to 5.14
    "size 65536 allocation failure: vm_struct allocation failed": (None, "addresses for 64KiB in the range"),
    "size 65536 allocation failure: exceeds total pages": (None, "64KiB, which is more than the machine has"),
    "size 8192 allocation failure: page order 9 allocation failed": (9, "further pages, after 8KiB"),
    "size 8192 allocation failure: page array size 16 allocation failed": (None, "the array of 16B that"),
    "size 8192 allocation failure: failed to map pages": (None, "the page tables for 8KiB"),
    # before
    ": allocation failure: 8192 bytes": (None, "addresses for 8KiB in the range"),
    ": allocation failure, allocated 4096 of 12288 bytes": (0, "further pages, after 4KiB of 12KiB"),
    f"error: size {'9' * 5000}, vm_struct allocation failed": (None, "what the kernel calls 'error: size 9"),
    # what nobody has written yet
    "error: size 8192, out of luck": (None, "what the kernel calls 'error: size 8192, out of luck'"),
}  # fmt: skip


@pytest.mark.parametrize("message", VMALLOC)
def test_a_failed_vmalloc_says_what_it_could_not_have(message: str) -> None:
    space = "" if message.startswith(":") else " "
    event = one(
        f"sh: vmalloc{space}{message}, mode:0xcc2(GFP_KERNEL|__GFP_HIGHMEM), nodemask=(null),cpuset=/"
    )
    order, words = VMALLOC[message]
    assert (event.type, event.gfp_mask, event.order) == ("alloc-failure", "0xcc2", order)
    assert event.vmalloc is not None
    assert event.vmalloc.startswith(words)
    assert event.notes == ()


def test_a_vmalloc_without_room_asked_for_no_page() -> None:
    """From a machine whose modules had no room left (kernel 6.2)."""
    event = one(
        "systemd-udevd: vmalloc error: size 327680, vm_struct allocation failed,"
        " mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0-3",
        "CPU: 32 PID: 2910 Comm: systemd-udevd Tainted: G           OE      6.2-generic-64k",
        "Call trace:",
        " warn_alloc+0x11c/0x1b0",
        " __vmalloc_node_range+0xe0/0x20c",
        " module_alloc+0x118/0x160",
    )
    sentence = explain(event)[0]
    assert sentence.startswith(
        "systemd-udevd (pid 2910) requested a vmalloc area of 320 KiB (GFP_KERNEL), called from module_alloc."
    )
    assert "no page was requested" in sentence
    assert "one page" not in sentence


def test_a_vmalloc_that_the_kernel_tries_again_did_not_fail_its_caller() -> None:
    """Huge pages first, then single ones (__vmalloc_node_range); __GFP_NOFAIL until it succeeds."""
    head = "sh: vmalloc error: size 2097152, {}, mode:{}, nodemask=(null)"
    huge = one(head.format("page order 9, failed to allocate pages", "0xcc0(GFP_KERNEL)"))
    assert explain(huge)[2] == "Nobody was killed: the kernel goes on to try with single pages."
    nofail = one(head.format("vm_struct allocation failed. Retrying.", "0x8cc0(GFP_KERNEL|__GFP_NOFAIL)"))
    assert explain(nofail)[2] == "Nobody was killed: the kernel tries until it succeeds."
    single = one(head.format("failed to allocate pages", "0xcc0(GFP_KERNEL)"))
    assert explain(single)[2] == "Nobody was killed: the request failed and the caller got the error."


def frames(*functions: str) -> list[Frame]:
    return [Frame(function=function) for function in functions]


def test_the_first_caller_stands_below_the_allocator() -> None:
    assert first_caller(frames("dump_stack", "__alloc_pages_noprof", "f.cfi_jt", "g")) == "f.cfi_jt"
    assert first_caller(frames("dump_stack", "out_of_memory.part.0")) is None
    unsure = [Frame(function="f", sure=False), Frame(function="g")]
    assert first_caller(unsure) == "g"
    assert is_allocator("new_slab.isra.0.cold")
    assert not is_allocator("my_kmalloc")


@pytest.mark.parametrize(("above", "below"), [(0, "f"), (13, "f"), (14, "above")])
def test_what_led_into_the_report_is_no_caller(above: int, below: str) -> None:
    assert first_caller(frames(*["above"] * above, "out_of_memory", "__alloc_pages", "f")) == below


@pytest.mark.parametrize(("between", "caller"), [(22, "f"), (23, "policy")])
def test_the_entry_is_looked_for_among_the_first_24_frames(between: int, caller: str) -> None:
    stack = frames("policy", *["dump_stack"] * between, "out_of_memory", "f")
    assert first_caller(stack) == caller


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("f+0x1/0x2", Frame(function="f")),
        ("? f+0x1/0x2 [m]", Frame(function="f", module="m", sure=False)),
        (".f+0x1/0x2", Frame(function="f")),
        ("[<c0101234>] f+0x1/0x2", Frame(function="f")),
        ("[c000000001234567] [c000000000123456] .f+0x1/0x2 [m]", Frame(function="f", module="m")),
        ("[<c01>] (callee) from [<c0101234>] (f+0x1/0x2)", None),
        ("[<c0101234>] (callee) from [<c0101234>] (f+0x1/0x2)", Frame(function="f")),
        ("f (mm/a.c:12) m", Frame(function="f", module="m")),
        ("f+0x1", None),
        ("words only", None),
    ],
)
def test_frames_of_every_age(text: str, frame: Frame | None) -> None:
    assert parse_frame(text) == frame


def test_counts_for_scripts_by_type() -> None:
    kinds = ["oom", "memcg-oom", "memcg-oom", "alloc-failure", "lmk-kill", "show-mem"]
    events = [MemoryEvent.model_validate({"type": kind, "line": 1}) for kind in kinds]
    found = summary(events)
    assert (found["oom_events"], found["alloc_failure_warnings"], found["lmk_kills"]) == (3, 1, 1)
    assert found["events"][0] == {"type": "oom", "line": 1}


def test_what_a_cpuset_line_says_of_the_task_of_the_report() -> None:
    named = "CPU: 0 PID: 7 Comm: sh Not tainted 6.1.0 #1"
    assert one(HEADER, "sh cpuset=/a mems_allowed=0").cpuset == "/a"
    assert one(HEADER, named, "sh cpuset=/a mems_allowed=0").cpuset == "/a"
    assert one(HEADER, "sh cpuset=/a mems_allowed=0", "sh cpuset=/b mems_allowed=0").cpuset == "/a"
    for other in ("ls cpuset=/b mems_allowed=0", "sh cpuset= mems_allowed=0"):
        assert one(HEADER, other).cpuset is None
    twice = one(HEADER, named, named.replace("7", "8").replace("6.1.0", "6.2.0"))
    assert (twice.trigger, twice.kernel) == (Process(comm="sh", pid=7), "6.1.0")
