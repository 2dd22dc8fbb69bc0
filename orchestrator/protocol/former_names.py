# SPDX-License-Identifier: Apache-2.0
"""Reading what earlier versions wrote: a record's former keys under their names of today. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def renamed(data: Any, former: Mapping[str, str]) -> Any:
    """`data` with every key that is in `former` under the name that `former` has for it.

    What is no section with keys is returned as it is, for validation to refuse.
    """
    if not isinstance(data, dict):
        return data
    return {former.get(key, key): value for key, value in data.items()}
