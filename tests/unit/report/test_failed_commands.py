# SPDX-License-Identifier: Apache-2.0
"""A trigger's command that failed is no pass, can be expected, and every report tells how it ended."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from orchestrator.record.journal import RunStarted, TrialEnded, open_journal
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from orchestrator.verdict.verdict import compute_verdict
from tests.unit.evidence.guest_output import ACCELERATORS, OOM_CONSOLE, command, judged, process_end
from tests.unit.report.factory import HOSTILE, Made, run_directory

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants: {base: {base: debian-6.1}}
trigger: {kind: command, command: "exit 3"}
"""


def scenario(expected: str) -> Scenario:
    return load_text(f"{TEXT}expectations: {expected}\n", Path("example.yaml")).scenario


def met(expected: str, **end: int) -> tuple[bool | None, str]:
    reason = "killed" if "signal" in end else "finished"
    result = judged(command(process_end(**end), reason=reason), variant="base")
    verdict = compute_verdict(scenario(expected), [], [result], accelerators=ACCELERATORS)
    return verdict.expectations_met, "; ".join(verdict.variants["base"].unmet)


@pytest.mark.parametrize(
    "expected",
    ["{base: {outcome: command-failed}}", "{base: {exit_status: 3}}",
     "{base: {outcome: command-failed, exit_status: 3}}"],
)  # fmt: skip
def test_a_failing_command_can_be_expected(expected: str) -> None:
    assert met(expected, exit_status=3) == (True, "")


@pytest.mark.parametrize(
    ("expected", "end", "why"),
    [
        ("{base: {outcome: passed}}", {"exit_status": 3}, "outcome command-failed instead of passed"),
        ("{base: {oom: never}}", {"signal": 11}, "outcome command-failed instead of passed"),
        ("{base: {vmstat: {oom_kill: {max: 0}}}}", {"exit_status": 1}, "the command failed"),
        ("{}", {"exit_status": 127}, "the command failed"),
        ("{base: {exit_status: 3}}", {"exit_status": 4}, "exit status 4 instead of exit status 3"),
        ("{base: {exit_status: 3}}", {"exit_status": 0}, "outcome passed instead of command-failed"),
        ("{base: {exit_status: 0}}", {"exit_status": 1}, "exit status 1 instead of exit status 0"),
        ("{base: {signal: SIGSEGV}}", {"signal": 6}, "SIGABRT instead of SIGSEGV"),
        ("{base: {signal: SIGSEGV}}", {"exit_status": 139}, "exit status 139 instead of SIGSEGV"),
    ],
)
def test_a_failing_command_is_not_met_by_other_expectations(
    expected: str, end: dict[str, int], why: str
) -> None:
    fulfilled, unmet = met(expected, **end)
    assert fulfilled is False
    assert why in unmet


def test_an_exit_status_beside_an_oom_can_be_expected() -> None:
    result = judged(command(process_end(exit_status=137)), OOM_CONSOLE, variant="base")
    expected = scenario("{base: {outcome: oom, exit_status: 137}}")
    assert compute_verdict(expected, [], [result], accelerators=ACCELERATORS).expectations_met is True


def report(path: Path, output: str, **end: int) -> JudgedRun:
    """A run of one trial whose command wrote `output` and ended so."""
    directory = run_directory(path, Made(blocks=1))
    manifest = json.loads(directory.manifest.read_text())
    manifest["scenario"] = json.loads(scenario("{base: {outcome: passed}}").model_dump_json())
    directory.manifest.write_text(json.dumps(manifest))
    directory.journal.unlink()
    result = judged(command(process_end(**end), output=output), variant="base")
    with open_journal(directory.journal) as journal:
        journal.append(RunStarted(scenario="example", planned=1))
        journal.append(TrialEnded(result=result))
    return load_judged_run(path)


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"gbench"}))
def test_every_format_tells_how_the_command_ended(tmp_path: Path, name: str) -> None:
    text = render(report(tmp_path / "run", "first line\nno such device\n", exit_status=3), name)
    assert "command-failed" in text
    assert "exit status 3" in text
    if name not in {"csv"}:
        assert "no such device" in text


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_output_act(tmp_path: Path, name: str) -> None:
    text = render(report(tmp_path / "run", HOSTILE.encode().decode("latin-1"), exit_status=3), name)
    assert "\x1b" not in text
    assert "\u202e" not in text
    if name == "html":
        assert "<script>" not in text


def test_csv_has_columns_for_both(tmp_path: Path) -> None:
    (cells,) = csv.DictReader(render(report(tmp_path / "run", "", signal=11), "csv").splitlines())
    assert (cells["exit_status"], cells["signal"]) == ("", "SIGSEGV")


def test_json_has_counts_by_ending(tmp_path: Path) -> None:
    verdict = json.loads(render(report(tmp_path / "run", "words\n", exit_status=3), "json"))
    variant = verdict["variants"]["base"]
    assert variant["ends"] == {"exit status 3": 1}
    assert variant["failed_output"]["end"] == "words\n"
