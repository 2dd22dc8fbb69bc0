# SPDX-License-Identifier: Apache-2.0
"""The lab as a fixture: laid out once for all tests of a session. Where it cannot be had they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.kernels.cache import Cache
from orchestrator.paths import cache_dir
from tests.cuttlefish.lab import Lab, lay_out, why_not
from tests.cuttlefish.packages import Programs, fetch_programs


@pytest.fixture(scope="session")
def cvd_programs() -> Programs:
    """The real programs; without a suite that has them, or without what makes them run, no test of theirs."""
    if reason := why_not():
        pytest.skip(f"no lab of Cuttlefish: {reason}")
    try:
        return fetch_programs(Cache(cache_dir()), print)
    except HostError as error:
        pytest.skip(f"no lab of Cuttlefish: {'; '.join([error.message, *error.evidence])}")


@pytest.fixture(scope="session")
def cvd_lab_of_session(cvd_programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return lay_out(tmp_path_factory.mktemp("cuttlefish") / "lab", cvd_programs)


@pytest.fixture
def cvd_lab(cvd_lab_of_session: Lab) -> Iterator[Lab]:
    """The session's lab, in which nothing is to go wrong until a test says so."""
    yield cvd_lab_of_session
    cvd_lab_of_session.personality()
    cvd_lab_of_session.join_groups()


def devices_left(lab: Lab) -> list[Path]:
    """What cvd has in its database and among its locks of devices that ought to be gone."""
    state = lab.directory / "state" / "cvd"
    return [path for path in (*state.glob("*/*/home"), *state.glob("lock/*.lock")) if path.exists()]
