# SPDX-License-Identifier: Apache-2.0
"""One run, judged: from its results to a verdict, against what was expected. Pure but for the run's files."""
