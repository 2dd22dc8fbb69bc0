# SPDX-License-Identifier: Apache-2.0
"""What a run on devices of others has to be read with: what they are, and what fell away there. Pure.

Such a device has a system of its own: its memory is what that leaves, its low memory killer kills beside
the kernel's, and what the agent may do depends on its shell.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.record.device_facts import DeviceFacts
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Scenario
from orchestrator.text.amounts import count_of
from orchestrator.units import format_size

LACKS: Mapping[str, str] = {
    "pagetypeinfo": "targets of usable units, all stressors",
    "kpageflags": "fingerprints of memory states",
    "pagemap": "the stressor anonymous",
    "sysctl": "sysctls, pictures, watermarks, the stressor ballast, the stage `relaxed`",
    "adj": "all stressors; the OOM killer may take the agent",
    "kmsg": "marks on the console: what came before the trigger is told from the rest by time stamps",
    "mlock": "nothing; the agent may have to wait for its own pages",
    "sndbuf": "all stressors",
    "files": "the stressor pipes",
    "tracefs": "the allocation audit",
    "debugfs": "fragmentation indexes, counters of benchmarks",
    "zram": "a swap of another size than the device has",
}
"""What falls away without each right, by the agent's words (images/guest/PROTOCOL.md)."""
_DRIVERS = {"c": "C", "rust": "Rust", "unknown": "one that does not say which", "": "none"}
_MIB_KB = 1024
_WATERMARKS = frozenset({"vm.min_free_kbytes", "vm.watermark_scale_factor"})
"""The settings that watermarks are computed from."""


class DeviceSummary(Frozen):
    """The devices of one pass, where the agent was a process on devices of others."""

    facts: tuple[str, ...] = Field(description="what they are; a sentence each")
    doubts: tuple[str, ...] = Field((), description="what weakens the evidence; a sentence each")


def device_summary(
    scenario: Scenario, results: Sequence[TrialResult], accelerator: AcceleratorReport
) -> DeviceSummary | None:
    """Of the last attempts of one pass; None where no agent found itself on a device of others."""
    known = {result.trial: result.device for result in results if result.device is not None}
    if not known:
        return None
    devices = list(known.values())
    doubts = (*_drivers_mixed(devices), *_fell_away(devices), *_killable(devices), *_rebooted(known))
    drivers = _counted(_DRIVERS.get(device.binder_impl, device.binder_impl) for device in devices)
    facts = (
        _what_ran(scenario, accelerator),
        f"binder driver, asked of the device: {drivers}",
        *_rights(devices),
        *_memory(scenario, results),
        _swap(scenario, devices),
        *_lmkd(devices),
        *_aosp_programs(devices),
    )
    return DeviceSummary(facts=facts, doubts=doubts)


def _what_ran(scenario: Scenario, accelerator: AcceleratorReport) -> str:
    backend = scenario.device.backend
    return (
        f"each trial booted a {backend} device of its own ({accelerator.programs_words}): cold and unpaired,"
        " since such devices take no snapshots, and in real time, since nothing counts their instructions"
    )


def _counted(words: Iterator[str]) -> str:
    """`C`, or where trials differ `C in 3 trials, Rust in 1`."""
    counts = Counter(words)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{word} in {count_of('trial', count)}" for word, count in counts.items())


def _rights(devices: Sequence[DeviceFacts]) -> Iterator[str]:
    yield f"the agent ran {_counted('as root' if device.root else 'without root' for device in devices)}"


def _memory(scenario: Scenario, results: Sequence[TrialResult]) -> Iterator[str]:
    """What the device had before any pressure, against what was asked for."""
    befores = [sample for result in results for sample in result.memory if sample.when == "before"]
    totals = [total for sample in befores if (total := (sample.meminfo_kb or {}).get("MemTotal")) is not None]
    if totals:
        yield (
            f"memory: {statistics.median(totals) / _MIB_KB:.0f} MiB for the system's use, of"
            f" {format_size(scenario.device.memory)} that the scenario gives the device (median)"
        )
    marks = [found for result in results if (found := _watermarks(result)) is not None]
    if marks:
        low, middle, high = (statistics.median(column) / _MIB_KB for column in zip(*marks, strict=True))
        yield (
            f"watermarks that the trigger met, all zones together: min {low:.1f}, low {middle:.1f},"
            f" high {high:.1f} MiB (median); {_asked_watermarks(scenario)}"
        )


def _watermarks(result: TrialResult) -> tuple[int, int, int] | None:
    """Of the last look before the load; while a memory picture is made they are others."""
    for when in ("trigger", "target"):
        for sample in result.memory:
            if sample.when == when and sample.zones:
                zones = sample.zones.values()
                return (
                    sum(z.min_kb for z in zones),
                    sum(z.low_kb for z in zones),
                    sum(z.high_kb for z in zones),
                )
    return None


def _asked_watermarks(scenario: Scenario) -> str:
    target = scenario.fragmentation.target if scenario.fragmentation is not None else None
    picture = target.picture if target is not None else None
    if picture is not None and picture.watermarks is not None:
        return "the scenario's picture sets them"
    set_ = [f"{name} to {value}" for name, value in scenario.device.sysctls.items() if name in _WATERMARKS]
    return f"the scenario sets {', '.join(set_)}" if set_ else "the scenario leaves them to the device"


def _swap(scenario: Scenario, devices: Sequence[DeviceFacts]) -> str:
    found = f"swap before the trial: {_counted(map(_areas, devices))}"
    if scenario.device.zram:
        return f"{found}; the scenario asks for {format_size(scenario.device.zram)} in zram"
    return f"{found}; the scenario asks for none, and what was there stayed"


def _areas(device: DeviceFacts) -> str:
    areas = (f"{name} of {size / _MIB_KB:.0f} MiB" for name, size in device.swap_kb.items())
    return " and ".join(areas) or "none"


def _lmkd(devices: Sequence[DeviceFacts]) -> Iterator[str]:
    """Its kills are told apart from the kernel's: both end processes by SIGKILL."""
    running = sum(device.lmkd for device in devices)
    ran = f"lmkd (Android's low memory killer) ran in {count_of('trial', running)}"
    logged = [device.lmkd_kills for device in devices if device.lmkd_kills is not None]
    if not running:
        yield "no lmkd (Android's low memory killer) was seen there"
    elif len(logged) == len(devices):
        killed = f"killed {count_of('process', sum(logged))} while they lasted"
        yield f"{ran} and {killed}; no outcome and no OOM event is one of these"
    else:
        missing = count_of("trial", len(devices) - len(logged))
        yield f"{ran}; what it killed is not known of {missing}, which left no logcat"


def _aosp_programs(devices: Sequence[DeviceFacts]) -> Iterator[str]:
    programs = dict.fromkeys(path for device in devices for path in device.benchmarks)
    if programs:
        yield f"AOSP's own binder programs on the device, for a trigger `command`: {', '.join(programs)}"


def _drivers_mixed(devices: Sequence[DeviceFacts]) -> Iterator[str]:
    if len({device.binder_impl for device in devices}) > 1:
        yield "not all trials ran the same binder driver: they do not compare"
    elif any(device.binder_impl == "rust" for device in devices):
        yield "the Rust driver ran, which patches to the C driver do not touch"


def _fell_away(devices: Sequence[DeviceFacts]) -> Iterator[str]:
    for word in dict.fromkeys(word for device in devices for word in device.lacks):
        count = sum(word in device.lacks for device in devices)
        where = "" if count == len(devices) else f" (in {count_of('trial', count)})"
        yield f"not possible on the device{where}: {word}. Without it: {LACKS.get(word, 'not known')}"


def _killable(devices: Sequence[DeviceFacts]) -> Iterator[str]:
    if any(not device.unkillable and "adj" not in device.lacks for device in devices):
        yield "the OOM killer could have taken the agent"


def _rebooted(known: Mapping[int, DeviceFacts]) -> Iterator[str]:
    """Two trials with one boot_id were one boot: not the device of its own that was asked for."""
    boots = Counter(device.boot_id for device in known.values())
    for boot, count in boots.items():
        if count > 1:
            yield f"{count_of('trial', count)} ran in one and the same boot ({boot}): they are one sample"
