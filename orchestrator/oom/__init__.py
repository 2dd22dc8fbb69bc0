# SPDX-License-Identifier: Apache-2.0
"""Reads OOM reports, allocation failures and low-memory kills out of any text."""
