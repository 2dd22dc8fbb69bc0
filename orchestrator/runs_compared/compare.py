# SPDX-License-Identifier: Apache-2.0
"""Variants of two separate runs against each other: nothing is paired, and that is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.analysis.comparison import compare
from orchestrator.analysis.noise import deterministic_noise, realtime_noise
from orchestrator.analysis.records import Comparison
from orchestrator.analysis.samples import evident, sample_of, timed
from orchestrator.analysis.timings import pairs
from orchestrator.clock import Clock
from orchestrator.errors import InputError
from orchestrator.record.result import TrialResult
from orchestrator.runs_compared.differences import differences, times_differ_by
from orchestrator.runs_compared.record import ComparedPass, ComparedRun, RunsCompared
from orchestrator.text.amounts import count_of
from orchestrator.text.nearest import nearest
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion

Names = tuple[str, str]
_APART = ((86_400, "days"), (3600, "hours"), (60, "minutes"))


def compare_runs(first: JudgedRun, second: JudgedRun, wanted: Sequence[str] = ()) -> RunsCompared:
    """Compare variants of the same name, or those `wanted`: `NAME` or `NAME=NAME_OF_THE_SECOND_RUN`.

    Raises InputError where they are one run, or have no clock or no variant in common.
    """
    if first.directory.path.resolve() == second.directory.path.resolve():
        raise InputError("both are the same run", hint="give two run directories")
    names = _names(first, second, wanted)
    clocks = [clock for clock in first.manifest.accelerators if clock in second.manifest.accelerators]
    if not clocks:
        clock_words = (" and ".join(run.manifest.accelerators) for run in (first, second))
        raise InputError(
            f"the runs have no clock in common: {', '.join(clock_words)}",
            hint="seconds and instructions cannot be compared: run one again with --set trials.clock",
        )
    found = differences(first.manifest, second.manifest)
    passes = tuple(_pass(first, second, clock, names, times_differ_by(found, clock)) for clock in clocks)
    return RunsCompared(
        runs=(_run("A", first), _run("B", second)),
        differences=found,
        passes=passes,
        cannot=tuple(_cannot(first, second, passes, len(found))),
    )


def _names(first: JudgedRun, second: JudgedRun, wanted: Sequence[str]) -> list[Names]:
    ours, theirs = (list(run.manifest.scenario.variants) for run in (first, second))
    if wanted:
        return [_wanted(text, ours, theirs) for text in wanted]
    common = [(name, name) for name in ours if name in theirs]
    if not common and len(ours) == len(theirs) == 1:
        return [(ours[0], theirs[0])]
    if not common:
        raise InputError(
            f"the runs have no variant in common: {', '.join(ours)}; {', '.join(theirs)}",
            hint=f"say which to compare: --variant {ours[0]}={theirs[0]}",
        )
    return common


def _wanted(text: str, ours: Sequence[str], theirs: Sequence[str]) -> Names:
    one, equals, other = text.partition("=")
    pair = (one, other if equals else one)
    for name, known, which in zip(pair, (ours, theirs), ("first", "second"), strict=True):
        if name not in known:
            close = nearest(name, known)
            raise InputError(
                f"the {which} run has no variant '{name}'; it has: {', '.join(known)}",
                hint=f"did you mean '{close}'?" if close else "",
            )
    return pair


def _run(label: str, report: JudgedRun) -> ComparedRun:
    return ComparedRun.model_validate(
        {
            "label": label,
            "directory": report.directory.path.resolve().name,
            "scenario": report.verdict.scenario,
            "started": report.manifest.started,
            "conclusion": report.verdict.conclusion,
            "expectations_met": report.verdict.expectations_met,
        }
    )


def _pass(
    first: JudgedRun, second: JudgedRun, clock: Clock, names: Sequence[Names], left_out: str | None
) -> ComparedPass:
    ours, theirs = ([each for each in run.results if each.clock == clock] for run in (first, second))
    # A cold trial's memory is its own, whatever it looks like: only blocks can be the same ones.
    cold = any(each.cold for each in [*ours, *theirs])
    same = set[str]() if cold else _states(ours) & _states(theirs)
    if clock == "deterministic" and not cold and not same and left_out is None:
        left_out = "no block of one run has the memory of a block of the other"
    comparisons = tuple(
        _comparison(
            clock, pair, (evident(ours, pair[0]), evident(theirs, pair[1])),
            paired=clock == "deterministic" and bool(same), timed_too=left_out is None,
        )
        for pair in names
    )  # fmt: skip
    return ComparedPass(clock=clock, same_states=len(same), comparisons=comparisons, times_left_out=left_out)


def _states(results: Sequence[TrialResult]) -> set[str]:
    return {result.fingerprint for result in results if result.fingerprint}


def _comparison(
    clock: Clock,
    pair: Names,
    results: tuple[Sequence[TrialResult], Sequence[TrialResult]],
    *,
    paired: bool,
    timed_too: bool,
) -> Comparison:
    """`paired`: under the deterministic clock, blocks with the same memory in both runs are one block."""
    found = []
    if timed_too:
        sample = sample_of([*results[0], *results[1]])
        found = pairs(timed(results[0]), timed(results[1]), paired=paired, sample=sample)
    noise = deterministic_noise(None, found) if clock == "deterministic" else realtime_noise(found, ())
    names = (f"{pair[0]} (A)", f"{pair[1]} (B)")
    return compare(names, results, found, clock=clock, paired=paired, noise=noise, timed=timed_too)


def _cannot(
    first: JudgedRun, second: JudgedRun, passes: Sequence[ComparedPass], differing: int
) -> Iterator[str]:
    """What a reader might conclude and must not."""
    apart = _apart(abs((second.manifest.started - first.manifest.started).total_seconds()))
    if any(each.clock == "realtime" for each in passes):
        yield (
            f"The guests of the two runs are different boots with different memory, begun {apart} apart: a"
            " difference between them may be the host's load or the luck of the draw, which pairs within"
            " one run cancel and these do not."
        )
    cold = [label for label, run in (("A", first), ("B", second)) if not run.manifest.scenario.trials.fork]
    if cold:
        yield (
            f"The trials of {' and '.join(cold)} are cold: each booted a guest of its own, so not even the"
            " variants of one run were seen in one memory."
        )
    if differing:
        yield (
            f"More than the results differs ({count_of('thing', differing)}): a difference in the results may"
            " come of any of it, and cannot be put down to a patch."
        )
    yield (
        "No difference found is not equality: only one run with both variants, and enough blocks, bounds"
        " how large a difference can be."
    )
    for label, run in (("A", first), ("B", second)):
        if run.verdict.conclusion is Conclusion.MISSING:
            yield f"{label} is not whole ({count_of('gap', len(run.verdict.missing))} in its evidence)."


def _apart(seconds: float) -> str:
    for unit_s, name in _APART:
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds:.0f} seconds"
