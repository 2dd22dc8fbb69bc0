# SPDX-License-Identifier: Apache-2.0
"""What every record of the guest agent has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from orchestrator.protocol.former_names import renamed


class Record(BaseModel):
    """One JSON object on the control line. `t_us`: the guest's CLOCK_MONOTONIC, microseconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    former_names: ClassVar[Mapping[str, str]] = {}
    """Keys of protocol 3 by today's names."""

    t_us: int

    @model_validator(mode="before")
    @classmethod
    def _read_former_names(cls, data: Any) -> Any:
        return renamed(data, cls.former_names) if cls.former_names else data
