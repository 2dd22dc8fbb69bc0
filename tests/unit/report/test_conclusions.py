# SPDX-License-Identifier: Apache-2.0
"""Every format says which of the verdicts it is, what was not judged, and what must be read first."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import JUnitXml
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.report.formats.runs_compared import COMPARISON_FORMATS, render_runs
from orchestrator.report.rows import headline
from orchestrator.runs_compared.compare import compare_runs
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.verdict import compute_verdict
from tests.unit.evidence.guest_output import ACCELERATORS
from tests.unit.report.factory import Made, run_directory, run_report
from tests.unit.report.formats.ktap_parser import parse_ktap

UNCHANGED = "the patch changes nothing here: both variants ended alike"
PLAIN = Made(blocks=2, benchmarks=False)


def judged_again(report: JudgedRun, *results: TrialResult) -> JudgedRun:
    """The report of the same run with other results."""
    scenario = report.manifest.scenario
    verdict = compute_verdict(scenario, report.blocks, results, accelerators=ACCELERATORS)
    return replace(report, results=results, verdict=verdict)


@pytest.fixture
def compared(tmp_path: Path) -> JudgedRun:
    """A run of a scenario that expects nothing."""
    return run_report(tmp_path / "run", replace(PLAIN, expected=False))


@pytest.fixture
def unchanged(tmp_path: Path) -> JudgedRun:
    """A run in which the patched variant dies just as the other does."""
    report = run_report(tmp_path / "run", PLAIN)
    dead = {each.block: each for each in report.results if each.variant == "kcalloc"}
    return judged_again(
        report,
        *(
            dead[each.block].model_copy(
                update={"trial": each.trial, "variant": each.variant, "directory": each.directory}
            )
            for each in report.results
        ),
    )


@pytest.mark.parametrize("name", FORMATS)
def test_where_nothing_was_expected_no_format_says_met(compared: JudgedRun, name: str) -> None:
    text = render(compared, name)
    words = {
        "json": '"conclusion": "compared-only"',
        "gbench": '"oomlab_conclusion": "compared-only"',
        "csv": ",not-judged,nothing is expected of this variant",
    }
    assert words.get(name, "ompared only: nothing was") in text
    assert "expectations met" not in text.lower()
    assert "Tested-by:" not in text
    assert '"expectations_met": true' not in text


def test_compared_only_has_a_badge_of_its_own_and_its_exit_code(tmp_path: Path, compared: JudgedRun) -> None:
    page = render(compared, "html")
    assert '<header class="top compared">' in page
    assert "No Tested-by is suggested: nothing was expected." in render(compared, "mail")
    assert render(compared, "markdown").startswith("## \N{SCALES} ")
    result = CliRunner().invoke(app, ["report", str(compared.directory.path)])
    assert result.exit_code == ExitCode.MET


def test_test_runners_are_told_to_skip_what_is_not_judged(compared: JudgedRun) -> None:
    tests = parse_ktap(render(compared, "ktap"))
    assert [test.directive for test in tests] == ["SKIP", "SKIP", None]
    assert {each.directive for test in tests[:2] for each in test.subtests} == {"SKIP"}
    document = JUnitXml.fromstring(render(compared, "junit").encode())
    assert (document.tests, document.skipped, document.failures) == (6, 5, 0)


def test_a_fault_is_not_met_though_nothing_was_expected(compared: JudgedRun) -> None:
    *others, last = compared.results
    hung = last.model_copy(update={"outcome": Outcome.HANG})
    report = judged_again(compared, *others, hung)
    assert headline(report.verdict) == "Verdict: NOT met, although nothing was expected."
    assert not all(test.ok for test in parse_ktap(render(report, "ktap")))
    assert "NOT met, although nothing was expected" in render(report, "html")


def test_a_variant_that_was_compared_only_is_named_and_not_signed_for(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", PLAIN)
    scenario = report.manifest.scenario
    first = {"kcalloc": scenario.expectations["kcalloc"]}
    report = replace(
        report,
        manifest=report.manifest.model_copy(
            update={"scenario": scenario.model_copy(update={"expectations": first})}
        ),
    )
    report = judged_again(report, *report.results)
    mail = render(report, "mail")
    assert mail.startswith("Expectations met; nothing was expected of kvcalloc.\n")
    assert "\nNo Tested-by is suggested: nothing was expected of kvcalloc.\n-- \n" in mail


def test_a_patch_that_changes_nothing_is_told_first(unchanged: JudgedRun) -> None:
    lines = render(unchanged, "terminal").splitlines()
    assert next(line for line in lines[2:] if not line.startswith("  ")).startswith(UNCHANGED)
    assert " ".join(render(unchanged, "mail").split()).startswith(UNCHANGED)
    markdown = render(unchanged, "markdown").splitlines()
    assert markdown.index("**Verdict: expectations NOT met.**") == 2
    assert any(line.startswith(f"**{UNCHANGED}") for line in markdown[:10])
    page = render(unchanged, "html")
    verdict = page.index("xpectations NOT met", page.index("<body>"))
    assert verdict < page.index(UNCHANGED) < page.index("<nav")
    assert json.loads(render(unchanged, "json"))["foremost"][0].startswith(UNCHANGED)
    assert render(unchanged, "ktap").splitlines()[2].startswith(f"# {UNCHANGED}")
    assert UNCHANGED in render(unchanged, "junit")
    assert "Tested-by:" not in render(unchanged, "mail")


def test_what_was_expected_to_end_alike_is_no_news(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", PLAIN)
    for name in FORMATS:
        assert UNCHANGED not in render(report, name)


@pytest.mark.parametrize("name", ["json", "junit", "ktap", "csv", "html", "mail", "markdown"])
def test_traced_trials_are_said_not_to_be_judged(tmp_path: Path, name: str) -> None:
    report = run_report(tmp_path / "run", PLAIN)
    number = len(report.results)
    traced = [
        each.model_copy(update={"trial": number + each.trial, "stage": "audit-trigger"})
        for each in report.results
    ]
    # What tracing made of them is another thing than what was expected.
    traced[-1] = traced[-1].model_copy(update={"outcome": Outcome.OOM})
    report = judged_again(report, *report.results, *traced)
    text = render(report, name, full=name == "mail")
    assert report.verdict.exit_code == ExitCode.MET
    match name:
        case "json":
            judged = {each["stage"]: each["judgement"] for each in json.loads(text)["trials"]}
            assert judged == {"trigger": "met", "audit-trigger": "not-judged"}
        case "junit":
            document = JUnitXml.fromstring(text.encode())
            assert (document.tests, document.skipped, document.failures) == (9, 4, 0)
            assert text.count('message="not judged: it was traced, ') == 4
        case "ktap":
            subtests = [each for test in parse_ktap(text)[:2] for each in test.subtests]
            assert [each.directive for each in subtests] == [None, "SKIP"] * 4
        case "csv":
            rows = csv.DictReader(io.StringIO(text))
            found = {row["stage"]: (row["judgement"], row["judgement_why"]) for row in rows}
            assert found["trigger"] == ("met", "")
            assert found["audit-trigger"][0] == "not-judged"
            assert "traced" in found["audit-trigger"][1]
        case "html":
            assert text.count("<td>not judged</td>") == 4
        case _:
            assert "4 of them traced, whose outcomes are not judged" in " ".join(text.split()).replace(
                "\\", ""
            )


def test_all_that_breaks_a_verdict_breaks_a_test(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1))
    others = [each for each in report.results if each.stage != "relaxed"]
    relaxed = [each for each in report.results if each.stage == "relaxed"]
    buggy = [each.model_copy(update={"kernel_bugs": ("BUG: list",)}) for each in relaxed]
    report = judged_again(report, *others, *buggy)
    assert report.verdict.exit_code == ExitCode.NOT_MET
    assert not all(test.ok for test in parse_ktap(render(report, "ktap")))


@pytest.mark.parametrize("name", COMPARISON_FORMATS)
def test_two_runs_have_a_verdict_each(tmp_path: Path, compared: JudgedRun, name: str) -> None:
    met = run_report(tmp_path / "met", PLAIN)
    text = render_runs(compare_runs(compared, met), name)
    assert ("compared-only" if name == "json" else "compared only)") in " ".join(text.split()).replace(
        "\\", ""
    )


def test_an_older_run_directory_is_judged_anew(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", replace(PLAIN, expected=False))
    manifest = json.loads(directory.manifest.read_text())
    del manifest["expectations_from"]
    directory.manifest.write_text(json.dumps(manifest))
    directory.verdict.write_text('{"expectations_met": true}')
    result = CliRunner().invoke(app, ["report", str(directory.path), "--json"])
    assert json.loads(result.stdout)["conclusion"] == "compared-only"
