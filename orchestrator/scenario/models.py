# SPDX-License-Identifier: Apache-2.0
"""The scenario: everything a run depends on, frozen once it is valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.arch import DEFAULT_ARCH
from orchestrator.bases import DEFAULT_BASE, Base
from orchestrator.outcome import Outcome
from orchestrator.scenario.benchmark import (
    AgentBenchmark,
    Benchmark,
    BinderMapCycle,
    BinderTransaction,
    benchmark_problems,
    huge_page_problems,
)
from orchestrator.scenario.bystanders import Bystanders
from orchestrator.scenario.command_benchmark import CommandBenchmark
from orchestrator.scenario.cost_phases import phase_problems
from orchestrator.scenario.cuttlefish import ANDROID_BOOT
from orchestrator.scenario.device import COLD_BACKENDS, Device, Variant
from orchestrator.scenario.expectation import Bounds, Expectation, FirstOom
from orchestrator.scenario.fields import (
    Cross,
    Model,
    Name,
    Prose,
    refuse,
)
from orchestrator.scenario.fragmentation import Fragmentation, Free, Stressor, Target, UsableUnits
from orchestrator.scenario.guest_files import Files, file_place_problems
from orchestrator.scenario.kernel_base import base_node_problems, base_problems, bases_of
from orchestrator.scenario.limits import limit
from orchestrator.scenario.picture import Picture, Watermarks, picture_problems
from orchestrator.scenario.trials import Deadlines, Trials
from orchestrator.scenario.triggers.kinds import NO_TRIGGER, Trigger
from orchestrator.scenario.variants import settings_problems, twin_problems, unknown_variants
from orchestrator.scenario.without_trigger import trigger_less_problems, without_after
from orchestrator.text.amounts import count_of
from orchestrator.units import format_size

__all__ = [
    "Benchmark",
    "BinderMapCycle",
    "BinderTransaction",
    "Bounds",
    "Bystanders",
    "Deadlines",
    "Device",
    "Expectation",
    "FirstOom",
    "Fragmentation",
    "Free",
    "Picture",
    "Scenario",
    "Stressor",
    "Target",
    "Trials",
    "Trigger",
    "UsableUnits",
    "Variant",
    "Watermarks",
]


class Scenario(Model):
    """A device, kernels, a memory state, a load, and what is expected to happen."""

    name: Name = Field(description="name of the scenario and of its runs", examples=["binder-order3"])
    description: Annotated[Prose, Field(max_length=4000)] | None = Field(
        None, description="what the scenario shows, for people", examples=["OOM at order 3 with kcalloc"]
    )
    device: Annotated[Device, BeforeValidator(lambda value: value, json_schema_input_type=Device | Name)] = (
        Field(
            description="the virtual device, or the name of a profile",
            examples=[{"arch": DEFAULT_ARCH, "memory": "256MiB", "cma": 0}, "mission-phone"],
        )
    )
    variants: Annotated[dict[Name, Variant], Field(min_length=1, max_length=limit("variants"))] = Field(
        description="the kernels under test by name, in the order of the report",
        examples=[{"kcalloc": {"base": DEFAULT_BASE}}],
    )
    fragmentation: Fragmentation | None = Field(
        None,
        description="the memory state before the trigger; memory is left as the boot leaves it without it",
        examples=[{"target": {"usable_units": {"order": 3, "max": 300}}, "stressors": ["pipes"]}],
    )
    trigger: Trigger = Field(
        NO_TRIGGER,
        description="the load under test; without one benchmarks alone are run",
        examples=[{"kind": "binder-mmap", "size": "4MiB", "count": 600}],
    )
    files: Files = Field(
        default_factory=dict,
        description="files for the guest, by path here (relative to this file) the path there; without one"
        " the root, under its own name. Programs are static or have their libraries collected",
        examples=[{"./mytest": "/mytest", "./data.txt": "/opt/data.txt"}],
    )
    audit: Annotated[bool, Field(strict=True)] = Field(
        True,
        description="in every block, each variant runs once more with tracing: which page arrays were"
        " requested, how they were allocated, the reclaim and compaction on the way, and how much tracing"
        " disturbed. false: nothing is traced, and nothing proves which variant ran",
        examples=[False],
    )
    bystanders: Bystanders | None = Field(
        None,
        description="processes that hold memory and may be killed",
        examples=[{"count": 4, "memory": "4MiB", "oom_score_adj": 900}],
    )
    benchmarks: Annotated[tuple[Benchmark, ...], Field(max_length=limit("benchmarks"))] = Field(
        (),
        description="what a binder map, a transaction, the fault of a huge page or a command of yours costs,"
        " under what memory",
        examples=[[{"kind": "binder-mmap", "sizes": ["4MiB"], "when": ["relaxed", "target"]}]],
    )
    trials: Trials = Field(Trials(), description="how often everything is done", examples=[{"blocks": 3}])
    deadlines: Deadlines = Field(
        Deadlines(), description="time limits in the guest", examples=[{"trigger": "5min"}]
    )
    expectations: dict[Name, Expectation] = Field(
        default_factory=dict,
        description="what is expected of each variant; a variant without an entry is compared only, which"
        " is a verdict of its own",
        examples=[{"kcalloc": {"outcome": "oom"}, "kvcalloc": {"outcome": "passed"}}],
    )

    @model_validator(mode="before")
    @classmethod
    def _usual_of_the_backend(cls, data: Any) -> Any:
        """Without a word trials are cold on a backend that takes no snapshots, and Android boots slowly."""
        device = data.get("device") if isinstance(data, dict) else None
        backend = device.get("backend") if isinstance(device, dict) else getattr(device, "backend", None)
        usual: dict[str, dict[str, Any]] = {}
        if isinstance(backend, str) and backend in COLD_BACKENDS:
            usual["trials"] = {"fork": False}
        if backend == "cuttlefish":
            usual["deadlines"] = {"boot": ANDROID_BOOT}
        if isinstance(data, dict) and data.get("trigger") is None:
            data = without_after(data)
        for section, values in usual.items():
            said = data.get(section, {})
            if isinstance(said, dict):
                data = {**data, section: {**values, **said}}
        return data

    @property
    def bases(self) -> dict[str, Base]:
        """Every variant's base."""
        return bases_of({name: variant.base for name, variant in self.variants.items()})

    @property
    def agent_benchmarks(self) -> tuple[AgentBenchmark, ...]:
        """What the agent measures itself."""
        return tuple(each for each in self.benchmarks if not isinstance(each, CommandBenchmark))

    @property
    def programs(self) -> tuple[CommandBenchmark, ...]:
        """Benchmarks that are commands."""
        return tuple(each for each in self.benchmarks if isinstance(each, CommandBenchmark))

    @property
    def uses_binder(self) -> bool:
        """Whether its trigger or a benchmark opens the driver under test."""
        return self.trigger.uses_binder or any(benchmark.uses_binder for benchmark in self.benchmarks)

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse(
            [
                *_name_problems(self),
                *_size_problems(self),
                *_trigger_problems(self),
                *trigger_less_problems(self.trigger, self.benchmarks, self.expectations),
                *_fork_problems(self.trials),
                *benchmark_problems(self.benchmarks),
                *_huge_page_problems(self),
                *_timing_problems(self),
                *file_place_problems(self.files, self.device.backend),
                *phase_problems(
                    self.expectations,
                    self.benchmarks,
                    at_once=_at_once(self.trials),
                    triggered=self.trigger.runs,
                ),
            ]
        )
        return self


def _name_problems(scenario: Scenario) -> list[Cross]:
    found: list[Cross] = []
    for name, variant in scenario.variants.items():
        if name == "common":
            # Modules that all variants share lie in a directory of this name in the guest.
            found.append(Cross(("variants", name), "the name 'common' is taken; call the variant otherwise"))
        found += [
            replace(problem, path=("variants", name, "base", *problem.path))
            for problem in (
                *base_problems(variant.base, scenario.device.arch),
                *base_node_problems(variant.base, scenario.device.arch, len(scenario.device.numa_nodes)),
            )
        ]
    found += twin_problems(scenario.variants)
    found += settings_problems(scenario.variants, scenario.device, _set_by_picture(scenario.fragmentation))
    strangers = unknown_variants(scenario.expectations, scenario.variants)
    return found + [replace(problem, path=("expectations", *problem.path)) for problem in strangers]


def _size_problems(scenario: Scenario) -> list[Cross]:
    found: list[Cross] = []
    memory = scenario.device.memory
    if scenario.fragmentation is not None:
        found += _fragmentation_size_problems(scenario, scenario.fragmentation)
    if (held := scenario.trigger.held_bytes) >= memory:
        what = (
            f"the trigger holds {format_size(held)} at one time: more than the device's {format_size(memory)}"
        )
        found.append(Cross(("trigger",), what))
    others = scenario.bystanders
    if others is not None and others.count * others.memory >= memory:
        what = (
            f"{count_of('bystander', others.count)} of {format_size(others.memory)}: more than fits into the"
            f" device's {format_size(memory)}"
        )
        found.append(Cross(("bystanders", "memory"), what))
    return found


def _fragmentation_size_problems(scenario: Scenario, fragmentation: Fragmentation) -> list[Cross]:
    found: list[Cross] = []
    memory = scenario.device.memory
    for index, stressor in enumerate(fragmentation.stressors):
        if stressor.size is not None and stressor.size >= memory:
            found.append(
                Cross(
                    ("fragmentation", "stressors", index),
                    f"{stressor.kind} of {format_size(stressor.size)} does not fit into the device's"
                    f" {format_size(memory)}",
                )
            )
    free = fragmentation.target.free
    if free is not None and free.min is not None and free.min + scenario.device.cma >= memory:
        what = f"more than the device's {format_size(memory)} cannot be free"
        found.append(Cross(("fragmentation", "target", "free", "min"), what))
    return found + _unit_problems(scenario, fragmentation) + _picture_problems(scenario, fragmentation)


def _unit_problems(scenario: Scenario, fragmentation: Fragmentation) -> list[Cross]:
    found: list[Cross] = []
    nodes = scenario.device.numa_nodes
    page_bytes = min(variant.page_bytes for variant in scenario.variants.values())
    for index, units in enumerate(fragmentation.target.usable_units):
        path = ("fragmentation", "target", "usable_units", index)
        if units.node is not None and units.node >= len(nodes):
            last = len(nodes) - 1
            what = f"there is no node {units.node}: the device has {count_of('node', len(nodes))}"
            found.append(Cross((*path, "node"), what, str(last)))
            continue
        memory = scenario.device.memory if units.node is None else nodes[units.node].memory
        room = memory // (page_bytes << units.order)
        if units.min is not None and units.min >= room:
            what = f"{format_size(memory)} hold fewer than {count_of('unit', room)} of order {units.order}"
            found.append(Cross((*path, "min"), what))
    return found


def _picture_problems(scenario: Scenario, fragmentation: Fragmentation) -> list[Cross]:
    picture, device = fragmentation.target.picture, scenario.device
    if picture is None:
        return []
    if len(device.numa_nodes) > 1:
        what = (
            "a picture is made by /proc/meminfo, which adds all nodes up: no line of it can be put into"
            " one node. Use 'usable_units', which can be of one"
        )
        return [Cross(("fragmentation", "target", "picture"), what)]
    largest = max(variant.page_bytes for variant in scenario.variants.values())
    found = [
        replace(problem, path=("fragmentation", "target", "picture", *problem.path))
        for problem in picture_problems(picture, memory=device.memory, cma=device.cma, page_bytes=largest)
    ]
    what = "the picture's 'watermarks' set it"
    found += [
        Cross(("device", "sysctls", name), what)
        for name in _set_by_picture(fragmentation)
        if name in device.sysctls
    ]
    return found


def _set_by_picture(fragmentation: Fragmentation | None) -> tuple[str, ...]:
    """The sysctls that a memory picture has a say in."""
    picture = fragmentation.target.picture if fragmentation is not None else None
    marked = picture is not None and picture.watermarks is not None
    return ("vm.min_free_kbytes", "vm.watermark_scale_factor") if marked else ()


def _trigger_problems(scenario: Scenario) -> list[Cross]:
    found: list[Cross] = []
    trigger = scenario.trigger
    if not trigger.runs:
        return []  # what then cannot be expected has words of its own
    for name, expectation in scenario.expectations.items():
        failed = expectation.requests_failed
        if failed is not None and (trigger.request is None or failed > trigger.planned):
            what = (
                f"a trigger of kind '{trigger.kind}' counts no requests"
                if trigger.request is None
                else f"the trigger makes {count_of(trigger.request, trigger.planned)}"
            )
            found.append(Cross(("expectations", name, "requests_failed"), what))
        if expectation.killed == "bystander" and scenario.bystanders is None:
            found.append(Cross(("expectations", name, "killed"), "the scenario has no bystanders"))
        if not trigger.ends_by_itself:
            found += [
                Cross(("expectations", name, key), "the trigger is no command")
                for key in _of_a_command(expectation)
            ]
    return found


def _of_a_command(expectation: Expectation) -> Iterator[str]:
    """Keys that only a trigger `command` can meet."""
    if expectation.outcome is Outcome.COMMAND_FAILED:
        yield "outcome"
    yield from (key for key in ("exit_status", "signal") if getattr(expectation, key) is not None)


def _fork_problems(trials: Trials) -> list[Cross]:
    if trials.fork or trials.forks == 1:
        return []
    what = "each trial boots for itself ('fork: false'), and none forks: ask for more 'blocks' instead"
    return [Cross(("trials", "forks"), what, "1")]


def _huge_page_problems(scenario: Scenario) -> Iterator[Cross]:
    bases = scenario.bases
    kernels = {
        name: (variant.page_bytes, bases[name].made_from.source_name)
        for name, variant in scenario.variants.items()
    }
    return huge_page_problems(scenario.benchmarks, scenario.device.memory, kernels)


def _at_once(trials: Trials) -> bool:
    return not trials.timing and "realtime" in trials.clock


def _timing_problems(scenario: Scenario) -> list[Cross]:
    if not scenario.benchmarks or not _at_once(scenario.trials):
        return []
    what = "benchmarks in real time need guests that run one at a time: leave out 'timing: false'"
    return [Cross(("trials", "timing"), what, "true")]
