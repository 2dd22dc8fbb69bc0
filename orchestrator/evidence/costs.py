# SPDX-License-Identifier: Apache-2.0
"""What the phases of one trial cost the kernel, from the guest's own counters. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.protocol.cost_records import CostRecord
from orchestrator.record.result import Costs


def costs_of(records: Iterable[CostRecord]) -> tuple[Costs, ...]:
    """The costs that a guest told, in its order."""
    return tuple(
        Costs(
            phase=record.phase,
            benchmark=record.benchmark,
            elapsed_ns=record.elapsed_ns,
            figures=dict(zip(record.names, record.values, strict=True)),
        )
        for record in records
    )
