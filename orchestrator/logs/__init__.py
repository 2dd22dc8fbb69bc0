# SPDX-License-Identifier: Apache-2.0
"""Kernel logs that people name: files, pipes and stdin as streams of events."""
