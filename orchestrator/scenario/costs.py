# SPDX-License-Identifier: Apache-2.0
"""The table of costs: what the kernel does for memory while a phase lasts, by the names that people use.

The guest's half is the tables in `images/guest/agent/cost.c`: a figure's key here is its name there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Measure = Literal["cpu", "time", "pages", "times"]
"""`cpu`: CPU time of threads, guest ns, which under the deterministic clock is a number of instructions;
`time`: guest ns that passed; `pages`; `times`: how often something happened."""


@dataclass(frozen=True)
class CostFigure:
    """One cost."""

    name: str
    """As scenarios and reports have it."""
    measure: Measure
    words: str
    """What it is, for a heading."""
    source: str
    """Where the guest reads it."""

    @property
    def key(self) -> str:
        """As records and results have it, with the unit of a time."""
        return f"{self.name}_ns" if self.is_time else self.name

    @property
    def is_time(self) -> bool:
        """Whether it is told in nanoseconds, and so could be a share of the phase."""
        return self.measure in ("cpu", "time")


COSTS: tuple[CostFigure, ...] = (
    CostFigure("kswapd_cpu", "cpu", "CPU time of kswapd", "CPU-time clock of the threads `kswapdN`"),
    CostFigure("kcompactd_cpu", "cpu", "CPU time of kcompactd", "CPU-time clock of the threads `kcompactdN`"),
    CostFigure("kswapd_runs", "times", "kswapd woke and reclaimed", "`pageoutrun`"),
    CostFigure("pages_scanned_kswapd", "pages", "pages scanned by kswapd", "`pgscan_kswapd`"),
    CostFigure("pages_reclaimed_kswapd", "pages", "pages reclaimed by kswapd", "`pgsteal_kswapd`"),
    CostFigure("direct_reclaims", "times", "direct reclaims", "`allocstall_*`, all zones"),
    CostFigure("pages_scanned_direct", "pages", "pages scanned by direct reclaim", "`pgscan_direct`"),
    CostFigure("pages_reclaimed_direct", "pages", "pages reclaimed by direct reclaim", "`pgsteal_direct`"),
    CostFigure("direct_compactions", "times", "direct compactions", "`compact_stall`"),
    CostFigure("direct_compactions_succeeded", "times", "direct compactions that won", "`compact_success`"),
    CostFigure("direct_compactions_failed", "times", "direct compactions that failed", "`compact_fail`"),
    CostFigure("kcompactd_runs", "times", "kcompactd woke", "`compact_daemon_wake`"),
    CostFigure(
        "pages_scanned_to_migrate", "pages", "pages scanned to migrate", "`compact_migrate_scanned`"
    ),
    CostFigure("pages_scanned_free", "pages", "pages scanned for free ones", "`compact_free_scanned`"),
    CostFigure("pages_migrated", "pages", "pages migrated", "`pgmigrate_success`"),
    CostFigure(
        "refaults", "pages", "refaults", "`workingset_refault_anon` and `workingset_refault_file`"
    ),
    CostFigure("pages_swapped_in", "pages", "pages swapped in", "`pswpin`"),
    CostFigure("pages_swapped_out", "pages", "pages swapped out", "`pswpout`"),
    CostFigure("memory_some", "time", "some task stalled for memory", "PSI, `some` of /proc/pressure/memory"),
    CostFigure("memory_full", "time", "all tasks stalled for memory", "PSI, `full` of /proc/pressure/memory"),
)  # fmt: skip
"""In the order of a report."""

COST_NAMES: dict[str, CostFigure] = {figure.name: figure for figure in COSTS}
