# SPDX-License-Identifier: Apache-2.0
"""A run from Python: one block of a shipped scenario, to its verdict.

    python examples/run_a_scenario.py [DIRECTORY]

It is the same run that `oomlab run` makes; DIRECTORY is its `--out`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.record.result import TrialResult
from orchestrator.run.asked import load_runnable
from orchestrator.run.engine import RunOptions, run_scenario
from orchestrator.run.observer import GuestLabel, SilentObserver


class Trials(SilentObserver):
    """Writes a line for each trial as it ends; whatever else happens is passed over."""

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """One trial has been judged."""
        print(f"{label.name}: {result.outcome}, {result.why}")


def main(out: Path | None = None) -> int:
    """Run it; the exit code is that of `oomlab run`."""
    overrides = ("trials.blocks=1", "audit=false")
    loaded = load_runnable(Path("binder-order3"), overrides)
    options = RunOptions(command="examples/run_a_scenario.py", out=out, overrides=overrides)
    report = run_scenario(loaded, Trials(), options)
    print(f"{report.verdict.conclusion}; everything is in {report.directory.path}")
    return int(report.verdict.exit_code)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
