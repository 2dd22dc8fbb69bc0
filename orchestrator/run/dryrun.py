# SPDX-License-Identifier: Apache-2.0
"""Every command of a run, paste-ready, without starting any."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.guests.registry import backend_of
from orchestrator.kernels.planned import planned_commands
from orchestrator.plan import by_hand, modules_of, plan_blocks
from orchestrator.run.environment import variant_recipes
from orchestrator.run.guest_files import guest_files
from orchestrator.scenario.models import Scenario


@dataclass(frozen=True)
class DryRun:
    """Commands to paste, one a line, and what is to be known of them."""

    commands: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def dry_run(scenario: Scenario) -> DryRun:
    """First what makes the images that are not cached yet, then the commands of each boot.

    The accelerator is assumed: only a probe, which starts a guest, could tell. What else is assumed is among
    the remarks. Raises InputError as a run would.
    """
    backend, arch = backend_of(scenario.device), scenario.device.arch
    plan = planned_commands(arch, variant_recipes(scenario), guest_files(scenario))
    boots = [
        backend.launcher(scenario, block, plan.images[module], backend.assumed_accelerator(arch, block.clock))
        for block in by_hand(plan_blocks(scenario))
        for module in modules_of(scenario, block.variants)
    ]
    commands = (*plan.commands, *(line for boot in boots for line in boot.commands))
    return DryRun(commands, (*(same.words for same in plan.same), *backend.assumptions(arch)))
