# SPDX-License-Identifier: Apache-2.0
"""What a guest is started for, and what a fork of it measures."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Stage = Literal["trigger", "relaxed", "target", "audit-trigger", "audit-relaxed", "audit-target"]
"""What a fork is for: the trigger (and what comes after), or benchmarks alone in one of two states; or
the same once more with tracing, which disturbs times and therefore has forks of its own."""

TRIGGERED: frozenset[Stage] = frozenset({"trigger", "audit-trigger"})
"""Stages in which the trigger runs."""

TrialPhase = Literal["relaxed", "target", "trigger", "after"]


class Mode(StrEnum):
    """What the agent is to do after boot."""

    TRIAL = "trial"
    BLOCK = "block"
    PROOF = "proof"
    PROBE = "probe"
    SHELL = "shell"
