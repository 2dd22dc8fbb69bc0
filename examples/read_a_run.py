# SPDX-License-Identifier: Apache-2.0
"""Reading a run directory: the verdict, how each trial ended, and who invoked the OOM killer.

    python examples/read_a_run.py RUN

No guest is started: the run is judged again, from its journal.
"""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.oom.explain import explain
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import load_judged_run


def main(run: Path) -> int:
    """Show it; the exit code is that of `oomlab report`."""
    report = load_judged_run(run)  # InputError: no run directory, or a damaged one
    print(f"{report.verdict.scenario}: {report.verdict.conclusion}")
    for result in report.results:
        # What a guest had a hand in may hold anything, escape codes for your terminal among it.
        print(f"trial {result.trial}, {result.variant}: {result.outcome}, {one_line(result.why)}")
        if result.target is not None:
            print(f"  usable units at the target, by order: {result.target.usable_units}")
        if result.first_oom is not None:
            print(f"  {explain(result.first_oom, report.page_sizes[result.variant])[0]}")
    return int(report.verdict.exit_code)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
