# SPDX-License-Identifier: Apache-2.0
"""What phases cost: from the guest's records to the result, and one table of figures for both halves."""

from __future__ import annotations

import re

import pytest

from orchestrator.evidence.costs import costs_of
from orchestrator.paths import resource_dir
from orchestrator.protocol.cost_records import CostRecord
from orchestrator.protocol.records import parse_record
from orchestrator.scenario.costs import COSTS
from tests.unit.evidence import guest_output as made

_NAME = re.compile(r'^\t\{ (?:\.name = )?"([a-z_]+)"|"([a-z_]+_ns)"', re.MULTILINE)
"""Of a row of a table, or with the unit of a time."""


def costs(**changes: object) -> CostRecord:
    fields = {"phase": "trigger", "elapsed_ns": 10, "names": ["direct_reclaims"], "values": [9]}
    record = made.record("costs", **{**fields, **changes})
    assert isinstance(record, CostRecord)
    return record


def test_a_result_has_the_costs_of_each_phase() -> None:
    first, other = costs_of([costs(), costs(phase="after", benchmark="BM_x/1", names=[], values=[])])
    assert (first.phase, first.benchmark, first.elapsed_ns) == ("trigger", None, 10)
    assert first.figures == {"direct_reclaims": 9}
    assert (other.phase, other.benchmark, other.figures) == ("after", "BM_x/1", {})


def test_a_trial_that_was_not_traced_tells_its_costs() -> None:
    result = made.judged([*made.passed(), costs()])
    assert [each.figures for each in result.costs] == [{"direct_reclaims": 9}]
    assert made.judged(made.passed()).costs == ()


@pytest.mark.parametrize("values", [[], [1, 2]])
def test_names_without_values_are_no_record(values: list[int]) -> None:
    with pytest.raises(ValueError, match="names beside"):
        parse_record(
            b'{"event":"costs","t_us":1,"phase":"trigger","elapsed_ns":1,"names":["refaults"],'
            b'"values":' + str(values).encode() + b"}"
        )


def test_the_guest_tells_what_scenarios_and_reports_can_name() -> None:
    source = (resource_dir("images") / "guest" / "agent" / "cost.c").read_text()
    told = {row or time for row, time in _NAME.findall(source)}
    assert {figure.key for figure in COSTS} == told - {"elapsed_ns"}
