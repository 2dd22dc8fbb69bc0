# SPDX-License-Identifier: Apache-2.0
"""The two lines at the head of every report, under the name that reports know them by."""

from orchestrator.verdict.records import Summary
from orchestrator.verdict.summary import summarise

__all__ = ["Summary", "summarise"]
