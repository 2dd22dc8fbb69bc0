# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments: no process, no temporary file, no lost result, and the same verdict in the end.

The same at length: `python -m benchmarks.kill_many`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kill_many import Campaign, kill_often

pytestmark = pytest.mark.guest

KILLS = 8


def test_runs_that_are_killed_and_resumed_end_as_if_nothing_had_been(
    tmp_path: Path, environment: object
) -> None:
    campaign = Campaign(tmp_path / "runs", clock="deterministic", blocks=1, seed=1)
    tally = kill_often(campaign, KILLS)
    assert tally.kills == KILLS
