# SPDX-License-Identifier: Apache-2.0
"""What vmalloc served, laid to the requests that most likely went on to it, and never more than failed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.oom.gfp import mask_of
from orchestrator.record.fallback import Request, concluded_fallbacks, seen_fallbacks

KERNEL = mask_of("GFP_KERNEL", "6.1")
NOWARN = KERNEL | mask_of("__GFP_NOWARN", "6.1")
NORETRY = NOWARN | mask_of("__GFP_NORETRY", "6.1")
WARNS, QUIET = (3, KERNEL), (3, NORETRY)


@pytest.mark.parametrize(
    ("vmalloc", "failed", "unserved", "shares", "alone"),
    [
        # In place of what failed; the rest was asked of vmalloc at once.
        ({WARNS: 5}, {QUIET: 3}, 0, {QUIET: 3}, {WARNS: 2}),
        ({WARNS: 2}, {QUIET: 3}, 0, {QUIET: 2}, {}),
        # Of three that failed one had nobody: its mmap failed.
        ({WARNS: 5}, {QUIET: 3}, 1, {QUIET: 2}, {WARNS: 3}),
        ({WARNS: 5}, {QUIET: 3}, 9, {QUIET: 0}, {WARNS: 5}),
        # Who wants no warning has something to fall back on.
        ({WARNS: 4}, {WARNS: 3, QUIET: 3}, 0, {QUIET: 3, WARNS: 1}, {}),
        # Of two that want none, the one whose flags are nearer.
        ({(3, NOWARN): 2}, {QUIET: 3, (3, NOWARN): 1}, 0, {QUIET: 1, (3, NOWARN): 1}, {}),
        # Another order is another array.
        ({(2, KERNEL): 5}, {QUIET: 3}, 0, {QUIET: 0}, {(2, KERNEL): 5}),
        ({}, {QUIET: 3}, 0, {QUIET: 0}, {}),
        ({WARNS: 2}, {}, 0, {}, {WARNS: 2}),
    ],
)
def test_what_was_seen(
    vmalloc: dict[Request, int],
    failed: dict[Request, int],
    unserved: int,
    shares: dict[Request, int],
    alone: dict[Request, int],
) -> None:
    assert seen_fallbacks(vmalloc, failed, unserved, "6.1") == (shares, alone)


@pytest.mark.parametrize(
    ("served", "contiguous", "failed", "shares"),
    [
        (10, 7, {QUIET: 5}, {QUIET: 3}),
        (10, 7, {QUIET: 2}, {QUIET: 2}),
        (7, 7, {QUIET: 2}, {QUIET: 0}),
        (5, 7, {QUIET: 2}, {QUIET: 0}),
        (10, 7, {WARNS: 2, QUIET: 2}, {QUIET: 2, WARNS: 1}),
        (10, 7, {}, {}),
    ],
)
def test_what_follows_from_the_mmaps(
    served: int, contiguous: int, failed: dict[Request, int], shares: dict[Request, int]
) -> None:
    assert concluded_fallbacks(served, contiguous, failed, "6.1") == shares


_COUNTS = st.dictionaries(
    st.tuples(st.integers(0, 4), st.sampled_from([KERNEL, NOWARN, NORETRY])), st.integers(0, 99), max_size=5
)


@given(_COUNTS, _COUNTS, st.integers(0, 99))
def test_nothing_is_lost_or_served_twice(
    vmalloc: dict[Request, int], failed: dict[Request, int], unserved: int
) -> None:
    shares, alone = seen_fallbacks(vmalloc, failed, unserved, "6.1")
    assert sum(shares.values()) + sum(alone.values()) == sum(vmalloc.values())
    assert all(0 <= shares[kind] <= failed[kind] for kind in failed)
    assert sum(shares.values()) <= max(0, sum(failed.values()) - unserved)
