# SPDX-License-Identifier: Apache-2.0
"""Kernels built whole: from a tree and a configuration to a kernel, and the trees and objects kept for it."""
