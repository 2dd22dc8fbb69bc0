# SPDX-License-Identifier: Apache-2.0
"""Real mails, cut down, with the truth beside them: they lie outside the project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.mail.contents import read_contents
from tests.unit.oom.texts import CORPUS

SIDECARS = sorted((CORPUS / "small-mails").glob("*.json"))


def test_the_mails_are_there() -> None:
    if not SIDECARS:
        pytest.skip(f"NO MAILS ARE READ: {CORPUS / 'small-mails'} is absent")


@pytest.mark.parametrize("sidecar", SIDECARS, ids=lambda path: path.stem)
def test_a_mail_holds_what_is_in_it(sidecar: Path) -> None:
    truth: dict[str, Any] = json.loads(sidecar.read_text())["truth"]
    found = read_contents(sidecar.with_suffix(".txt").read_bytes())
    assert len(found.patches) == truth["patches"]["count"]
    assert len(found.tables) + len(found.grids) == len(truth["tables"])
    assert len(found.reports) == len(truth["events"])
    for event, wanted in zip(found.reports, truth["events"], strict=True):
        has = event.as_json()
        for name, value in wanted.items():
            if isinstance(value, dict):
                assert {key: has[name].get(key) for key in value} == value
            else:
                assert has[name] == value
