# SPDX-License-Identifier: Apache-2.0
"""The loads under test: one module a kind, and the table of all kinds in kinds.py."""
