# SPDX-License-Identifier: Apache-2.0
"""What reports say in words and cells, whatever they look like. Not escaped: guests may have a hand in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from orchestrator.analysis.controls import ControlGroup
from orchestrator.analysis.phrases import other_boot_words
from orchestrator.memory.sample import NodeState
from orchestrator.text.amounts import change_text, count_of, plural, short
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.variant import FailedOutput, MeasureTotals, RequestTotals, VariantVerdict
from orchestrator.verdict.verdict import PassVerdict, Verdict

_SHOWN_ORDERS = 5


def sample_line(each: PassVerdict) -> str:
    """How many independent samples the table stands for."""
    return (_cold_line(each) if each.cold else _block_line(each)) + _memory_line(each)


def _cold_line(each: PassVerdict) -> str:
    line = f"{count_of('boot', each.boots)}, one for each trial"
    if each.distinct_states is not None:
        line += f", with {count_of('distinct memory state', each.distinct_states)}"
    line += "; cold trials (`trials.fork: false`)"
    if len(each.variants) > 1:
        line += ": each has the memory of its own boot, so the variants are NOT paired"
    return line


def _block_line(each: PassVerdict) -> str:
    line = "; ".join(_blocks_of_kernels(each)) if len(each.kernels) > 1 else count_of("block", each.blocks)
    if each.distinct_states is not None:
        line += f" with {count_of('distinct memory state', each.distinct_states)}"
    if len(each.kernels) > 1:
        line += "".join(f"; {words}" for words in _who_is_paired(each))
    elif len(each.variants) > 1:
        line += "; the variants fork from the same memory"
    if each.clock == "deterministic":
        line += "; one fork each, for a second would repeat it bit for bit"
    return line


def _blocks_of_kernels(each: PassVerdict) -> Iterator[str]:
    """How many blocks there are of each boot; blocks of one number have one seed, not one memory."""
    counts = {kernel.blocks for kernel in each.kernels}
    same = [kernel.same_image for kernel in each.kernels[1:]]
    what = (
        "command lines" if all(same) else "kernel images and command lines" if any(same) else "kernel images"
    )
    if len(counts) == 1:
        yield f"{count_of('block', counts.pop())} of each of {len(each.kernels)} {what}"
    else:
        yield from (f"{count_of('block', one.blocks)} of {', '.join(one.variants)}" for one in each.kernels)


def _who_is_paired(each: PassVerdict) -> Iterator[str]:
    for kernel in each.kernels:
        if len(kernel.variants) > 1:
            yield f"{', '.join(kernel.variants)} fork from the same memory"
    for kernel in each.kernels[1:]:
        words = other_boot_words(kernel.variants, same_image=kernel.same_image)
        yield f"{words}, NOT paired with {each.kernels[0].variants[0]}'s"


def _memory_line(each: PassVerdict) -> str:
    if not each.private_memory_median_kb or not each.private_memory_largest_kb:
        return ""
    what = "guest" if each.cold else "forked guest"
    line = (
        f"\na {what} took {each.private_memory_median_kb / 1024:.0f} MiB of memory of its own"
        f" (median), {each.private_memory_largest_kb / 1024:.0f} MiB at most"
    )
    if each.private_memory_missing:
        line += f"; {count_of(what, each.private_memory_missing)} had ended before it could be read"
    return line


def control_line(control: ControlGroup) -> str:
    """What the same module twice says about all other differences in the table."""
    name, what = f"A/A {control.first}, {control.second}", "p50 of the trigger's requests"
    much = "with one and the same driver: that much is chance"
    if control.difference is not None:
        return f"{name}: NOT identical: {control.difference}"
    if control.identical:
        made = f"{count_of('boot', control.repeats)} of each by one recipe"
        amount = made if control.repeats else count_of("pair", control.pairs)
        return f"{name}: identical ({amount}: console, control records, samples, figures)"
    if (apart := control.p50_percent_unpaired) is not None:
        boots = f"{count_of('boot', control.repeats)} of each, NOT paired"
        return f"{name}: the median {what} differs by {change_text(1 + apart / 100)} ({boots}) {much}"
    if control.p50_percent is None:
        return f"{name}: nothing to compare"
    least, median, most = (change_text(1 + percent / 100) for percent in control.p50_percent)
    pairs = count_of("pair", control.pairs)
    return f"{name}: {what} differs by {least} to {most} (median {median}, {pairs}) {much}"


def _outcomes(variant: VariantVerdict) -> str:
    return ", ".join(times(outcome, count) for outcome, count in variant.outcomes.items()) or "-"


def _killed(variant: VariantVerdict) -> str:
    return ", ".join(times(role, count) for role, count in variant.killed.items()) or "nobody"


def _ends(variant: VariantVerdict) -> str:
    return ", ".join(times(end, count) for end, count in variant.ends.items()) or "-"


def _requests(variant: VariantVerdict) -> str:
    requests = variant.requests
    counts = (requests.succeeded, requests.failed, requests.in_flight)
    return " / ".join(map(str, counts)) if any(counts) else "-"


def _fell_back(variant: VariantVerdict) -> str:
    return "-" if variant.requests.fell_back is None else str(variant.requests.fell_back)


def _latency(variant: VariantVerdict) -> str:
    times = variant.requests
    if times.p50 is None or times.p99 is None or times.max is None:
        return "-"
    unit = "us" if times.latency_unit == "us" else "insns"
    return f"{times.p50:.0f} / {times.p99:.0f} / {times.max:.0f} {unit}"


def _paths(variant: VariantVerdict) -> str:
    if not variant.gfp_flags:
        return "-"
    return f"{variant.contiguous} / {variant.fell_back} / {variant.refused}"


def _free(variant: VariantVerdict) -> str:
    return f"{variant.free_kb[0] / 1024:.1f} MiB" if variant.free_kb else "-"


def _units(variant: VariantVerdict) -> str:
    return _first_orders(variant.usable_units[0]) if variant.usable_units else "-"


def _first_orders(units: Sequence[int] | None) -> str:
    return " ".join(map(str, units[:_SHOWN_ORDERS])) if units else "-"


def _node_rows(variants: Sequence[VariantVerdict]) -> Iterator[tuple[str, list[str]]]:
    """The NUMA nodes one by one where there are several, as the rows before have them all together."""
    firsts = [variant.nodes[0] if variant.nodes else () for variant in variants]
    for node in sorted({state.node for first in firsts for state in first}):
        states = [next((state for state in first if state.node == node), None) for first in firsts]
        yield f"node {node}: free, usable units", [_node_cell(state) for state in states]


def _node_cell(state: NodeState | None) -> str:
    if state is None or state.free_kb is None:
        return "-"
    return f"{state.free_kb / 1024:.1f} MiB, {_first_orders(state.usable_units)}"


def _measure_rows(variants: Sequence[VariantVerdict]) -> Iterator[tuple[str, list[str]]]:
    """What the trigger measured itself, a row a name."""
    names = dict.fromkeys((each.name, each.unit) for variant in variants for each in variant.measures)
    for name, unit in names:
        found = [
            next((each for each in variant.measures if (each.name, each.unit) == (name, unit)), None)
            for variant in variants
        ]
        yield name.replace("_", " "), [_measure(each) if each is not None else "-" for each in found]


def _measure(totals: MeasureTotals) -> str:
    """The median, and of what is counted the ends, too, where trials differ: a rare loss is in no median."""
    ends = (
        ""
        if totals.least == totals.most or totals.unit.endswith("/s")
        else f" ({short(totals.least)} to {short(totals.most)})"
    )
    return f"{short(totals.median)} {totals.unit}".rstrip() + ends


def _order_rows(variants: Sequence[VariantVerdict]) -> Iterator[tuple[str, list[str]]]:
    """Requests to the page allocator, where they are what the trigger is about: a row an order."""
    for order in sorted({each.order for variant in variants for each in variant.page_requests}, reverse=True):
        found = [next((each for each in one.page_requests if each.order == order), None) for one in variants]
        cells = [
            f"{each.served} / {each.fell_back} / {each.failed}" if each is not None else "none"
            for each in found
        ]
        yield f"order {order}: succeeded / fell back / failed, traced", cells


_LATENCY = "{request} p50 / p99 / max"
_VARIANT_ROWS: dict[str, Callable[[VariantVerdict], str]] = {
    "trials": lambda variant: str(variant.trials),
    "outcome": _outcomes,
    "OOM events": lambda variant: str(variant.oom_events),
    "killed": _killed,
    "trigger ended with": _ends,
    "{requests} succeeded / failed / in flight": _requests,
    "{requests} by vmalloc": _fell_back,
    _LATENCY: _latency,
    "contiguous / vmalloc / failed, traced": _paths,
    "free at the target": _free,
    f"usable units, order 0-{_SHOWN_ORDERS - 1}": _units,
}
NOUN: str = RequestTotals.model_fields["noun"].default
"""What requests are called where nothing tells better."""
_REQUESTS = "{requests} succeeded / failed / in flight"
_ONLY_WHERE_SAID = frozenset(
    {
        "trigger ended with",
        _REQUESTS,
        "{requests} by vmalloc",
        _LATENCY,
        "contiguous / vmalloc / failed, traced",
    }
)


_BEHIND_FIGURES = "free at the target"
_RANKS = (
    ("outcome", 0), ("succeeded / failed", 1), ("p50 / p99 / max", 1), ("killed", 2), ("trials", 3),
    ("OOM events", 4), ("contiguous /", 4), ("trigger ended with", 5), ("free at the target", 6),
    ("usable units", 7),
)  # fmt: skip
_OTHER_RANK = 3


def row_rank(label: str) -> int:
    """How early a row of `variant_rows` goes where there is no room for all: 0 never, the highest first."""
    return next((rank for words, rank in _RANKS if words in label), _OTHER_RANK)


def variant_rows(variants: Iterable[VariantVerdict]) -> list[tuple[str, list[str]]]:
    """What a report says of variants, a row each: the label and a cell for each of them."""
    shown = list(variants)
    noun = _noun(shown)
    rows = [(label, [cell(variant) for variant in shown]) for label, cell in _VARIANT_ROWS.items()]
    said = [
        (label.format(request=noun, requests=plural(noun)), cells)
        for label, cells in rows
        if label not in _ONLY_WHERE_SAID or set(cells) != {"-"}
    ]
    at = [label for label, _ in said].index(_BEHIND_FIGURES)
    return [*said[:at], *_measure_rows(shown), *_order_rows(shown), *said[at:], *_node_rows(shown)]


def _noun(variants: Iterable[VariantVerdict]) -> str:
    """What requests are called; a variant whose guests were gone before they could count does not know."""
    return next((each.requests.noun for each in variants if each.requests.noun != NOUN), NOUN)


_BRIEF = ("outcome", "killed", _REQUESTS, _LATENCY)


def brief_rows(variants: Mapping[str, VariantVerdict]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The same the other way round, for many variants: headings, and a row of few cells for each of them."""
    noun = _noun(variants.values())
    columns = {label: [_VARIANT_ROWS[label](each) for each in variants.values()] for label in _BRIEF}
    said = {
        label: cells for label, cells in columns.items() if label == _BRIEF[0] or set(cells) - {"-", "nobody"}
    }
    headings = [label.format(request=noun, requests=plural(noun)) for label in said]
    return headings, list(zip(variants, map(list, zip(*said.values(), strict=True)), strict=True))


def output_lines(failed: FailedOutput, most: int = 20) -> list[str]:
    """What a command wrote before it failed: a sentence, then the last lines as they are, not escaped."""
    where = f"trials/{failed.directory}/output.log"
    lines = failed.end.removesuffix("\n").split("\n") if failed.end else []
    if not failed.bytes:
        return [f"Trial {failed.trial}: {failed.why}. It wrote nothing."]
    return [f"Trial {failed.trial}: {failed.why}. {where} ends:", *(f"  {line}" for line in lines[-most:])]


def times(what: str, count: int) -> str:
    """A thing that happened `count` times."""
    return str(what) if count == 1 else f"{count} x {what}"


def remarks(verdict: Verdict) -> Iterator[str]:
    """What was expected, which variant really ran, and what else has to be known; a sentence each."""
    if verdict.expectations_from:
        sources = ", ".join(
            f"{name} was expected {'to pass' if source is None else f'to end as {source} of the scenario'}"
            for name, source in verdict.expectations_from.items()
        )
        yield f"with --patch and nothing said of it, {sources}"
    yield from built_lines(verdict)
    yield from settings_lines(verdict)
    yield from device_lines(verdict)
    for name, variant in verdict.variants.items():
        for flags in variant.gfp_flags:
            yield f"{name} requested its page arrays with {flags}"
    if verdict.repeated:
        yield f"{times('trial', verdict.repeated)} gave no evidence and had to be run again"


def settings_lines(verdict: Verdict) -> Iterator[str]:
    """What variants were told besides their kernel, and what was there before; a line each."""
    yield from (f"{each.variant}: {each.words}" for each in verdict.settings)


def device_lines(verdict: Verdict) -> Iterator[str]:
    """What the devices were, where they were none of the agent's own; a sentence each."""
    for each in verdict.passes:
        if each.device is not None:
            yield from each.device.facts


def built_lines(verdict: Verdict) -> Iterator[str]:
    """From which trees and commits kernels were built, and whose they are; a sentence each."""
    found: dict[str, list[str]] = {}
    for name, tree in verdict.built_from.items():
        found.setdefault(tree, []).append(name)
    yield from (f"{', '.join(names)}: built from {tree}" for tree, names in found.items())


def warnings(verdict: Verdict) -> Iterator[str]:
    """What weakens the evidence, or what its words could be taken for; a sentence each."""
    if not verdict.fragmented:
        yield "the scenario asks for no memory state: `at the target` is memory as the boot left it"
    for each in verdict.passes:
        if each.device is not None:
            yield from each.device.doubts
    for pair in verdict.inexact_pairs:
        yield f"{pair}: the run was cut short in between, so this pair is not exact"
    for disagreement in verdict.disagreements:
        yield f"disagreement: {disagreement}"


def headline(verdict: Verdict) -> str:
    """The verdict in one line."""
    words = summarise(verdict).headline
    return f"{words[:1].upper()}{words[1:]}." if words.startswith("verdict") else f"Verdict: {words}."


def reasons(verdict: Verdict) -> list[str]:
    """What the verdict is missing and what would mend that first, or what was not as expected."""
    if verdict.conclusion is Conclusion.MISSING:
        return [*verdict.advice, *verdict.missing]
    lines = [
        f"{name}: {why}"
        for each in verdict.passes
        for name, variant in each.variants.items()
        for why in variant.unmet
    ]
    return lines + [
        f"{control.first} and {control.second} run the same driver and are not identical"
        for each in verdict.passes
        for control in each.controls
        if control.identical is False
    ]


def few(lines: Sequence[str], most: int = 20) -> list[str]:
    """The first lines, and how many more there are."""
    more = [f"and {len(lines) - most} more"] if len(lines) > most else []
    return [*lines[:most], *more]
