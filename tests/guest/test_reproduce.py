# SPDX-License-Identifier: Apache-2.0
"""A mail with a report and a patch goes to its verdict in one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab
from tests.unit.reproduce.texts import failure

pytestmark = pytest.mark.guest

MAIL = Path(__file__).parents[1] / "data" / "mails" / "kvcalloc-quoted.txt"


def test_the_base_dies_as_the_mail_says_and_its_patch_helps(oomlab: Oomlab) -> None:
    completed = oomlab("reproduce", MAIL, "--blocks", "1", "--out", "run", "--json")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    result = json.loads(completed.stdout)
    variants = result["verdict"]["variants"]
    assert {name: variant["outcomes"] for name, variant in variants.items()} == {
        "base": {"oom": 1},
        "patched": {"passed": 1},
    }
    first = variants["base"]["first_oom"]
    assert (first["order"], first["oom_score_adj"]) == (3, -950)
    assert first["stack_first_caller"] == "binder_alloc_mmap_handler"
    assert first["victim"]["comm"] == "oomlab-bystand"
    assert (oomlab.directory / result["scenario"]).is_file()


def test_a_failed_request_of_another_driver_fails_again(oomlab: Oomlab) -> None:
    Path(oomlab.directory, "log.txt").write_text(failure(5, "0xc40(GFP_NOFS)"))
    completed = oomlab("reproduce", "log.txt", "--blocks", "1", "--set", "audit=false", "--json")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    result = json.loads(completed.stdout)
    assert result["verdict"]["variants"]["base"]["outcomes"] == {"allocation-failure": 1}
    assert "made by a test module" in {fact["what"]: fact["why"] for fact in result["facts"]}["trigger"]
