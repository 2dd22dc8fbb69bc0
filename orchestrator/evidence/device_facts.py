# SPDX-License-Identifier: Apache-2.0
"""What a trial's device was, from the agent's record and the device's own log. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.evidence.evidence import Evidence
from orchestrator.oom.reader import OomReader
from orchestrator.oom.records import MemoryEvent
from orchestrator.protocol.records import DeviceRecord
from orchestrator.record.device_facts import DeviceFacts

DEVICE_LOG = "logcat"
"""What Android logs, in the trial's directory where the device has such a log."""
_NEVER = -1000


def device_facts(evidence: Evidence) -> DeviceFacts | None:
    """None of a guest of the agent's own, and where the agent said nothing."""
    record = evidence.last(DeviceRecord)
    if record is None:
        return None
    return DeviceFacts(
        boot_id=record.boot_id,
        root=record.uid == 0,
        binder_impl=record.binder_impl,
        binder_device=record.binder_device,
        unkillable=record.oom_score_adj == _NEVER,
        lacks=tuple(record.lacks),
        swap_kb=dict(_swap_areas(record.swaps)),
        lmkd=record.lmkd > 0,
        lmkd_kills=evidence.lmkd_kills,
        benchmarks=tuple(record.benchmarks),
    )


def count_lmkd_kills(log: bytes) -> int:
    """Kills of Android's low memory killer in its own words; it kills from user space, by SIGKILL.

    No kill of the kernel's OOM killer is among them, nor is one of these among the kernel's.
    """
    reader = OomReader()
    events = (*reader.feed(log), *reader.close())
    return sum(isinstance(event, MemoryEvent) and event.type == "lmk-kill" for event in events)


def _swap_areas(text: str) -> Iterator[tuple[str, int]]:
    """Rows of /proc/swaps: name, type, size in kB, used, priority."""
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) >= 3 and words[2].isdigit():
            yield words[0], int(words[2])
