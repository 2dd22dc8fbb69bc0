# SPDX-License-Identifier: Apache-2.0
"""Tests of words made plain or readable."""
