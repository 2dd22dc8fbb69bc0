# SPDX-License-Identifier: Apache-2.0
"""Tests of the story of a run."""
