# SPDX-License-Identifier: Apache-2.0
"""Crashes of a trial and of a run, each counted once whatever number of times it was reported. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.oom.crash_words import crash_sentence
from orchestrator.oom.known_crashes import known_crash
from orchestrator.oom.records import KernelCrash
from orchestrator.record.result import TrialResult
from orchestrator.text.amounts import count_of

SPARED = "The kernel did not crash with "
"""How the line begins that says whom a crash spared."""


class CrashCount(Frozen):
    """One crash of one variant, in all its trials."""

    variant: str = Field(description="name of the variant")
    crash: KernelCrash = Field(description="as it was reported first; below")
    times: int = Field(description="how often it was reported, in all trials together")
    trials: tuple[int, ...] = Field(description="numbers of the trials in which it was")
    of: int = Field(description="trials of the variant")


def grouped(crashes: Iterable[KernelCrash]) -> tuple[KernelCrash, ...]:
    """Crashes of one console, equal ones as one."""
    found: dict[tuple[str, ...], KernelCrash] = {}
    for crash in crashes:
        before = found.get(crash.signature)
        if before is None:
            found[crash.signature] = crash
        else:
            more = {"times": before.times + crash.times, "panic": before.panic or crash.panic}
            found[crash.signature] = before.model_copy(update=more)
    return tuple(found.values())


def fatal_crash(events: Iterable[object]) -> KernelCrash | None:
    """The first crash in which the kernel ended what was running; panics alone are outcomes of their own."""
    crashes = (event for event in events if isinstance(event, KernelCrash))
    return next((crash for crash in crashes if crash.fatal and crash.kind != "panic"), None)


def count_crashes(variants: Iterable[str], trials: Sequence[TrialResult]) -> tuple[CrashCount, ...]:
    """The crashes of a run, variant by variant, the more frequent first."""
    return tuple(count for name in variants for count in _of_variant(name, trials))


def _of_variant(name: str, trials: Sequence[TrialResult]) -> list[CrashCount]:
    own = [trial for trial in trials if trial.variant == name]
    found: dict[tuple[str, ...], list[tuple[int, KernelCrash]]] = {}
    for trial in own:
        for crash in trial.crashes:
            found.setdefault(crash.signature, []).append((trial.trial, crash))
    counts = [
        CrashCount(
            variant=name,
            crash=each[0][1],
            times=sum(crash.times for _, crash in each),
            trials=tuple(number for number, _ in each),
            of=len(own),
        )
        for each in found.values()
    ]
    return sorted(counts, key=lambda count: -len(count.trials))


def crash_lines(
    variants: Iterable[str], counts: Sequence[CrashCount], trials: Sequence[TrialResult]
) -> Iterator[str]:
    """What has to be read first, not escaped: each crash, who had none, what is known of it."""
    yield from map(_crash_line, counts)
    if spared := ", ".join(_spared(variants, counts, trials)):
        yield f"{SPARED}{spared}."
    yield from dict.fromkeys(known.words for count in counts if (known := known_crash(count.crash)))


def _crash_line(count: CrashCount) -> str:
    crash = count.crash
    often = "once" if count.times == 1 else f"{count.times} times"
    what = "crashed" if crash.fatal else "reported a bug"
    task = f", task {crash.task.comm}" if crash.task else ""
    panic = f", then panic: {crash.panic}" if crash.panic and crash.kind != "panic" else ""
    tainted = f", tainted {crash.tainted}" if crash.tainted else ""
    where = f"in {len(count.trials)} of {count_of('trial', count.of)}"
    return (
        f"{count.variant}: the kernel {what} {often}, {where}: {crash_sentence(crash)}{task}{tainted}{panic}"
    )


def _spared(
    variants: Iterable[str], counts: Sequence[CrashCount], trials: Sequence[TrialResult]
) -> Iterator[str]:
    """Where another crashed: the variants whose trials say something, and that the kernel lived through."""
    fatal = {count.variant for count in counts if count.crash.fatal}
    evident = Counter(trial.variant for trial in trials if trial.outcome.is_evidence)
    for name in variants if fatal else ():
        if evident[name] and name not in fatal:
            yield f"{name} (in {count_of('trial', evident[name])})"
