# SPDX-License-Identifier: Apache-2.0
"""Tests of one patch, checked as b4 has it."""
