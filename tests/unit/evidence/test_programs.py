# SPDX-License-Identifier: Apache-2.0
"""Benchmarks that are commands: their records as rows, and what is said of what could not be read."""

from __future__ import annotations

from orchestrator.evidence.evidence import Evidence
from orchestrator.evidence.programs import program_notes, program_rows
from orchestrator.protocol.program_records import ProgramEnd, ProgramOutputRecord
from orchestrator.record.result import BenchmarkRow


def _evidence(text: str, **end: object) -> Evidence:
    values = {
        "name": "mytest", "when": "target", "real_ns": 5000, "cpu_ns": 4000, "exit_status": 0,
        "stdout_bytes": len(text), "stderr_bytes": 0, "killed": False, "oom_kills": 0, **end,
    }  # fmt: skip
    cut = len(text) // 2
    parts = [(0, text[:cut], "stdout"), (0, "noise 1 x", "stderr"), (cut, text[cut:], "stdout")]
    records = [
        ProgramOutputRecord.model_validate(
            {"event": "program-output", "t_us": 1, "name": "mytest", "stream": stream, "at": at, "text": part}
        )
        for at, part, stream in parts
    ]
    return Evidence(control=[*records, ProgramEnd.model_validate({"event": "program", "t_us": 2, **values})])


def _rows(text: str, **end: object) -> list[BenchmarkRow]:
    return list(program_rows(_evidence(text, **end)))


def test_a_command_is_a_row_with_its_own_time_and_its_figures_are_rows_below_it() -> None:
    whole, fault, rounds = _rows("fault 9 us\nrounds 7 rounds\n")
    assert (whole.name, whole.real_ns, whole.cpu_ns, whole.output) == ("mytest", 5000, 4000, "values")
    assert (fault.name, fault.real_ns, fault.value) == ("mytest/fault", 9000, None)
    assert (rounds.name, rounds.real_ns, rounds.value, rounds.unit) == ("mytest/rounds", 0, 7, "rounds")
    assert not list(program_notes(_evidence("fault 9 us\n")))


def test_output_of_no_known_format_is_said_and_the_command_keeps_its_time() -> None:
    (whole,) = _rows("some words\nand others\n")
    assert (whole.output, whole.error, whole.real_ns) == ("unknown", None, 5000)
    (note,) = program_notes(_evidence("some words\nand others\n"))
    assert "none of Google Benchmark's JSON, KTAP" in note
    assert "benchmark-mytest.stdout" in note


def test_a_command_without_a_word_is_no_unknown_format() -> None:
    assert not list(program_notes(_evidence("")))


def test_what_it_ended_with_is_its_error() -> None:
    for end, what in (
        ({"exit_status": 3}, "exit status 3"),
        ({"exit_status": 4}, "selftests skip"),
        ({"exit_status": None, "signal": 11}, "SIGSEGV"),
        ({"exit_status": None, "where": "deadline"}, "deadline"),
        ({"exit_status": 127, "errno": 2}, "no shell"),
    ):
        whole, _ = _rows("fault 9 us\n", **end)
        assert whole.error is not None
        assert what in whole.error


def test_one_that_the_oom_killer_ended_is_killed_and_so_are_its_figures() -> None:
    whole, fault = _rows("fault 9 us\n", killed=True, oom_kills=1, exit_status=None, signal=9)
    assert (whole.killed, whole.oom_kills, whole.error, fault.killed) == (True, 1, None, True)


def test_after_a_crash_there_are_no_figures() -> None:
    (whole,) = _rows("fault 9 us\n", where="oops", exit_status=None)
    assert whole.error is not None


def test_output_that_was_cut_is_told_of() -> None:
    (note,) = program_notes(_evidence("fault 9 us\n", stdout_bytes=1_000_011))
    assert "1000000 bytes of its output were not kept" in note
