# SPDX-License-Identifier: Apache-2.0
"""The story of a run: engine, schedule, execution, trials, watching, resuming, a shell."""
