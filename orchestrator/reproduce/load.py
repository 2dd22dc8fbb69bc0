# SPDX-License-Identifier: Apache-2.0
"""From the request of a report to a trigger, bystanders and what is to happen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.binder import ELEMENT_BYTES
from orchestrator.oom.diagnosis import diagnose
from orchestrator.oom.records import MemoryEvent
from orchestrator.reproduce.fact import Fact, inferred, read, unknown
from orchestrator.reproduce.memory import Plan
from orchestrator.reproduce.request import Asked, asked_by, request_facts
from orchestrator.reproduce.source import BINDER_CALLER, is_binder, is_failure
from orchestrator.scenario.triggers.kinds import KINDS, ends_by_itself, request_of
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB, MIB, format_size

# The mapping whose page array is of each order, 4 KiB pages (docs/scenarios.md has the table).
_MAPPINGS = {1: MIB - 2 * 4 * KIB, 2: 2 * MIB, 3: 4 * MIB}
_MMAP_KB = {1: 24, 2: 28, 3: 44}
"""What one served mapping takes of single pages, at most: the array by vmalloc, and what goes with it."""
_MMAPS = (24, 600)
_MOST_MMAPS = 5000
_BYSTANDERS = 4
_BYSTANDER_MIB = 4
_CGROUP_MIB = (8, 128)
_PAIRS_LEFT = 64
_LEAST_ADJ = -1000
"""OOM_SCORE_ADJ_MIN (include/uapi/linux/oom.h): such a process is never killed."""

_SHOWN = "what the report shows"

Planned = tuple[dict[str, Any], dict[str, Any], str, str]
"""A trigger, the expectation of an OOM, the words for that, and why it is expected."""


@dataclass(frozen=True)
class Load:
    """The trigger and the bystanders, and what they end in: `killing` with an OOM, `served` without.

    `words` are for the OOM, and `why` says what makes one be expected.
    """

    trigger: dict[str, Any]
    bystanders: dict[str, Any] | None
    killing: dict[str, Any]
    served: dict[str, Any]
    words: str
    why: str
    facts: tuple[Fact, ...]
    order: int
    left: int = 0
    """Usable units of `order` that may be left when the trigger starts."""

    @property
    def by_module(self) -> bool:
        """Whether a test module makes the requests, in the place of the report's driver."""
        return KINDS[self.trigger["kind"]].test_module is not None

    @property
    def short(self) -> bool:
        """Whether single pages are to be short, not large blocks."""
        return ends_by_itself(self.trigger["kind"]) or self.order == 0


def binder_load() -> Load:
    """That of the shipped scenario `binder-order3`."""
    return Load(
        trigger={"kind": "binder-mmap", "size": "4MiB", "count": 600, "hold": True},
        bystanders=None,
        killing={"outcome": "oom", "first_oom": {"order": 3, "caller": BINDER_CALLER}},
        served={"outcome": "passed", "requests_failed": 0},
        words="an OOM at order 3",
        why="as in binder-order3",
        facts=(inferred("trigger", "600 mmaps of 4 MiB", "as in binder-order3"),),
        order=3,
    )


def plan_load(event: MemoryEvent, plan: Plan, *, elsewhere: bool = True) -> Load:
    """What is to happen in the guest for a report that `why_not` has nothing against.

    `elsewhere`: what another driver requested is requested by a test module; else binder asks in its place.
    """
    facts: list[Fact] = []
    if is_failure(event):
        return _failing(event, plan)
    adj = _adj(event, facts)
    nobody = nobody_killable(event)
    bystanders = None if nobody else _bystanders(event, plan, adj, facts)
    asked = _asked(event, elsewhere=elsewhere)
    if asked is not None:
        trigger, killing, words, why = _request(event, asked, plan, facts)
    elif event.type == "memcg-oom":
        trigger, killing, words, why = _cgroup(event, plan, facts)
    elif is_shortage(event):
        trigger, killing, words, why = _shortage(event, facts)
    else:
        trigger, killing, words, why = _mappings(event, plan, facts)
    if nobody:
        adj = _LEAST_ADJ
        words, why = _spare_all(event, killing, words, facts)
    if adj:
        trigger["oom_score_adj"] = adj
    if bystanders is not None and bystanders.get("oom_score_adj", 0) > adj:
        killing["killed"] = "bystander"
    served: dict[str, Any] = {"outcome": "passed"}
    if request_of(trigger["kind"]) is not None:
        served["requests_failed"] = 0
    order = asked.order if asked is not None else event.order or 0
    # Objects of a slab come first, and an order-1 block is quickly made of what is freed meanwhile.
    left = trigger["count"] // 4 if order == 1 and asked is None and "count" in trigger else _left(order)
    return Load(trigger, bystanders, killing, served, words, why, tuple(facts), order, left)


def _left(order: int) -> int:
    """A module goes on until a request fails, so that a few more may be there."""
    return _PAIRS_LEFT if order == 1 else 0


def _failing(event: MemoryEvent, plan: Plan) -> Load:
    """A request that fails, and for which nobody is killed."""
    facts: list[Fact] = []
    asked = asked_by(event)
    assert isinstance(asked, Asked)  # else `why_not` has something against it
    trigger = asked.trigger(plan.memory_mib, killing=False)
    facts += request_facts(event, asked, int(str(trigger["count"])))
    words = f"a failed request of order {asked.order}"
    why = _SHOWN if event.type == "alloc-failure" else f"kernels do not kill for order {asked.order}"
    return Load(
        trigger=trigger, bystanders=None, killing={"outcome": "allocation-failure"},
        served={"outcome": "passed"}, words=words, why=why, facts=tuple(facts), order=asked.order,
        left=_left(asked.order),
    )  # fmt: skip


def _asked(event: MemoryEvent, *, elsewhere: bool) -> Asked | None:
    """The request of another driver that the OOM killer was invoked for, where a module can make it."""
    if not elsewhere or is_binder(event) or event.type == "memcg-oom" or is_shortage(event):
        return None
    asked = asked_by(event)
    return asked if isinstance(asked, Asked) and not asked.fails_alone else None


def _request(event: MemoryEvent, asked: Asked, plan: Plan, facts: list[Fact]) -> Planned:
    trigger: dict[str, Any] = asked.trigger(plan.memory_mib, killing=True)
    facts += request_facts(event, asked, trigger["count"])
    killing = {"outcome": "oom", "first_oom": {"order": asked.order}}
    return trigger, killing, f"an OOM at order {asked.order}", _SHOWN


def nobody_killable(event: MemoryEvent) -> bool:
    """Whether the OOM killer found no process that it may kill, which panics unless a cgroup was full."""
    outcome = event.outcome or ""
    return any(words in outcome for words in ("no killable process", "deadlocked on memory"))


def _spare_all(event: MemoryEvent, killing: dict[str, Any], words: str, facts: list[Fact]) -> tuple[str, str]:
    """Adds to what is expected that the kernel finds nobody to kill."""
    why = f"'{event.outcome}' in the report: nobody was killed, so nobody stands by, and who asks is spared"
    facts.append(inferred("oom_score_adj of who asks, in the guest", _LEAST_ADJ, why))
    if event.type == "memcg-oom":
        return f"{words}, and nobody is killed", "the report names no process that could be"
    killing["panicked"] = True
    return f"{words}, and a panic for want of a process to kill", _SHOWN


def is_shortage(event: MemoryEvent) -> bool:
    """Whether single pages were short: closed zones, or usable blocks that kswapd had just made."""
    if not event.order:
        return True
    if is_binder(event):
        return False
    finding = diagnose(event)
    low_kb = sum(zone.low_kb or 0 for zone in finding.zones)
    near_low = sum(zone.free_kb for zone in finding.zones) < low_kb * 5 // 4
    return finding.cause == "shortage" or (finding.cause == "not-visible" and near_low)


def is_short(event: MemoryEvent) -> bool:
    """Whether single pages are to be short in the guest: of a request that fails that is order 0 alone."""
    return not event.order if is_failure(event) else is_shortage(event)


def _adj(event: MemoryEvent, facts: list[Fact]) -> int:
    adj = event.oom_score_adj
    if adj is None:
        facts.append(unknown("oom_score_adj of who asks", 0, "the text does not show it"))
        return 0
    facts.append(read("oom_score_adj of who asks", adj, "the report's head"))
    return max(-1000, min(1000, adj))


def _bystanders(event: MemoryEvent, plan: Plan, adj: int, facts: list[Fact]) -> dict[str, Any] | None:
    """Who else may die: needed where somebody else died, or where the requesting task is protected."""
    asker, victim = event.trigger, event.victim
    other_died = asker is not None and victim is not None and asker.comm != victim.comm
    if not other_died and adj >= 0:
        return None
    victim_adj = event.oom_score_adj_victim
    if victim_adj is not None and other_died:
        facts.append(read("oom_score_adj of bystanders", victim_adj, "that of the victim"))
    else:
        victim_adj = 0
        facts.append(
            unknown(
                "bystanders' oom_score_adj",
                0,
                "the text does not show who died; apps in the foreground have 0, and one that asks at"
                f" {adj} is spared"
                if adj < 0
                else "the text does not show the victim's",
            )
        )
    # In a picture they are part of the anonymous memory that it wants.
    anonymous_kb = plan.usage_kb.get("inactive_anon", _BYSTANDER_MIB * _BYSTANDERS * 2 * KIB)
    each = max(256 * KIB, min(_BYSTANDER_MIB * MIB, anonymous_kb // 2 // _BYSTANDERS // 64 * 64 * KIB))
    facts.append(
        inferred("bystanders", f"{_BYSTANDERS} of {format_size(each)}", "they stand for the apps that die")
    )
    found: dict[str, Any] = {"count": _BYSTANDERS, "memory": format_size(each)}
    return found | ({"oom_score_adj": victim_adj} if victim_adj else {})


def _mappings(event: MemoryEvent, plan: Plan, facts: list[Fact]) -> Planned:
    order = event.order or 0
    size = _MAPPINGS[order]
    array = size // (4 * KIB) * ELEMENT_BYTES
    why = (
        f"{count_of('byte', array)} of page array, {ELEMENT_BYTES} for each page (struct binder_lru_page):"
        f" that is order {order}. The size that was mapped is not in the text"
    )
    if is_binder(event):
        facts.append(inferred("trigger", f"mmaps of {format_size(size)}", why))
    else:
        caller = event.stack_first_caller or "an unknown caller"
        stands = f"{caller} is not in the guest: binder asks for the same order in its place. {why}"
        facts.append(inferred("trigger", f"binder mmaps of {format_size(size)}", stands))
    count, why = _count(plan, order)
    facts.append(inferred("mmaps", count, f"the report is of one; {why}"))
    trigger = {"kind": "binder-mmap", "size": format_size(size), "count": count, "hold": True}
    killing = {"outcome": "oom", "first_oom": {"order": order, "caller": BINDER_CALLER}}
    return trigger, killing, f"an OOM at order {order}", _SHOWN


def _count(plan: Plan, order: int) -> tuple[int, str]:
    """How many mmaps, and why: a kernel that falls back to single pages must be able to serve them all."""
    spare_kb = (plan.free.kb - (plan.watermarks_kb[0] or 0)) if plan.free is not None else 64 * KIB
    cache_kb = plan.usage_kb.get("active_file", 0) + plan.usage_kb.get("inactive_file", 0)
    if cache_kb:
        count = (spare_kb // 3 + cache_kb // 2) // _MMAP_KB[order]
        why = "reclaim of the page cache and compaction satisfy many before they find no more"
        return max(_MMAPS[0], min(_MOST_MMAPS, count)), why
    count = max(_MMAPS[0], min(_MMAPS[1], spare_kb // 3 // _MMAP_KB[order]))
    return count, "so many leave single pages to a kernel that falls back"


def _shortage(event: MemoryEvent, facts: list[Fact]) -> Planned:
    caller = event.stack_first_caller or "who asked"
    facts.append(
        inferred(
            "trigger",
            "a process that grows until memory is out",
            f"single pages were short; what {caller} did is not in the guest",
        )
    )
    trigger = {"kind": "command", "command": "busybox tail /dev/zero"}
    if event.order == 0:
        return trigger, {"outcome": "oom", "first_oom": {"order": 0}}, "an OOM at order 0", _SHOWN
    if event.order is None:
        facts.append(unknown("order", "0", "the head of the report is not in the text"))
        return trigger, {"outcome": "oom"}, "an OOM, of any order", "the text does not show which"
    why = f"a request for order {event.order} came when memory was short; who asks next is chance"
    return trigger, {"outcome": "oom"}, "an OOM, of any order", why


def _cgroup(event: MemoryEvent, plan: Plan, facts: list[Fact]) -> Planned:
    low_mib, high_mib = _CGROUP_MIB
    limit_kb = event.memcg.limit_kb if event.memcg else None
    if limit_kb is None:
        limit_mib = 32
        facts.append(unknown("limit of the cgroup", f"{limit_mib} MiB", "the text does not show it"))
    else:
        limit_mib = max(low_mib, min(high_mib, plan.memory_mib // 4, limit_kb // KIB))
        why = "memory: usage ..., limit ..."
        if limit_mib != limit_kb // KIB:
            why = f"{limit_kb} kB in the text; a guest of {plan.memory_mib} MiB holds so much"
        facts.append(read("limit of the cgroup", f"{limit_mib} MiB", why))
    facts.append(inferred("trigger", "a process that grows in a cgroup", "the cgroup's limit was the reason"))
    group = "/tmp/cgroup"
    command = (
        f"busybox mkdir -p {group} && busybox mount -t cgroup2 cgroup2 {group}"
        f" && echo +memory > {group}/cgroup.subtree_control && busybox mkdir {group}/limited"
        f" && echo {limit_mib}M > {group}/limited/memory.max && echo $$ > {group}/limited/cgroup.procs"
        " && busybox tail /dev/zero"
    )
    return {"kind": "command", "command": command}, {"outcome": "oom"}, "an OOM of the cgroup", _SHOWN
