# SPDX-License-Identifier: Apache-2.0
"""Kernels and sources as Debian packages: which, where from, fetched and unpacked."""
