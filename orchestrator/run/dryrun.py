# SPDX-License-Identifier: Apache-2.0
"""Every command of a run, paste-ready, without starting any."""

from __future__ import annotations

from orchestrator.guests.qemu.boot import block_boot
from orchestrator.guests.qemu.machine import Wiring, qemu_argv
from orchestrator.host.process import paste_ready
from orchestrator.kernels.planned import planned_commands
from orchestrator.plan import by_hand, modules_of, plan_blocks
from orchestrator.run.environment import variant_recipes
from orchestrator.scenario.models import Scenario


def dry_run_commands(scenario: Scenario) -> list[str]:
    """First what makes the images that are not cached yet, then one QEMU command a boot.

    The accelerator is TCG, which works everywhere: only a probe, which starts a guest, could tell
    whether KVM does. Raises InputError as a run would.
    """
    plan = planned_commands(scenario.device.arch, variant_recipes(scenario))
    boots = [
        block_boot(
            scenario,
            block,
            kernel=plan.images[module].kernel,
            initramfs=plan.images[module].initramfs,
            accelerator="tcg",
            slowdown=1.0,
        )
        for block in by_hand(plan_blocks(scenario))
        for module in modules_of(scenario, block.variants)
    ]
    return [*plan.commands, *(paste_ready(qemu_argv(boot, Wiring.paste_ready())) for boot in boots)]
