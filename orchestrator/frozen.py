# SPDX-License-Identifier: Apache-2.0
"""What every record is: values that do not change, read from nothing but fields that it has."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of records: nothing is assigned to, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
