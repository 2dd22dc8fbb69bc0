# SPDX-License-Identifier: Apache-2.0
"""The Cuttlefish backend: Android's virtual device, as its own tool `cvd` creates it."""
