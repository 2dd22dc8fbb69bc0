# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: what the tool costs beside what it measures. See README.md."""
