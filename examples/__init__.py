# SPDX-License-Identifier: Apache-2.0
"""Using oomlab as a library: short programs that the tests run."""
