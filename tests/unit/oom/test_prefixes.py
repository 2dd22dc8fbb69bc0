# SPDX-License-Identifier: Apache-2.0
"""Whatever a logger puts before every line of a report, the report says the same."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.oom.reader import read_events
from tests.unit.oom.prefixed import LOGGERS, bare, logged
from tests.unit.oom.texts import console, essence

REPORTS = ("6.1-arm64-oom", "6.12-arm64-two-nodes", "6.1-arm64-memcg")
FORMS = [(kind, name) for kind, loggers in LOGGERS.items() for name in loggers]


def told(data: bytes) -> list[dict[str, Any]]:
    return essence(read_events(data))


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize(("kind", "name"), FORMS, ids=lambda part: str(part).replace(" ", "-"))
def test_a_report_says_the_same_behind_any_prefix(kind: str, name: str, report: str) -> None:
    messages = [line for line in bare(console(report)) if not line.startswith("oomlab: ")]
    assert told(logged(LOGGERS[kind][name], messages)) == told("\n".join(messages).encode())
