# SPDX-License-Identifier: Apache-2.0
"""The clocks that a guest can run under."""

from __future__ import annotations

from typing import Literal

Clock = Literal["realtime", "deterministic"]

ICOUNT_SHIFT = 2
"""Under the deterministic clock one guest instruction takes 2^shift ns of guest time."""
