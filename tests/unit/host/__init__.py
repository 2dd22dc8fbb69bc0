# SPDX-License-Identifier: Apache-2.0
"""Tests of what is asked of this machine."""
