# SPDX-License-Identifier: Apache-2.0
"""What `oomlab doctor` found, for people: a line each, and below it what mends it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from orchestrator.doctor.condition import Examination, State
from orchestrator.text.amounts import count_of

_STYLES: dict[State, str] = {"ok": "green", "warning": "yellow", "fault": "bold red"}
_STATE_COLUMNS = 9


def print_diagnosis(diagnosis: Examination, console: Console, where: str = "here") -> None:
    """All findings, and whether a run can be made: `here`, or there."""
    width = max(len(finding.what) for finding in diagnosis.findings) + 2
    for finding in diagnosis.findings:
        line = Text(f"{finding.state:<{_STATE_COLUMNS}}", style=_STYLES[finding.state])
        line.append(f"{finding.what:<{width}}{finding.detail}", style="not bold default")
        console.print(line, soft_wrap=True)
        if finding.remedy:
            console.print(Text(f"{' ' * _STATE_COLUMNS}mend it: {finding.remedy}"), soft_wrap=True)
    if diagnosis.install:
        console.print(Text(f"all that is not installed: {diagnosis.install}"), soft_wrap=True)
    console.print(Text(_conclusion(diagnosis, where)), soft_wrap=True)


def _conclusion(diagnosis: Examination, where: str) -> str:
    states = [finding.state for finding in diagnosis.findings]
    faults, warnings = states.count("fault"), states.count("warning")
    if not diagnosis.ready:
        return f"A run cannot be made {where}: {count_of('fault', faults)}, {count_of('warning', warnings)}."
    return f"A run can be made {where}" + (f"; {count_of('warning', warnings)}." if warnings else ".")
