# SPDX-License-Identifier: Apache-2.0
"""Benchmark figures from the guest's records, and the binder driver's refusals in words. Pure."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence

from orchestrator.binder import KernelFigures, page_array_bytes
from orchestrator.evidence.audit import PhaseContext
from orchestrator.evidence.evidence import Evidence
from orchestrator.protocol.records import BenchmarkRecord
from orchestrator.record.result import BenchmarkRow
from orchestrator.stage import TrialPhase
from orchestrator.units import MIB

_TRANSACTIONS = ("BM_sendVec_binder", "BM_sendVec_binder_raw")
_NO_ROOM = "no room for it in the receiver's map"
_REPLIES: dict[tuple[str, int], str] = {
    ("BR_DEAD_REPLY", errno.EINVAL): "no server: no context manager, or it has died",
    ("BR_DEAD_REPLY", errno.ESRCH): "the receiver has no map",
    ("BR_FAILED_REPLY", errno.ENOSPC): _NO_ROOM,
    ("BR_FAILED_REPLY", errno.ENOMEM): "no memory for a page of the receiver's map",
    ("BR_FAILED_REPLY", errno.EINVAL): "the target is not known, or no security context can be given",
    ("BR_FROZEN_REPLY", 0): "the server is frozen",
}
"""What the driver means, by its return command and its extended error (BINDER_GET_EXTENDED_ERROR).

Observed on 6.1 and 6.12; the errors are set in binder_transaction(), drivers/android/binder.c.
"""
_STEPS = {
    "open": "the binder device could not be opened",
    "map": "the binder device could not be mapped",
    "manager": "the server could not become context manager",
    "transaction": "a transaction failed",
    "cycle": "a map failed",
    "thp": "this kernel has no transparent huge pages",
    "thp_size": "this kernel has no huge pages of that size; others than the usual take Linux 6.8",
    "worker": "there was no process left to run it",
    "server": "the server did not get ready",
    "deadline": "not ended within the deadline of the benchmarks",
    "died": "a process of it died, and not by the OOM killer",
    "oops": "the kernel has crashed: what is measured now means nothing",
    "payload": "the reply is not what was sent",
}


def benchmark_rows(evidence: Evidence) -> tuple[BenchmarkRow, ...]:
    """The figures of all benchmarks that the guest reported, in its order."""
    return tuple(_row(record) for record in evidence.every(BenchmarkRecord))


def mapping_bytes_of(name: str, page_bytes: int) -> int:
    """Size of the binder maps of a benchmark, from its name; ValueError when it makes none that we know."""
    kind, *arguments = name.split("/")
    if kind == "BM_mmap_binder":
        return int(arguments[0] if arguments else "")
    if kind not in _TRANSACTIONS:
        raise ValueError(f"{kind} maps nothing")
    for argument in arguments[1:]:
        if argument.startswith("map:"):
            return int(argument.removeprefix("map:"))
    return MIB - 2 * page_bytes  # as libbinder has it (ProcessState.cpp, BINDER_VM_SIZE)


def benchmark_facts(
    records: Sequence[BenchmarkRecord], kernel: KernelFigures
) -> Iterator[tuple[TrialPhase, PhaseContext]]:
    """What an allocation audit has to know of the benchmarks of each phase."""
    for when in dict.fromkeys(record.when for record in records):
        own = [record for record in records if record.when == when]
        sizes = {size for record in own if (size := _array_bytes(record.name, kernel)) is not None}
        unserved = sum(record.failed for record in own if record.errno == errno.ENOMEM)
        yield when, PhaseContext(tuple(sorted(sizes)), unserved)


def _array_bytes(name: str, kernel: KernelFigures) -> int | None:
    """None for a benchmark of a name that the agent gives to none."""
    try:
        return page_array_bytes(mapping_bytes_of(name, kernel.page_bytes), kernel)
    except ValueError:
        return None


def failure_words(where: str, reply: str, code: int) -> str | None:
    """Why a benchmark did not do its work; None when it did.

    `reply` is the driver's return command (BR_*) if it gave one, `code` the errno of the call, or of
    the driver's extended error, 0 if there is none.
    """
    if not where:
        return None
    words = _STEPS.get(where, where)
    name = errno.errorcode.get(abs(code), str(code)) if code else ""
    if not reply:
        return f"{words}: {name}" if name else words
    meaning = _REPLIES.get((reply, abs(code)))
    said = f"{reply} ({name})" if name else reply
    return f"{words}: {said}" + (f": {meaning}" if meaning else "")


def _row(record: BenchmarkRecord) -> BenchmarkRow:
    served = record.iterations - record.failed
    return BenchmarkRow(
        name=record.name,
        when=record.when,
        iterations=record.iterations,
        warmup=record.warmup,
        real_ns=round(record.real_ns / served, 3) if served else 0.0,
        cpu_ns=round(record.cpu_ns / served, 3) if served else 0.0,
        p50_ns=record.p50_ns,
        p99_ns=record.p99_ns,
        max_ns=record.max_ns,
        failed=record.failed,
        failed_ns=round(record.failed_ns / record.failed, 3) if record.failed and record.failed_ns else None,
        killed=record.killed,
        oom_kills=record.oom_kills,
        error=failure_words(record.where, record.reply, record.errno),
        counters=_counters(record.counters),
        settings=dict(item.split("=", 1) for item in record.settings.split(",") if "=" in item),
    )


def _counters(text: str) -> dict[str, int]:
    pairs = (item.rpartition(" ") for item in text.split(",") if item)
    return {name: int(count) for name, _, count in pairs if count.isdigit()}
