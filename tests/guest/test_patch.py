# SPDX-License-Identifier: Apache-2.0
"""`--patch` with nothing said of what is expected: a patch that mends nothing has not met it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest
ONE_BLOCK = ("--set", "trials.blocks=1", "--set", "trials.timing=false", "--set", "audit=false")


@pytest.fixture
def tried(checkout: Path, tmp_path: Path) -> Oomlab:
    """The command in a directory of its own, with the patches of this test's data."""
    for name in ("whitespace", "noretry"):
        patch = checkout / f"tests/data/binder-{name}-6.1.patch"
        (tmp_path / f"{name}.patch").write_bytes(patch.read_bytes())
    return Oomlab(checkout, tmp_path)


def test_white_space_changes_nothing_and_the_first_line_says_so(tried: Oomlab) -> None:
    whitespace = ("run", "binder-order3", "--patch", "whitespace.patch", "--out", "run", *ONE_BLOCK)
    refused = tried(*whitespace)
    assert refused.returncode == ExitCode.BAD_INPUT
    assert b"base and patched run the same binder_linux.ko (SHA-256" in refused.stderr
    assert b"the patch changes nothing in the binary" in refused.stderr
    assert not (tried.directory / "run").exists()
    done = tried(*whitespace, "--force")
    assert done.returncode == ExitCode.NOT_MET, done.stderr.decode()
    said = b"base is expected to end as kcalloc of the scenario: {outcome: oom,"
    assert said in done.stderr
    for name in ("terminal", "mail"):
        report = tried("report", "run", "--format", name)
        assert report.returncode == ExitCode.NOT_MET
        said = b" ".join(report.stdout.split())
        assert 0 <= said.find(b"the patch changes nothing here: both variants ended alike") < 600
        assert b"Tested-by:" not in report.stdout


def test_refused_mmaps_are_no_success(tried: Oomlab) -> None:
    done = tried("run", "binder-order3", "--patch", "noretry.patch", "--out", "run", *ONE_BLOCK)
    assert done.returncode == ExitCode.NOT_MET, done.stderr.decode()
    assert b"outcome allocation-failure instead of passed" in done.stderr
    assert b"mmaps failed instead of 0" in done.stderr


def test_nothing_expected_is_compared_only(tried: Oomlab) -> None:
    done = tried("run", "binder-order3", "--set", "expectations={}", "--out", "run", *ONE_BLOCK)
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    assert b"Verdict: compared only: nothing was expected." in done.stderr
