# SPDX-License-Identifier: Apache-2.0
"""A patch against the sources of every base: restored, placed, checked."""
