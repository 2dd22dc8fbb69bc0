# SPDX-License-Identifier: Apache-2.0
"""The most that a scenario may ask for whatever runs it: what the guest's agent takes.

It is read from the header that the agent itself is compiled with, so that neither side knows another number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from orchestrator.errors import HostError
from orchestrator.paths import resource_dir

_DEFINE = re.compile(r"^#define LIMIT_([A-Z_]+) (\d+)$", re.MULTILINE)


@cache
def agent_limits() -> Mapping[str, int]:
    """Every limit of images/guest/limits.h by its name there, without `LIMIT_`, in small letters."""
    path = resource_dir("images") / "guest" / "limits.h"
    try:
        text = path.read_text()
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}", hint="reinstall oomlab") from None
    return {name.lower(): int(number) for name, number in _DEFINE.findall(text)}


def limit(name: str) -> int:
    """One of the agent's limits; KeyError for a name that the header has not."""
    return agent_limits()[name]
