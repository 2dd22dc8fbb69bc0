# SPDX-License-Identifier: Apache-2.0
"""Tests of packages: found, fetched, unpacked."""
