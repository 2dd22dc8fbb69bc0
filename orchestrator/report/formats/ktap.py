# SPDX-License-Identifier: Apache-2.0
"""A run as KTAP version 1 (Documentation/dev-tools/ktap.rst of the kernel): nested tests per variant."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.report.formats.cases import ReportCase, Suite, evidence_of, suites_of, summary_of
from orchestrator.report.rows import built_lines, device_lines, headline, sample_line, warnings
from orchestrator.text.plain import ascii_line
from orchestrator.verdict.judged_run import JudgedRun

_INDENT = "  "


def render_ktap(report: JudgedRun) -> str:
    """The whole text. Every line that a guest has a hand in begins with `#` or is a description."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: JudgedRun) -> Iterator[str]:
    suites = suites_of(report)
    yield "KTAP version 1"
    yield f"1..{len(suites)}"
    yield from map(_diagnostic, report.verdict.foremost)
    yield _diagnostic(f"oomlab {report.manifest.oomlab_version}, scenario {report.verdict.scenario}")
    for each in report.verdict.passes:
        sample = sample_line(each).partition("\n")[0]
        yield _diagnostic(f"{each.clock} clock: {sample}")
    yield from map(_diagnostic, built_lines(report.verdict))
    yield from map(_diagnostic, device_lines(report.verdict))
    yield from map(_diagnostic, warnings(report.verdict))
    yield _diagnostic(f"repeat with: {report.repeat_commands[0]}")
    for number, suite in enumerate(suites, start=1):
        yield from (_INDENT + line for line in _suite(report, suite))
        skipped = "" if suite.skipped is None else f"SKIP {suite.skipped}"
        yield _result(number, suite.name, passed=suite.passed, detail=skipped)
    yield _diagnostic(headline(report.verdict))


def _suite(report: JudgedRun, suite: Suite) -> Iterator[str]:
    yield "KTAP version 1"
    yield f"1..{len(suite.cases)}"
    for number, case in enumerate(suite.cases, start=1):
        if not case.passed:
            yield from map(_diagnostic, evidence_of(report, case))
        yield _result(number, case.name, passed=case.passed, detail=_detail(case))


def _detail(case: ReportCase) -> str:
    """A directive where one fits, and diagnostic data. `ERROR`: the test could not be made."""
    if case.error is not None:
        return f"ERROR {case.error}"
    if case.skipped is not None:
        return f"SKIP {case.skipped}"
    if case.timed_out:
        return f"TIMEOUT {'; '.join(case.failures)}"
    if case.failures:
        return "; ".join(case.failures)
    return summary_of(case.result) if case.result is not None else ""


def _result(number: int, name: str, *, passed: bool, detail: str = "") -> str:
    """A result line: the description must not hold `#`, which begins the diagnostic data."""
    line = f"{'ok' if passed else 'not ok'} {number} {ascii_line(name).replace('#', '_')}"
    return f"{line} # {ascii_line(detail)}" if detail else line


def _diagnostic(text: str) -> str:
    return f"# {ascii_line(text)}"
