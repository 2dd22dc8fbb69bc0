# SPDX-License-Identifier: Apache-2.0
"""Every report says how the kernels that ran differ from a phone's, and what the trigger asks of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.kernels.build.config.text import parse_config
from orchestrator.kernels.manifest import ArtefactManifest, VariantArtefacts
from orchestrator.kernels.traits.config import KernelConfig
from orchestrator.kernels.traits.page_array import Element, unknown
from orchestrator.kernels.traits.table import KernelTable
from orchestrator.kernels.traits.traits import traits_of
from orchestrator.report.formats.registry import render
from orchestrator.report.kernels import brief, rows_of, title
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.kernels import compare_kernels
from tests.unit.report.factory import Made, artefacts_of, run_report

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB, cma: 32MiB, sysctls: {vm.compaction_proactiveness: 0}}
variants:
  one: {base: debian-6.1}
  other: {base: debian-6.1}
"""
BINDER = TEXT + "trigger: {kind: binder-mmap, size: 4MiB, count: 600}"
SMALL, LARGE = Element(size_bytes=8, source="its BTF"), Element(size_bytes=32, source="its BTF")


def scenario(text: str = BINDER) -> Scenario:
    return load_text(text, Path("example.yaml")).scenario


def artefacts(
    element: Element, own: Element | None = None, config: str = "CONFIG_NUMA=y"
) -> ArtefactManifest:
    text = f"CONFIG_NODES_SHIFT=4\nCONFIG_CMA=y\nCONFIG_COMPACTION=y\n{config}\n"
    options = KernelConfig(parse_config(text), "its config")
    variants = [
        VariantArtefacts(
            name=name, scope=None, module_sha256="4" * 64, module_origin="distribution", element=at
        )
        for name, at in (("one", None), ("other", own))
    ]
    return artefacts_of("debian-6.1", "arm64").model_copy(
        update={
            "traits": traits_of(options, "arm64", element, page_size_bytes=4096),
            "variants": tuple(variants),
        }
    )


def compared(subject: Scenario, **kernels: ArtefactManifest) -> KernelTable:
    found = compare_kernels(subject, kernels)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (LARGE, "32 bytes a page (its BTF): a request of this trigger takes 32 KiB: order 3"),
        (SMALL, "8 bytes a page (its BTF): a request of this trigger takes 8 KiB: order 1"),
        (
            unknown("no BTF"),
            "unknown: a request of this trigger takes 32 KiB: order 3, if an element has 32 bytes",
        ),
    ],
)
def test_the_order_that_is_asked_for_follows_the_element(element: Element, words: str) -> None:
    assert brief(compared(scenario(), k=artefacts(element)))[-1] == f"binder page array: {words}"


def test_a_variant_whose_patch_changes_the_element_is_named() -> None:
    said = brief(compared(scenario(), k=artefacts(LARGE, SMALL)))[-1]
    assert "one: a request of this trigger takes 32 KiB: order 3" in said
    assert "other: a request of this trigger takes 8 KiB: order 1" in said


def test_a_trigger_without_page_arrays_says_nothing_of_them() -> None:
    forks = scenario(TEXT + "trigger: {kind: fork, count: 4}")
    assert not any("page array" in line for line in brief(compared(forks, k=artefacts(LARGE))))


def test_the_device_counts() -> None:
    cells = {row[0]: row[1] for row in rows_of(compared(scenario(), k=artefacts(LARGE)))}
    assert cells["CMA"] == "32 MiB"
    assert cells["compaction"] == "yes, proactiveness 0"


def test_a_few_lines_at_most_whatever_differs() -> None:
    for config in ("CONFIG_NUMA=y", "CONFIG_TRANSPARENT_HUGEPAGE=n"):
        assert len(brief(compared(scenario(), k=artefacts(LARGE, config=config)))) <= 8


def test_kernels_that_are_alike_are_told_together() -> None:
    same = artefacts(LARGE)
    (line,) = [line for line in brief(compared(scenario(), a=same, b=same)) if line.startswith("NUMA")]
    assert line.startswith("NUMA: yes, 16 nodes at most (phone: no): a page's node")
    without = artefacts(LARGE, config="")
    (line,) = [line for line in brief(compared(scenario(), a=same, b=without)) if line.startswith("NUMA")]
    assert line.startswith("NUMA: yes, 16 nodes at most with a, no with b (phone: no): a: a page's node")


def test_runs_of_before_there_were_traits_have_no_section() -> None:
    old = artefacts(LARGE).model_copy(update={"traits": None})
    assert compare_kernels(scenario(), {"k": old}) is None
    assert compare_kernels(scenario(), {}) is None


@pytest.mark.parametrize("form", ["terminal", "html", "markdown", "mail"])
def test_every_report_has_the_section(form: str, tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1))
    assert report.verdict.kernels is not None
    text = " ".join(render(report, form, full=form == "mail", verbose=True).split())
    assert title(report.verdict.kernels).replace("'", "&#39;" if form == "html" else "'") in text
    assert "16 nodes at most" in text
    assert "a page" in text
    without = replace(report, verdict=report.verdict.model_copy(update={"kernels": None}))
    assert "16 nodes at most" not in render(without, form, full=form == "mail")


def test_the_verdict_as_json_has_the_table(tmp_path: Path) -> None:
    report: JudgedRun = run_report(tmp_path / "run", Made(blocks=1))
    rows = json.loads(render(report, "json"))["kernels"]["rows"]
    assert rows[0]["trait"] == "NUMA"
    assert rows[0]["differs"] == [True]
