# SPDX-License-Identifier: Apache-2.0
"""This machine: its processes, interrupts, control groups, capacity, rights and facts."""
