# SPDX-License-Identifier: Apache-2.0
"""What to do after a run: a line each, the most useful first. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion, Judgement
from orchestrator.verdict.verdict import Verdict


def next_steps(judged: JudgedRun) -> list[str]:
    """At most three lines, commands in them ready to be pasted."""
    run = shlex.quote(str(judged.directory.path))
    return [
        *_because_of(judged, run),
        _look_closer(judged.verdict, run),
        place_line(judged),
    ]


def _look_closer(verdict: Verdict, run: str) -> str:
    more = ", ".join(_of_full_report(verdict))
    return f"Next: oomlab report {run} --verbose ({more}), or --format html -o report.html (mail, junit...)"


def left_out_line(what: str) -> str:
    """That there was no room for something on the short page."""
    return f"Left out here, and in the full report: {what}"


def _of_full_report(verdict: Verdict) -> Iterator[str]:
    """What the full report has that the short page has not."""
    if any(each.audit is not None for each in verdict.passes):
        yield "audit"
    if any(each.comparisons for each in verdict.passes):
        yield "times"
    if any(each.answers for each in verdict.passes):
        yield "four answers"
    yield "kernels"


def place_line(judged: JudgedRun) -> str:
    """Where all of a run is."""
    return f"Everything is in {judged.directory.path}"


def _because_of(judged: JudgedRun, run: str) -> Iterator[str]:
    """What this verdict asks for."""
    verdict = judged.verdict
    if verdict.conclusion is Conclusion.MISSING:
        if any(line.endswith(" was not run") for line in verdict.missing):
            yield f"To run what was not run: oomlab run --resume {run}"
        elif (console := _console_of(judged)) is not None:
            yield f"What the guest said last: {console}"
    elif verdict.conclusion is Conclusion.COMPARED_ONLY and not verdict.expected:
        yield "To have a verdict next time, say what is expected (`expectations:` in the scenario)."
    elif _too_few(verdict):
        yield f"For a claim beyond counts: the same run with --set trials.blocks={LEAST_BLOCKS_FOR_A_CLAIM}"


def _console_of(judged: JudgedRun) -> str | None:
    """The console of the first trial that gave no evidence."""
    silent = {each.trial for each in judged.verdict.trials if each.judgement is Judgement.NO_EVIDENCE}
    first = next((result for result in judged.results if result.trial in silent), None)
    return None if first is None else f"{judged.directory.path}/trials/{first.directory}/console.log"


def _too_few(verdict: Verdict) -> bool:
    return any(not each.claims for only in verdict.passes for each in only.comparisons)
