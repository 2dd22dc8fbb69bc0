# SPDX-License-Identifier: Apache-2.0
"""Trigger `command`: whatever a user wants to try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from orchestrator.scenario.fields import Prose, bytes_at_most
from orchestrator.scenario.limits import limit
from orchestrator.scenario.triggers.base import Adj, Stop, TriggerKind


class Command(TriggerKind):
    """Any command, run by the guest's shell."""

    ends_by_itself: ClassVar[bool] = True

    kind: Literal["command"] = Field(description="a shell command", examples=["command"])
    command: Annotated[Prose, StringConstraints(min_length=1), bytes_at_most(limit("command"))] = Field(
        description="what `busybox sh -c` runs in the guest",
        examples=["dd if=/dev/zero of=/dev/null bs=1M count=64"],
    )
    oom_score_adj: Adj = 0
    stop: Stop = "first-oom"

    @property
    def words(self) -> str:
        """The command itself."""
        return f"the command {self.command}"

    def recipe(self) -> Mapping[str, object]:
        """The command."""
        return {"command": self.command}

    @property
    def long_words(self) -> Mapping[str, str]:
        """The command."""
        return {"command": self.command}


class Script(Command):
    """Commands in a file of the guest's, all of whose output is wanted: no kind of a scenario's."""

    def recipe(self) -> Mapping[str, object]:
        """As a scenario's command."""
        return {**super().recipe(), "output": "split"}
