# SPDX-License-Identifier: Apache-2.0
"""Who may start beside whom: at worst until it was measured, then by what was measured."""

from __future__ import annotations

import pytest

from orchestrator.host.capacity import Capacity
from orchestrator.run.admission import Admission, GuestKind, overcommitted
from orchestrator.units import GIB, MIB

PHONE = 12 * GIB + 128 * MIB
LEAST = 320 * MIB


def host(budget_gib: float, *, spare_gib: float | None = None, worst_case: bool = False) -> Admission:
    capacity = Capacity(2, PHONE, LEAST, int(budget_gib * GIB), worst_case)
    return Admission(capacity, lambda: int((budget_gib if spare_gib is None else spare_gib) * GIB))


def test_a_block_without_room_for_a_whole_fork_runs_alone() -> None:
    admission = host(22)
    assert admission.admits(GuestKind.BLOCK, [], [])
    assert not admission.admits(GuestKind.BLOCK, [GuestKind.BLOCK], [])


def test_a_fork_has_room_beside_a_block_that_was_measured() -> None:
    admission = host(22)
    admission.saw(GuestKind.BLOCK, 2 * GIB)
    assert admission.admits(GuestKind.FORK, [], [2 * GIB])
    assert not admission.admits(GuestKind.FORK, [GuestKind.FORK], [2 * GIB]), "nobody knows what a fork takes"
    admission.saw(GuestKind.FORK, 500 * MIB)
    assert admission.admits(GuestKind.FORK, [GuestKind.FORK] * 8, [2 * GIB])


def test_the_largest_so_far_counts_and_the_next_may_be_larger() -> None:
    admission = host(4)
    for size_mib in (1000, 2000, 10):
        admission.saw(GuestKind.FORK, size_mib * MIB)
    assert admission.admits(GuestKind.FORK, [], [1300 * MIB])
    assert not admission.admits(GuestKind.FORK, [GuestKind.FORK], [0])


def test_what_others_take_meanwhile_is_not_given_again() -> None:
    admission = host(22, spare_gib=1)
    admission.saw(GuestKind.BLOCK, 2 * GIB)
    admission.saw(GuestKind.FORK, 500 * MIB)
    assert admission.admits(GuestKind.FORK, [GuestKind.FORK], [2 * GIB])
    admission.saw(GuestKind.FORK, 900 * MIB)
    assert not admission.admits(GuestKind.FORK, [GuestKind.FORK], [2 * GIB])
    assert admission.admits(GuestKind.FORK, [], [2 * GIB]), "alone it gets what its like took"
    admission.saw(GuestKind.FORK, 1025 * MIB)
    assert not admission.admits(GuestKind.FORK, [], [2 * GIB])


def test_a_block_is_not_begun_where_no_fork_could_follow() -> None:
    admission = host(5)
    admission.saw(GuestKind.BLOCK, 2 * GIB)
    admission.saw(GuestKind.FORK, 1 * GIB)
    assert admission.admits(GuestKind.BLOCK, [], [])
    assert not admission.admits(GuestKind.BLOCK, [], [2 * GIB])


def test_a_guest_that_needs_more_than_there_is_is_not_even_tried_alone() -> None:
    assert host(0.32).admits(GuestKind.BLOCK, [], [])
    assert not host(0.3).admits(GuestKind.BLOCK, [], [])
    admission = host(1)
    admission.saw(GuestKind.BLOCK, 2 * GIB)
    assert not admission.admits(GuestKind.BLOCK, [], [])


def test_in_the_worst_case_nothing_that_was_measured_counts() -> None:
    admission = host(24.3, worst_case=True)
    assert admission.admits(GuestKind.BLOCK, [], [])
    admission.saw(GuestKind.BLOCK, 1)
    admission.saw(GuestKind.FORK, 1)
    assert not admission.admits(GuestKind.BLOCK, [], [1])
    assert admission.admits(GuestKind.FORK, [], [1])
    assert not admission.admits(GuestKind.FORK, [GuestKind.FORK], [1])


def test_a_cold_trial_is_a_guest_by_itself() -> None:
    admission = host(13)
    assert admission.admits(GuestKind.BOOT, [], [])
    assert not admission.admits(GuestKind.BOOT, [GuestKind.BOOT], [])
    admission.saw(GuestKind.BOOT, 3 * GIB)
    assert admission.admits(GuestKind.BOOT, [GuestKind.BOOT], [])


def test_what_was_measured_is_told_and_what_is_overcommitted() -> None:
    admission = host(22)
    assert admission.words == ""
    admission.saw(GuestKind.BLOCK, 2 * GIB)
    admission.saw(GuestKind.FORK, 300 * MIB)
    assert admission.words == "a block took 2048 MiB, a fork took 300 MiB at most"
    remark = overcommitted(Capacity(2, PHONE, LEAST, 22 * GIB), forks=True)
    assert remark is not None
    assert "24832 MiB, and 22528 MiB can be given" in remark
    assert overcommitted(Capacity(2, PHONE, LEAST, 25 * GIB), forks=True) is None
    assert overcommitted(Capacity(2, PHONE, LEAST, 22 * GIB), forks=False) is None


@pytest.mark.parametrize("kind", [GuestKind.BLOCK, GuestKind.BOOT])
def test_the_first_of_all_gets_what_a_kernel_takes_at_least(kind: GuestKind) -> None:
    assert host(22).least_bytes(kind) == LEAST
