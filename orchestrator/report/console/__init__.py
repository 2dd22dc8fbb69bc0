# SPDX-License-Identifier: Apache-2.0
"""What a terminal shows: live progress, and pages of text."""
