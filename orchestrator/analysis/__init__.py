# SPDX-License-Identifier: Apache-2.0
"""Variant against variant: pairing, effect sizes, intervals, tests."""
