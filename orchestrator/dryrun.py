# SPDX-License-Identifier: Apache-2.0
"""Every command of a run, paste-ready, without starting any."""

from __future__ import annotations

from orchestrator.guests.qemu.machine import Wiring, qemu_argv
from orchestrator.kernels.planned import planned_commands
from orchestrator.laboratory import trial_boot, variant_recipes
from orchestrator.plan import plan_trials
from orchestrator.process import paste_ready
from orchestrator.scenario.models import Scenario


def dry_run_commands(scenario: Scenario) -> list[str]:
    """First what makes the images that are not cached yet, then one QEMU command a boot.

    The accelerator is TCG, which works everywhere: only a probe, which starts a guest, could tell
    whether KVM does. Raises InputError as a run would.
    """
    plan = planned_commands(scenario.device.arch, variant_recipes(scenario))
    boots = [
        trial_boot(
            scenario,
            planned,
            kernel=plan.images[planned.variant].kernel,
            initramfs=plan.images[planned.variant].initramfs,
            accelerator="tcg",
            slowdown=1.0,
        )
        for planned in plan_trials(scenario)
    ]
    return [*plan.commands, *(paste_ready(qemu_argv(boot, Wiring.paste_ready())) for boot in boots)]
