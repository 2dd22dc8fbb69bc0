# SPDX-License-Identifier: Apache-2.0
"""What belongs to which phase of a guest, by the marks on its console and its records."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.oom.records import Mark
from orchestrator.protocol.memory_records import TargetRecord
from orchestrator.protocol.records import Hello, Phase, TriggerStart
from tests.unit.evidence.guest_output import console, hello, record, target, trigger_start


def marked(*texts: str) -> Evidence:
    """A console of the agent's marks alone."""
    lines = "".join(f"[    {number}.000000] oomlab: {text}\n" for number, text in enumerate(texts, start=1))
    return Evidence(console=console(lines))


def texts(events: list[Any]) -> list[str]:
    return [event.text for event in events if isinstance(event, Mark)]


WHOLE = ("ready", "phase module", "a", "phase trigger", "b", "phase benchmark", "c")


def test_each_phase_begins_after_its_mark() -> None:
    whole = marked(*WHOLE)
    assert texts(whole.console_since_module()) == ["a", "phase trigger", "b", "phase benchmark", "c"]
    assert texts(whole.console_since_trigger()) == ["b"]
    assert texts(whole.console_since_benchmarks()) == ["c"]
    assert whole.under_test
    assert whole.triggered
    assert whole.benchmarked


def test_without_a_mark_nothing_is_the_phases() -> None:
    early = marked("ready", "x")
    assert early.console_since_module() == early.console_since_trigger() == []
    assert early.console_since_benchmarks() == []
    assert not (early.under_test)
    assert not (early.triggered)
    assert not (early.benchmarked)


def test_a_trigger_whose_mark_was_lost_has_the_whole_console_up_to_the_benchmarks() -> None:
    lost = marked("a", "phase benchmark", "b")
    assert lost.console_since_trigger() == []
    lost.control.append(trigger_start())
    assert texts(lost.console_since_trigger()) == ["a"]
    assert lost.under_test


@pytest.mark.parametrize(
    ("mark", "under_test", "triggered", "benchmarked"),
    [
        ("phase module", True, False, False),
        ("phase trigger", True, True, False),
        ("phase benchmark", False, False, True),
        ("phase target", False, False, False),
    ],
)
def test_one_mark_is_enough(mark: str, under_test: bool, triggered: bool, benchmarked: bool) -> None:
    one = marked(mark)
    assert (one.under_test, one.triggered, one.benchmarked) == (under_test, triggered, benchmarked)


def test_one_record_is_enough() -> None:
    assert Evidence(control=[trigger_start()]).triggered
    assert Evidence(control=[record("phase", name="benchmark")]).benchmarked
    assert not Evidence(control=[record("phase", name="trigger")]).benchmarked


def test_a_kernels_report_is_no_mark() -> None:
    oom = "[    5.200000] x invoked oom-killer: gfp_mask=0x40dc0(GFP_KERNEL), order=3, oom_score_adj=0\n"
    assert not Evidence(console=console(oom)).triggered


def test_records_by_kind() -> None:
    first, last = record("phase", name="target"), record("phase", name="trigger")
    evidence = Evidence(control=[hello(), first, last])
    assert evidence.every(Phase) == [first, last]
    assert evidence.last(Phase) == last
    assert evidence.last(Hello) == hello()
    assert evidence.last(TriggerStart) is None


def test_evidence_begins_with_nothing() -> None:
    empty = Evidence()
    assert (empty.ending, empty.snapshot_taken, empty.host_seconds) == (Ending.EXITED, False, 0)
    assert (empty.private_memory_kb, empty.garbage_lines, empty.inherited_records) == (0, 0, 0)


def test_a_fork_goes_on_from_its_blocks_evidence_and_leaves_that_as_it_is() -> None:
    block = marked("ready")
    block.control += [hello(), target()]
    block.garbage_lines, block.first_garbage, block.snapshot_taken = 2, "x", True
    fork = Evidence.continuing(block)
    assert (fork.inherited_records, fork.garbage_lines, fork.first_garbage) == (2, 2, "x")
    assert not fork.snapshot_taken
    fork.control.append(trigger_start())
    fork.console.clear()
    assert block.last(TriggerStart) is None
    assert texts(block.console) == ["ready"]
    assert fork.last(TargetRecord) == target()
