# SPDX-License-Identifier: Apache-2.0
"""A submission that KCIDB's own library takes: by its schema, and by what its readers rely on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import kcidb_io
import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.manifest import PatchFile
from orchestrator.outcome import Outcome
from orchestrator.report.formats.kcidb import render_kcidb
from orchestrator.report.formats.registry import render
from orchestrator.verdict.judged_run import JudgedRun
from tests.unit.report.factory import Made, run_report

VERSION = kcidb_io.schema.v05_03.Version


def submitted(text: str) -> dict[str, Any]:
    """The submission, as the library has it read and checked; every id is one object's, every link one's."""
    data: dict[str, Any] = VERSION.validate(json.loads(text))
    assert data["version"] == {"major": VERSION.major, "minor": VERSION.minor}
    ids = {kind: [each["id"] for each in data[kind]] for kind in ("checkouts", "builds", "tests")}
    assert all(len(set(own)) == len(own) for own in ids.values())
    assert {build["checkout_id"] for build in data["builds"]} == set(ids["checkouts"])
    assert {test["build_id"] for test in data["tests"]} <= set(ids["builds"])
    return data


def trials(data: dict[str, Any]) -> list[str]:
    return [test["status"] for test in data["tests"] if test["path"].endswith(".trial")]


def with_a_patch(report: JudgedRun) -> JudgedRun:
    """The factory's second variant, with the patch that its driver was built with."""
    ((base, made),) = report.manifest.artefacts.items()
    first, second = made.variants
    patch = PatchFile(name="binder-kvcalloc-6.1.patch", sha256="a" * 64)
    variants = (first, second.model_copy(update={"patches": (patch,)}))
    artefacts = {base: made.model_copy(update={"variants": variants})}
    return replace(report, manifest=report.manifest.model_copy(update={"artefacts": artefacts}))


def test_a_variant_is_a_checkout_and_a_build_and_its_trials_are_tests(tmp_path: Path) -> None:
    report = with_a_patch(run_report(tmp_path / "run", Made(blocks=2, benchmarks=False)))
    data = submitted(render_kcidb(report))
    plain, patched = data["checkouts"]
    assert plain["patchset_hash"] == ""
    assert plain["comment"] == "debian-6.1 6.1.0-56-arm64"
    (sha256,) = patched["misc"]["patches"].values()
    assert patched["patchset_hash"] == hashlib.sha256(f"{sha256}\n".encode()).hexdigest()
    assert [build["architecture"] for build in data["builds"]] == ["arm64", "arm64"]
    assert trials(data) == ["PASS"] * 4
    assert {test["path"] for test in data["tests"]} >= {"oomlab.binder-order3.trial"}
    assert all("T" in test["start_time"] for test in data["tests"])


def test_a_figure_is_a_number_with_its_unit(tmp_path: Path) -> None:
    data = submitted(render_kcidb(run_report(tmp_path / "run", Made(blocks=3))))
    figures = [test for test in data["tests"] if "number" in test]
    assert {test["status"] for test in figures} == {"DONE"}
    assert all(test["number"]["unit"] == "s" and 0 < test["number"]["value"] < 10 for test in figures)
    assert any("BM_" in test["path"] for test in figures)
    assert len(figures) == 3 * len({(test["build_id"], test["path"]) for test in figures})


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.ALLOCATION_FAILURE, "FAIL"), (Outcome.BOOT_FAILED, "ERROR")]
)
def test_what_went_wrong_is_told_with_its_evidence(tmp_path: Path, outcome: Outcome, status: str) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False, spoil=outcome))
    data = submitted(render_kcidb(report))
    (spoilt,) = (test for test in data["tests"] if test["status"] == status)
    assert str(outcome) in spoilt["log_excerpt"]
    assert spoilt["misc"]["outcome"] == str(outcome)


def test_sending_it_again_adds_nothing(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1))
    assert render_kcidb(report) == render_kcidb(report)
    ids = {test["id"] for test in submitted(render_kcidb(report))["tests"]}
    other = run_report(tmp_path / "other", Made(blocks=2))
    assert not ids & {test["id"] for test in submitted(render_kcidb(other))["tests"]}


def test_the_sender_is_whom_kcidb_knows(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1))
    data = submitted(render(report, "kcidb", origin="my_lab"))
    everything = data["checkouts"] + data["builds"] + data["tests"]
    assert {each["origin"] for each in everything} == {"my_lab"}
    assert all(each["id"].startswith("my_lab:") for each in everything)
    for wrong in ("My Lab", "", "a:b"):
        with pytest.raises(InputError, match="is no origin"):
            render_kcidb(report, wrong)
    with pytest.raises(InputError, match="--origin is for --format kcidb"):
        render(report, "junit", origin="my_lab")


def test_nothing_of_a_guest_breaks_it(tmp_path: Path) -> None:
    submitted(render_kcidb(run_report(tmp_path / "run", Made(blocks=1, hostile=True))))
