# SPDX-License-Identifier: Apache-2.0
"""Reads the kernel's memory files (/proc/buddyinfo and its kin) and measures fragmentation."""
