# SPDX-License-Identifier: Apache-2.0
"""From what a device's /proc, properties or bug report say to a profile of it, and a replay of its memory."""
