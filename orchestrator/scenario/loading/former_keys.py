# SPDX-License-Identifier: Apache-2.0
"""Keys of a scenario that are called otherwise today: a file may have them by either name."""

from __future__ import annotations

from orchestrator.scenario.loading.document import Document

_OF_EXPECTATIONS = {"mmaps_failed": "requests_failed"}


def name_of_today(key: str) -> str:
    """What a key is called now."""
    return _OF_EXPECTATIONS.get(key, key)


def use_names_of_today(document: Document) -> None:
    """Rename former keys in the data, unless the one of today is there, too; their places go along."""
    expectations = document.data.get("expectations")
    for name, expectation in expectations.items() if isinstance(expectations, dict) else ():
        if not isinstance(expectation, dict):
            continue
        for former, current in _OF_EXPECTATIONS.items():
            if former not in expectation or current in expectation:
                continue
            expectation[current] = expectation.pop(former)
            for places in (document.keys, document.values):
                if (place := places.pop(("expectations", name, former), None)) is not None:
                    places["expectations", name, current] = place
