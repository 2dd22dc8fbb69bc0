# SPDX-License-Identifier: Apache-2.0
"""Where OOM begins: a value of a scenario is varied until the tipping point of each variant is known."""
