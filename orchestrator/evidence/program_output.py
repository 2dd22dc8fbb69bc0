# SPDX-License-Identifier: Apache-2.0
"""What a command wrote as figures: Google Benchmark's JSON, KTAP or TAP, or lines `name value unit`. Pure.

Formats: https://github.com/google/benchmark/blob/main/docs/user_guide.md ("Output Formats"), the kernel's
Documentation/dev-tools/ktap.rst, https://testanything.org.
"""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.text.plain import one_line

OutputFormat = Literal["google-benchmark", "ktap", "values", "unknown"]

MOST_FIGURES = 500
_LONGEST_NAME = 120
_LONGEST_LINE = 1000
_LARGEST = 1e300
_NS_PER_UNIT = {"ns": 1.0, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9}
_OWN_KEYS = frozenset({
    "name", "run_name", "run_type", "repetitions", "repetition_index", "threads", "iterations", "real_time",
    "cpu_time", "time_unit", "family_index", "per_family_instance_index", "aggregate_name", "aggregate_unit",
    "label", "error_occurred", "error_message", "skipped", "skip_message", "big_o", "rms", "cpu_coefficient",
    "real_coefficient",
})  # fmt: skip
"""Keys of a benchmark that are no counters of its author's."""
_RESULT = re.compile(r"(?P<no>not )?ok\b(?: +\d+)?(?: +-)?(?: +(?P<name>[^#\n]*?))?(?: *# *(?P<note>.*))?")
_NUMBERED = re.compile(r"(?:# )? *(?:not )?ok \d")
_TAP = re.compile(r"(?:K?TAP version \d+|1\.\.\d+.*)")
_VALUE = re.compile(
    r"(?P<name>[A-Za-z_][\w./:-]*)[:=]?[ \t]+(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"(?:[ \t]+(?P<unit>[^\s\d]\S{0,31}))?"
)


@dataclass(frozen=True)
class Figure:
    """One figure of a program's, or one of its tests. Times are in nanoseconds."""

    name: str
    iterations: int = 1
    real_ns: float = 0.0
    cpu_ns: float = 0.0
    value: float | None = None
    unit: str = ""
    failed: int = 0
    error: str | None = None


@dataclass(frozen=True)
class ProgramOutput:
    """What could be read, in the order in which it was written. `left_out`: figures beyond the most."""

    format: OutputFormat
    figures: tuple[Figure, ...] = ()
    left_out: int = 0


def read_output(text: str) -> ProgramOutput:
    """The figures in what a command wrote to stdout; format `unknown` where there are none."""
    found: list[Figure] = []
    kind: OutputFormat = "unknown"
    for form, reader in _READERS:
        if found := reader(text):
            kind = form
            break
    return ProgramOutput(kind, tuple(found[:MOST_FIGURES]), max(0, len(found) - MOST_FIGURES))


def _google_benchmark(text: str) -> list[Figure]:
    start = text.find("{")
    if start < 0:
        return []
    try:
        document, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return []
    rows = document.get("benchmarks") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        return []
    runs: dict[str, list[dict[str, Any]]] = {}
    medians: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if not isinstance(row, dict) or not isinstance(name := row.get("run_name", row.get("name")), str):
            continue
        if row.get("run_type", "iteration") == "iteration":
            runs.setdefault(name, []).append(row)
        elif row.get("aggregate_name") == "median":
            medians.setdefault(name, []).append(row)
    # With --benchmark_report_aggregates_only there are no single runs.
    return [figure for name, own in {**medians, **runs}.items() for figure in _of_runs(name, own)]


def _of_runs(name: str, runs: list[dict[str, Any]]) -> Iterator[Figure]:
    """The median of a benchmark's repetitions, and of each counter that its author gave it."""
    failed = [run for run in runs if run.get("error_occurred")]
    good = [run for run in runs if not run.get("error_occurred")]
    if not good:
        message = next((each for run in failed if isinstance(each := run.get("error_message"), str)), "")
        yield Figure(_named(name), 0, error=one_line(message)[:_LONGEST_NAME] or "it says that it failed")
        return
    yield Figure(
        _named(name),
        sum(count for run in good if (count := _whole(run.get("iterations"))) is not None),
        _median_ns(good, "real_time"),
        _median_ns(good, "cpu_time"),
        failed=len(failed),
    )
    for counter in dict.fromkeys(key for run in good for key in run if key not in _OWN_KEYS):
        values = [value for run in good if (value := _number(run.get(counter))) is not None]
        if values:
            unit = "1/s" if counter.endswith("_per_second") else ""
            yield Figure(_named(f"{name}:{counter}"), value=statistics.median(values), unit=unit)


def _median_ns(runs: list[dict[str, Any]], key: str) -> float:
    times = [time for run in runs if (time := _time_ns(run, key)) is not None]
    return statistics.median(times) if times else 0.0


def _time_ns(run: dict[str, Any], key: str) -> float | None:
    unit, number = run.get("time_unit", "ns"), _number(run.get(key))
    per_unit = _NS_PER_UNIT.get(unit) if isinstance(unit, str) else None
    return None if number is None or per_unit is None or number < 0 else number * per_unit


def _number(value: object) -> float | None:
    """A number that can be counted with; JSON's may be of any size."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        return None
    return float(value)


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None or number < 0 else int(number)


def _ktap(text: str) -> list[Figure]:
    """A row for each test; those of nested ones are called `TEST/SUBTEST`."""
    lines = list(_lines(text))
    if not any(_TAP.fullmatch(line.strip()) or _NUMBERED.match(line) for line in lines):
        return []
    return _numbered(_tests(lines))


def _tests(lines: Iterable[str]) -> list[Figure]:
    """Results of subtests come, indented or as comments, before that of their test."""
    waiting: list[tuple[int, Figure]] = []
    for line in lines:
        # kselftest's runner passes a test's own output on as comments.
        indented = f"  {line[2:]}" if line.startswith("# ") else line
        depth = len(indented) - len(indented.lstrip(" "))
        match = _RESULT.fullmatch(indented.strip())
        if match is None:
            continue
        name = _named(match["name"] or f"test {len(waiting) + 1}")
        inner = [figure for deep, figure in waiting if deep > depth]
        waiting = [each for each in waiting if each[0] <= depth]
        own = _test(name, match)
        waiting += [(depth, replace(each, name=f"{name}/{each.name}")) for each in inner]
        if not inner or (own.failed and not any(each.failed for each in inner)):
            waiting.append((depth, own))
    return [figure for _, figure in waiting]


def _test(name: str, match: re.Match[str]) -> Figure:
    note = one_line(match["note"] or "")[:_LONGEST_NAME]
    directive = note.split(maxsplit=1)[0].upper() if note else ""
    if directive.startswith("SKIP"):
        return Figure(name, error=f"skipped: {note[4:].strip() or 'it does not say why'}")
    if match["no"] and directive not in ("TODO", "XFAIL"):
        return Figure(name, failed=1, error=f"not ok{f': {note}' if note else ''}")
    return Figure(name)


def _values(text: str) -> list[Figure]:
    """The median of each name that stands on a line of its own; prose with numbers in it is none."""
    lines = [line.strip() for line in _lines(text) if line.strip() and not line.startswith("#")]
    matches = [match for line in lines if (match := _VALUE.fullmatch(line))]
    if 2 * len(matches) < len(lines):
        return []
    groups: dict[str, list[Figure]] = {}
    for match in matches:
        figure = _value(match)
        groups.setdefault(figure.name, []).append(figure)
    return [_median(own) for own in groups.values()]


def _value(match: re.Match[str]) -> Figure:
    name, unit, number = _named(match["name"].rstrip(":=")), match["unit"] or "", float(match["value"])
    if abs(number) > _LARGEST:
        return Figure(name, 0, error=f"{match['value'][:32]} is no number to count with")
    if unit in _NS_PER_UNIT and number >= 0:
        return Figure(name, real_ns=number * _NS_PER_UNIT[unit])
    return Figure(name, value=number, unit=one_line(unit))


def _median(figures: list[Figure]) -> Figure:
    """Of figures of one kind and unit; others of the name are an error, for they cannot be one figure."""
    first = figures[0]
    if any(
        (each.unit, each.value is None, each.error) != (first.unit, first.value is None, None)
        for each in figures
    ):
        return Figure(first.name, 0, error=first.error or "its lines have different units")
    values = [each.value for each in figures if each.value is not None]
    return replace(
        first,
        iterations=len(figures),
        real_ns=statistics.median(each.real_ns for each in figures),
        value=statistics.median(values) if values else None,
    )


def _lines(text: str) -> Iterator[str]:
    """Lines that may hold a figure."""
    return (line for line in text.splitlines() if len(line) <= _LONGEST_LINE)


def _named(text: str) -> str:
    return one_line(text.strip())[:_LONGEST_NAME]


def _numbered(figures: list[Figure]) -> list[Figure]:
    """Tests of one name are told apart by a number: none stands for another one."""
    seen: dict[str, int] = {}
    told = []
    for figure in figures:
        count = seen[figure.name] = seen.get(figure.name, 0) + 1
        told.append(figure if count == 1 else replace(figure, name=f"{figure.name}#{count}"))
    return told


_READERS: tuple[tuple[OutputFormat, Callable[[str], list[Figure]]], ...] = (
    ("google-benchmark", _google_benchmark),
    ("ktap", _ktap),
    ("values", _values),
)
