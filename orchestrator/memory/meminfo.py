# SPDX-License-Identifier: Apache-2.0
"""/proc/meminfo: sizes in kB (1 kB = 1024 bytes); the HugePages_ lines are counts."""

from __future__ import annotations

from orchestrator.memory.tables import damaged, whole_number


def parse_meminfo(text: str) -> dict[str, int]:
    """Field name ("MemFree", "Active(anon)") to kB, or to a count where the file has no unit."""
    fields = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, _, rest = line.partition(":")
        words = rest.split()
        if not words:
            raise damaged("meminfo", line)
        fields[name.strip()] = whole_number(words[0], "meminfo", line)
    return fields
