# SPDX-License-Identifier: Apache-2.0
"""Figures with as many digits as mean something, so that they are the same on every machine."""

from __future__ import annotations

from typing import overload

_DIGITS = 6


@overload
def rounded(value: float) -> float: ...
@overload
def rounded(value: None) -> None: ...
@overload
def rounded(value: float | None) -> float | None: ...
def rounded(value: float | None) -> float | None:
    """`value` to six significant digits.

    The last digits of a sum depend on the processor, and a verdict that is computed again has to be
    the same to the byte.
    """
    return None if value is None else float(f"{value:.{_DIGITS}g}")
