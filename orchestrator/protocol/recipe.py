# SPDX-License-Identifier: Apache-2.0
"""The recipe that a guest boots with: a scenario's block and trial as kernel command line words.

The words are `oomlab.KEY=VALUE`, values percent-encoded, as `images/guest/PROTOCOL.md` lists
them. Nothing else is said to a guest, so a printed command line repeats a trial by hand. On a device that has
its command line from others the same words stand in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote

from orchestrator.protocol.records import PROTOCOL_VERSION
from orchestrator.scenario.benchmark import AgentBenchmark
from orchestrator.scenario.models import (
    Fragmentation,
    Picture,
    Scenario,
    Stressor,
    Trigger,
    UsableUnits,
)
from orchestrator.scenario.picture_demand import lines, unit_bounds
from orchestrator.stage import Mode, Stage
from orchestrator.units import KIB

_PLAIN = ":,._-/"
_MS_PER_S = 1000
_US_PER_S = 1_000_000


def probe_recipe(control_tty: str) -> str:
    """The words of a probe guest: report, run a fixed loop, power off."""
    return _words({"protocol": PROTOCOL_VERSION, "mode": Mode.PROBE, "control": control_tty})


def block_recipe(
    scenario: Scenario, *, mode: Mode, variants: Sequence[str], seed: int, control_tty: str, slowdown: float,
    stage: Stage = "trigger",
) -> str:  # fmt: skip
    """The words for one boot of `scenario`.

    A block's recipe has all the variants that its forks may choose from, any other boot's its only one, and
    what it is for (a stage of the audit: to trace it); forks learn that from the fork command.

    `slowdown` (>= 1) is how much slower this machine's guests are than the reference; it
    stretches the guest's own deadlines.
    """
    values = _boot(scenario, mode=mode, variants=variants, seed=seed, slowdown=slowdown, stage=stage)
    return _words({**values, "control": control_tty})


def device_recipe(
    scenario: Scenario, *, mode: Literal[Mode.TRIAL, Mode.PROOF], variants: Sequence[str], seed: int,
    slowdown: float, stage: Stage = "trigger", binder: Literal["c", "rust"] | None = None,
) -> str:  # fmt: skip
    """The words for an agent that is an ordinary process on a device: as `block_recipe`, for a file there.

    `binder` is the driver that has to be there where the scenario needs one: an agent that finds another
    ends in an error. None takes any.
    """
    values = _boot(scenario, mode=mode, variants=variants, seed=seed, slowdown=slowdown, stage=stage)
    if binder is not None and scenario.uses_binder:
        values["binder"] = binder
    return _words(values)


def _boot(
    scenario: Scenario, *, mode: Mode, variants: Sequence[str], seed: int, slowdown: float, stage: Stage
) -> dict[str, object]:
    """What a boot is told, however that reaches its agent."""
    device, deadlines = scenario.device, scenario.deadlines
    values: dict[str, object] = {
        "protocol": PROTOCOL_VERSION,
        # A proof is a trial whose target asks for the proof and which has no trigger.
        "mode": Mode.TRIAL if mode is Mode.PROOF else mode,
        "seed": seed,
        **({"variants": ",".join(variants)} if mode is Mode.BLOCK else {"variant": variants[0]}),
        "target_ms": round(deadlines.target * slowdown * _MS_PER_S),
        "trigger_ms": round(deadlines.trigger * slowdown * _MS_PER_S),
    }
    # A block's forks learn from the fork command whether to trace; here it is to get ready for it.
    traced = stage.startswith("audit-")
    values["trace"] = int(traced if mode is Mode.TRIAL else scenario.audit and mode is Mode.BLOCK)
    if len(device.numa_nodes) > 1:
        values["nodes"] = len(device.numa_nodes)
    if device.sysctls:
        values["sysctl"] = ",".join(f"{name}:{value}" for name, value in device.sysctls.items())
    if mode is not Mode.PROOF and (settings := _settings(scenario, variants)):
        values["settings"] = settings
    if mode is not Mode.PROOF and (zrams := _zrams(scenario, variants)):
        values["zrams"] = zrams
    if device.zram:
        values["zram_kb"] = device.zram // KIB
    if scenario.fragmentation is not None:
        values |= _pressure(scenario.fragmentation, proof=mode is Mode.PROOF)
    if scenario.bystanders is not None:
        apps = scenario.bystanders
        values["bystanders"] = f"{apps.count}:{apps.memory // KIB}:{apps.oom_score_adj}"
    values |= {"trigger": "none"} if mode is Mode.PROOF else _trigger(scenario.trigger)
    if scenario.benchmarks and mode in (Mode.TRIAL, Mode.BLOCK):
        values |= _benchmarks(scenario)
        values["benchmark_ms"] = round(deadlines.benchmarks * slowdown * _MS_PER_S)
        if (kind := stage.removeprefix("audit-")) != "trigger":
            values["stage"] = kind
    return values


def _benchmarks(scenario: Scenario) -> dict[str, object]:
    """The agent's own in one word, and each command in one of its own: it may have any character."""
    values: dict[str, object] = {}
    if scenario.agent_benchmarks:
        values["benchmarks"] = ",".join(map(_benchmark, scenario.agent_benchmarks))
    if scenario.programs:
        values["program"] = [
            f"{_letters(each.when)}:{each.name}:{each.command}" for each in scenario.programs
        ]
    return values


def _letters(whens: Iterable[str]) -> str:
    return "".join(when[0] for when in whens)


def _settings(scenario: Scenario, variants: Sequence[str]) -> str:
    """Those of each variant, by its place among `variants`."""
    return ",".join(
        f"{place}:{setting.name}:{setting.value}"
        for place, name in enumerate(variants)
        for setting in scenario.variants[name].written
    )


def _zrams(scenario: Scenario, variants: Sequence[str]) -> str:
    sizes = (scenario.variants[name].zram for name in variants)
    return ",".join(f"{place}:{size // KIB}" for place, size in enumerate(sizes) if size is not None)


def _pressure(fragmentation: Fragmentation, *, proof: bool) -> dict[str, object]:
    target = fragmentation.target
    hard = {"required": "required", "unchecked": "unchecked", "forbidden": "unchecked"}[target.hard]
    values: dict[str, object] = {
        "hard": "prove" if proof else hard,
        "stressors": ",".join(_stressor(stressor) for stressor in fragmentation.stressors),
    }
    shaped = target.picture.free_blocks if target.picture is not None else None
    if units := target.usable_units if shaped is None else unit_bounds(shaped):
        values["units"] = ",".join(map(_units, units))
    if target.picture is not None:
        values |= _picture(target.picture)
    if target.free is not None:
        low, high = target.free.min, target.free.max
        values["free_kb"] = f"{_bound_kb(low)}:{_bound_kb(high)}"
    return values


def _units(unit: UsableUnits) -> str:
    """Of one node where the scenario names it."""
    node = "" if unit.node is None else f":{unit.node}"
    return f"{unit.order}:{_bound(unit.min)}:{_bound(unit.max)}{node}"


def _picture(picture: Picture) -> dict[str, object]:
    values: dict[str, object] = {
        "picture": ",".join(f"{line}:{size // KIB}" for line, size in lines(picture).items())
    }
    if (marks := picture.watermarks) is not None:
        values["watermarks"] = f"{marks.min // KIB}:{_bound_kb(marks.low)}"
    return values


def _stressor(stressor: Stressor) -> str:
    return stressor.kind if stressor.size is None else f"{stressor.kind}:{stressor.size // KIB}"


def _trigger(trigger: Trigger) -> dict[str, object]:
    if not trigger.runs:
        return {"trigger": "none"}
    common = {"trigger": trigger.kind, "adj": trigger.oom_score_adj, "stop": trigger.stop}
    return common | dict(trigger.recipe())


def _benchmark(benchmark: AgentBenchmark) -> str:
    """The fields between colons, and the sizes between dashes: a command line has 2048 characters."""
    fields = (
        benchmark.word,
        benchmark.map_bytes,
        benchmark.rounds or 0,
        round((benchmark.min_time or 0) * _US_PER_S),
        benchmark.warmup,
        int(benchmark.pin),
        benchmark.held,
        _letters(benchmark.when),
        "-".join(str(int(size)) for size in benchmark.sizes) or "0",
    )
    return ":".join(map(str, fields))


def _bound(value: int | None) -> str:
    return "" if value is None else str(value)


def _bound_kb(size_bytes: int | None) -> str:
    return "" if size_bytes is None else str(size_bytes // KIB)


def _words(values: dict[str, object]) -> str:
    """A list of values is as many words."""
    pairs = [
        (key, each)
        for key, value in values.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return " ".join(f"oomlab.{key}={quote(str(value), safe=_PLAIN)}" for key, value in pairs)
