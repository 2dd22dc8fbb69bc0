# SPDX-License-Identifier: Apache-2.0
"""The processes that stand by while the trigger runs, and may be the ones that die."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from orchestrator.scenario.fields import Model, OomScoreAdj, Size, size_between
from orchestrator.scenario.limits import limit
from orchestrator.units import KIB, MIB


class Bystanders(Model):
    """Processes that stand for the apps which die on a phone."""

    count: Annotated[int, Field(strict=True, ge=1, le=limit("bystanders"))] = Field(
        description="number of processes", examples=[4]
    )
    memory: Annotated[Size, size_between(4 * KIB, 64 * 1024 * MIB)] = Field(
        description="anonymous memory that each one holds", examples=["4MiB"]
    )
    oom_score_adj: OomScoreAdj = Field(
        0, description="oom_score_adj of the bystanders, -1000 to 1000", examples=[900]
    )
