# SPDX-License-Identifier: Apache-2.0
"""How each variant's page-array requests were served, phase by phase: what can explain a difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.phrases import WHEN, share_text
from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.record.result import AuditRow, RequestPaths, RequestSummary, TrialResult
from orchestrator.stage import TrialPhase
from orchestrator.text.amounts import count_of, time_text

PHASES: tuple[TrialPhase, ...] = ("relaxed", "target", "trigger", "after")
_US_PER_MS = 1000
_NS_PER_US = 1000


@dataclass(frozen=True, kw_only=True)
class PathShare:
    """Page-array requests of all of one variant's trials in one phase."""

    requests: int = 0
    contiguous: int = 0
    fell_back: int = 0
    refused: int = 0
    reclaims: int = 0
    compactions: int = 0
    spent_us: int = 0
    orders: tuple[int, ...] = ()
    oom_kills: int = 0
    """How often the OOM killer came for a request: as traced, or else the requests in flight when it did."""

    @property
    def all_contiguous(self) -> bool:
        """Contiguous memory was there for every one."""
        return 0 < self.requests == self.contiguous and not self.oom_kills

    def __add__(self, other: PathShare) -> PathShare:
        return PathShare(
            requests=self.requests + other.requests,
            contiguous=self.contiguous + other.contiguous,
            fell_back=self.fell_back + other.fell_back,
            refused=self.refused + other.refused,
            reclaims=self.reclaims + other.reclaims,
            compactions=self.compactions + other.compactions,
            spent_us=self.spent_us + other.spent_us,
            orders=tuple(sorted({*self.orders, *other.orders})),
            oom_kills=self.oom_kills + other.oom_kills,
        )

    def words(self, clock: Clock) -> str:
        """The shares, and what it took to get them."""
        order = f" of order {' and '.join(map(str, self.orders))}" if self.orders else ""
        text = (
            f"{count_of('page array', self.requests)}{order},"
            f" {share_text(self.contiguous, self.requests)} contiguous,"
            f" {share_text(self.fell_back, self.requests)} by vmalloc, {self.refused} failed"
        )
        if self.oom_kills:
            text += f", {count_of('OOM kill', self.oom_kills)}"
        if self.reclaims or self.compactions:
            spent = time_text(self.spent_us * _NS_PER_US)
            if clock == "deterministic":
                spent = count_of("instruction", self.spent_us * _NS_PER_US >> ICOUNT_SHIFT)
            work = f"{count_of('reclaim', self.reclaims)} and {count_of('compaction', self.compactions)}"
            text += f"; {work} on the way took {spent}"
        return text


Paths = Mapping[TrialPhase, PathShare]


def paths_of(trials: Sequence[TrialResult]) -> Paths:
    """One variant's requests by phase: from the audit, or else from what is known of the trigger's."""
    found: dict[TrialPhase, PathShare] = {}
    for phase, share in _shares(trials):
        found[phase] = found[phase] + share if phase in found else share
    return {phase: found[phase] for phase in PHASES if phase in found and found[phase].requests}


def _shares(trials: Iterable[TrialResult]) -> Iterator[tuple[TrialPhase, PathShare]]:
    for trial in trials:
        for row in trial.audit:
            yield row.phase, _traced(row)
        for whole in trial.audit_phases:
            yield whole.phase, PathShare(oom_kills=whole.oom_kills)
        if trial.page_arrays is not None and not trial.audit_phases:
            yield "trigger", _untraced(trial.page_arrays, trial.requests)


def _traced(row: AuditRow) -> PathShare:
    """Requests of one order and kind of flags, as the audit counted them."""
    return PathShare(
        requests=row.requests,
        contiguous=row.contiguous,
        fell_back=row.fell_back,
        refused=row.refused,
        reclaims=row.reclaims,
        compactions=row.compactions,
        spent_us=row.reclaim_us + row.compact_us,
        orders=(row.order,),
    )


def _untraced(arrays: RequestPaths, requests: RequestSummary | None) -> PathShare:
    """The trigger's, where no audit saw them: a request that was in flight stands for an OOM kill."""
    return PathShare(
        requests=arrays.contiguous + arrays.fell_back + arrays.refused,
        contiguous=arrays.contiguous,
        fell_back=arrays.fell_back,
        refused=arrays.refused,
        oom_kills=requests.in_flight if requests is not None else 0,
    )


def path_lines(names: Sequence[str], paths: Sequence[Paths], clock: Clock) -> Iterator[str]:
    """A line for each phase and variant."""
    for phase in PHASES:
        for name, own in zip(names, paths, strict=True):
            if phase in own:
                yield f"{WHEN[phase]}, {name}: {own[phase].words(clock)}"
