# SPDX-License-Identifier: Apache-2.0
"""From a scenario to what is run: blocks, each one boot, and the trials that fork from it.

Cold trials (`trials.fork: false`) have a boot each: a block of one trial that nothing forks from.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.clock import Clock
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode, Stage

MAX_ATTEMPTS = 3
"""A block without evidence is repeated twice at most."""
_STAGES: tuple[Stage, ...] = (
    "trigger", "relaxed", "target", "audit-trigger", "audit-relaxed", "audit-target",
)  # fmt: skip
PROOF_BLOCK = 0
"""The number of the throw-away boot that `hard: forbidden` asks for."""


@dataclass(frozen=True)
class PlannedTrial:
    """One fork of a block, or a boot of its own: `fork` counts the forks of one variant from 1.

    `number` is its place in the plan: its name in the run directory, whatever runs first.
    `module` is the place of its variant's module and settings in the recipe of its block's guest. `stage` is
    what it is for: the trigger, or benchmarks alone (orchestrator/record/result.py).
    """

    block: int
    variant: str
    seed: int
    mode: Mode
    fork: int = 1
    clock: Clock = "realtime"
    number: int = 1
    module: int = 0
    stage: Stage = "trigger"
    cold: bool = False
    """It boots a guest of its own."""


@dataclass(frozen=True)
class PlannedBlock:
    """One boot brought to the target, and the trials that fork from it, in the order they run.

    Its variants share one kernel image and command line and differ in a module, or in settings that are
    written at the target: their trials continue from the very same memory. Variants that boot otherwise have
    blocks of their own, with the same number and seed.
    In mode TRIAL nothing forks: the guest goes straight through, as its one trial.
    """

    number: int
    seed: int
    mode: Mode
    clock: Clock
    variants: tuple[str, ...]
    trials: tuple[PlannedTrial, ...]
    index: int = 1
    """Its place in the plan: its name in the run directory."""
    stage: Stage = "trigger"
    """Of a boot that goes straight through; a block's forks have their own."""
    among_kernels: bool = False
    """Other variants of the scenario boot otherwise, and have a block of this number, too."""

    @property
    def is_cold(self) -> bool:
        """Its one trial is this very boot."""
        return any(trial.cold for trial in self.trials)


def plan_blocks(scenario: Scenario) -> list[PlannedBlock]:
    """Everything a run does, in the order in which it is begun.

    Each clock is a pass of its own, one after the other. Within a block the trials come in a
    seeded random order, never all of one variant first: no variant always meets the warmer (or
    busier) machine. `hard: forbidden` puts one throw-away boot first. Cold trials have the numbers
    and seeds that forks would have: trial 7 is of the same variant, stage and seed either way, unless there
    are several kernel images or command lines, whose blocks are one after the other.
    """
    order = random.Random(scenario.trials.seed)
    blocks = [block for clock in scenario.trials.clock for block in _pass(scenario, clock, order)]
    numbers = itertools.count(1)
    return [
        replace(block, index=index, trials=_numbered(block.trials, numbers))
        for index, block in enumerate(blocks, start=1)
    ]


def _numbered(trials: Sequence[PlannedTrial], numbers: Iterator[int]) -> tuple[PlannedTrial, ...]:
    return tuple(replace(trial, number=next(numbers)) for trial in trials)


def block_seed(scenario: Scenario, block: int) -> int:
    """The 64-bit seed of a block's guest-side randomness, from the scenario's seed."""
    return random.Random(f"{scenario.trials.seed}/{block}").getrandbits(64)


def shares_boot(scenario: Scenario) -> list[tuple[str, ...]]:
    """The variants in groups that share a boot: kernel image and command line, in the scenario's order."""
    groups: dict[object, list[str]] = {}
    for name, variant in scenario.variants.items():
        groups.setdefault(variant.boot, []).append(name)
    return [tuple(names) for names in groups.values()]


def are_paired(scenario: Scenario, variants: Iterable[str]) -> bool:
    """The trials of these variants fork from the same memory: never those of cold runs.

    Equal seeds do not make pairs: two boots by one recipe come to other memory, because time passes
    otherwise in them; under the deterministic clock, too, where another variant's name is another word on
    the kernel's command line, and where no snapshot is there whose checksum could show that it made none.
    """
    return scenario.trials.fork and len({scenario.variants[name].boot for name in variants}) == 1


def modules_of(scenario: Scenario, variants: Iterable[str]) -> tuple[str, ...]:
    """The driver modules of `variants` by the names that guests know, each once.

    A twin's is its original's: a guest that knew its second name would differ by that name.
    """
    return tuple(dict.fromkeys(scenario.variants[name].twin_of or name for name in variants))


def _pass(scenario: Scenario, clock: Clock, order: random.Random) -> Iterator[PlannedBlock]:
    groups = shares_boot(scenario)
    fragmentation = scenario.fragmentation
    if fragmentation is not None and fragmentation.target.hard == "forbidden":
        yield _proof(groups[0][0], block_seed(scenario, 1), clock, cold=not scenario.trials.fork)
    for number in range(1, scenario.trials.blocks + 1):
        seed = block_seed(scenario, number)
        # Nothing is shared by cold trials: those of all variants are one lot to draw the order from.
        lots = groups if scenario.trials.fork else [tuple(scenario.variants)]
        order.shuffle(lots)
        for variants in lots:
            trials = list(_trials(scenario, variants, number, clock))
            order.shuffle(trials)
            if scenario.trials.fork:
                yield PlannedBlock(
                    number, seed, Mode.BLOCK, clock, variants, tuple(trials), among_kernels=len(groups) > 1
                )
            else:
                yield from map(_cold, trials)


def _trials(scenario: Scenario, variants: Sequence[str], number: int, clock: Clock) -> Iterator[PlannedTrial]:
    seed, modules = block_seed(scenario, number), modules_of(scenario, variants)
    for name in variants:
        module = modules.index(scenario.variants[name].twin_of or name) if scenario.trials.fork else 0
        for stage, fork in _forks(scenario, name, number, clock):
            yield PlannedTrial(
                number, name, seed, Mode.TRIAL, fork, clock, module=module, stage=stage,
                cold=not scenario.trials.fork,
            )  # fmt: skip


def _cold(trial: PlannedTrial) -> PlannedBlock:
    """The boot that is this trial."""
    return PlannedBlock(
        trial.block, trial.seed, Mode.TRIAL, trial.clock, (trial.variant,), (trial,), stage=trial.stage
    )


def forks_of(scenario: Scenario, clock: Clock) -> int:
    """Forks per variant and block; under the deterministic clock a second one would be the first."""
    return 1 if clock == "deterministic" else scenario.trials.forks


def stages_of(scenario: Scenario, *, block: int = 1, twin: bool = False) -> tuple[Stage, ...]:
    """What the forks of one variant are for: the trigger, and a stage for each memory to benchmark in.

    With `audit`, the same again where maps are made: tracing disturbs times, so it has forks of its own. How
    the maps of benchmarks are served varies little: one block and the original of twins will do.
    """
    wanted: set[str] = {when for benchmark in scenario.benchmarks for when in benchmark.when}
    wanted |= {"trigger"} if scenario.trigger.runs else set()
    traced: set[str] = {"trigger"} if scenario.audit and scenario.trigger.runs else set()
    if scenario.audit and block == 1 and not twin:
        binder = (benchmark for benchmark in scenario.benchmarks if benchmark.uses_binder)
        traced |= {when for benchmark in binder for when in benchmark.when}
    return tuple(
        stage
        for stage in _STAGES
        if stage.removeprefix("audit-") in (traced if stage.startswith("audit-") else wanted)
    )


def _forks(scenario: Scenario, name: str, block: int, clock: Clock) -> Iterator[tuple[Stage, int]]:
    """Every fork of one variant of a block; only an untraced trigger may have more than one."""
    for stage in stages_of(scenario, block=block, twin=scenario.variants[name].twin_of is not None):
        count = forks_of(scenario, clock) if stage == "trigger" else 1
        yield from ((stage, fork) for fork in range(1, count + 1))


def _proof(variant: str, seed: int, clock: Clock, *, cold: bool) -> PlannedBlock:
    trial = PlannedTrial(PROOF_BLOCK, variant, seed, Mode.PROOF, 1, clock, cold=cold)
    return PlannedBlock(PROOF_BLOCK, seed, Mode.PROOF, clock, (variant,), (trial,))


def by_hand(blocks: Sequence[PlannedBlock]) -> list[PlannedBlock]:
    """Boots that repeat the trials without snapshots: one variant each, straight through.

    A fork needs descriptors of a running oomlab; these need nothing but QEMU.
    """
    return [
        replace(
            block, mode=Mode.PROOF if block.mode is Mode.PROOF else Mode.TRIAL, variants=(name,), stage=stage
        )
        for block in blocks
        for name in block.variants
        for stage in _STAGES
        if not stage.startswith("audit-") and any(trial.stage == stage for trial in block.trials)
    ]


def count_blocks(blocks: Sequence[PlannedBlock]) -> int:
    """How many boots a plan has, the proof's among them; 0 of cold trials, which are boots themselves."""
    return 0 if any(block.is_cold for block in blocks) else len(blocks)


def count_trials(blocks: Sequence[PlannedBlock]) -> int:
    """How many trials a plan has."""
    return sum(len(block.trials) for block in blocks)
