# SPDX-License-Identifier: Apache-2.0
"""The part of a report that is about a cgroup: whether its limit was hit, which it was, who is to die."""

from __future__ import annotations

import re

from orchestrator.oom import lines as patterns
from orchestrator.oom.fields import word_after
from orchestrator.oom.records import Frame

_FRAMES = ("mem_cgroup_out_of_memory", "mem_cgroup_oom", "mem_cgroup_oom_synchronize")
_CGROUP_IN_CONSTRAINT = re.compile(r"(?<![\w-])oom_memcg=([^,\s]+)")
_TASK_IN_CONSTRAINT = re.compile(r"(?<![\w-])task=(.{1,64}?),pid=(\d{1,10})(?:,|$)")


class MemcgPart:
    """Gathers what says that a report is a cgroup's."""

    def __init__(self) -> None:
        self.hit = False
        self.selected: re.Match[str] | None = None
        self._values: dict[str, int | str] = {}

    def frame(self, frame: Frame) -> None:
        """A stack that came through the cgroup's code."""
        self.hit = self.hit or (frame.sure and frame.function.startswith(_FRAMES))

    def said_by(self, text: str) -> None:
        """A kill line that says whose it is."""
        self.hit = self.hit or text.startswith("Memory cgroup")

    def usage(self, text: str) -> bool:
        """The line with usage and limit; False where it is damaged."""
        match = patterns.MEMCG_USAGE.match(text)
        if not match or len(match["usage"]) > 18 or len(match["limit"]) > 19:
            return False
        self._values.setdefault("usage_kb", int(match["usage"]))
        self._values.setdefault("limit_kb", int(match["limit"]))
        return True

    def path(self, text: str) -> None:
        """The lines that name the cgroup: "Memory cgroup stats for", "Task in ... killed as a result of"."""
        match = patterns.MEMCG_STATS.match(text) or patterns.MEMCG_TASK.match(text)
        if match:
            self.hit = True
            self._values.setdefault("path", match["path"])

    def constraint(self, text: str) -> dict[str, str | None]:
        """The line "oom-kill:constraint="; returns its fields that are not the cgroup's."""
        match = patterns.CONSTRAINT.match(text)
        if match is None:
            return {}
        path = _CGROUP_IN_CONSTRAINT.search(match["rest"])
        if path is not None:
            self._values.setdefault("path", path[1])
        self.hit = self.hit or path is not None or match["constraint"] == "CONSTRAINT_MEMCG"
        self.selected = _TASK_IN_CONSTRAINT.search(match["rest"])
        return {"constraint": match["constraint"], "nodemask": word_after("nodemask", match["rest"])}

    def finish(self) -> dict[str, int | str] | None:
        """The cgroup's own fields, None where it was none's."""
        return self._values if self._values and self.hit else None
