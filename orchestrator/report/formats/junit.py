# SPDX-License-Identifier: Apache-2.0
"""A run as JUnit XML, as CI systems read it: a suite for each variant, a case for each trial."""

from __future__ import annotations

import io
from collections.abc import Iterator

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from orchestrator.analysis.cost_words import cost_text
from orchestrator.report.formats.cases import ReportCase, Suite, evidence_of, suites_of, summary_of
from orchestrator.report.rows import device_lines, headline, sample_line, warnings
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import JudgedRun


def render_junit(report: JudgedRun) -> str:
    """The XML document.

    Failures are unmet expectations, errors are trials that give no evidence, what was skipped is not judged.
    """
    root = JUnitXml(report.verdict.scenario)
    for suite in suites_of(report):
        root.add_testsuite(_suite(report, suite))
    root.update_statistics()  # type: ignore[no-untyped-call]
    document = io.BytesIO()
    root.write(document)
    return document.getvalue().decode() + "\n"


def _suite(report: JudgedRun, suite: Suite) -> TestSuite:
    element = TestSuite(suite.name)
    element.timestamp = report.manifest.started.replace(tzinfo=None).isoformat(timespec="seconds")
    for name, value in _properties(report, suite):
        element.add_property(name, one_line(value))
    element.add_testcases([_case(report, suite, case) for case in suite.cases])
    return element


def _properties(report: JudgedRun, suite: Suite) -> Iterator[tuple[str, str]]:
    manifest, verdict = report.manifest, report.verdict
    yield "oomlab", manifest.oomlab_version
    yield "command", manifest.command
    yield "seed", str(manifest.seed)
    for each in verdict.passes:
        yield f"{each.clock}.accelerator", each.accelerator
        yield f"{each.clock}.cpu_model", each.cpu_model
        yield f"{each.clock}.programs", manifest.accelerators[each.clock].programs_words
        yield f"{each.clock}.blocks", str(each.blocks)
        yield f"{each.clock}.sample", sample_line(each).partition("\n")[0]
    if suite.variant is None:
        yield "conclusion", verdict.conclusion
        yield "verdict", headline(verdict)
        for line in verdict.foremost:
            yield "foremost", line
        for line in (*device_lines(verdict), *warnings(verdict)):
            yield "remark", line
    if suite.variant is not None:
        yield from _costs(report, suite.variant)
        variant = manifest.scenario.variants[suite.variant]
        artefacts = manifest.artefacts_of(suite.variant)
        yield "base", manifest.scenario.bases[suite.variant].name
        yield "patches", " ".join(patch.name for patch in variant.patches)
        yield "settings", variant.settings_words
        if artefacts is not None:
            yield "kernel", artefacts.release
        if suite.variant in verdict.built_from:
            yield "built_from", verdict.built_from[suite.variant]


def _costs(report: JudgedRun, variant: str) -> Iterator[tuple[str, str]]:
    """Means of what each phase cost, those that were not 0."""
    for each in report.verdict.passes:
        for line in each.costs:
            mean = line.means.get(variant)
            if mean:
                yield f"{each.clock}.cost.{line.phase}.{line.name}", cost_text(mean, line.unit)


def _case(report: JudgedRun, suite: Suite, case: ReportCase) -> TestCase:
    element = TestCase(case.name, suite.name)
    element.time = case.result.host_seconds if case.result is not None else 0.0
    if case.passed:
        if case.skipped is not None:
            element.result = [Skipped(one_line(case.skipped))]
        if case.result is not None:
            element.system_out = one_line(summary_of(case.result))
        return element
    result: Error | Failure = (
        Error(one_line(case.error), "no-evidence")
        if case.error is not None
        else Failure(one_line("; ".join(case.failures)), "unmet")
    )
    result.text = "\n".join(map(one_line, evidence_of(report, case)))
    element.result = [result]
    return element
