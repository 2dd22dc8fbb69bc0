# SPDX-License-Identifier: Apache-2.0
"""The report people read on a terminal: variants side by side, the first OOM, the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.control_group import ControlGroup
from orchestrator.oom.explain import explain
from orchestrator.variant_verdict import VariantVerdict
from orchestrator.verdict import PassVerdict, Verdict

_SHOWN_ORDERS = 5
_DEFAULT_PAGE_BYTES = 4096


def print_report(verdict: Verdict, console: Console, *, page_sizes: Mapping[str, int]) -> None:
    """Print the whole report. `page_sizes` gives each variant's page size in bytes."""
    for each in verdict.passes:
        console.print(_table(verdict.scenario, each))
        console.print(Text(_sample_line(each)), soft_wrap=True)
        for control in each.controls:
            console.print(Text(_control_line(control)), soft_wrap=True)
    for name, variant in verdict.variants.items():
        if variant.first_oom is not None:
            console.print(Text(f"First OOM of {name}:", style="bold"))
            page_bytes = page_sizes.get(name, _DEFAULT_PAGE_BYTES)
            for line in explain(variant.first_oom, page_size_bytes=page_bytes):
                console.print(Text(f"  {line}"), soft_wrap=True)
    _print_remarks(verdict, console)
    console.print(_conclusion(verdict), soft_wrap=True)


def _table(scenario: str, each: PassVerdict) -> Table:
    """One column a variant: that fits a terminal of 80 columns with two variants or three."""
    title = f"{scenario} ({each.clock} clock, {each.accelerator}, {each.cpu_model})"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in each.variants:
        table.add_column(Text(name))
    for label, cell in _ROWS.items():
        table.add_row(label, *(Text(cell(variant)) for variant in each.variants.values()))
    return table


def _sample_line(each: PassVerdict) -> str:
    """How many independent samples the table stands for."""
    line = _count_of("block", each.blocks)
    if each.distinct_states is not None:
        line += f" with {_count_of('distinct memory state', each.distinct_states)}"
    if len(each.variants) > 1:
        line += (
            "; the variants fork from the same memory"
            if each.paired
            else "; the variants have different kernels, so their blocks are not paired"
        )
    if each.clock == "deterministic":
        line += "; one fork each, for a second would repeat it bit for bit"
    if each.private_memory_median_kb and each.private_memory_largest_kb:
        line += (
            f"\na fork took {each.private_memory_median_kb / 1024:.0f} MiB of memory of its own (median), "
            f"{each.private_memory_largest_kb / 1024:.0f} MiB at most"
        )
    return line


def _control_line(control: ControlGroup) -> str:
    """What the same module twice says about all other differences in the table."""
    name, pairs = f"A/A {control.first}, {control.second}", _count_of("pair", control.pairs)
    if control.difference is not None:
        return f"{name}: NOT identical: {control.difference}"
    if control.identical:
        return f"{name}: identical ({pairs}: console, control records, samples, figures)"
    if control.p50_percent is None:
        return f"{name}: nothing to compare"
    least, median, most = control.p50_percent
    return (
        f"{name}: mmap p50 differs by {least:+.1f} % to {most:+.1f} % (median {median:+.1f} %, {pairs})"
        " with one and the same module: that much is chance"
    )


def _outcomes(variant: VariantVerdict) -> str:
    return ", ".join(_count(outcome, count) for outcome, count in variant.outcomes.items()) or "-"


def _killed(variant: VariantVerdict) -> str:
    return ", ".join(_count(role, count) for role, count in variant.killed.items()) or "nobody"


def _mmaps(variant: VariantVerdict) -> str:
    mmaps = variant.mmaps
    counts = (mmaps.ok, mmaps.failed, mmaps.unfinished)
    return " / ".join(map(str, counts)) if any(counts) else "-"


def _latency(variant: VariantVerdict) -> str:
    mmaps = variant.mmaps
    if mmaps.p50 is None or mmaps.p99 is None or mmaps.max is None:
        return "-"
    unit = "us" if mmaps.latency_unit == "us" else "insns"
    return f"{mmaps.p50:.0f} / {mmaps.p99:.0f} / {mmaps.max:.0f} {unit}"


def _paths(variant: VariantVerdict) -> str:
    return f"{variant.contiguous} / {variant.fell_back}" if variant.gfp_flags else "-"


def _free(variant: VariantVerdict) -> str:
    return f"{variant.free_kb[0] / 1024:.1f} MiB" if variant.free_kb else "-"


def _units(variant: VariantVerdict) -> str:
    if not variant.usable_units:
        return "-"
    return " ".join(str(units) for units in variant.usable_units[0][:_SHOWN_ORDERS])


_ROWS: dict[str, Callable[[VariantVerdict], str]] = {
    "trials": lambda variant: str(variant.trials),
    "outcome": _outcomes,
    "OOM events": lambda variant: str(variant.oom_events),
    "killed": _killed,
    "mmaps ok / failed / cut off": _mmaps,
    "mmap p50 / p99 / max": _latency,
    "contiguous / vmalloc": _paths,
    "free at the target": _free,
    f"usable units, order 0-{_SHOWN_ORDERS - 1}": _units,
}


def _print_remarks(verdict: Verdict, console: Console) -> None:
    for name, variant in verdict.variants.items():
        for flags in variant.gfp_flags:
            console.print(Text(f"{name} asked for its page arrays with {flags}"), soft_wrap=True)
    if verdict.repeated:
        console.print(Text(f"{_count('trial', verdict.repeated)} gave no evidence and had to be run again"))
    for pair in verdict.inexact_pairs:
        line = f"{pair}: the run was cut short in between, so this pair is not exact"
        console.print(Text(line, style="yellow"), soft_wrap=True)
    for disagreement in verdict.disagreements:
        console.print(Text(f"disagreement: {disagreement}", style="yellow"), soft_wrap=True)


def _conclusion(verdict: Verdict) -> Text:
    if verdict.expectations_met is None:
        text = Text("Verdict missing: the evidence is short.\n", style="bold yellow")
        return text.append("\n".join(f"  {reason}" for reason in verdict.missing), style="not bold")
    if verdict.expectations_met:
        return Text("Verdict: expectations met.", style="bold green")
    text = Text("Verdict: expectations NOT met.\n", style="bold red")
    lines = [
        f"  {name}: {why}"
        for each in verdict.passes
        for name, variant in each.variants.items()
        for why in variant.unmet
    ]
    lines += [
        f"  {control.first} and {control.second} are the same module and not identical"
        for each in verdict.passes
        for control in each.controls
        if control.identical is False
    ]
    return text.append("\n".join(lines), style="not bold")


def _count(what: str, count: int) -> str:
    return str(what) if count == 1 else f"{count} x {what}"


def _count_of(noun: str, count: int) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
