# SPDX-License-Identifier: Apache-2.0
"""Inputs that were changed at random: bad input is told, and nothing else ends in an exception."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import InputError, OomlabError
from orchestrator.record.journal import read_journal
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.run.clean import clean_up
from orchestrator.run.resume import remaining_blocks
from orchestrator.runs_compared.compare import compare_runs
from orchestrator.verdict.judged_run import load_judged_run
from tests.unit.report.factory import Made, run_directory

_QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
_WORDS = st.text() | st.sampled_from(
    ["kcalloc", "kvcalloc", "patched", "\0", "\x1b[2J", "../..", "trigger", "NaN"]
)
_NUMBERS = (
    st.integers(-3, 3)
    | st.sampled_from([2**31, -(2**31) - 1, 2**63, 2**64, -(2**64), 10**30, 10**400])
    | st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf])
)
_ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | _NUMBERS | _WORDS | st.lists(_NUMBERS, max_size=3) | st.just({})
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def value_at(value: Any, path: tuple[Any, ...]) -> Any:
    """What stands there."""
    for key in path:
        value = value[key]
    return value


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with something else in one place; a list or section loses what becomes None."""
    if not path:
        return new
    key, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = changed(copy[key], tuple(rest), new)
    return copy


@st.composite
def mutations(draw: st.DrawFn, lines: list[Any]) -> list[Any]:
    """Records of which some were changed, left out, doubled or moved."""
    lines = list(lines)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["change", "change", "change", "drop", "double", "swap"])):
            case "change":
                path = draw(st.sampled_from(list(places(lines[at]))))
                old = value_at(lines[at], path)
                alike = draw(st.booleans())  # what is of another kind is mostly refused at the door
                new = _WORDS if isinstance(old, str) else _NUMBERS if isinstance(old, int | float) else _ODD
                lines[at] = changed(lines[at], path, draw(new if alike else _ODD))
            case "drop" if len(lines) > 1:
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case _:
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
    return lines


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_directory(tmp_path_factory.mktemp("sound") / "run", Made(blocks=2)).path


def looked_at(run: Path, sound: Path, name: str) -> None:
    """All that reads a run directory does, or refuses it."""
    try:
        report = load_judged_run(run)
        render(report, name)
        compare_runs(load_judged_run(sound), report, ())
        remaining_blocks(report.manifest.scenario, read_journal(report.directory.journal))
    except OomlabError:
        pass
    list(clean_up([run]))


def look_at_a_changed_journal(sound: Path, tmp_path: Path, name: str, data: st.DataObject) -> None:
    run = tmp_path / "run"
    shutil.copytree(sound, run, dirs_exist_ok=True)
    lines = [json.loads(line) for line in (sound / "journal.jsonl").read_text().splitlines()]
    fresh = data.draw(mutations(lines))
    (run / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in fresh))
    looked_at(run, sound, name)


@given(data=st.data(), name=st.sampled_from([name for name in FORMATS if name != "html"]))
@settings(_QUICK, max_examples=100)
def test_a_changed_journal(sound: Path, tmp_path: Path, name: str, data: st.DataObject) -> None:
    look_at_a_changed_journal(sound, tmp_path, name, data)


@given(data=st.data())
@settings(_QUICK, max_examples=10)
def test_a_changed_journal_is_drawn(sound: Path, tmp_path: Path, data: st.DataObject) -> None:
    look_at_a_changed_journal(sound, tmp_path, "html", data)


@given(data=st.data(), name=st.sampled_from([name for name in FORMATS if name != "html"]))
@settings(_QUICK, max_examples=100)
def test_a_changed_manifest(sound: Path, tmp_path: Path, name: str, data: st.DataObject) -> None:
    run = tmp_path / "run"
    shutil.copytree(sound, run, dirs_exist_ok=True)
    manifest = json.loads((sound / "manifest.json").read_text())
    (fresh,) = data.draw(mutations([manifest]).filter(lambda lines: len(lines) == 1))
    (run / "manifest.json").write_text(json.dumps(fresh))
    with contextlib.suppress(InputError):  # `clean` leaves a directory alone that is no run's
        looked_at(run, sound, name)


@given(st.binary(max_size=300))
@settings(_QUICK, max_examples=25)
def test_bytes_of_any_kind(sound: Path, tmp_path: Path, junk: bytes) -> None:
    run = tmp_path / "run"
    for file in ("journal.jsonl", "manifest.json", "ledger.jsonl", "blocks/0001/control.jsonl"):
        shutil.copytree(sound, run, dirs_exist_ok=True)
        (run / file).parent.mkdir(parents=True, exist_ok=True)
        (run / file).write_bytes(junk + b"\n" + junk)
        with contextlib.suppress(InputError):
            looked_at(run, sound, "json")
