# SPDX-License-Identifier: Apache-2.0
"""The guest agent's records of memory: its files as the kernel prints them, and the way to the target.

The format is the one of `images/guest/PROTOCOL.md`.
"""

from __future__ import annotations

from typing import Literal

from orchestrator.protocol.record import Record


class Sample(Record):
    """One /proc or debugfs file as the guest's kernel printed it."""

    event: Literal["sample"]
    when: Literal["before", "target", "relaxed", "trigger", "later", "after"]
    file: str
    text: str


class State(Record):
    """One step of the pressure's feedback loop; `units` is indexed by order."""

    event: Literal["state"]
    step: int
    action: str
    free_kb: int
    units: list[int]
    held_kb: int


class TargetRecord(Record):
    """The memory state that pressure ended in."""

    event: Literal["target"]
    reached: bool
    reason: str = ""
    free_kb: int
    units: list[int]
    units_before_compaction: list[int] | None = None
    node_free_kb: list[int] | None = None
    node_units: list[list[int]] | None = None
    pipes_kb: int = 0
    high_order_kb: int = 0
    movable_kb: int = 0
    """Of `page_cache` and `anonymous`: one holder for both."""
    other_kb: int = 0
    """Of stressors with a fixed amount, and of a picture's lines."""
    elapsed_ms: int


class Proof(Record):
    """Throw-away boot of `hard: forbidden`: did one compaction repair the state?"""

    event: Literal["proof"]
    repaired: bool
    units_before: list[int]
    units_after: list[int]


class Parked(Record):
    """The guest is about to pause itself; the fingerprint tells where its free memory lies."""

    event: Literal["parked"]
    fingerprint: str


class Fingerprint(Record):
    """Where free memory lies in a guest that reached its target and goes straight on."""

    event: Literal["fingerprint"]
    fingerprint: str
