# SPDX-License-Identifier: Apache-2.0
"""The commands of `oomlab`, by what they are about."""
