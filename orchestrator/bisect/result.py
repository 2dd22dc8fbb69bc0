# SPDX-License-Identifier: Apache-2.0
"""What a step came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.bisect.answer import Answer
from orchestrator.bisect.blocks import Counted
from orchestrator.bisect.commit import Commit
from orchestrator.outcome import Outcome


@dataclass(frozen=True)
class StepResult:
    """The answer with what it rests on, and the directory that has it all.

    `why`: of an answer that is not good, one sentence. `outcomes`: how many trials ended how.
    """

    commit: Commit
    answer: Answer
    why: str
    directory: Path
    counted: Counted = field(default_factory=Counted)
    outcomes: tuple[tuple[Outcome, int], ...] = ()
