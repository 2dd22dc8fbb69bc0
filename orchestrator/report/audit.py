# SPDX-License-Identifier: Apache-2.0
"""The allocation audit in words: cells of its table, and what tracing disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from orchestrator.analysis.audit import AuditSummary, AuditTotal, Disturbance
from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.report.tables import PlainTable
from orchestrator.scenario.triggers.kinds import KINDS
from orchestrator.text.amounts import change_text, count_of
from orchestrator.text.plain import one_line
from orchestrator.verdict.verdict import PassVerdict

_NS_PER_US = 1000
_ARRAYS, _BY_SLAB = "page arrays of binder mmaps", "requests of kmalloc or kvmalloc"
PHASE_WORDS = {
    "relaxed": "relaxed",
    "target": "at the target",
    "trigger": "the trigger",
    "after": "after the trigger",
}
"""Phases in the order of a report."""


def print_audit(each: PassVerdict, console: Console) -> None:
    """The audit of one clock as the terminal shows it."""
    if each.audit is not None:
        console.print(audit_table(each, each.audit))
    for line in audit_lines(each):
        console.print(Text(one_line(line)), soft_wrap=True)
    for line in audit_warnings(each):
        console.print(Text(one_line(line), style="yellow"), soft_wrap=True)


def audit_table(each: PassVerdict, audit: AuditSummary) -> PlainTable:
    """One column a variant and a section for each phase: that fits a terminal of 80 columns."""
    table = PlainTable(title=f"allocation audit ({each.clock} clock)")
    table.add_column(_asked_for(audit) if asks_for_arrays(audit) else "")
    for name in each.variants:
        table.add_column(Text(name))
    for phase, words in PHASE_WORDS.items():
        totals = {total.variant: total for total in audit.totals if total.phase == phase}
        if not totals:
            continue
        table.add_row(Text(words, style="bold"))
        for label, cells in audit_rows(audit, [totals.get(name) for name in each.variants], each.clock):
            if set(cells) != {"-"}:
                table.add_row(f"  {label}", *(Text(one_line(text)) for text in cells))
        table.add_section()
    return table


def _asked_for(audit: AuditSummary) -> str:
    """What the rows are about: binder's page arrays, or what a trigger of another kind asks of kmalloc."""
    nouns = {each.noun for each in audit.disturbances}
    kinds = [kind for kind in KINDS.values() if kind.request in nouns]
    return _BY_SLAB if kinds and not all(kind.uses_binder for kind in kinds) else _ARRAYS


def asks_for_arrays(audit: AuditSummary) -> bool:
    """Whether anything here asked the slab allocator for an array that is counted: most triggers do not."""
    return any(total.requests for total in audit.totals)


def audit_rows(
    audit: AuditSummary, totals: Sequence[AuditTotal | None], clock: Clock
) -> list[tuple[str, list[str]]]:
    """What is said of one phase: labels, and a cell for each variant's total."""
    rows = AUDIT_ROWS if asks_for_arrays(audit) else _OF_NO_ARRAYS
    return [
        (label, [cell(total, clock) if total is not None else "-" for total in totals])
        for label, cell in rows.items()
    ]


def audit_lines(each: PassVerdict) -> Iterator[str]:
    """What a reader has to know beside the table; a sentence each."""
    if each.audit is None:
        yield "Nothing was traced: no allocation audit, and no proof by gfp flags of which variant ran."
        return
    disturbances = [line for one in each.audit.disturbances if (line := _disturbance(one)) is not None]
    if disturbances:
        where = "boots" if each.cold else "forks"
        told = "; ".join(disturbances)
        yield f"Traced in {where} of their own, for tracing disturbs: with it, {told}."
    taken_kb = max((one.taken_kb for one in each.audit.disturbances), default=0)
    if taken_kb:
        yield f"Its histograms took {taken_kb} kB of a guest's memory."


def audit_warnings(each: PassVerdict) -> Iterator[str]:
    """Where the audit is not whole; a sentence each."""
    if each.audit is None:
        return
    for total in each.audit.totals:
        if total.made is not None and total.made != total.requests:
            yield (
                f"{total.variant}, {PHASE_WORDS[total.phase]}: {count_of('request', total.made)} made and"
                f" {count_of('page array', total.requests)} traced"
            )
    for one in each.audit.disturbances:
        if one.same_outcome < one.pairs + one.boots:
            changed = one.pairs + one.boots - one.same_outcome
            where = count_of("traced boot", one.boots) if one.boots else count_of("block", one.pairs)
            yield f"{one.variant}: tracing changed the outcome in {changed} of {where}"
    if each.audit.dropped:
        dropped = count_of("traced event", each.audit.dropped)
        yield f"{dropped} not in the audit: its histograms were full"


def _disturbance(one: Disturbance) -> str | None:
    if one.untraced is None or one.traced is None:
        return None
    if one.percent is None:
        spread, blocks = change_text(one.traced / one.untraced), f"{count_of('boot', one.boots)}, NOT paired"
    else:
        least, median, most = (change_text(1 + percent / 100) for percent in one.percent)
        spread = median if one.pairs == 1 else f"{median} ({least} to {most})"
        blocks = count_of("block", one.pairs)
    if one.unit == "instructions":
        figures = f"{one.traced - one.untraced:+.0f} instructions on {one.untraced:.0f}"
    else:
        figures = f"{one.untraced / _NS_PER_US:.1f} to {one.traced / _NS_PER_US:.1f} us"
        figures += ", the machine's noise included"
    return f"one {one.noun} of {one.variant} takes {spread} (p50 of {blocks}: {figures})"


def _asked(total: AuditTotal, _clock: Clock) -> str:
    orders = ", ".join(map(str, total.orders))
    return f"{total.requests}, order {orders}" if total.requests else "none"


def _paths(total: AuditTotal, _clock: Clock) -> str:
    return f"{total.contiguous} / {total.fell_back} / {total.refused}" if total.requests else "-"


def _reclaim(total: AuditTotal, clock: Clock) -> str:
    return _effort(total.reclaims, total.reclaim_us, clock)


def _compaction(total: AuditTotal, clock: Clock) -> str:
    return _effort(total.compactions, total.compact_us, clock)


def _deferred(total: AuditTotal, _clock: Clock) -> str:
    return str(total.deferred or "-")


def _elsewhere(total: AuditTotal, clock: Clock) -> str:
    return _effort(
        total.other_reclaims + total.other_compactions, total.other_reclaim_us + total.other_compact_us, clock
    )


def _kills(total: AuditTotal, _clock: Clock) -> str:
    return str(total.oom_kills or "-")


def _effort(count: int, us: int, clock: Clock) -> str:
    """How often, and for how long in all: milliseconds, or thousands of instructions."""
    if not count:
        return "-"
    if clock == "deterministic":
        return f"{count}, {us * _NS_PER_US / (1 << ICOUNT_SHIFT) / 1000:.0f}k insns"
    return f"{count}, {us / 1000:.1f} ms"


def _wakeups(total: AuditTotal, _clock: Clock) -> str:
    return ", ".join(f"{count} by order {order}" for order, count in total.kswapd_wakeups.items()) or "-"


_WITH_OR_WITHOUT_ARRAYS: dict[str, Callable[[AuditTotal, Clock], str]] = {
    "direct reclaim": _reclaim,
    "compaction of a zone": _compaction,
    "compaction deferred": _deferred,
    "reclaim, compaction elsewhere": _elsewhere,
    "OOM kills": _kills,
}
_OF_NO_ARRAYS: dict[str, Callable[[AuditTotal, Clock], str]] = {
    "kswapd woken": _wakeups,
    **_WITH_OR_WITHOUT_ARRAYS,
}
AUDIT_ROWS: dict[str, Callable[[AuditTotal, Clock], str]] = {
    "requested": _asked,
    "contiguous / vmalloc / failed": _paths,
    **_WITH_OR_WITHOUT_ARRAYS,
}
"""What a report says of a variant in one phase: the label and the cell."""
