# SPDX-License-Identifier: Apache-2.0
"""Runs that were cut short go on, with what is missing and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import Completed, run
from orchestrator.outcome import Outcome
from orchestrator.paths import cache_dir
from orchestrator.record.journal import RunResumed, TrialStarted, read_journal, trial_results
from tests.guest.conftest import Oomlab
from tests.guest.test_interrupts import read_until

pytestmark = pytest.mark.guest

SMALL = ("binder-order3", "--out", "run", "--set", "fragmentation=null", "--set", "expectations={}",
         "--set", "trigger={kind: binder-mmap, size: 4MiB, count: 10}",
         "--set", "trials={blocks: 1, forks: 2}", "--set", "audit=false")  # fmt: skip


def cut_short(oomlab: Oomlab, number: signal.Signals, *arguments: str) -> None:
    """A run that gets a signal as soon as its first trial has a result."""
    with oomlab.started("run", *arguments) as child:
        read_until(child, b": passed after")
        child.send_signal(number)
        child.wait(60)


def results(oomlab: Oomlab) -> list[int]:
    found = trial_results(read_journal(oomlab.directory / "run/journal.jsonl"))
    return [result.trial for result in found if result.outcome is not Outcome.INTERRUPTED]


def refusal(completed: Completed, code: ExitCode = ExitCode.BAD_INPUT) -> str:
    assert completed.returncode == code, completed.stderr.decode()
    return " ".join(completed.stderr.decode().split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_only_what_is_missing_is_made(oomlab: Oomlab, environment: object, number: signal.Signals) -> None:
    cut_short(oomlab, number, *SMALL)
    path = oomlab.directory / "run"
    before = (path / "journal.jsonl").read_bytes().rpartition(b"\n")[0]
    done = results(oomlab)
    assert 1 <= len(done) < 4
    (path / "journal.jsonl").write_bytes(before + b'\n{"kind":"trial-sta')  # and cut in the midst of a line
    ended = oomlab("run", "--resume", "run")
    assert ended.returncode == ExitCode.MET, ended.stderr.decode()
    assert (path / "journal.jsonl").read_bytes().startswith(before + b"\n")
    assert sorted(results(oomlab)) == [1, 2, 3, 4]
    entries = read_journal(path / "journal.jsonl")
    (resumed,) = [index for index, entry in enumerate(entries) if isinstance(entry, RunResumed)]
    again = [entry.trial for entry in entries[resumed:] if isinstance(entry, TrialStarted)]
    assert sorted(again) == sorted({1, 2, 3, 4} - set(done))
    verdict = json.loads((path / "verdict.json").read_text())
    assert {name: each["outcomes"] for name, each in verdict["variants"].items()} == {
        "kcalloc": {"passed": 2}, "kvcalloc": {"passed": 2},
    }  # fmt: skip
    assert (verdict["repeated"], verdict["missing"]) == (0, [])
    last = (path / "journal.jsonl").read_bytes()
    assert "is finished" in refusal(oomlab("run", "--resume", "run"), ExitCode.MET)
    assert (path / "journal.jsonl").read_bytes() == last


def test_a_run_at_work_is_neither_resumed_nor_cleaned(oomlab: Oomlab, environment: object) -> None:
    endless = (*SMALL[:-4], "--set", "trigger={kind: command, command: 'sleep 600'}")
    with oomlab.started("run", *endless, "--verbose") as child:
        read_until(child, b": trigger running")
        assert "another oomlab is at work on run" in refusal(oomlab("run", "--resume", "run"))
        assert b"left alone" in oomlab("clean", "run").stdout
        assert child.poll() is None
        child.kill()
        child.wait(10)
    cleaned = oomlab("clean", "run")
    assert cleaned.returncode == ExitCode.MET
    assert b"ended" not in cleaned.stdout


def test_other_artefacts_are_refused(oomlab: Oomlab, environment: object) -> None:
    cut_short(oomlab, signal.SIGKILL, *SMALL)
    manifest = oomlab.directory / "run/manifest.json"
    recorded = manifest.read_text()
    sound = json.loads(recorded)
    sound["artefacts"]["debian-6.1"]["initramfs_sha256"] = "0" * 64
    manifest.write_text(json.dumps(sound))
    words = refusal(oomlab("run", "--resume", "run"))
    assert "the run cannot go on" in words
    assert "initramfs" in words
    assert "0" * 64 in words, "the checksum that could not be had"
    manifest.write_text(recorded.replace('"qemu_version": "', '"qemu_version": "9'))
    assert "not the machine that the run began on" in refusal(oomlab("run", "--resume", "run"))


@pytest.fixture
def tiny(oomlab: Oomlab) -> Iterator[Path]:
    """A file system of 160 KiB: enough to begin a run, not for its trials."""
    place = oomlab.directory / "tiny"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: a full disk; only root can mount a small one")
    if not mounted(place, "size=160k"):
        pytest.skip("NOT TESTED: a full disk; this root may not mount one")
    yield place
    run(["umount", place], deadline=Deadline.after(10, "umount"))


def mounted(place: Path, options: str) -> bool:
    mounting = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
    return run(mounting, deadline=Deadline.after(10, "mount"), check=False).returncode == 0


def test_a_run_that_filled_the_disk_goes_on_when_there_is_room(
    oomlab: Oomlab, environment: object, tiny: Path
) -> None:
    arguments = ["tiny/run" if word == "run" else word for word in SMALL]
    ended = oomlab("run", *arguments)
    assert ended.returncode == ExitCode.COULD_NOT_RUN, ended.stderr.decode()
    assert b"No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr
    read_journal(tiny / "run/journal.jsonl")
    assert mounted(tiny, "remount,size=64m")
    resumed = oomlab("run", "--resume", "tiny/run")
    assert resumed.returncode == ExitCode.MET, resumed.stderr.decode()
    assert sorted(result.trial for result in trial_results(read_journal(tiny / "run/journal.jsonl"))) == [
        1, 2, 3, 4,
    ]  # fmt: skip


def test_a_damaged_initramfs_is_never_booted(oomlab: Oomlab, environment: object) -> None:
    cache = oomlab.directory / "cache"
    cache.mkdir()
    for part in ("bases", "apt", "probe"):
        (cache / part).symlink_to(cache_dir() / part)
    (cache / "store").mkdir()
    for kind in cache_dir().joinpath("store").iterdir():
        if kind.name == "initramfs":
            shutil.copytree(kind, cache / "store/initramfs")
        else:
            (cache / "store" / kind.name).symlink_to(kind)
    for file in cache.glob("store/initramfs/*/initramfs.cpio"):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    oomlab.environment["OOMLAB_CACHE"] = str(cache)
    ended = oomlab("run", *SMALL)
    assert ended.returncode == ExitCode.MET, ended.stderr.decode()
    assert b"packing the initramfs" in ended.stderr, "what was damaged is made again"
