# SPDX-License-Identifier: Apache-2.0
"""The request of a report that is not binder's becomes a test module's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.outcome import Outcome
from orchestrator.patch_review.applicability import Kind
from tests.unit.commands.reproducing import REVIEW, facts, refused, requests, written
from tests.unit.reproduce.texts import DIFF, failure, report, reviewer, write


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(REVIEW, reviewer(Kind.ADAPTED, Kind.ALREADY))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_another_caller_s_request_is_made_by_a_test_module(order: int, tmp_path: Path) -> None:
    path = write(tmp_path, report(order=order, caller="copy_process"))
    scenario = written(path)
    trigger = requests(scenario)
    assert (trigger.order, trigger.gfp, trigger.stop) == (order, "GFP_KERNEL|__GFP_COMP", "first-oom")
    assert scenario.expectations["base"].expected_outcome == Outcome.OOM
    assert "made by a test module" in facts(path)["trigger"]["why"]
    assert "by a test module" in (scenario.description or "")


@pytest.mark.parametrize(
    ("order", "mask", "in_reclaim"),
    [
        (5, "0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO)", False),
        (0, "0x820(GFP_ATOMIC)", False),
        (2, "0x10cc0(GFP_KERNEL|__GFP_NORETRY)", False),
        (1, "0xcc1(GFP_KERNEL|GFP_DMA)", False),
        (0, "0xc0c40(GFP_NOFS|__GFP_COMP|__GFP_NOMEMALLOC)", True),
    ],
)
def test_a_failed_request_is_made_again(order: int, mask: str, in_reclaim: bool, tmp_path: Path) -> None:
    path = write(tmp_path, failure(order, mask, comm="kswapd0" if in_reclaim else "worker"))
    scenario = written(path)
    trigger = requests(scenario)
    assert (trigger.order, trigger.gfp, trigger.in_reclaim) == (order, mask.split("(")[1][:-1], in_reclaim)
    assert trigger.stop == "first-failure"
    assert scenario.expectations["base"].expected_outcome == Outcome.ALLOCATION_FAILURE
    assert "made by a test module" in facts(path)["trigger"]["why"]
    # More than there is memory for: one has to fail.
    assert trigger.count << order >= 1_000_000 // 4 // 2


def test_flags_that_kernels_have_no_more_are_translated_and_said(tmp_path: Path) -> None:
    path = write(tmp_path, failure(4, "0x6040d0(GFP_TEMPORARY|__GFP_COMP|__GFP_NOTRACK|__GFP_REPEAT)"))
    assert requests(written(path)).gfp == "GFP_KERNEL|__GFP_RECLAIMABLE|__GFP_COMP|__GFP_RETRY_MAYFAIL"
    assert "GFP_TEMPORARY, __GFP_NOTRACK, __GFP_REPEAT" in facts(path)["gfp flags"]["value"]


def test_a_failed_request_of_large_pages_is_one_of_as_many_bytes(tmp_path: Path) -> None:
    blocks = "500*64kB (U) 3*128kB (U) 0*256kB = 32384kB"
    path = write(tmp_path, failure(1, "0x40cc0(GFP_KERNEL|__GFP_COMP)", blocks=blocks))
    assert requests(written(path)).order == 5
    assert facts(path)["order"]["value"] == "5 for 1"


def test_an_oom_kill_above_order_3_is_a_failure_in_a_guest(tmp_path: Path) -> None:
    path = write(tmp_path, report(order=4))
    assert written(path).expectations["base"].expected_outcome == Outcome.ALLOCATION_FAILURE
    assert "kernels do not kill for order 4" in facts(path)["expected"]["why"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lambda: failure(2, "0xcc0(GFP_KERNEL)"), "such a request does not fail"),
        (lambda: failure(11, "0xcc0(GFP_KERNEL)"), "no kernel here has blocks above order 10"),
        (lambda: failure(5, "0x8cc0(GFP_KERNEL|__GFP_NOFAIL)"), "no kernel of today allows"),
        (
            lambda: failure(0, "0xcc2(GFP_KERNEL|__GFP_HIGHMEM)").replace(
                "page allocation failure: order:0", "vmalloc error: size 4096, failed to allocate pages"
            ),
            "is a failure of vmalloc",
        ),
    ],
)
def test_a_failure_that_no_guest_has_is_refused(text: Callable[[], str], words: str, tmp_path: Path) -> None:
    assert words in refused(write(tmp_path, text()))


def test_a_failed_request_and_a_patch_to_binder_are_not_tried_together(tmp_path: Path) -> None:
    patch = f"From: a@example.org\nSubject: [PATCH] binder: x\n\nWords.\n---\n{DIFF}-- \n2.34.1\n"
    path = write(tmp_path, failure(5, "0xcc0(GFP_KERNEL)") + "\n" + patch)
    assert list(written(path).variants) == ["base", "patched"]
    assert "left out" in facts(path)["report"]["value"]
    assert list(written(path, "--event", 1, "--overwrite").variants) == ["base"]
    assert "left out" in facts(path, "--event", 1)["patch"]["value"]
