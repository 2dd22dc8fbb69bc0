# SPDX-License-Identifier: Apache-2.0
"""Virtual devices: what boots a guest and hands over its console and control lines."""
