# SPDX-License-Identifier: Apache-2.0
"""The power-on of a block as QEMU needs it, from the scenario and the plan. Pure."""

from __future__ import annotations

from pathlib import Path

from orchestrator.guests.accelerator_report import Accelerator
from orchestrator.guests.qemu.machine import MACHINES, Boot, kernel_command_line
from orchestrator.guests.qemu.memory import MemoryNode
from orchestrator.plan import PlannedBlock, modules_of
from orchestrator.protocol.recipe import block_recipe
from orchestrator.scenario.models import Device, Scenario

_SHUFFLE = ("page_alloc.shuffle=1",)
"""Shuffled free lists (mm/shuffle.c): the seed on the command line feeds the kernel's early
randomness (random_init_early, drivers/char/random.c), so that blocks differ from one another."""


def block_boot(
    scenario: Scenario,
    planned: PlannedBlock,
    *,
    kernel: Path,
    initramfs: Path,
    accelerator: Accelerator,
    slowdown: float,
) -> Boot:
    """The power-on of one block. Pure.

    `slowdown` (>= 1) stretches the guest's own deadlines to this host's speed. Under the
    deterministic clock guest time does not depend on the host, and the same words must reach the
    guest on any host.
    """
    device = scenario.device
    recipe = block_recipe(
        scenario,
        mode=planned.mode,
        variants=modules_of(scenario, planned.variants),
        seed=planned.seed,
        control_tty=MACHINES[device.arch].control_tty,
        slowdown=1.0 if planned.clock == "deterministic" else slowdown,
        stage=planned.stage,
    )
    # All variants of a block have the same (plan.py, shares_boot).
    words = scenario.variants[planned.variants[0]].command_line
    line = kernel_command_line(
        device.arch, cma_bytes=device.cma, extra=(*_SHUFFLE, *device.cmdline, *words), recipe=recipe
    )
    return Boot(
        device.arch, device.memory, device.cpus, kernel, initramfs, line, accelerator, planned.clock,
        _nodes(device),
    )  # fmt: skip


def _nodes(device: Device) -> tuple[MemoryNode, ...]:
    """None where there is one: QEMU need not know of nodes then, and the guest has what it always had."""
    nodes = device.numa_nodes
    return tuple(MemoryNode(node.memory, node.cpus) for node in nodes) if len(nodes) > 1 else ()
