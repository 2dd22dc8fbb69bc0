# SPDX-License-Identifier: Apache-2.0
"""Builds the evidence of made-up trials, in the words of the real channels."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.clock import Clock
from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.evidence.judge import judge
from orchestrator.evidence.load_end import Load
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.oom.reader import OomReader
from orchestrator.plan import PlannedTrial
from orchestrator.protocol.records import ControlRecord, parse_record
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import TrialResult
from orchestrator.scenario.triggers.binder_mmap import BinderMmap
from orchestrator.stage import Mode, Stage

MMAPS = BinderMmap.model_validate({"kind": "binder-mmap", "size": "4MiB", "count": 600})

TCG = AcceleratorReport(
    accelerator="tcg", reason="", qemu_version="7.2.0", cpu_model="max", boot_s=3, loops_per_s=1
)
ACCELERATORS: dict[Clock, AcceleratorReport] = {"realtime": TCG, "deterministic": TCG}

OOM_CONSOLE = """\
[    5.100000] oomlab: phase trigger
[    5.200000] oomlab-trigger invoked oom-killer: gfp_mask=0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), \
order=3, oom_score_adj=0
[    5.200100] CPU: 0 PID: 90 Comm: oomlab-trigger Not tainted 6.1.0-56-arm64 #1  Debian 6.1.192-2
[    5.200200] Hardware name: linux,dummy-virt (DT)
[    5.200300] Call trace:
[    5.200400]  dump_backtrace+0xe4/0x140
[    5.200500]  show_stack+0x20/0x30
[    5.200600]  dump_header+0x4c/0x1f0
[    5.200700]  oom_kill_process+0x2e8/0x340
[    5.200800]  out_of_memory+0xf8/0x350
[    5.200900]  __alloc_pages_slowpath.constprop.0+0x938/0xb80
[    5.201000]  __alloc_pages+0x2d4/0x320
[    5.201100]  __kmalloc_large_node+0xb0/0x150
[    5.201200]  __kmalloc+0x130/0x1a0
[    5.201300]  binder_alloc_mmap_handler+0x88/0x1f0 [binder_linux]
[    5.201400]  binder_mmap+0x98/0x120 [binder_linux]
[    5.201500] Mem-Info:
[    5.201600] active_anon:84 inactive_anon:460 isolated_anon:0
[    5.209000] Out of memory: Killed process 90 (oomlab-trigger) total-vm:100kB, anon-rss:4kB, file-rss:0kB, \
shmem-rss:0kB, UID:0 pgtables:40kB oom_score_adj:0
"""
PANIC_CONSOLE = """\
[    5.100000] oomlab: phase trigger
[    5.200000] Kernel panic - not syncing: Fatal exception
"""
DEADLOCK_CONSOLE = OOM_CONSOLE.rsplit("[    5.209000]", 1)[0] + (
    "[    5.209000] Out of memory and no killable processes...\n"
    "[    5.209100] Kernel panic - not syncing: System is deadlocked on memory\n"
)


def record(event: str, **fields: Any) -> ControlRecord:
    """One control record, through the real parser."""
    return parse_record(json.dumps({"event": event, "t_us": 1, **fields}).encode())


def hello() -> ControlRecord:
    return record(
        "hello",
        protocol=4,
        release="6.1.0-56-arm64",
        machine="aarch64",
        page_size_bytes=4096,
        cpus=1,
        mem_total_kb=229508,
        shuffled=True,
    )


def target(*, reached: bool = True) -> ControlRecord:
    return record("target", reached=reached, reason="", free_kb=98000, units=[9, 8, 7, 6], elapsed_ms=2000)


def trigger_start(count: int = 600) -> ControlRecord:
    return record("trigger-start", kind="binder-mmap", pids=[90], count=count)


def trigger_end(
    reason: str = "finished", succeeded: int = 600, failed: int = 0, oom_kill: int = 0
) -> ControlRecord:
    return record(
        "trigger-end",
        reason=reason,
        attempted=succeeded + failed,
        succeeded=succeeded,
        failed=failed,
        in_flight=0,
        oom_kill=oom_kill,
    )


def command(*ends: ControlRecord, output: str = "", reason: str = "finished") -> list[ControlRecord]:
    """A trial of a trigger `command` that ended so, having written `output`."""
    start = record("trigger-start", kind="command", pids=[77], count=1)
    wrote = [record("output", at=0, text=output)] if output else []
    return [
        hello(),
        target(),
        start,
        *wrote,
        *ends,
        trigger_end(reason, succeeded=0),
        record("end", oom_kill_total=0),
    ]


def process_end(**fields: int) -> ControlRecord:
    """The end of the trigger's first process."""
    return record("process-end", process=0, pid=77, **fields)


def benchmark(name: str = "BM_sendVec_binder/4096", **changes: Any) -> ControlRecord:
    """A benchmark of a hundred iterations, 20 us each."""
    fields = {
        "name": name, "when": "target", "iterations": 100, "failed": 0, "warmup": 20, "real_ns": 2_000_000,
        "cpu_ns": 900_000, "p50_ns": 19_000, "p99_ns": 40_000, "max_ns": 41_000, "killed": False,
        "oom_kills": 0, "where": "", "reply": "", "errno": 0,
        "counters": "BC_TRANSACTION 100,BC_REPLY 100,BC_FREE_BUFFER 200",
    }  # fmt: skip
    return record("benchmark", **(fields | changes))


def passed() -> list[ControlRecord]:
    """A trial in which every mmap was served."""
    return [hello(), target(), trigger_start(), trigger_end(), record("end", oom_kill_total=0)]


def console(text: str) -> list[ConsoleEvent]:
    """A console, through the real reader."""
    reader = OomReader()
    return [*reader.feed(text.encode()), *reader.close()]


def judged(
    control: list[ControlRecord], text: str = "", *, ending: Ending = Ending.EXITED, mode: Mode = Mode.TRIAL,
    variant: str = "kcalloc", block: int = 1, trial: int = 1, attempt: int = 1, stage: Stage = "trigger",
) -> TrialResult:  # fmt: skip
    """The result of a trial with this evidence."""
    evidence = Evidence(control=control, console=console(text), ending=ending, ending_detail="so it ended")
    planned = PlannedTrial(block, variant, 1, mode, number=trial, stage=stage)
    return judge(
        planned,
        attempt=attempt,
        directory=f"{trial:04d}",
        load=Load(MMAPS),
        fingerprint="f",
        evidence=evidence,
    )
