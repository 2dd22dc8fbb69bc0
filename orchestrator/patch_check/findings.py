# SPDX-License-Identifier: Apache-2.0
"""From a run of a base without and with a patch to what a checker says of the patch. Pure.

A pair is one memory state, gone through without and with the patch. What is worse in every pair is an
error; what is worse in some may be chance, and is a warning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.scenario.loading.patched import BASE, PATCHED
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line
from orchestrator.verdict.judged_run import JudgedRun

_GRAVE = (Outcome.KERNEL_CRASH, Outcome.PANIC, Outcome.HANG)


@dataclass(frozen=True)
class Finding:
    """Something to say of a patch. b4 takes a line with `ERROR:` for a failure, any other for a warning."""

    text: str
    is_error: bool = False

    @property
    def line(self) -> str:
        """As it is printed, in one line of ASCII."""
        return ascii_line(f"{'ERROR' if self.is_error else 'WARNING'}: {self.text}")


def findings_of(report: JudgedRun) -> list[Finding]:
    """What to say of `patched`, held against `base`; nothing where it ends as the base, or better."""
    pairs = _pairs(report.results)
    if not pairs:
        why = next(iter([*report.verdict.missing, *report.verdict.advice]), "no trial gave evidence")
        return [Finding(f"not tested: {why}")]
    return [*_crashes(report.results), *_compared(pairs)]


def _pairs(results: Sequence[TrialResult]) -> list[tuple[Outcome, Outcome]]:
    """How the two ended, in each block where both gave evidence; the last attempt counts."""
    ends: dict[int, dict[str, TrialResult]] = {}
    for result in sorted(results, key=lambda each: each.attempt):
        if result.stage == "trigger" and result.outcome.is_evidence:
            ends.setdefault(result.block, {})[result.variant] = result
    both: list[Mapping[str, TrialResult]] = [own for own in ends.values() if {BASE, PATCHED} <= own.keys()]
    return [(own[BASE].outcome, own[PATCHED].outcome) for own in both]


def _crashes(results: Sequence[TrialResult]) -> Iterator[Finding]:
    """Crashes of the patched kernel that the base has not shown, whatever the outcome was."""
    known = {crash.what for result in results if result.variant == BASE for crash in result.crashes}
    patched = [result for result in results if result.variant == PATCHED]
    for what in dict.fromkeys(crash.what for result in patched for crash in result.crashes):
        if what not in known:
            yield Finding(f"the patched kernel crashed: {what}", is_error=True)


def _compared(pairs: Sequence[tuple[Outcome, Outcome]]) -> Iterator[Finding]:
    worse = [pair for pair in pairs if _is_worse(*pair)]
    if worse:
        ends = ", ".join(
            f"{count} x {outcome}" for outcome, count in Counter(end for _, end in worse).items()
        )
        before = ", ".join(dict.fromkeys(str(end) for end, _ in worse))
        states = f"{len(worse)} of {count_of('memory state', len(pairs))}"
        said = f"with the patch {ends} in {states}; without it: {before}"
        yield Finding(said, is_error=len(worse) == len(pairs))
        return
    other = [pair for pair in pairs if pair[0] is not pair[1] and pair[1] is not Outcome.PASSED]
    if other:
        counts = Counter(other).items()
        ends = ", ".join(f"{before} became {after} ({count} x)" for (before, after), count in counts)
        yield Finding(f"with the patch the load fails in another way: {ends}")


def _is_worse(before: Outcome, after: Outcome) -> bool:
    passed_before = before is Outcome.PASSED and after is not Outcome.PASSED
    return passed_before or (after in _GRAVE and before not in _GRAVE)
