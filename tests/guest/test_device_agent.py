# SPDX-License-Identifier: Apache-2.0
"""The agent as an ordinary process on a device of others: one guest whose init starts it, root and not."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import DEFAULT_BASE, find_base
from orchestrator.deadline import Deadline
from orchestrator.files.folder import Folder
from orchestrator.guests.backend import Lines
from orchestrator.guests.qemu.launcher import QemuLauncher
from orchestrator.guests.qemu.machine import Boot, kernel_command_line
from orchestrator.host.process import run
from orchestrator.kernels.base import BUSYBOX_FILE, IMAGE_FILE
from orchestrator.kernels.build.guest_agent import AGENT_FILE, build_agent
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.initramfs import CPIO
from orchestrator.paths import cache_dir, resource_dir
from orchestrator.protocol.memory_records import Sample, TargetRecord
from orchestrator.protocol.records import (
    AgentError,
    AuditEnd,
    BenchmarkRecord,
    ControlRecord,
    DeviceRecord,
    End,
    Hello,
    ModuleLoaded,
    Note,
    Output,
    SettingRecord,
    TriggerEnd,
    TriggerStart,
    VictimRecord,
    parse_record,
)
from tests.guest.built_kernel import ARCH, built_kernel

pytestmark = pytest.mark.guest

INIT = Path(__file__).with_name("device_init.sh")
BOOT_S = 120.0
_R = TypeVar("_R")

_COMMON = "oomlab.protocol=4 oomlab.mode=trial oomlab.seed=1 oomlab.variant=kcalloc oomlab.trace=0"
_MMAP = "oomlab.trigger=binder-mmap oomlab.size=4194304 oomlab.count="
_SYSCTLS = "oomlab.sysctl=vm.watermark_boost_factor:0,vm.compaction_proactiveness:0"
_TARGET = f"{_SYSCTLS} oomlab.hard=required oomlab.stressors=pipes oomlab.units=3::300 oomlab.free_kb=65536:"
READAHEAD = "/sys/kernel/mm/swap/vma_ra_enabled"
_SWAPS = "oomlab.trigger=command oomlab.command=cat%20/proc/swaps;sleep%20100%26"
RECIPES = {
    "oom": f"{_TARGET} {_MMAP}600 oomlab.hold=1 oomlab.binder=c",
    "plain": f"{_MMAP}20 oomlab.binder=c",
    "units": f"{_TARGET} {_MMAP}20",
    "adj": f"{_MMAP}20 oomlab.adj=-900",
    "zram": f"oomlab.zram_kb=20000 {_SWAPS}",
    "zram-again": f"oomlab.zram_kb=20100 {_SWAPS}",
    "settings": f"oomlab.settings=0:vm.swappiness:7,0:{READAHEAD}:false "
    f"oomlab.trigger=command oomlab.command=cat%20/proc/sys/vm/swappiness%20{READAHEAD}",
    "rust": f"{_MMAP}20 oomlab.binder=rust",
    "audit": f"{_MMAP}20 oomlab.trace=1",
    "transactions": f"{_MMAP}20 oomlab.transactions=2",
    "benchmarks": "oomlab.stage=target oomlab.trigger=none "
    "oomlab.benchmarks=raw:0:10:0:2:0:0:t:4,mmap:0:3:0:0:0:0:t:1048576",
    "taken": f"{_MMAP}20 oomlab.transactions=2",
    "serving": f"{_MMAP}2 oomlab.transactions=2 oomlab.pause_us=60000000",
    "fills": "oomlab.stressors=slab:4000,slab_reclaimable:4000,ballast:8192,page_cache:20000 "
    "oomlab.trigger=command oomlab.command=cat%20/proc/sys/vm/nr_hugepages",
    "holding": f"{_TARGET} oomlab.trigger=command oomlab.command=sleep%20100",
}


@dataclass
class Section:
    """What the device said of one trial: its records, and what its init said beside them."""

    records: list[ControlRecord] = field(default_factory=list)
    said: dict[str, list[str]] = field(default_factory=dict)

    def every(self, kind: type[_R]) -> list[_R]:
        return [record for record in self.records if isinstance(record, kind)]

    def only(self, kind: type[_R]) -> _R:
        (record,) = self.every(kind)
        return record


@dataclass
class Device:
    """All that the guest left."""

    console: bytes
    sections: dict[str, Section]

    def __getitem__(self, name: str) -> Section:
        return self.sections[name]


def sections_of(control: bytes) -> dict[str, Section]:
    """The lines of the second serial line, by the `== NAME` before them."""
    sections = {"": Section()}
    name = ""
    for line in control.splitlines():
        if line.startswith(b"== "):
            name = line[3:].decode()
            # The same words for another user: the first was told apart by its name.
            name += "-root" if name in sections else ""
            sections[name] = Section()
        elif line.startswith(b"-- "):
            what, _, text = line[3:].decode().partition(": ")
            sections[name].said.setdefault(what, []).append(text.strip())
        else:
            sections[name].records.append(parse_record(line))
    return sections


def initramfs(directory: Path, busybox: Path) -> Path:
    """A device's root: a shell, the agent, and a script for its init."""
    root = directory / "root"
    for name in ("bin", "dev", "proc", "sys", "data", "recipes"):
        (root / name).mkdir(parents=True)
    arch = ARCHS[ARCH]
    compiler = find_compiler(arch, find_base(DEFAULT_BASE, ARCH)[0].compiler_major)
    agent = build_agent(Cache(cache_dir()), arch, compiler, print).file(AGENT_FILE)
    for name, source in (("bin/busybox", busybox), ("bin/agent", agent), ("init", INIT)):
        (root / name).write_bytes(source.read_bytes())
        (root / name).chmod(0o755)
    (root / "bin/sh").symlink_to("busybox")
    for name, words in RECIPES.items():
        (root / "recipes" / name).write_text(f"{_COMMON} {words}\n")
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    packed = run(CPIO, cwd=root, input_bytes="\0".join(names).encode(), deadline=Deadline.after(60, "cpio"))
    (directory / "device.cpio").write_bytes(packed.stdout)
    return directory / "device.cpio"


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    """The device, after all that its init does to it."""
    directory = tmp_path_factory.mktemp("device")
    kernel = built_kernel(resource_dir("images") / "patches" / "binder-kcalloc-6.12.patch")
    arch = ARCHS[ARCH].name
    line = kernel_command_line(arch, cma_bytes=0, extra=(), recipe="")
    root = initramfs(directory, kernel.busybox.file(BUSYBOX_FILE))
    boot = Boot(arch, 256 << 20, 1, kernel.image.file(IMAGE_FILE), root, line, "tcg")
    console, control, ended = bytearray(), bytearray(), threading.Event()

    def listen(chunk: bytes) -> None:
        console.extend(chunk)
        if not chunk:
            ended.set()

    with QemuLauncher(boot).power_on(Lines(listen, control.extend, Folder(directory))) as guest:
        assert ended.wait(BOOT_S), console.decode(errors="replace")[-2000:]
        guest.await_end()
    return Device(bytes(console), sections_of(bytes(control)))


def test_an_order_3_oom_by_kcalloc_is_told_to_its_end_by_an_agent_that_survives_it(device: Device) -> None:
    oom = device["oom"]
    assert [type(record) for record in oom.records[:2]] == [Hello, DeviceRecord]
    assert oom.only(TargetRecord).reached
    assert oom.only(TriggerEnd).reason == "killed"
    assert oom.only(VictimRecord).role == "trigger"
    assert oom.only(End).oom_kill_total == 1
    assert oom.said == {
        "follow": ["0"], "agent": ["0"], "after": device[""].said["before"], "left": ["0"],
    }  # fmt: skip
    assert re.search(rb"oomlab-trigger invoked oom-killer: .*order=3", device.console)
    assert b"binder_alloc_mmap_handler" in device.console
    assert b"oomlab: trigger-end killed" in device.console


def test_root_lacks_nothing_and_says_what_device_this_is(device: Device) -> None:
    record = device["oom"].only(DeviceRecord)
    assert (record.uid, record.lacks, record.oom_score_adj) == (0, [], -1000)
    assert (record.binder_impl, record.binder_device, record.lmkd) == ("c", "", 0)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", record.boot_id)
    assert record.swaps.startswith("Filename")
    assert record.benchmarks == ["/data/nativetest64/binderThroughputTest/binderThroughputTest"]


def test_a_device_without_binder_gets_a_binderfs_for_the_trial(device: Device) -> None:
    module = device["oom"].only(ModuleLoaded)
    assert (module.driver, module.device) == ("built-in", "binderfs")


def test_who_is_not_root_has_triggers_in_memory_as_it_is(device: Device) -> None:
    plain = device["plain"]
    record = plain.only(DeviceRecord)
    assert (record.uid, record.binder_device) == (2000, "/dev/binderfs/binder")
    assert set(record.lacks) >= {"pagetypeinfo", "kpageflags", "sysctl", "adj", "sndbuf", "tracefs", "zram"}
    assert plain.only(ModuleLoaded).device == "found"
    assert plain.only(TriggerEnd).succeeded == 20
    assert "pagetypeinfo" not in {sample.file for sample in plain.every(Sample)}


@pytest.mark.parametrize(
    ("recipe", "word"),
    [("units", "`pagetypeinfo`"), ("adj", "`adj`"), ("zram", "`zram`"), ("settings", "`sysctl`")],
)
def test_what_takes_root_is_said_by_name(device: Device, recipe: str, word: str) -> None:
    section = device[recipe]
    error = section.only(AgentError)
    assert error.where == "rights"
    assert word in error.message
    assert "takes root (uid 2000)" in error.message
    assert not section.every(TriggerEnd)
    assert section.said == {"follow": ["0"], "agent": ["0"]}


def test_swap_on_zram_is_made_and_next_time_taken_as_it_is(device: Device) -> None:
    made, again = device["zram-root"], device["zram-again"]
    assert made.only(Note).text == "zram: there was no swap on it; one of 20000 kB is made"
    assert again.only(Note).text == "zram: /dev/zram0 of 20000 kB was there, and is taken as it is"
    # 20000 kB less the page of the header; it is there from the first trial on.
    for text in (made.only(Output).text, again.only(Output).text, again.only(DeviceRecord).swaps):
        assert "/dev/zram0" in text
        assert "19996" in text


def test_settings_of_a_variant_are_put_back(device: Device) -> None:
    section = device["settings-root"]
    written = {record.name: (record.before, record.after) for record in section.every(SettingRecord)}
    assert written == {"vm.swappiness": ("60", "7"), READAHEAD: ("true", "false")}
    assert "".join(record.text for record in section.every(Output)) == "7\nfalse\n"
    assert section.said["swap"] == ["60 true"]


def test_what_a_command_left_behind_ends_with_its_trial(device: Device) -> None:
    # It has a process that sleeps on, and the end of the follower says that all are gone.
    assert device["zram-again"].said == {"follow": ["0"], "agent": ["0"]}


def test_another_driver_than_the_one_wanted_ends_the_trial(device: Device) -> None:
    error = device["rust"].only(AgentError)
    assert (error.where, error.message) == (
        "binder", "the binder driver that runs here is `c`, the trial is about `rust`",
    )  # fmt: skip
    assert not device["rust"].every(TriggerEnd)


def test_an_audit_has_a_tracefs_of_its_own_and_takes_its_events_away(device: Device) -> None:
    audit = device["audit"]
    assert audit.only(AuditEnd).requests == 20
    assert device["serving"].said["tracing"] == [""]


def test_transactions_have_a_handle_0_of_their_own(device: Device) -> None:
    transactions = device["transactions"]
    assert transactions.only(ModuleLoaded).device == "binderfs"
    assert transactions.only(TriggerEnd).succeeded == 20
    assert "No such file" in transactions.said["binderfs"][0]


def test_benchmarks_are_measured_on_a_device_as_anywhere(device: Device) -> None:
    rows = device["benchmarks"].every(BenchmarkRecord)
    assert [(row.iterations, row.failed, row.where) for row in rows] == [(10, 0, ""), (3, 0, "")]


def test_handle_0_that_another_has_takes_root(device: Device) -> None:
    serving = device["serving"]
    assert serving.only(ModuleLoaded).device == "found"
    assert serving.every(TriggerStart)
    assert not serving.every(AgentError)
    error = device["taken"].only(AgentError)
    assert (error.where, error.errno) == ("rights", 13)
    assert "handle 0" in error.message


def test_what_stressors_fill_and_mount_is_gone_afterwards(device: Device) -> None:
    fills = device["fills"]
    assert not fills.every(Note)
    assert fills.only(TargetRecord).reached
    assert fills.only(Output).text == "4\n"
    assert fills.said == {
        "follow": ["0"], "agent": ["0"], "settings": device[""].said["before"], "hugepages": ["0"],
        "mounts": ["same"],
    }  # fmt: skip


def test_a_follower_takes_up_where_another_was_cut_and_ends_when_the_agent_is_killed(device: Device) -> None:
    cut = device["cut"]
    assert cut.said == {
        "follow": ["0"], "left": ["0"], "same": ["yes"], "beyond": ["2"], "nothing": ["2"],
        "second": ["agent: /data/records: File exists"], "drafts": [""],
        "full": [cut.said["full"][0]],
    }  # fmt: skip
    assert cut.only(TargetRecord).reached
    assert not cut.every(End)
    assert "no space for the records" in cut.said["full"][0]


def test_an_agent_that_is_terminated_puts_the_settings_back_and_leaves_nothing(device: Device) -> None:
    assert device["terminated"].said == {"agent": ["143"], "factor": ["15000"], "left": ["0"]}
