# SPDX-License-Identifier: Apache-2.0
"""Kernels that CI does not build: `./oomlab test kernels`."""
