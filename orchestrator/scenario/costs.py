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
    """As scenarios and records have it."""
    label: str
    """As a table has it: no longer than fits beside two variants in a mail."""
    group: str
    """What it is a cost of: the costs of one are a family of tests."""
    measure: Measure
    words: str
    """What it is, in a sentence."""
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


_OWN, _KSWAPD, _DIRECT = "the trigger", "kswapd", "direct reclaim"
_COMPACTION, _SWAP, _STALLS = "compaction", "swap", "stalls"

_ACCOUNTS = "the kernel's delay accounting (taskstats) of each of its processes"

COSTS: tuple[CostFigure, ...] = (
    CostFigure(
        "trigger_reclaim", "trigger reclaiming", _OWN, "time", "the trigger's processes reclaiming", _ACCOUNTS
    ),
    CostFigure(
        "trigger_compaction",
        "trigger compacting",
        _OWN,
        "time",
        "the trigger's processes compacting",
        "likewise",
    ),
    CostFigure(
        "kswapd_cpu", "kswapd CPU time", _KSWAPD, "cpu", "CPU time of kswapd", "CPU-time clocks of `kswapdN`"
    ),
    CostFigure("kswapd_runs", "kswapd runs", _KSWAPD, "times", "runs of kswapd", "`pageoutrun`"),
    CostFigure(
        "pages_scanned_kswapd",
        "kswapd scanned",
        _KSWAPD,
        "pages",
        "pages scanned by kswapd",
        "`pgscan_kswapd`",
    ),
    CostFigure(
        "pages_reclaimed_kswapd",
        "kswapd reclaimed",
        _KSWAPD,
        "pages",
        "pages reclaimed by kswapd",
        "`pgsteal_kswapd`",
    ),
    CostFigure(
        "direct_reclaims", "direct reclaims", _DIRECT, "times", "direct reclaims", "`allocstall_*`, all zones"
    ),
    CostFigure(
        "pages_scanned_direct",
        "scanned directly",
        _DIRECT,
        "pages",
        "pages scanned directly",
        "`pgscan_direct`",
    ),
    CostFigure(
        "pages_reclaimed_direct",
        "reclaimed directly",
        _DIRECT,
        "pages",
        "pages reclaimed directly",
        "`pgsteal_direct`",
    ),
    CostFigure(
        "kcompactd_cpu",
        "kcompactd CPU time",
        _COMPACTION,
        "cpu",
        "CPU time of kcompactd",
        "CPU-time clocks of `kcompactdN`",
    ),
    CostFigure(
        "kcompactd_runs", "kcompactd runs", _COMPACTION, "times", "runs of kcompactd", "`compact_daemon_wake`"
    ),
    CostFigure(
        "direct_compactions",
        "direct compactions",
        _COMPACTION,
        "times",
        "direct compactions",
        "`compact_stall`",
    ),
    CostFigure(
        "direct_compactions_succeeded",
        "... that succeeded",
        _COMPACTION,
        "times",
        "direct compactions that succeeded",
        "`compact_success`",
    ),
    CostFigure(
        "direct_compactions_failed",
        "... that failed",
        _COMPACTION,
        "times",
        "direct compactions that did not",
        "`compact_fail`",
    ),
    CostFigure(
        "pages_scanned_to_migrate",
        "scanned to migrate",
        _COMPACTION,
        "pages",
        "pages scanned for ones to move",
        "`compact_migrate_scanned`",
    ),
    CostFigure(
        "pages_scanned_free",
        "scanned for free",
        _COMPACTION,
        "pages",
        "pages scanned for free ones",
        "`compact_free_scanned`",
    ),
    CostFigure(
        "pages_migrated", "pages migrated", _COMPACTION, "pages", "pages migrated", "`pgmigrate_success`"
    ),
    CostFigure(
        "refaults",
        "refaults",
        _SWAP,
        "pages",
        "refaults",
        "`workingset_refault_anon` and `workingset_refault_file`",
    ),
    CostFigure("pages_swapped_in", "swapped in", _SWAP, "pages", "pages swapped in", "`pswpin`"),
    CostFigure("pages_swapped_out", "swapped out", _SWAP, "pages", "pages swapped out", "`pswpout`"),
    CostFigure(
        "memory_some",
        "some task stalled",
        _STALLS,
        "time",
        "some task stalled for memory",
        "PSI: `some` of /proc/pressure/memory",
    ),
    CostFigure(
        "memory_full",
        "all tasks stalled",
        _STALLS,
        "time",
        "every task stalled for memory",
        "PSI: `full` there",
    ),
)
"""In the order of a report."""

COST_NAMES: dict[str, CostFigure] = {figure.name: figure for figure in COSTS}
