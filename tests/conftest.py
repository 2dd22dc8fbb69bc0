# SPDX-License-Identifier: Apache-2.0
"""What every test can rely on."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# The machines that run this are shared and often emulating: how long one example takes says nothing.
hypothesis.settings.register_profile("oomlab", deadline=None)
hypothesis.settings.load_profile("oomlab")


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return CHECKOUT
