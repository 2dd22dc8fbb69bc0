# SPDX-License-Identifier: Apache-2.0
"""How each variant's page-array requests were served, phase by phase: what can explain a difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.phrases import WHEN, share_text
from orchestrator.result import AuditedPhase, TrialResult

PHASES: tuple[AuditedPhase, ...] = ("relaxed", "target", "trigger", "after")
_US_PER_MS = 1000


@dataclass(frozen=True)
class PathShare:
    """Page-array requests of all of one variant's trials in one phase."""

    requests: int
    contiguous: int
    fell_back: int
    refused: int
    reclaims: int = 0
    compactions: int = 0
    spent_us: int = 0
    orders: tuple[int, ...] = ()
    cut_off: int = 0
    """Maps in flight when the OOM killer ended who asked: their requests were never answered."""

    @property
    def all_contiguous(self) -> bool:
        """Contiguous memory was there for every one."""
        return 0 < self.requests == self.contiguous and not self.cut_off

    def __add__(self, other: PathShare) -> PathShare:
        return PathShare(
            self.requests + other.requests,
            self.contiguous + other.contiguous,
            self.fell_back + other.fell_back,
            self.refused + other.refused,
            self.reclaims + other.reclaims,
            self.compactions + other.compactions,
            self.spent_us + other.spent_us,
            tuple(sorted({*self.orders, *other.orders})),
            self.cut_off + other.cut_off,
        )

    @property
    def words(self) -> str:
        """The shares, and what it took to get them."""
        order = f" of order {' and '.join(map(str, self.orders))}" if self.orders else ""
        text = (
            f"{self.requests} page arrays{order}, {share_text(self.contiguous, self.requests)} contiguous,"
            f" {share_text(self.fell_back, self.requests)} by vmalloc, {self.refused} refused"
        )
        if self.cut_off:
            text += f", {self.cut_off} cut off by the OOM killer"
        if self.reclaims or self.compactions:
            spent = f"{self.spent_us / _US_PER_MS:.3g} ms"
            text += f"; {self.reclaims} reclaims and {self.compactions} compactions on the way took {spent}"
        return text


Paths = Mapping[AuditedPhase, PathShare]


def paths_of(trials: Sequence[TrialResult]) -> Paths:
    """One variant's requests by phase: from the audit, or else from what is known of the trigger's."""
    found: dict[AuditedPhase, PathShare] = {}
    for phase, share in _shares(trials):
        found[phase] = found[phase] + share if phase in found else share
    return {phase: found[phase] for phase in PHASES if phase in found and found[phase].requests}


def _shares(trials: Iterable[TrialResult]) -> Iterator[tuple[AuditedPhase, PathShare]]:
    for trial in trials:
        for row in trial.audit:
            yield row.phase, PathShare(
                row.requests, row.contiguous, row.fell_back, row.refused, row.reclaims, row.compactions,
                row.reclaim_us + row.compact_us, (row.order,),
            )  # fmt: skip
        paths = trial.requests
        if paths is not None and not any(row.phase == "trigger" for row in trial.audit):
            count = paths.contiguous + paths.fell_back + paths.refused
            yield "trigger", PathShare(count, paths.contiguous, paths.fell_back, paths.refused)
        if trial.mmaps is not None and trial.mmaps.unfinished and (trial.audit or paths is not None):
            yield "trigger", PathShare(0, 0, 0, 0, cut_off=trial.mmaps.unfinished)
        for each in trial.benchmarks:
            if each.killed and trial.audit:
                yield each.when, PathShare(0, 0, 0, 0, cut_off=1)


def path_lines(names: Sequence[str], paths: Sequence[Paths]) -> Iterator[str]:
    """A line for each phase and variant."""
    for phase in PHASES:
        for name, own in zip(names, paths, strict=True):
            if phase in own:
                yield f"{WHEN[phase]}, {name}: {own[phase].words}"
