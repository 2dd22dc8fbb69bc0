# SPDX-License-Identifier: Apache-2.0
"""Words of others made plain, and words of our own made readable. Pure; used everywhere."""
