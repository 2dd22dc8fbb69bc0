# SPDX-License-Identifier: Apache-2.0
"""The report people read on a terminal: variants side by side, the first OOM, the verdict."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.oom.explain import explain
from orchestrator.verdict import MmapTotals, Verdict

_SHOWN_ORDERS = 5


def print_report(verdict: Verdict, console: Console, *, page_sizes: dict[str, int]) -> None:
    """Print the whole report. `page_sizes` gives each variant's page size in bytes."""
    console.print(_variants(verdict))
    console.print(_memory(verdict))
    for name, variant in verdict.variants.items():
        if variant.first_oom is not None:
            console.print(Text(f"First OOM of {name}:", style="bold"))
            for line in explain(variant.first_oom, page_size_bytes=page_sizes.get(name, 4096)):
                console.print(Text(f"  {line}"), soft_wrap=True)
    _print_remarks(verdict, console)
    console.print(_conclusion(verdict), soft_wrap=True)


def _variants(verdict: Verdict) -> Table:
    title = f"{verdict.scenario} ({verdict.clock} clock, {verdict.accelerator}, {verdict.cpu_model})"
    table = Table(title=title, title_justify="left")
    for heading in ("variant", "trials", "outcome", "OOMs", "mmaps served", "contiguous / vmalloc", "killed"):
        table.add_column(heading)
    table.add_column("mmap p50 / p99 / max", justify="right")
    for name, variant in verdict.variants.items():
        table.add_row(
            Text(name),
            str(variant.trials),
            ", ".join(_count(outcome, count) for outcome, count in variant.outcomes.items()) or "-",
            str(variant.oom_events),
            _mmaps(variant.mmaps),
            f"{variant.contiguous} / {variant.fell_back}" if variant.gfp_flags else "-",
            ", ".join(_count(role, count) for role, count in variant.killed.items()) or "nobody",
            _latency(variant.mmaps),
        )
    return table


def _memory(verdict: Verdict) -> Table:
    table = Table(title="memory when the trigger started (first trial)", title_justify="left")
    table.add_column("variant")
    table.add_column("free", justify="right")
    for order in range(_SHOWN_ORDERS):
        table.add_column(f"units, order {order}", justify="right")
    for name, variant in verdict.variants.items():
        if variant.free_kb and variant.usable_units:
            units = variant.usable_units[0][:_SHOWN_ORDERS]
            table.add_row(Text(name), f"{variant.free_kb[0] / 1024:.1f} MiB", *map(str, units))
    return table


def _print_remarks(verdict: Verdict, console: Console) -> None:
    for name, variant in verdict.variants.items():
        for flags in variant.gfp_flags:
            console.print(Text(f"{name} asked for its page arrays with {flags}"), soft_wrap=True)
    if verdict.repeated:
        console.print(Text(f"{_count('trial', verdict.repeated)} gave no evidence and had to be run again"))
    for disagreement in verdict.disagreements:
        console.print(Text(f"disagreement: {disagreement}", style="yellow"), soft_wrap=True)


def _conclusion(verdict: Verdict) -> Text:
    if verdict.expectations_met is None:
        text = Text("Verdict missing: the evidence is short.\n", style="bold yellow")
        return text.append("\n".join(f"  {reason}" for reason in verdict.missing), style="not bold")
    if verdict.expectations_met:
        return Text("Verdict: expectations met.", style="bold green")
    text = Text("Verdict: expectations NOT met.\n", style="bold red")
    lines = [f"  {name}: {why}" for name, variant in verdict.variants.items() for why in variant.unmet]
    return text.append("\n".join(lines), style="not bold")


def _mmaps(mmaps: MmapTotals) -> str:
    total = mmaps.ok + mmaps.failed + mmaps.unfinished
    return f"{mmaps.ok} of {total}" if total else "-"


def _latency(mmaps: MmapTotals) -> str:
    if mmaps.p50_us is None or mmaps.p99_us is None or mmaps.max_us is None:
        return "-"
    return f"{mmaps.p50_us:.0f} / {mmaps.p99_us:.0f} / {mmaps.max_us:.0f} us"


def _count(what: str, count: int) -> str:
    return str(what) if count == 1 else f"{count} x {what}"
