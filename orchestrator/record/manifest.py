# SPDX-License-Identifier: Apache-2.0
"""What was run: enough to run it again, and to tell whether two runs are of the same thing."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from orchestrator.clock import Clock
from orchestrator.frozen import Frozen
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.host.facts import HostFacts
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.scenario.models import Scenario


class RunManifest(Frozen):
    """`manifest.json` of a run directory."""

    oomlab_version: str
    python_version: str
    started: datetime
    command: str = Field(
        description="the command line that made this run, paste-ready; HOST stands for another machine"
    )
    scenario_file: str
    overrides: tuple[str, ...]
    scenario: Scenario
    expectations_from: dict[str, str | None] = Field(
        default_factory=dict,
        description="with `--patch`: whose expectations in the scenario file those of `base` and `patched`"
        " are; null: nobody's, it is to pass",
    )
    seed: int
    host: HostFacts
    accelerators: dict[Clock, AcceleratorReport] = Field(description="what ran the guests, by clock")
    artefacts: dict[str, ArtefactManifest] = Field(
        description="by kernel: the name of its base, and of the patches that are compiled into it"
    )
    qemu_commands: dict[str, str] = Field(
        description="by variant, block 1 without snapshots; paste-ready, one command a line"
    )

    @property
    def commands(self) -> dict[str, str]:
        """`qemu_commands`, of any backend: the field has its name from when that was always QEMU."""
        return self.qemu_commands

    def artefacts_of(self, variant: str) -> ArtefactManifest | None:
        """What a variant's guests were made of; None where the run did not come to that."""
        own = self.scenario.variants[variant].twin_of or variant
        return next(
            (each for each in self.artefacts.values() if own in (made.name for made in each.variants)), None
        )
