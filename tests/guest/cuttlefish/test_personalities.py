# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a device, and what its trial then comes to; nothing of it is ever left behind.

cvd, adb and adbd are the real ones, the guests real ones; only the launcher and the images stand in.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.arch import ARCHS
from orchestrator.deadline import Deadline
from orchestrator.evidence.evidence import Evidence
from orchestrator.files.folder import Folder
from orchestrator.guests.backend import Ability, Capabilities
from orchestrator.guests.cuttlefish import guest, identity, reservation
from orchestrator.guests.cuttlefish.command import DevicePlan
from orchestrator.guests.cuttlefish.group import fleet
from orchestrator.guests.cuttlefish.guest import DeviceBoot
from orchestrator.guests.cuttlefish.launcher import CuttlefishLauncher
from orchestrator.host.process import run
from orchestrator.kernels.build.guest_agent import AGENT_FILE, build_agent
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.kernels.cache import Cache
from orchestrator.outcome import Outcome
from orchestrator.paths import cache_dir
from orchestrator.plan import PlannedTrial
from orchestrator.protocol.records import ControlRecord, DeviceRecord, Latencies, TriggerEnd, TriggerStart
from orchestrator.record.result import TrialResult
from orchestrator.run.trial import Observers, RunContext, run_cold_trial
from orchestrator.run.watch import PhaseBudgets, StopSwitch
from orchestrator.scenario.triggers.binder_mmap import BinderMmap
from orchestrator.stage import Mode
from tests.cuttlefish.fixture import devices_left
from tests.cuttlefish.lab import Lab
from tests.guest.built_kernel import built_kernel
from tests.guest.conftest import descendants, process_name

pytestmark = pytest.mark.guest

COUNT, PAUSE_US = 50, 20_000
"""Requests of a trial: a second, in which something can go wrong."""
RECIPE = (
    "oomlab.protocol=4 oomlab.mode=trial oomlab.seed=1 oomlab.variant=as-it-is oomlab.binder=c oomlab.trace=0"
    f" oomlab.trigger=binder-mmap oomlab.count={COUNT} oomlab.pause_us={PAUSE_US} oomlab.trigger_ms=60000"
)
IN_TRIAL = "oomlab: phase trigger"
QEMU, LAUNCHER = "qemu-system", "python"
_NONE = Ability("it cannot")
CAPABILITIES = Capabilities(**dict.fromkeys(Capabilities.__dataclass_fields__, _NONE))
BUDGETS = PhaseBudgets(boot_s=60.0, target_s=30.0, trigger_s=60.0, silence_s=20.0)


@dataclass
class Device:
    """Runs single trials on devices of a lab."""

    lab: Lab
    folder: Path
    boot: DeviceBoot
    stop: StopSwitch
    on_record: Callable[[ControlRecord], None] = lambda _record: None

    def trial(self, budgets: PhaseBudgets = BUDGETS) -> tuple[TrialResult, Evidence]:
        self.folder.mkdir()
        common = RunContext(
            budgets,
            CAPABILITIES,
            self.stop,
            BinderMmap.model_validate({"kind": "binder-mmap", "size": "4MiB", "count": COUNT}),
        )
        planned = PlannedTrial(1, "as-it-is", 1, Mode.TRIAL, cold=True)
        observers = Observers(self.on_record, lambda _event: None)
        launcher = CuttlefishLauncher(replace(self.boot, boot_s=2 * budgets.boot_s))
        return run_cold_trial(launcher, planned, 1, Folder(self.folder), common, observers)


@pytest.fixture(scope="session")
def agent() -> Path:
    arch = ARCHS["arm64"]
    return build_agent(Cache(cache_dir()), arch, find_compiler(arch, 12), print).file(AGENT_FILE)


@pytest.fixture
def device(cvd_lab: Lab, tmp_path: Path, agent: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """Devices in the lab, of which nothing is there before, nor afterwards."""
    for name, value in cvd_lab.environment.items():
        monkeypatch.setenv(name, value)
    plan = DevicePlan(
        host_path=cvd_lab.host,
        product_path=cvd_lab.product,
        kernel=built_kernel().image.file("vmlinuz"),
        cpus=1,
        memory_mib=256,
        vmm="qemu_cli",
        kernel_words=("binder.impl=c",),
    )
    assert fleet().groups == []
    before = set(descendants(os.getpid()))  # tests of other rooms may have servers
    yield Device(cvd_lab, tmp_path / "1", DeviceBoot(plan, agent, RECIPE, boot_s=60.0), StopSwitch())
    assert fleet().groups == []
    assert devices_left(cvd_lab) == []
    assert not any(path.is_dir() for path in (tmp_path / "1").iterdir()), "a home of a device is left"
    assert [process_name(pid) for pid in descendants(os.getpid()) if pid not in before] == []


def soon(what: str = "cvd") -> Deadline:
    return Deadline.after(120, what)


@contextmanager
def other_group(device: Device, name: str, number: int) -> Iterator[None]:
    """A group that somebody else has made and not started."""
    home = device.folder.parent / "other"
    home.mkdir()
    plan = device.boot.plan
    argv = [
        "cvd", f"--group_name={name}", "create", f"--host_path={plan.host_path}", "--start=false",
        f"--product_path={plan.product_path}", f"--instance_nums={number}",
    ]  # fmt: skip
    run(argv, deadline=soon(), env={"HOME": str(home)})
    yield
    assert [group.group_name for group in fleet().groups] == [name]
    run(["cvd", f"--group_name={name}", "remove"], deadline=soon(), env={"HOME": str(home)})


@contextmanager
def once_there_is(program: str, act: Callable[[int], object]) -> Iterator[None]:
    """Do something with the pid of the `cvd create` that has come to start a program of this name."""
    deadline, over = soon(f"{program} runs"), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            pids = descendants(os.getpid())
            for cvd in (pid for pid in pids if process_name(pid) == "cvd"):
                # What runs a guest has left cvd's family; the launcher's scripts are in it.
                among = pids if program == QEMU else descendants(cvd)
                if any(process_name(pid).startswith(program) for pid in among):
                    act(cvd)
                    return
            deadline.check()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def test_a_trial_on_a_device_is_like_any_other(device: Device) -> None:
    result, evidence = device.trial()
    assert (result.outcome, result.why) == (Outcome.PASSED, "the trigger ran to its end")
    about = evidence.last(DeviceRecord)
    assert about is not None
    assert (about.uid, about.binder_impl, about.oom_score_adj) == (0, "c", -1000)
    assert {"console.log", "control.jsonl", "adb.log", "cvd.log", "launcher.log"} <= {
        path.name for path in device.folder.iterdir()
    }


@pytest.mark.parametrize(
    ("personality", "outcome", "why"),
    [
        ("boot-failed", Outcome.BOOT_FAILED, r"cvd ended with 255, the launcher with 11: .*failed to boot"),
        ("reboot-loop", Outcome.BOOT_FAILED, "it booted 3 times and never got ready"),
        ("unauthorized", Outcome.HARNESS_ERROR, "unauthorized.* ADB_VENDOR_KEYS=FILE"),
        ("panic", Outcome.PANIC, "kernel panic: sysrq triggered crash"),
    ],
)
def test_what_goes_wrong_ends_as_what_it_is(
    device: Device, personality: str, outcome: Outcome, why: str
) -> None:
    device.lab.personality(personality, IN_TRIAL)
    result, _ = device.trial()
    assert (result.outcome, bool(re.search(why, result.why))) == (outcome, True), result.why


def test_a_device_that_never_gets_ready_is_given_up_in_time(device: Device) -> None:
    device.lab.personality("boot-hangs")
    result, _ = device.trial(replace(BUDGETS, boot_s=8.0))
    assert (result.outcome, result.why) == (
        Outcome.BOOT_FAILED, "the guest's agent never spoke: not in time: the guest's agent speaks",
    )  # fmt: skip


def test_a_frozen_device_hangs_though_cvd_calls_it_running(device: Device) -> None:
    device.lab.personality("frozen", IN_TRIAL)
    result, _ = device.trial(replace(BUDGETS, trigger_s=5.0, silence_s=4.0))
    assert result.outcome is Outcome.HANG
    assert re.search("the trigger (ends|gets on)", result.why), result.why  # the first: its start was lost


def test_a_device_whose_machine_dies_is_lost_and_does_not_hang(device: Device) -> None:
    """Its port is closed then, while `adb shell` has ended with 0."""

    def on_record(record: ControlRecord) -> None:
        if isinstance(record, TriggerStart):
            (qemu,) = [pid for pid in descendants(os.getpid()) if process_name(pid).startswith(QEMU)]
            os.kill(qemu, signal.SIGKILL)

    device.on_record = on_record
    result, _ = device.trial(replace(BUDGETS, silence_s=60.0))
    assert result.outcome is Outcome.LOST
    assert "the device is gone: " in result.why


@pytest.mark.parametrize("when", [IN_TRIAL, "VIRTUAL_DEVICE_BOOT_COMPLETED"])
def test_a_connection_that_is_cut_costs_no_record(device: Device, when: str) -> None:
    """While the agent works, or while it is being pushed."""
    device.lab.personality("adb-drops", when)
    result, evidence = device.trial()
    assert result.outcome is Outcome.PASSED
    (end,) = evidence.every(TriggerEnd)
    assert (end.attempted, end.succeeded) == (COUNT, COUNT)
    assert sum(len(record.latency_ns) for record in evidence.every(Latencies)) == COUNT
    assert evidence.garbage_lines == 0


def test_a_device_that_gives_no_root_goes_on_without(device: Device) -> None:
    device.lab.personality("production")
    result, evidence = device.trial()
    about = evidence.last(DeviceRecord)
    assert result.outcome is Outcome.PASSED
    assert about is not None
    assert about.uid == 2000
    assert {"pagetypeinfo", "sysctl"} <= set(about.lacks)


def test_a_device_with_another_kernel_than_its_own_counts_for_nothing(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = built_kernel().image.file("vmlinuz")
    another = identity.banner_of_image(given).replace("#", "#9", 1)
    monkeypatch.setattr(guest, "banner_of_image", {given: another}.__getitem__)
    result, _ = device.trial()
    assert result.outcome is Outcome.HARNESS_ERROR
    assert "the device runs another kernel than it was given: 6." in result.why


def test_a_name_that_is_taken_makes_way_for_another(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["taken", "free"])
    drawn = SimpleNamespace(token_hex=lambda _bytes: next(names))
    monkeypatch.setattr("orchestrator.guests.cuttlefish.reservation.secrets", drawn)
    with other_group(device, "oomlab_taken", 5):
        result, _ = device.trial()
    assert result.outcome is Outcome.PASSED
    assert list(names) == []


def test_a_number_that_is_taken_makes_way_for_another(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken between the look and `cvd create`."""
    monkeypatch.setattr(reservation, "prepared_numbers", lambda: [5, 6])
    monkeypatch.setattr(reservation, "in_use", lambda _number: "")
    with other_group(device, "another", 5):
        result, _ = device.trial()
    assert result.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (signal.SIGTERM, "cvd was terminated by somebody while it created the device"),
        (signal.SIGKILL, "cvd was killed while it created the device"),
    ],
)
def test_a_cvd_that_somebody_ends_is_no_fault_of_the_device(
    device: Device, number: signal.Signals, why: str
) -> None:
    device.lab.personality("boot-hangs")
    with once_there_is(QEMU, lambda pid: os.kill(pid, number)):
        result, _ = device.trial()
    assert (result.outcome, result.why) == (Outcome.HARNESS_ERROR, why)


def test_a_group_that_cvd_cannot_remove_any_more_is_named_and_left(device: Device) -> None:
    """Killed so early, cvd has noted a group of which the launcher has written nothing."""
    with once_there_is(LAUNCHER, lambda pid: os.kill(pid, signal.SIGKILL)):
        result, _ = device.trial()
    (left,) = fleet().groups
    run(["cvd", "reset", "--yes"], deadline=soon())  # the user's choice; the lab's user is this test
    assert result.outcome is Outcome.HARNESS_ERROR
    assert f"the Cuttlefish group {left.group_name} could not be removed" in result.why
    assert "`cvd reset` ends it" in result.why
    home = device.folder / "cuttlefish-home"
    assert f"its files are in {home}" in result.why
    shutil.rmtree(home)


def test_an_interrupt_in_the_middle_of_a_boot_ends_the_device(device: Device) -> None:
    device.lab.personality("boot-hangs")
    with once_there_is(QEMU, lambda _pid: device.stop.flip()):
        result, _ = device.trial()
    assert result.outcome is Outcome.INTERRUPTED
