# SPDX-License-Identifier: Apache-2.0
"""Kernel variants: from a base and patches to a kernel image and an initramfs."""
