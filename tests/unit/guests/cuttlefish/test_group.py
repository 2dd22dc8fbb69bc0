# SPDX-License-Identifier: Apache-2.0
"""Ends of `cvd` that no test can bring the real one to; all others are in tests/guest/cuttlefish."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.files.folder import Folder
from orchestrator.guests.cuttlefish import group, reservation
from orchestrator.guests.cuttlefish.command import DevicePlan
from orchestrator.guests.cuttlefish.group import Group, LeftBehind, created_group
from orchestrator.host.process import Ending

# Strict: refuses what is not written as every version takes it, unknown groups, and names given twice.
CVD = f"""#!{sys.executable}
import json, os, pathlib, signal, sys, time
state = pathlib.Path(__file__).parent / "state"
groups = json.loads(state.read_text()) if state.exists() else {{}}
behaviour = (pathlib.Path(__file__).parent / "behaviour").read_text().split()
def save(): state.write_text(json.dumps(groups))
def refuse(why): print(why, file=sys.stderr); sys.exit(255)
words = sys.argv[1:]
if words == ["fleet"]:
    one = lambda said: [dict(instance_name="1", status=said)]
    known = [dict(group_name=name, instances=one(said)) for name, said in groups.items()]
    print(json.dumps(dict(groups=known))); sys.exit()
selector, command, *flags = words
name = selector.removeprefix("--group_name=")
if command == "create":
    given = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
    number = given["instance_nums"]
    if name in groups: refuse(f"Group named '{{name}}' already exists")
    groups[name] = "Starting"; save()
    if behaviour == ["taps", number]:
        groups[name] = "Boot Failed"; save()
        refuse("Failed to validate tap devices. Try `cvd reset`\\nExited with code '255'")
    if "deaf" in behaviour:
        signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)
    groups[name] = "Running"; save()
    instance = dict(instance_name=number, status="Running", adb_port=6519 + int(number))
    print("nonsense" if "nonsense" in behaviour else json.dumps(dict(group_name=name, instances=[instance])))
elif (command, flags) == ("stop", ["--wait_for_launcher=40"]):
    if groups.get(name) != "Running": refuse("Selected group is not running")
    groups[name] = "Stopped"; save()
elif (command, flags) == ("remove", []):
    if name not in groups: refuse("No such group")
    if groups[name] == "Starting" or "sticky" in behaviour: refuse("Group still contains active instances")
    del groups[name]; save()
else: refuse(f"strange: {{words}}")
"""
PLAN = DevicePlan(Path("/cf"), Path("/cf"), Path("/Image"), 1, 256)

Behave = Callable[..., Path]


@pytest.fixture
def behave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Behave:
    """Puts a cvd of this behaviour on PATH; the file with the groups that it knows."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "cvd").write_text(CVD)
    (programs / "cvd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reservation, "prepared_numbers", lambda: [1, 2])
    monkeypatch.setattr(reservation, "in_use", lambda _number: "")
    monkeypatch.setattr(group, "STATES", ())
    monkeypatch.setattr(group, "_PATIENT", Ending(grace_s=0.5, leaves_daemons=True))

    def choose(*words: str) -> Path:
        (programs / "behaviour").write_text(" ".join(words))
        (programs / "state").write_text("{}")
        return programs / "state"

    return choose


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "trial").mkdir()
    return Folder(tmp_path / "trial")


def soon(seconds: float = 30) -> Deadline:
    return Deadline.after(seconds, "cvd has created the device")


def test_a_group_lasts_as_long_as_the_block(behave: Behave, folder: Folder) -> None:
    state = behave()
    begun: list[Group] = []
    with created_group(PLAN, folder, soon(), begun=begun.append) as made:
        assert json.loads(state.read_text()) == {made.name: "Running"}
        assert (made.number, made.adb_port) == (1, 6520)
        assert made.home.is_relative_to(folder.path)
    assert begun == [made]
    assert json.loads(state.read_text()) == {}
    assert folder.names() == ["cvd.log"]


def test_network_devices_that_are_taken_cost_a_number_and_leave_no_group(
    behave: Behave, folder: Folder
) -> None:
    state = behave("taps", "1")
    with created_group(PLAN, folder, soon()) as made:
        assert made.number == 2
        assert json.loads(state.read_text()) == {made.name: "Running"}
    assert json.loads(state.read_text()) == {}


def test_an_answer_that_is_none_ends_the_group_all_the_same(behave: Behave, folder: Folder) -> None:
    state = behave("nonsense")
    with pytest.raises(HostError, match="did not answer as expected"), created_group(PLAN, folder, soon()):
        pass
    assert json.loads(state.read_text()) == {}
    assert folder.names() == ["cvd.log"]


def test_what_went_wrong_and_what_is_left_of_it_are_told_together(behave: Behave, folder: Folder) -> None:
    state = behave("nonsense", "sticky")
    with pytest.raises(LeftBehind) as told, created_group(PLAN, folder, soon()):
        pass
    (name,) = json.loads(state.read_text())
    assert "did not answer as expected" in told.value.message
    assert f"the Cuttlefish group {name} could not be removed" in told.value.message
    assert "`cvd reset`" in told.value.hint
    assert (folder.path / "cuttlefish-home").is_dir()  # its device may still use it


def test_a_programming_error_in_the_block_is_no_reason_to_leave_a_device(
    behave: Behave, folder: Folder
) -> None:
    state = behave()
    with pytest.raises(ZeroDivisionError), created_group(PLAN, folder, soon()):
        raise ZeroDivisionError
    assert json.loads(state.read_text()) == {}


def test_a_cvd_that_heeds_no_signal_is_killed_in_the_end_and_what_it_leaves_is_named(
    behave: Behave, folder: Folder
) -> None:
    state = behave("deaf")
    with pytest.raises(LeftBehind) as told, created_group(PLAN, folder, soon(1)):
        pass
    (name,) = json.loads(state.read_text())
    assert told.value.message.startswith("deadline passed: cvd has created the device; the Cuttlefish group")
    assert name in told.value.message
    assert isinstance(told.value.__cause__, DeadlinePassed)
