# SPDX-License-Identifier: Apache-2.0
"""JUnit XML as CI systems take it: read back by the library, held against the common schema's rules."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from junitparser import Error, Failure, JUnitXml, TestSuite

from orchestrator.outcome import Outcome
from orchestrator.report.formats.junit import render_junit
from orchestrator.verdict.judged_run import load_judged_run
from tests.unit.report.factory import Made, run_report

# What the schemas in use agree on: attributes that have to be there, and children in this order.
_REQUIRED = {"testsuites": (), "testsuite": ("name", "tests", "failures", "errors", "time", "timestamp"),
             "testcase": ("name", "classname", "time"), "property": ("name", "value"),
             "failure": ("message", "type"), "error": ("message", "type")}  # fmt: skip
_CHILDREN = {"testsuites": ["testsuite"], "testsuite": ["properties", "testcase"], "properties": ["property"],
             "testcase": ["failure", "error", "system-out"], "property": [], "failure": [], "error": [],
             "system-out": []}  # fmt: skip


def check_schema(element: ElementTree.Element) -> None:
    """AssertionError where the document breaks a rule."""
    allowed = _CHILDREN[element.tag]
    assert set(_REQUIRED.get(element.tag, ())) <= set(element.attrib), element.tag
    order = [allowed.index(child.tag) for child in element]
    assert order == sorted(order), f"children of {element.tag} out of order"
    if element.tag == "testsuite":
        cases = element.findall("testcase")
        assert int(element.attrib["tests"]) == len(cases)
        assert len({case.attrib["name"] for case in cases}) == len(cases), "names tell cases apart"
        for kind in ("failure", "error"):
            assert int(element.attrib[f"{kind}s"]) == len(element.findall(f"testcase/{kind}"))
    for child in element:
        check_schema(child)


def suites(text: str) -> list[TestSuite]:
    check_schema(ElementTree.fromstring(text))
    document = JUnitXml.fromstring(text.encode())
    assert isinstance(document, JUnitXml)
    return list(document)


def test_a_case_for_each_trial_with_what_ran_as_properties(tmp_path: Path) -> None:
    died, lived, whole = suites(render_junit(run_report(tmp_path / "run", Made(blocks=2, benchmarks=False))))
    assert [case.name for case in died] == ["block 1, fork 1", "block 2, fork 1"]
    assert (lived.name, lived.tests, lived.failures, lived.errors) == ("binder-order3.kvcalloc", 2, 0, 0)
    properties = {each.name: each.value for each in lived.properties()}  # type: ignore[no-untyped-call]
    assert properties["patches"] == "binder-kvcalloc-6.1.patch"
    assert properties["kernel"] == "6.1.0-56-arm64"
    assert properties["command"].startswith("oomlab run ")
    assert whole.tests == 1


@pytest.mark.parametrize(
    ("outcome", "kind"), [(Outcome.ALLOCATION_FAILURE, Failure), (Outcome.BOOT_FAILED, Error)]
)
def test_a_trial_that_went_wrong_carries_its_evidence(
    tmp_path: Path, outcome: Outcome, kind: type[Failure | Error]
) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False, spoil=outcome))
    _, lived, whole = suites(render_junit(report))
    (result,) = next(iter(lived)).result
    assert isinstance(result, kind)
    assert str(outcome) in (result.message or "")
    assert "oomlab: phase trigger" in (result.text or "")
    assert bool(whole.errors) is (kind is Error)


def test_trials_that_never_ran_are_errors(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=2, benchmarks=False))
    lines = report.directory.journal.read_bytes().splitlines(keepends=True)
    report.directory.journal.write_bytes(b"".join(line for line in lines if b'"trial":3,' not in line))
    died, _, whole = suites(render_junit(load_judged_run(report.directory.path)))
    assert (died.errors, whole.errors) == (1, 1)
    assert [case.result[0].message for case in died if case.result] == ["was not run"]
