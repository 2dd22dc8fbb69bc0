# SPDX-License-Identifier: Apache-2.0
"""A crash that is understood is recognised by its place, on every kernel and architecture, and only it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.oom.known_crashes import KNOWN_CRASHES, known_crash
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import Frame, KernelCrash
from tests.unit.oom.texts import console


def crash(*, stack: tuple[str, ...] = (), sure: bool = True, **changes: Any) -> KernelCrash:
    fields: dict[str, Any] = {
        "kind": "oops",
        "line": 1,
        "message": "Oops",
        "what": "paging request",
        "pc": "list_lru_add_obj",
        "caller": "binder_lru_freelist_add",
        "stack": tuple(Frame(function=name, sure=sure) for name in stack),
    }
    return KernelCrash(**(fields | changes))


@pytest.mark.parametrize("name", ["6.1-arm64-list-lru", "6.12-arm64-list-lru", "6.12-x86_64-list-lru"])
def test_the_crash_of_binder_s_array_is_known_from_every_console_that_shows_it(name: str) -> None:
    found = [event for event in read_events(console(name)) if isinstance(event, KernelCrash)]
    known = [known_crash(each) for each in found]
    assert known[0] is KNOWN_CRASHES[0]
    assert known[1:] == [None] * (len(found) - 1)


@pytest.mark.parametrize("name", ["6.1-arm64-null-write", "6.1-arm64-crash"])
def test_another_crash_is_not(name: str) -> None:
    found = [event for event in read_events(console(name)) if isinstance(event, KernelCrash)]
    assert found
    assert [known_crash(each) for each in found] == [None] * len(found)


@pytest.mark.parametrize(
    ("changes", "is_known"),
    [
        ({}, True),
        ({"pc": "list_lru_del"}, True),
        ({"caller": "list_lru_add_obj", "stack": ("list_lru_add_obj", "binder_lru_freelist_add")}, True),
        ({"caller": None, "stack": ("binder_lru_freelist_add",), "sure": False}, False),
        ({"caller": "xfs_buf_rele", "stack": ("xfs_buf_rele",)}, False),
        ({"pc": "list_lru_walk_one"}, False),
        ({"pc": None}, False),
        ({"kind": "kasan"}, False),
        ({"kind": "soft-lockup"}, False),
    ],
)
def test_it_is_recognised_by_where_it_is_and_who_called(changes: dict[str, Any], is_known: bool) -> None:
    assert (known_crash(crash(**changes)) is not None) == is_known


@pytest.mark.parametrize("known", KNOWN_CRASHES, ids=lambda known: known.page)
def test_every_entry_has_its_page_and_says_who_is_affected(known: Any, checkout: Path) -> None:
    assert (checkout / known.page).is_file()
    for words in (known.affected, known.spared, known.page):
        assert words in known.words
