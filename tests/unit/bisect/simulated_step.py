# SPDX-License-Identifier: Apache-2.0
"""`oomlab bisect-step` as a program whose runs are simulated: what is in the tree decides how they end."""

from __future__ import annotations

import sys

from orchestrator.__main__ import start
from orchestrator.bisect import step
from orchestrator.errors import BuildBroken
from orchestrator.outcome import Outcome
from orchestrator.run.engine import RunOptions
from orchestrator.run.observer import Observer
from orchestrator.scenario.kernel_base import SourceBase
from orchestrator.scenario.loading.loader import LoadedScenario
from orchestrator.verdict.judged_run import JudgedRun
from tests.unit.bisect.engine import Engine

FILE = "mm.c"
FAULT, BROKEN, SILENT = "a fault", "a syntax error", "no boot"


class _Read(Engine):
    def run(self, loaded: LoadedScenario, observer: Observer, options: RunOptions) -> JudgedRun:
        (variant,) = loaded.scenario.variants.values()
        assert isinstance(variant.base, SourceBase)
        with open(f"{variant.base.source}/{FILE}") as file:  # noqa: PTH123
            text = file.read()
        if BROKEN in text:
            raise BuildBroken("it does not build")
        end = Outcome.BOOT_FAILED if SILENT in text else Outcome.OOM if FAULT in text else Outcome.PASSED
        self.outcomes = [end] * loaded.scenario.trials.blocks
        return super().run(loaded, observer, options)


if __name__ == "__main__":
    sys.argv = ["oomlab", "bisect-step", *sys.argv[1:]]
    setattr(step, "run_scenario", _Read().run)  # noqa: B010 - it is no name that the module exports
    start()
