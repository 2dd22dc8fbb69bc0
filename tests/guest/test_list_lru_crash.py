# SPDX-License-Identifier: Apache-2.0
"""The crash that this project found: who has it, who has not, and what the reports say of it first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from orchestrator.oom.known_crashes import KNOWN_CRASHES
from orchestrator.oom.records import FATAL_CRASHES
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

SPARED = {"numa-fixed": "passed", "no-numa": "passed", "kcalloc": "oom"}
PATH = ["binder_lru_freelist_add", "binder_delete_free_buffer", "binder_free_buf_locked"]


@pytest.fixture(scope="module")
def ended(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Oomlab:
    """The scenario with one block, met, in `run`."""
    oomlab = Oomlab(checkout, tmp_path_factory.mktemp("crash"))
    few = ("--set", "trials.blocks=1", "--set", "trials.timing=false")
    done = oomlab("run", "list-lru-crash", *few, "--out", "run")
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    return oomlab


def test_a_page_that_is_given_back_crashes_where_its_array_is_vmalloc_s(ended: Oomlab) -> None:
    verdict = json.loads((ended.directory / "run/verdict.json").read_text())
    ends = {name: list(variant["outcomes"]) for name, variant in verdict["variants"].items()}
    assert ends == {"numa": ["kernel-crash"]} | {name: [end] for name, end in SPARED.items()}
    # Without a fault in its list, the driver that falls back serves every map and what goes through it.
    for name in ("numa-fixed", "no-numa"):
        served = verdict["variants"][name]
        assert (served["requests"]["succeeded"], served["fell_back"] > 0) == (600, True)
    (crash,) = (each["crash"] for each in verdict["crashes"] if each["crash"]["kind"] in FATAL_CRASHES)
    assert crash["pc"] == "list_lru_add_obj"
    assert [frame["function"] for frame in crash["stack"]][1:4] == PATH


@pytest.mark.parametrize("name", ["terminal", "mail --full", "markdown"])
def test_the_report_says_it_first_whom_it_spared_and_where_it_is_told(ended: Oomlab, name: str) -> None:
    report = ended("report", "run", "--format", *name.split())
    first = " ".join(report.stdout.decode().replace("\\", "").split())[:1300]
    assert "numa: the kernel crashed 2 times, in 2 of 2 trials: Oops" in first
    spared = ", ".join(f"{variant} (in 2 trials)" for variant in SPARED)
    assert f"The kernel did not crash with {spared}." in first
    assert KNOWN_CRASHES[0].page in first
