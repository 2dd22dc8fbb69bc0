# SPDX-License-Identifier: Apache-2.0
"""Trigger `syscall`: what each path asks of the free lists, by page size, and what is said of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.binder import KernelFigures
from orchestrator.scenario.triggers import syscall
from orchestrator.scenario.triggers.base import Need
from orchestrator.scenario.triggers.syscall import Syscall
from orchestrator.units import KIB

PATHS = get_args(syscall.Path)


def trigger(path: str, **others: object) -> Syscall:
    return Syscall.model_validate({"kind": "syscall", "path": path, "count": 600, **others})


@pytest.mark.parametrize(
    ("path", "page_kib", "order"),
    [
        ("user-key", 4, 3), ("user-key", 16, 1), ("user-key", 64, 0),
        ("pipe-size", 4, 3), ("pipe-size", 16, 0),
        ("netlink-broadcast", 4, 3), ("netlink-broadcast", 16, 1),
    ],
)  # fmt: skip
def test_a_path_asks_for_a_block_a_call(path: str, page_kib: int, order: int) -> None:
    assert trigger(path).need(KernelFigures(page_kib * KIB)) == Need(order, 600)


def test_what_is_given_back_is_there_once_a_process() -> None:
    assert trigger("user-key", hold=False, processes=4).need(KernelFigures(4 * KIB)) == Need(3, 4)


def test_a_dump_needs_no_block_and_falls_back_without() -> None:
    assert trigger("netlink-dump").need(KernelFigures(4 * KIB)) is None
    assert {path: trigger(path).falls_back for path in PATHS} == {
        "user-key": None, "pipe-size": None, "netlink-broadcast": None, "netlink-dump": True,
    }  # fmt: skip


def test_both_halves_know_the_same_paths_and_the_page_tells_of_each(checkout: Path) -> None:
    source = (checkout / "images/guest/trigger/syscall.c").read_text()
    table = source[source.index("} paths[] = {") :]
    assert tuple(re.findall(r'^\t\{ "([\w-]+)",', table, re.MULTILINE)) == PATHS
    page = (checkout / "docs/syscalls.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE) == list(PATHS)


def test_the_guest_is_told_which_and_so_are_people() -> None:
    assert trigger("pipe-size").recipe() == {
        "count": 600, "processes": 1, "hold": 1, "pause_us": 0, "path": "pipe-size",
    }  # fmt: skip
    assert trigger("pipe-size", processes=2).words == "600 calls of pipe-size by 2 processes"
