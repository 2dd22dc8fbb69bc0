# SPDX-License-Identifier: Apache-2.0
"""From a scenario to the boots it takes: blocks, trials, and the proof of `hard: forbidden`."""

from __future__ import annotations

import random
from dataclasses import dataclass

from orchestrator.recipe import Mode
from orchestrator.scenario.models import Scenario

MAX_ATTEMPTS = 3
"""A block without evidence is repeated twice at most."""


@dataclass(frozen=True)
class PlannedTrial:
    """One boot to be made. Both variants of a block share its seed."""

    block: int
    variant: str
    seed: int
    mode: Mode


def plan_trials(scenario: Scenario) -> list[PlannedTrial]:
    """All boots of a run in the order in which they are made.

    Within a block the variants come in a seeded random order, so that no variant always runs on
    the warmer (or busier) machine. `hard: forbidden` puts one throw-away boot first, which
    proves that compaction does repair the target's state.
    """
    order = random.Random(scenario.trials.seed)
    planned: list[PlannedTrial] = []
    fragmentation = scenario.fragmentation
    if fragmentation is not None and fragmentation.target.hard == "forbidden":
        first = next(iter(scenario.variants))
        planned.append(PlannedTrial(0, first, block_seed(scenario, 1), Mode.PROOF))
    for block in range(1, scenario.trials.blocks + 1):
        names = list(scenario.variants)
        order.shuffle(names)
        seed = block_seed(scenario, block)
        planned += [PlannedTrial(block, name, seed, Mode.TRIAL) for name in names]
    return planned


def block_seed(scenario: Scenario, block: int) -> int:
    """The 64-bit seed of a block's guest-side randomness, from the scenario's seed."""
    return random.Random(f"{scenario.trials.seed}/{block}").getrandbits(64)
