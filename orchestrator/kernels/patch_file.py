# SPDX-License-Identifier: Apache-2.0
"""A patch, as it was read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Patch:
    """A patch as read from its file."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Checksum of the file."""
        return hashlib.sha256(self.content).hexdigest()
