# SPDX-License-Identifier: Apache-2.0
"""Do the unit tests notice when what they guard is wrong? Mutations of pure code, sampled with a seed."""
