# SPDX-License-Identifier: Apache-2.0
"""Runs that are cut short, empty or of another kind: every format still has something true to say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from tests.unit.report.factory import Made, run_directory

_SAYS_SO = {"terminal", "html", "mail", "junit", "ktap", "markdown"}


def cut(path: Path, lines: int) -> JudgedRun:
    """A run whose journal has the first `lines` records alone."""
    directory = run_directory(path, Made(blocks=2))
    kept = directory.journal.read_bytes().splitlines(keepends=True)[:lines]
    directory.journal.write_bytes(b"".join(kept))
    return load_judged_run(path)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("lines", [0, 1, 4])
def test_a_run_that_was_cut_short(tmp_path: Path, name: str, lines: int) -> None:
    report = cut(tmp_path / "run", lines)
    assert report.verdict.exit_code == ExitCode.VERDICT_MISSING
    text = render(report, name)
    assert text.endswith("\n")
    if name in _SAYS_SO:
        assert "was not run" in text


@pytest.mark.parametrize("name", FORMATS)
def test_variants_with_other_kernels_and_another_trigger(tmp_path: Path, name: str) -> None:
    directory = run_directory(tmp_path / "run", Made(blocks=7))
    manifest = json.loads(directory.manifest.read_text())
    scenario = manifest["scenario"]
    scenario["trigger"] = {"kind": "command", "command": "true | false"}
    scenario["expectations"] = {}
    scenario["variants"]["kcalloc"] = {"base": "debian-6.12"}
    directory.manifest.write_text(json.dumps(manifest))
    report = load_judged_run(directory.path)
    assert not report.verdict.passes[0].paired
    assert render(report, name).endswith("\n")
