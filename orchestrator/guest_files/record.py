# SPDX-License-Identifier: Apache-2.0
"""What manifests and locks say of a file that a user put into the guests."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.frozen import Frozen

FileKind = Literal["program", "script", "data", "library"]


class GuestFile(Frozen):
    """A file in the guests' root that is a user's, or that a user's program needs, by content."""

    guest: str = Field(description="its path in the guest")
    name: str = Field(description="what it is called on the host, without its directory")
    kind: FileKind = Field(
        description="`program`: machine code that the scenario names; `script`: begins with `#!`; `library`:"
        " what programs need, found on this host; `data`: anything else"
    )
    sha256: str
    size_bytes: int

    @property
    def is_named(self) -> bool:
        """The scenario names it; else it was found on the host for one that is named."""
        return self.kind != "library"
