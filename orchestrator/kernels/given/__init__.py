# SPDX-License-Identifier: Apache-2.0
"""Kernels that somebody brings: image files, and directories of modules."""
