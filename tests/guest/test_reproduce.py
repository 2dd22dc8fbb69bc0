# SPDX-License-Identifier: Apache-2.0
"""A mail with a report and a patch goes to its verdict in one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab

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
