# SPDX-License-Identifier: Apache-2.0
"""From an OOM report, a console or a mail to a scenario that reproduces it."""
