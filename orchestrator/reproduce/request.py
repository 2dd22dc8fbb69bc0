# SPDX-License-Identifier: Apache-2.0
"""The request of a report that is not binder's, as a test module can make it again. Pure.

`__alloc_pages_slowpath()` of mm/page_alloc.c decides which requests fail by themselves: one above
PAGE_ALLOC_COSTLY_ORDER, one that may not wait or gives up early, one for zones below Normal (for those nobody
is killed), and reclaim's own. Any other is served in the end, or somebody is killed for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.oom.gfp import former_names, names_of, printed_or_decoded
from orchestrator.oom.records import MemoryEvent
from orchestrator.reproduce.fact import Fact, inferred, read
from orchestrator.scenario.gfp_rules import Request, objections
from orchestrator.scenario.limits import limit
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB, USUAL_PAGE_BYTES, format_size

LARGEST_KILLING_ORDER = 3
"""PAGE_ALLOC_COSTLY_ORDER (include/linux/mmzone.h): above it a request fails, and nobody is killed."""

_GIVE_UP = ("__GFP_NORETRY", "__GFP_RETRY_MAYFAIL", "__GFP_THISNODE", "__GFP_DMA", "__GFP_DMA32")
_RECLAIM_ITSELF = "kswapd"


@dataclass(frozen=True)
class Asked:
    """The request in the flags of today. `dropped`: flags of the report that these kernels have no more."""

    request: Request
    dropped: tuple[str, ...] = ()

    @property
    def order(self) -> int:
        """In the pages of the guests, 4 KiB."""
        return self.request.order

    @property
    def fails_alone(self) -> bool:
        """Whether such a request fails by itself where there is no block for it, and nobody is killed."""
        asked = self.request
        waits = asked.has("__GFP_DIRECT_RECLAIM")
        return asked.order > LARGEST_KILLING_ORDER or not waits or asked.in_reclaim or asked.has(*_GIVE_UP)

    def trigger(self, memory_mib: int, *, killing: bool) -> dict[str, object]:
        """One more than a guest of that size has room for: one has to fail."""
        count = memory_mib * KIB * KIB // (USUAL_PAGE_BYTES << self.order)
        found: dict[str, object] = {
            "kind": "allocate",
            "order": self.order,
            "gfp": self.request.gfp,
            "count": min(count + 1, limit("requests")),
        }
        return {
            **found,
            **({"in_reclaim": True} if self.request.in_reclaim else {}),
            **({} if killing else {"stop": "first-failure"}),
        }


def asked_by(event: MemoryEvent) -> Asked | str:
    """The request of a report, or why no module can make it."""
    flags = printed_or_decoded(event.gfp_flags, event.gfp_mask, event.kernel)
    if event.order is None:
        return "shows no order: nothing says how much was requested"
    if not flags:
        return "shows no gfp mask: nothing says whether the request could wait"
    order = event.order + _page_shift(event)
    if order > limit("order"):
        size = format_size(USUAL_PAGE_BYTES << order)
        return f"is of {size} at once, and no kernel here has blocks above order {limit('order')} (MAX_ORDER)"
    gfp, dropped = _of_today(flags)
    asker = event.trigger.comm if event.trigger is not None else ""
    request = Request("alloc_pages", order, gfp, in_reclaim=(asker or "").startswith(_RECLAIM_ITSELF))
    against = next(objections(request), None)
    return Asked(request, dropped) if against is None else f"asks as no kernel of today allows: {against.why}"


def why_not_failing(event: MemoryEvent) -> str | None:
    """Why the failure of a report cannot be had again; None where it can."""
    if event.vmalloc is not None:
        return (
            f"is a failure of vmalloc, which could not have {event.vmalloc}: that is no request for one block"
        )
    asked = asked_by(event)
    if isinstance(asked, str):
        return asked
    if not asked.fails_alone:
        return (
            f"is of order {asked.order} and may wait ({asked.request.gfp}): for want of memory alone such a"
            " request does not fail, the kernel kills for it or goes on waiting"
        )
    return None


def request_facts(event: MemoryEvent, asked: Asked, count: int) -> list[Fact]:
    """What stands for what, for people."""
    caller = event.stack_first_caller or "who asked"
    found = [
        read("request", f"order {asked.order}, {asked.request.gfp}", "the report's head"),
        inferred(
            "trigger",
            f"{count_of('request', count)} of it by a test module",
            f"the request of the report, made by a test module (alloc_pages): {caller} is not in the guest."
            " Its memory cannot hold so many",
        ),
    ]
    if asked.dropped:
        why = "the kernels of today have these flags no more, or by other names"
        found.append(inferred("gfp flags", f"{', '.join(asked.dropped)} translated", why))
    if _page_shift(event):
        why = "the report's pages are larger than the guest's 4 KiB: as many bytes are requested"
        found.append(inferred("order", f"{asked.order} for {event.order}", why))
    if asked.request.in_reclaim:
        why = "kswapd asked for itself: such requests neither wait nor reclaim (PF_MEMALLOC)"
        found.append(inferred("in_reclaim", "true", why))
    return found


def _page_shift(event: MemoryEvent) -> int:
    """How many orders the report's pages are larger than those of 4 KiB."""
    smallest_kb = max((buddy.smallest_block_kb for buddy in event.buddy.values()), default=0)
    return max(0, smallest_kb * KIB // USUAL_PAGE_BYTES).bit_length() - 1 if smallest_kb else 0


def _of_today(flags: str) -> tuple[str, tuple[str, ...]]:
    """A mask by the names of today, and the names that are not among them."""
    known, former = names_of("6.12"), former_names("6.12")
    names = [name for name in flags.split("|") if name]
    now = [name if name in known else former.get(name, "") for name in names]
    return "|".join(dict.fromkeys(filter(None, now))), tuple(name for name in names if name not in known)
