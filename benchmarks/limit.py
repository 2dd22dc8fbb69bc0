# SPDX-License-Identifier: Apache-2.0
"""What a forked trial would take if this host's emulator did nothing but execute its instructions.

The instructions are counted under the deterministic clock, where guest time is a count of them; how many
the emulator executes a second is that of the probe guest, from power-on to its answer, translating its
kernel as it goes. Guest time in which the guest idles counts as if it were executed: the limit is rather
too high than too low.
"""

from __future__ import annotations

import json
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounted import cpu_s
from orchestrator.clock import ICOUNT_SHIFT
from orchestrator.deadline import Deadline
from orchestrator.guests.qemu.accelerator import boot_probe, probe_boot
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import TrialEnded, read_journal
from orchestrator.run.environment import Environment

_PROBE_S = 300.0
_INSTRUCTIONS_PER_US = 1000 / (1 << ICOUNT_SHIFT)


@dataclass(frozen=True)
class Limit:
    """Guest instructions of a trial, by variant, and how many the emulator executes a second."""

    instructions: Mapping[str, float]
    per_s: float

    def seconds(self, variant: str) -> float:
        """What a trial of the variant takes at least."""
        return self.instructions[variant] / self.per_s

    @property
    def mean_s(self) -> float:
        """The same of all variants, each as often."""
        return sum(map(self.seconds, self.instructions)) / len(self.instructions)


def instructions(run: Path) -> dict[str, float]:
    """Guest instructions from a fork's first word to its last, by variant, of a deterministic run."""
    directory = RunDirectory(run)
    counted = {}
    for entry in read_journal(directory.journal):
        if isinstance(entry, TrialEnded):
            lines = (run / "trials" / entry.result.directory / "control.jsonl").read_text().splitlines()
            times_us = [json.loads(line)["t_us"] for line in lines]
            counted[entry.result.variant] = (times_us[-1] - times_us[0]) * _INSTRUCTIONS_PER_US
    return counted


def emulated_per_s(environment: Environment) -> float:
    """Guest instructions that a second of the emulator's CPU time executes in the probe guest."""
    arch = environment.scenario.device.arch
    images = next(iter(environment.images.values()))
    counted = boot_probe(
        probe_boot(arch, "tcg", images.kernel, images.initramfs, "deterministic"),
        Deadline.after(_PROBE_S, "a counting probe guest answers"),
    )
    before_s = cpu_s(resource.RUSAGE_CHILDREN)
    boot_probe(
        probe_boot(arch, "tcg", images.kernel, images.initramfs),
        Deadline.after(_PROBE_S, "a probe guest answers"),
    )
    taken_s = cpu_s(resource.RUSAGE_CHILDREN) - before_s
    return counted.t_us * _INSTRUCTIONS_PER_US / taken_s
