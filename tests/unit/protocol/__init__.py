# SPDX-License-Identifier: Apache-2.0
"""Tests of what host and agent say to each other."""
