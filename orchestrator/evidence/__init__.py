# SPDX-License-Identifier: Apache-2.0
"""One trial, judged: from what its guest left to its result. Pure."""
