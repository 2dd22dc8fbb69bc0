# SPDX-License-Identifier: Apache-2.0
"""Which figures a run has: of one block (or cold trial) in full, of all others in summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.clock import Clock
from orchestrator.memory.sample import MemorySample, NodeState
from orchestrator.plan import shares_boot
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.report.formats.html.composition import at_moments, over_time
from orchestrator.report.formats.html.free_lists import MomentTable, heat_map, moment_table, ways_to_target
from orchestrator.report.formats.html.latency import distribution
from orchestrator.report.formats.html.plots import Plot
from orchestrator.report.formats.html.series import (
    BootSeries,
    block_series,
    latencies_ns,
    spread,
    trial_series,
)
from orchestrator.text.amounts import count_of, plural
from orchestrator.verdict.judged_run import JudgedRun

_Guest = BlockResult | TrialResult
_MOST_GUESTS = 40
"""Lines that one figure can hold, and files that are read for it."""
_BEFORE_AND_TARGET = 2
_MOST_TRIALS = 200
"""Trials of a variant whose latencies are read one by one; the verdict's figures are of all."""

_NS_PER_UNIT: Mapping[Clock, tuple[str, float]] = {"realtime": ("us", 1e3), "deterministic": ("insns", 4.0)}
"""Under the deterministic clock 4 ns of guest time are one instruction."""


@dataclass(frozen=True)
class MemorySection:
    """Memory under one clock: figures, and the free lists at the moments that count."""

    plots: Sequence[Plot]
    moments: MomentTable | None
    moments_caption: str

    @property
    def there(self) -> bool:
        """There is something to show."""
        return bool(self.plots) or self.moments is not None


def memory_section(report: JudgedRun, clock: Clock) -> MemorySection:
    """Free blocks and composition, over time and at the moments that count."""
    guests = _at_target(report, clock)
    trials = [each for each in _trigger_trials(report, clock) if each.memory]
    columns = list(_moments(report, guests, trials))
    sizes = set(report.page_sizes.values())
    bars = at_moments(columns, name=f"moments-{clock}")
    return MemorySection(
        plots=[*_boot_plots(report, guests, clock), *([bars] if bars else [])],
        moments=moment_table([*columns, *_nodes(guests)], sizes.pop() if len(sizes) == 1 else None),
        moments_caption="Blocks that a kernel request may use (unmovable, reclaimable and movable lists;"
        f" no CMA, no reserve), medians of {_amount(report, guests, trials)}."
        " After: when the trigger had ended.",
    )


def latency_plot(report: JudgedRun, clock: Clock, places: Mapping[str, int]) -> Plot | None:
    """The distribution of the requests' latencies; None where they were not wanted or not measured."""
    if not report.manifest.scenario.trials.timing and clock == "realtime":
        return None
    unit, ns_per_unit = _NS_PER_UNIT[clock]
    all_trials = [each for each in _trigger_trials(report, clock) if each.requests is not None]
    by_variant = {name: [each for each in all_trials if each.variant == name] for name in places}
    chosen = {name: spread(trials, _MOST_TRIALS) for name, trials in by_variant.items()}
    left_out = sum(map(len, by_variant.values())) - sum(map(len, chosen.values()))
    noun = next((each.requests.noun for each in all_trials if each.requests is not None), "request")
    what = (
        f"All {plural(noun)} that succeeded"
        if not left_out
        else f"{plural(noun)} that succeeded, of {_MOST_TRIALS} trials of each variant evenly chosen"
    )
    return distribution(
        {
            name: [latency / ns_per_unit for trial in trials for latency in latencies_ns(report, trial)]
            for name, trials in chosen.items()
        },
        unit=unit,
        name=f"latency-{clock}",
        what=what,
        noun=noun,
    )  # fmt: skip


def _amount(report: JudgedRun, guests: Sequence[_Guest], trials: Sequence[TrialResult]) -> str:
    if not report.manifest.scenario.trials.fork:
        return count_of("cold trial", len(trials))
    return f"{count_of('block', len(guests))} and {count_of('trial', len(trials))}"


def _boot_plots(report: JudgedRun, guests: Sequence[_Guest], clock: Clock) -> Iterator[Plot]:
    """The first kernel's first guest in full, and of each kernel image all guests on their way."""
    kernels = shares_boot(report.manifest.scenario)
    for index, names in enumerate(kernels):
        whose = ", ".join(names) if len(kernels) > 1 else ""
        own = [guest for guest in guests if _runs(guest, names)]
        series = [replace(each, whose=whose) for each in _series(report, spread(own, _MOST_GUESTS))]
        if not series:
            continue
        page_bytes, suffix = report.page_sizes[names[0]], f"{clock}-{index}" if index else clock
        # Without stressors there was nothing on the way.
        if index == 0 and len(series[0].moments) > _BEFORE_AND_TARGET:
            yield heat_map(series[0], name=f"free-{suffix}", page_bytes=page_bytes)
            yield over_time(series[0], name=f"memory-{suffix}")
        yield from _ways(report, series, name=f"ways-{suffix}", page_bytes=page_bytes, guests=len(own))


def _series(report: JudgedRun, guests: Sequence[_Guest]) -> list[BootSeries]:
    blocks = [each for each in guests if isinstance(each, BlockResult)]
    trials = [each for each in guests if isinstance(each, TrialResult)]
    return [*block_series(report, blocks), *trial_series(report, trials)]


def _ways(
    report: JudgedRun, series: Sequence[BootSeries], *, name: str, page_bytes: int, guests: int
) -> Iterator[Plot]:
    fragmentation = report.manifest.scenario.fragmentation
    units = fragmentation.target.usable_units if fragmentation is not None else ()
    # What guests tell on the way is of all nodes together.
    for bound in [each for each in units if each.node is None][:1]:
        known = [each for each in series if bound.order < len(each.moments[0].units)]
        if known:
            yield ways_to_target(known, bound, name=name, page_bytes=page_bytes, guests=guests)


def _runs(guest: _Guest, names: Sequence[str]) -> bool:
    """Whether a block or a cold trial is of one of these variants."""
    return bool({*names} & {*(guest.variants if isinstance(guest, BlockResult) else (guest.variant,))})


def _nodes(guests: Sequence[_Guest]) -> Iterator[tuple[str, Sequence[NodeState]]]:
    """Each NUMA node at the target, where there is more than one."""
    found: dict[int, list[NodeState]] = {}
    for guest in guests:
        for sample in guest.memory:
            for state in sample.nodes if sample.when == "target" else ():
                found.setdefault(state.node, []).append(state)
    for node, states in sorted(found.items()):
        yield f"at the target, node {node}", states


def _moments(
    report: JudgedRun, guests: Sequence[_Guest], trials: Sequence[TrialResult]
) -> Iterator[tuple[str, Sequence[MemorySample]]]:
    """A title and the samples of each moment; what a kernel image left free is not mixed with another's."""
    kernels = shares_boot(report.manifest.scenario)
    for title, when in (("before pressure", "before"), ("at the target", "target")):
        for names in kernels:
            own = [guest for guest in guests if _runs(guest, names)]
            whose = f", {', '.join(names)}" if len(kernels) > 1 else ""
            yield title + whose, [sample for guest in own for sample in guest.memory if sample.when == when]
    for name in report.manifest.scenario.variants:
        ended = [trial for trial in trials if trial.variant == name]
        yield (
            f"after, {name}",
            [sample for trial in ended for sample in trial.memory if sample.when == "after"],
        )


def _at_target(report: JudgedRun, clock: Clock) -> Sequence[_Guest]:
    """Blocks that reached their target, the last attempt of each; of a cold run the trigger's trials."""
    if not report.manifest.scenario.trials.fork:
        trials = _trigger_trials(report, clock)
        return [each for each in trials if each.target is not None and each.target.reached]
    last = {
        (block.block, block.variants): block
        for block in report.blocks
        if block.frozen and block.clock == clock
    }
    return [last[key] for key in sorted(last)]


def _trigger_trials(report: JudgedRun, clock: Clock) -> list[TrialResult]:
    return [each for each in report.results if each.clock == clock and each.stage == "trigger"]
