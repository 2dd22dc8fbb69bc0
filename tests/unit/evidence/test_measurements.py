# SPDX-License-Identifier: Apache-2.0
"""The figures of a trial are those of its evidence, and there are none where it has no evidence of them."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from orchestrator.binder import ELEMENT_BYTES
from orchestrator.evidence.evidence import Evidence
from orchestrator.evidence.measurements import (
    audited,
    errno_name,
    measures,
    memory_samples,
    request_paths,
    request_summary,
    target_state,
    vmstat_over_trigger,
)
from orchestrator.protocol.memory_records import TargetRecord
from orchestrator.protocol.records import ControlRecord, parse_record
from orchestrator.record.result import AuditPhase, AuditRow, Measure
from orchestrator.scenario.triggers.command import Command
from orchestrator.scenario.triggers.kinds import Trigger
from tests.unit.evidence.guest_output import (
    MMAPS,
    benchmark,
    hello,
    record,
    trigger_end,
    trigger_start,
)


def evidence(*control: ControlRecord, **fields: Any) -> Evidence:
    return Evidence(control=list(control), **fields)


def mmaps(latency_ns: list[int], codes: list[int] | None = None) -> ControlRecord:
    return record(
        "latencies", process=0, first=0, latency_ns=latency_ns, errno=codes or [0] * len(latency_ns)
    )


def sample(when: str, file: str, text: str, t_us: int = 1) -> ControlRecord:
    return record("sample", when=when, file=file, text=text, t_us=t_us)


def test_errors_have_their_names() -> None:
    assert (errno_name(errno.ENOMEM), errno_name(99_999)) == ("ENOMEM", "99999")


def test_a_target_is_what_the_guest_told() -> None:
    fields = {"reached": True, "reason": "so", "free_kb": 5, "units": [9, 8], "elapsed_ms": 7}
    told = record("target", **fields, units_before_compaction=[4, 3])
    assert isinstance(told, TargetRecord)
    state = target_state(told)
    assert state is not None
    assert (state.usable_units, state.usable_units_before_compaction) == ((9, 8), (4, 3))
    plain = record("target", **fields)
    assert isinstance(plain, TargetRecord)
    again = target_state(plain)
    assert again is not None
    assert again.usable_units_before_compaction is None
    assert target_state(None) is None


def test_mmaps_are_those_of_a_binder_trigger_that_ended() -> None:
    command = record("trigger-start", kind="command", pids=[1], count=1)
    assert request_summary(evidence(trigger_start(), trigger_end())) is not None
    for control in ([trigger_start()], [trigger_end()], [command, trigger_end()], []):
        assert request_summary(evidence(*control)) is None


def test_mmaps_are_counted_by_their_error() -> None:
    chunks = [mmaps([1, 2, 3], [0, 12, 12]), mmaps([4, 5], [1, 22])]
    end = record(
        "trigger-end", reason="finished", attempted=5, succeeded=1, failed=4, in_flight=2, oom_kill=0
    )
    found = request_summary(evidence(trigger_start(9), *chunks, end))
    assert found is not None
    assert found.errnos == {"ENOMEM": 2, "EPERM": 1, "EINVAL": 1}
    assert (found.planned, found.succeeded, found.failed, found.in_flight) == (9, 1, 4, 2)
    assert found.latency is not None
    assert (found.latency.count, found.latency.max_ns) == (1, 1)


@pytest.mark.parametrize(
    ("latency_ns", "figures"),
    [
        ([7], (1, 7, 7, 7)),
        ([10, 20], (2, 15, 20, 20)),
        ([300, 100, 200], (3, 200, 298, 300)),
        (list(range(1001)), (1001, 500, 990, 1000)),
    ],
)
def test_latencies(latency_ns: list[int], figures: tuple[int, ...]) -> None:
    found = request_summary(evidence(trigger_start(), mmaps(latency_ns), trigger_end()))
    assert found is not None
    assert found.latency is not None
    latency = found.latency
    assert (latency.count, latency.p50_ns, latency.p99_ns, latency.max_ns) == figures


def test_without_a_served_mmap_there_is_no_latency() -> None:
    found = request_summary(evidence(trigger_start(), mmaps([5], [12]), trigger_end()))
    assert found is not None
    assert found.latency is None


KCALLOC = (
    "{ call_site: [ffff] binder_alloc_mmap_handler, gfp_flags: 3520, bytes_req: 32768 } hitcount: HITS\n"
)


def traced(hits: int, failed: int, phase: str = "trigger", text: str = KCALLOC) -> list[ControlRecord]:
    """kcalloc of an array for 4 MiB of pages."""
    tables = {"kmalloc": hits, "kmalloc_failed": failed}
    return [
        record("histogram", phase=phase, table=table, text=text.replace("HITS", str(count)))
        for table, count in tables.items()
        if count
    ]


def audit(
    *control: ControlRecord, trigger: Trigger = MMAPS, element_bytes: int = ELEMENT_BYTES
) -> tuple[tuple[AuditRow, ...], tuple[AuditPhase, ...]]:
    return audited(evidence(*control), trigger, element_bytes)


@pytest.mark.parametrize(("unserved", "in_flight", "fell_back"), [(0, 0, 5), (2, 0, 3), (0, 2, 3), (1, 3, 1)])
def test_an_mmap_that_was_not_served_was_not_served_by_vmalloc(
    unserved: int, in_flight: int, fell_back: int
) -> None:
    """8 arrays were contiguous, 5 requests failed; what found no memory, or was cut off, is refused."""
    end = record(
        "trigger-end", reason="killed", attempted=13, succeeded=13 - unserved - in_flight, failed=unserved,
        in_flight=in_flight, oom_kill=0,
    )  # fmt: skip
    codes = [12] * unserved + [0] * (13 - unserved - in_flight)
    control = [hello(), trigger_start(13), *traced(8, 5), mmaps([1] * len(codes), codes), end]
    (row,), (phase,) = audit(*control)
    assert (row.order, row.contiguous, row.fell_back, row.refused) == (3, 8, fell_back, 5 - fell_back)
    assert (phase.phase, phase.requests) == ("trigger", 13)


def test_a_page_array_is_known_by_the_size_that_it_has_in_that_kernel() -> None:
    """32 KiB are no page array of a kernel whose elements are pointers, and 8 KiB are one."""
    rows, _ = audit(hello(), trigger_start(13), *traced(8, 5), element_bytes=8)
    assert rows == ()
    small = traced(8, 5, text=KCALLOC.replace("32768", "8192"))
    (row,), _ = audit(hello(), trigger_start(13), *small, element_bytes=8)
    assert (row.order, row.contiguous, row.fell_back) == (1, 8, 5)


def test_a_trigger_that_was_not_seen_to_end_leaves_nobody_unserved() -> None:
    (row,), _ = audit(hello(), trigger_start(13), *traced(8, 5))
    assert (row.contiguous, row.fell_back, row.refused) == (8, 5, 0)


def test_of_a_trigger_that_makes_no_page_arrays_no_request_is_a_page_array() -> None:
    control = [hello(), trigger_start(13), *traced(8, 5)]
    assert audit(*control, trigger=Command(kind="command", command="true"))[0] == ()
    assert audit(*control[1:]) == ((), ())


def test_benchmarks_have_audits_of_their_own() -> None:
    text = KCALLOC.replace("HITS", "4")
    requests = record("histogram", phase="target", table="kmalloc", text=text)
    rows, phases = audit(hello(), requests, benchmark("BM_mmap_binder/4194304"))
    assert [(row.phase, row.contiguous) for row in rows] == [("target", 4)]
    assert [phase.phase for phase in phases] == ["target"]


def test_paths_are_of_the_triggers_requests() -> None:
    control = [hello(), trigger_start(13), *traced(8, 5), *traced(3, 0, "after")]
    rows, _ = audit(*control)
    paths = request_paths(evidence(*control), rows)
    assert paths is not None
    assert paths.contiguous + paths.fell_back + paths.refused == 13
    assert request_paths(evidence(*control[1:]), rows) is None
    assert request_paths(evidence(hello(), *traced(3, 0, "after")), rows) is None


def test_counters_are_told_where_they_moved() -> None:
    before, after = "oom_kill 1\npgfree 5\nallocstall 0\n", "oom_kill 3\npgfree 5\nallocstall 9\n"
    both = [sample("trigger", "vmstat", before), sample("after", "vmstat", after)]
    assert vmstat_over_trigger(evidence(*both)) == {"oom_kill": 2, "allocstall": 9}
    assert vmstat_over_trigger(evidence(both[0])) == {}
    assert vmstat_over_trigger(evidence(both[1])) == {}
    beside = sample("after", "meminfo", "MemFree: 1 kB\n")
    assert vmstat_over_trigger(evidence(*both, beside)) == {"oom_kill": 2, "allocstall": 9}


MEMINFO = "MemTotal: 100 kB\nMemFree: 40 kB\nCmaFree: 4 kB\n"
VMSTAT = "oom_kill 1\n"


def test_samples_are_of_one_moment_each_in_the_order_of_a_trial() -> None:
    control = [
        hello(),
        sample("after", "meminfo", MEMINFO, 30),
        sample("before", "meminfo", MEMINFO, 10),
        sample("before", "vmstat", VMSTAT, 12),
    ]
    found = memory_samples(evidence(*control))
    assert [(each.when, each.t_us, each.free_kb) for each in found] == [("before", 12, 36), ("after", 30, 36)]
    assert found[0].vmstat == {"oom_kill": 1}
    assert found[1].vmstat is None
    assert memory_samples(evidence(*control[1:])) == ()


def test_counters_at_the_triggers_start_are_no_sample_of_memory() -> None:
    alone = [hello(), sample("trigger", "vmstat", VMSTAT)]
    assert memory_samples(evidence(*alone)) == ()
    with_more = memory_samples(evidence(*alone, sample("trigger", "meminfo", MEMINFO)))
    assert [each.when for each in with_more] == ["trigger"]


def test_what_a_fork_inherited_is_its_blocks_sample() -> None:
    control = [hello(), sample("target", "meminfo", MEMINFO), sample("after", "meminfo", MEMINFO)]
    found = memory_samples(evidence(*control, inherited_records=2))
    assert [each.when for each in found] == ["after"]


def test_a_file_that_came_in_part_costs_its_sample_alone() -> None:
    broken = sample("target", "pagetypeinfo", "Free pages count per migrate type at order\nNode 0, zone")
    found = memory_samples(evidence(hello(), broken, sample("after", "meminfo", MEMINFO)))
    assert "after" in [each.when for each in found]


def test_what_the_trigger_measured_is_kept_by_name() -> None:
    told = [
        record("measure", name="throughput", value=1, unit="KiB/s"),
        record("measure", name="dropped", value=2),
        record("measure", name="throughput", value=3.5, unit="KiB/s"),
    ]
    assert measures(evidence(*told)) == (
        Measure(name="throughput", value=3.5, unit="KiB/s"),
        Measure(name="dropped", value=2),
    )
    assert measures(evidence()) == ()


def test_a_guest_cannot_fill_the_journal_with_measures() -> None:
    many = [record("measure", name=f"a{number}", value=number) for number in range(1000)]
    assert len(measures(evidence(*many))) == 64


@pytest.mark.parametrize("fields", [{"value": "1e999"}, {"name": ""}, {"name": "x" * 65}, {"unit": "y" * 33}])
def test_a_measure_that_is_no_figure_is_no_record(fields: dict[str, str]) -> None:
    said = {"name": '"x"', "value": "1", "unit": '""'} | {
        key: value if key == "value" else f'"{value}"' for key, value in fields.items()
    }
    body = ",".join(f'"{key}":{value}' for key, value in said.items())
    with pytest.raises(ValueError, match="not a control record"):
        parse_record(f'{{"event":"measure","t_us":1,{body}}}'.encode())
