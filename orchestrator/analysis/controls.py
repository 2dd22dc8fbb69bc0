# SPDX-License-Identifier: Apache-2.0
"""A/A controls: one module under two names. What differs there is not the patch's doing.

Under the deterministic clock nothing may differ; in real time the spread is what chance does.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from pydantic import Field

from orchestrator.clock import Clock
from orchestrator.files.folder import Folder
from orchestrator.frozen import Frozen
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Stage
from orchestrator.units import MIB

TRANSCRIPTS = ("console.log", "control.jsonl", "samples.jsonl")
"""What a guest said, without any word of the host's."""

_OF_THE_HOST = {
    "trial", "directory", "attempt", "variant", "host_seconds", "private_memory_kb",
}  # fmt: skip
"""Fields of a result that are no figures of the guest."""
_LONGEST_QUOTE_CHARS = 120
_PERCENT = 100
_MOST_BYTES = 65 * MIB
"""More than a recorder keeps of a line (`orchestrator.record.recorder`)."""

FolderOf = Callable[[str], Folder]
"""The folder of the trial whose directory has this name."""
TranscriptCheck = Callable[[TrialResult, TrialResult], str | None]
"""The first difference between what two trials' guests said, None when there is none."""


class ControlGroup(Frozen):
    """A variant and its twin under one clock."""

    first: str = Field(description="name of the variant")
    second: str = Field(description="name of its twin")
    pairs: int = Field(
        description="trials of the two that forked from the same memory, in real time those with a trigger; 0"
        " in a cold run"
    )
    repeats: int = Field(
        0,
        description="in a cold run: trials of either that were booted by one and the same recipe. Under the"
        " deterministic clock the one is to repeat the other; in real time each comes to memory of its own",
    )
    identical: bool | None = Field(
        description="under the deterministic clock: transcripts and figures are the same; null in real time"
    )
    difference: str | None = Field(None, description="the first difference, under the deterministic clock")
    p50_percent: tuple[float, ...] | None = Field(
        None,
        description="in real time: by how much the twin's median latency differs from the variant's over the"
        " pairs; least, median, most",
    )
    p50_percent_unpaired: float | None = Field(
        None,
        description="in real time, of a cold run: by how much the median over the twin's boots differs from"
        " that over the variant's",
    )


def control_groups(
    scenario: Scenario, clock: Clock, trials: Sequence[TrialResult], check: TranscriptCheck
) -> tuple[ControlGroup, ...]:
    """All controls of a scenario under one clock, from its trials' last attempts."""
    return tuple(
        _control_group(variant.twin_of, name, clock, trials, check)
        for name, variant in scenario.variants.items()
        if variant.twin_of is not None
    )


def _control_group(
    first: str, second: str, clock: Clock, trials: Sequence[TrialResult], check: TranscriptCheck
) -> ControlGroup:
    # Tracing disturbs the figures that this is about.
    undisturbed = [trial for trial in trials if not trial.stage.startswith("audit-")]
    own = [trial for trial in undisturbed if trial.clock == clock]
    if clock == "realtime":  # what is compared there are latencies of the trigger, and so many are counted
        own = [trial for trial in own if trial.stage == "trigger"]
    repeated = _pairs(first, second, own)
    cold = any(trial.cold for trial in own)
    pairs = 0 if cold else len(repeated)
    repeats = len(repeated) - pairs
    if clock == "realtime":
        return ControlGroup(
            first=first, second=second, pairs=pairs, repeats=repeats, identical=None,
            p50_percent=None if cold else _spread(repeated),
            p50_percent_unpaired=_apart(first, second, own) if cold else None,
        )  # fmt: skip
    found = (_difference(*pair, check) for pair in repeated)
    difference = next((text for text in found if text is not None), None)
    identical = difference is None if repeated else None
    return ControlGroup(
        first=first, second=second, pairs=pairs, repeats=repeats, identical=identical, difference=difference
    )


def _pairs(first: str, second: str, trials: Sequence[TrialResult]) -> list[tuple[TrialResult, TrialResult]]:
    twins = {_place(trial): trial for trial in trials if trial.variant == second}
    return [
        (trial, twins[_place(trial)]) for trial in trials if trial.variant == first and _place(trial) in twins
    ]


def _place(trial: TrialResult) -> tuple[int, int, Stage]:
    return trial.block, trial.fork, trial.stage


def _difference(one: TrialResult, other: TrialResult, check: TranscriptCheck) -> str | None:
    text = check(one, other)
    if text is None:
        ours, theirs = (trial.model_dump(mode="json", exclude=_OF_THE_HOST) for trial in (one, other))
        text = next(_unequal(ours, theirs, ""), None)
    return None if text is None else f"trials {one.trial} and {other.trial}: {text}"


def _unequal(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from _unequal(one.get(key), other.get(key), f"{path}.{key}" if path else key)
    elif isinstance(one, list) and isinstance(other, list):
        for index, (ours, theirs) in enumerate(zip_longest(one, other)):
            yield from _unequal(ours, theirs, f"{path}.{index}")
    elif one != other:
        yield f"{path}: {_quoted(one)} and {_quoted(other)}"


def _spread(pairs: Sequence[tuple[TrialResult, TrialResult]]) -> tuple[float, float, float] | None:
    percent = [
        (theirs / ours - 1) * _PERCENT
        for ours, theirs in ((_p50_ns(one), _p50_ns(other)) for one, other in pairs)
        if ours and theirs
    ]
    if not percent:
        return None
    return round(min(percent), 1), round(statistics.median(percent), 1), round(max(percent), 1)


def _apart(first: str, second: str, trials: Sequence[TrialResult]) -> float | None:
    """How far the medians over either's trials are apart, in percent."""
    medians = [
        statistics.median(p50s)
        for name in (first, second)
        if (p50s := [p50 for trial in trials if trial.variant == name and (p50 := _p50_ns(trial))])
    ]
    return round((medians[1] / medians[0] - 1) * _PERCENT, 1) if len(medians) == 2 else None


def _p50_ns(trial: TrialResult) -> int | None:
    latency = trial.requests.latency if trial.requests is not None else None
    return None if latency is None else latency.p50_ns


def first_difference(folder: FolderOf, one: TrialResult, other: TrialResult) -> str | None:
    """The first line in which the transcripts of two trials differ; `folder` finds them by name."""
    for name in TRANSCRIPTS:
        try:
            ours, theirs = (
                folder(trial.directory).head(name, _MOST_BYTES).split(b"\n") for trial in (one, other)
            )
        except OSError as error:
            return f"{name} cannot be compared: {error.strerror}"
        for number, (left, right) in enumerate(zip_longest(ours, theirs, fillvalue=b""), start=1):
            if left != right:
                return f"{name} line {number}: {_quoted(left)} and {_quoted(right)}"
    return None


def _quoted(value: object) -> str:
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    return repr(text[:_LONGEST_QUOTE_CHARS])
