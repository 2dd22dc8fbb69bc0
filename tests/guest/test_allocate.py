# SPDX-License-Identifier: Apache-2.0
"""Requests of a test module: what only the trigger `allocate` does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

SCENARIO = """\
name: allocate
device: {{arch: arm64, memory: 192MiB}}
variants:
  base: {{base: debian-6.12}}
trigger: {{kind: allocate, {asks}}}
audit: false
expectations:
  base: {{outcome: {outcome}}}
"""


def run(oomlab: Oomlab, asks: str, outcome: str) -> tuple[dict[str, object], Path]:
    """The results of one trial, and the directory of its run."""
    Path(oomlab.directory, "a.yaml").write_text(SCENARIO.format(asks=asks, outcome=outcome))
    completed = oomlab("run", "a.yaml", "--out", "run", "--json")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    (variant,) = json.loads(completed.stdout)["variants"].values()
    return variant, oomlab.directory / "run"


def test_an_atomic_request_fails_with_a_warning_and_no_crash_is_seen_in_the_taint(oomlab: Oomlab) -> None:
    # More than there is: a request that cannot wait fails when the watermarks are reached.
    variant, directory = run(
        oomlab, "order: 6, gfp: GFP_ATOMIC, count: 1000, stop: first-failure", "allocation-failure"
    )
    assert variant["requests"]["failed"] == 1  # type: ignore[index]
    assert variant["oom_events"] == 0
    console = next(directory.glob("trials/*/console.log")).read_text()
    assert "mode:0x820(GFP_ATOMIC)" in console
    assert "oomlab_alloc_pages+" in console
    taint = json.loads((directory / "manifest.json").read_text())["artefacts"]
    assert [each["test_module"]["name"] for each in taint.values()] == ["oomlab_allocate"]


@pytest.mark.parametrize(
    ("asks", "outcome"),
    [
        ("api: dma_alloc_coherent, order: 3, count: 50", "passed"),
        (
            "api: kmalloc, order: 2, gfp: GFP_KERNEL|__GFP_ZERO, count: 60, processes: 3, hold: false",
            "passed",
        ),
    ],
)
def test_every_function_serves_where_memory_is_plenty(oomlab: Oomlab, asks: str, outcome: str) -> None:
    variant, _ = run(oomlab, asks, outcome)
    assert variant["requests"]["failed"] == 0  # type: ignore[index]
