# SPDX-License-Identifier: Apache-2.0
"""Which ends of a trial say something about the kernel."""

from __future__ import annotations

import pytest

from orchestrator.outcome import Outcome


@pytest.mark.parametrize("outcome", Outcome)
def test_evidence_is_never_repeated(outcome: Outcome) -> None:
    assert not (outcome.is_evidence and outcome.is_repeatable)


def test_a_hang_is_evidence_and_a_lost_guest_is_not() -> None:
    assert Outcome.HANG.is_evidence
    assert not Outcome.LOST.is_evidence


def test_what_never_put_the_kernel_to_the_test_is_repeated() -> None:
    repeated = {outcome.value for outcome in Outcome if outcome.is_repeatable}
    assert repeated == {"boot-failed", "target-missed", "harness-error"}
