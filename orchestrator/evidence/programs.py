# SPDX-License-Identifier: Apache-2.0
"""Benchmarks that are commands of the user's: from their records to rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.evidence.evidence import Evidence
from orchestrator.evidence.measurements import errno_name
from orchestrator.evidence.process_end import signal_name
from orchestrator.evidence.program_output import Figure, read_output
from orchestrator.protocol.program_records import ProgramEnd, ProgramOutputRecord
from orchestrator.record.result import BenchmarkRow
from orchestrator.text.amounts import count_of

_KSFT_SKIP = 4
"""Exit status of a selftest that could not run (tools/testing/selftests/kselftest.h)."""
_WHERE = {
    "deadline": "not ended within the deadline of the benchmarks",
    "oops": "the kernel has crashed: what is measured now means nothing",
}


def program_rows(evidence: Evidence) -> Iterator[BenchmarkRow]:
    """A row for each command as a whole, and those of the figures that it wrote."""
    for end in evidence.every(ProgramEnd):
        output = read_output(_text(_stdout(evidence, end.name)))
        yield BenchmarkRow(
            name=end.name,
            when=end.when,
            iterations=1,
            warmup=0,
            real_ns=end.real_ns,
            cpu_ns=end.cpu_ns,
            killed=end.killed,
            oom_kills=end.oom_kills,
            error=_error(end),
            output=output.format,
        )
        if end.where != "oops":
            yield from (_row(end, figure) for figure in output.figures)


def program_notes(evidence: Evidence) -> Iterator[str]:
    """What of their output could not be read, and where it is."""
    for end in evidence.every(ProgramEnd):
        written = _stdout(evidence, end.name)
        output, place = read_output(_text(written)), f"benchmark-{end.name}.stdout"
        if output.format == "unknown" and end.stdout_bytes:
            yield (
                f"benchmark {end.name}: its output is none of Google Benchmark's JSON, KTAP and lines"
                f" 'name value unit', so it has no figures but its own time; see {place}"
            )
        if (lost := end.stdout_bytes - len(written)) > 0:
            yield f"benchmark {end.name}: {count_of('byte', lost)} of its output were not kept"
        if output.left_out:
            yield f"benchmark {end.name}: {count_of('figure', output.left_out)} more than are kept"


def _stdout(evidence: Evidence, name: str) -> bytes:
    records = evidence.every(ProgramOutputRecord)
    return b"".join(each.data for each in records if (each.name, each.stream) == (name, "stdout"))


def _text(written: bytes) -> str:
    return written.decode(errors="backslashreplace")


def _error(end: ProgramEnd) -> str | None:
    if end.where:
        return _WHERE.get(end.where, end.where)
    if end.errno:
        return f"there is no shell to run the command: {errno_name(end.errno)}"
    if end.killed:
        return None  # the row says so
    if end.signal is not None:
        return f"the command died of {signal_name(end.signal)}"
    if end.exit_status:
        skipped = " (which selftests skip with)" if end.exit_status == _KSFT_SKIP else ""
        return f"the command ended with exit status {end.exit_status}{skipped}"
    return None


def _row(end: ProgramEnd, figure: Figure) -> BenchmarkRow:
    return BenchmarkRow(
        name=f"{end.name}/{figure.name}",
        when=end.when,
        iterations=figure.iterations,
        warmup=0,
        real_ns=figure.real_ns,
        cpu_ns=figure.cpu_ns,
        value=figure.value,
        unit=figure.unit,
        failed=figure.failed,
        killed=end.killed,
        error=figure.error,
    )
