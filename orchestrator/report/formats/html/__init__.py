# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML file: no network, no script, light and dark, screen and paper."""

from __future__ import annotations

from orchestrator.verdict.judged_run import JudgedRun


def render_html(report: JudgedRun) -> str:
    """The page. Whatever a guest said in it is text and nothing else."""
    from orchestrator.report.formats.html.page import render_page  # with Matplotlib, which takes its time

    return render_page(report)
