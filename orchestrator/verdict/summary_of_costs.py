# SPDX-License-Identifier: Apache-2.0
"""The costs that a scenario asks for, as clauses of the sentence at the head of every report. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.analysis.cost_words import cost_cell
from orchestrator.analysis.costs import CostLine
from orchestrator.analysis.phrases import cost_subject
from orchestrator.scenario.costs import COST_NAMES
from orchestrator.text.amounts import count_of
from orchestrator.verdict.records import Verdict

_NAMED = 3
"""So many variants, and so many costs, are named one by one."""


def cost_clauses(verdict: Verdict) -> Iterator[str]:
    """What the costs that were asked for came to, in the mean of the blocks; nothing where none was."""
    asked = [(each.clock, line) for each in verdict.passes for line in each.costs if line.expected]
    for clock, line in asked[:_NAMED]:
        several = f", {clock} clock" if len(verdict.passes) > 1 else ""
        yield f"{cost_subject(COST_NAMES[line.name], line.phase)}{several}: {_by_variant(line)}"
    if len(asked) > _NAMED:
        yield f"the full report has {count_of('more cost', len(asked) - _NAMED)}"


def _by_variant(line: CostLine) -> str:
    known = [name for name, mean in line.means.items() if mean is not None]
    cells = [
        f"{cost_cell(line.means[name], line.unit, line.elapsed_ms.get(name))} with {name}"
        for name in known[:_NAMED]
    ]
    more = [f"and {count_of('more variant', len(known) - _NAMED)}"] if len(known) > _NAMED else []
    return ", ".join([*cells, *more]) if cells else "not known"
