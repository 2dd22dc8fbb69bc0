# SPDX-License-Identifier: Apache-2.0
"""The one table of times that says what a patch costs."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.report.formats.mail_parts import plain_table, prose
from orchestrator.report.timings import TimingTable, timing_tables
from orchestrator.verdict.verdict import Verdict

_OTHER_WORK = "other work"
"""In place of a change, where the variants did not do the same."""


def the_table(verdict: Verdict) -> list[str]:
    """Transactions while memory is relaxed, counted in instructions where they were: what can be told least
    from noise elsewhere. Without transactions the first benchmark, without benchmarks the trigger's requests.

    Empty where no time of two variants is of the same work.
    """
    found = min(_candidates(verdict), key=lambda each: each[0], default=None)
    if found is None:
        return []
    table = found[1]
    return [*prose(f"{table.title}:"), *plain_table(table.headings, table.rows)]


def _candidates(verdict: Verdict) -> Iterator[tuple[tuple[bool, bool, bool, int], TimingTable]]:
    for each in verdict.passes:
        for comparison in each.comparisons:
            for number, table in enumerate(timing_tables(comparison)):
                if all(_OTHER_WORK in row for row in table.rows):
                    continue
                rank = (
                    ", in the trigger" in table.title,
                    not table.title.startswith("BM_sendVec_binder,"),
                    each.clock != "deterministic",
                    number,
                )
                yield rank, table
