# SPDX-License-Identifier: Apache-2.0
"""Tests of how files are opened, written and followed."""
