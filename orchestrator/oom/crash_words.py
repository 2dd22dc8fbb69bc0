# SPDX-License-Identifier: Apache-2.0
"""A crash in words. Not escaped: the names are the guest's."""

from __future__ import annotations

from orchestrator.oom.records import CrashKind, KernelCrash

_KINDS: dict[CrashKind, str] = {
    "oops": "Oops",
    "bug": "BUG",
    "panic": "panic",
    "kasan": "KASAN",
    "kfence": "KFENCE",
    "kmsan": "KMSAN",
    "kcsan": "KCSAN",
    "ubsan": "UBSAN",
    "soft-lockup": "soft lockup",
    "hard-lockup": "hard lockup",
    "rcu-stall": "RCU stall",
    "hung-task": "hung task",
    "workqueue-lockup": "workqueue lockup",
}


def crash_place(crash: KernelCrash) -> str:
    """Where it happened: "list_lru_add() called from binder_update_page_range() [binder_linux]"."""
    pc, caller = _name(crash.pc, crash.pc_module), _name(crash.caller, crash.caller_module)
    if pc and caller:
        return f"{pc} called from {caller}"
    return pc or (f"called from {caller}" if caller else "")


def crash_sentence(crash: KernelCrash) -> str:
    """What happened where, the same for equal crashes."""
    what = f"{_KINDS[crash.kind]} ({crash.what})" if crash.what else _KINDS[crash.kind]
    place = crash_place(crash)
    return f"{what}: {place}" if place else what


def crash_details(crash: KernelCrash) -> str:
    """The same, and who was running, on what, how it went on."""
    parts = [crash_sentence(crash)]
    if crash.task is not None:
        pid = f" (pid {crash.task.pid})" if crash.task.pid is not None else ""
        parts.append(f"task {crash.task.comm}{pid}")
    if crash.tainted is not None:
        parts.append(f"tainted {crash.tainted}" if crash.tainted else "not tainted")
    if crash.times > 1:
        parts.append(f"{crash.times} times")
    if crash.panic is not None and crash.kind != "panic":
        parts.append(f"then panic: {crash.panic}")
    elif (crash.die or 1) > 1:
        parts.append("after an earlier Oops")
    return ", ".join(parts)


def _name(function: str | None, module: str | None) -> str:
    if function is None:
        return ""
    return f"{function}() [{module}]" if module else f"{function}()"
