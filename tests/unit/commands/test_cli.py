# SPDX-License-Identifier: Apache-2.0
"""The command as a user meets it: exit codes, plain messages, data on stdout and nothing else there."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from orchestrator import __version__
from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.host.facts import host_facts
from orchestrator.host.process import Completed, start
from orchestrator.kernels.debian.sources import read_archives
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import RunEnded, RunStarted, TrialEnded, open_journal
from orchestrator.record.manifest import RunManifest
from orchestrator.scenario.loading.loader import load_scenario
from tests.unit.evidence.guest_output import TCG, judged, passed

SPOILT = """\
name: spoilt
device: {arch: arm64, memory: 256}
variants:
  mine: {base: debian-6.1, scope: drivers/android, patches: [absent.patch]}
trigger: {kind: binder-mmap, size: 100000GiB, count: 1}
trials: {bloks: 1}
"""


class Command:
    """The command line in a directory of its own, without a terminal."""

    def __init__(self, checkout: Path, directory: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self.environment = {"PYTHONPATH": str(checkout)}
        self._capture = capture

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "orchestrator", *arguments]

    def __call__(self, *arguments: str) -> Completed:
        """Run it in this process, which is quick; an exception that escapes would be a traceback."""
        with contextlib.chdir(self.directory), pytest.raises(SystemExit) as end:
            app(list(arguments), prog_name="oomlab")
        output, messages = self._capture.readouterr()
        assert "\x1b" not in output + messages, "escape codes without a terminal"
        return Completed(int(end.value.code or 0), output.encode(), messages.encode())

    def writing_to(self, stdout: IO[bytes], *arguments: str) -> tuple[int, str]:
        """Exit code and messages with a stdout that is not what it should be."""
        with start(
            self.argv(*arguments), cwd=self.directory, env=self.environment, stdout=stdout, stderr=-1
        ) as child:
            assert child.stderr is not None
            text = child.stderr.read().decode()
            return child.wait(60), text


@pytest.fixture
def command(checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(checkout, tmp_path, capsys)


def refusal(done: Completed) -> str:
    """The message of bad input."""
    assert done.returncode == ExitCode.BAD_INPUT, done.stderr.decode()
    assert done.stdout == b""
    return done.stderr.decode()


@pytest.fixture
def finished_run(tmp_path: Path) -> RunDirectory:
    """A run directory of one passed trial each, made without a guest."""
    scenario = load_scenario(Path("binder-order3"), ["expectations={}", "trials.blocks=1"]).scenario
    directory = RunDirectory(tmp_path / "run")
    directory.path.mkdir()
    manifest = RunManifest(
        oomlab_version=__version__, python_version="3.11.2", started=datetime.now(UTC), command="oomlab run",
        scenario_file="x.yaml", overrides=(), scenario=scenario, seed=1, host=host_facts(),
        accelerators={"realtime": TCG},
        artefacts={"debian-6.1": ARTEFACTS}, qemu_commands={},
    )  # fmt: skip
    directory.save(directory.manifest, manifest)
    with open_journal(directory.journal) as journal:
        journal.append(RunStarted(scenario=scenario.name, planned=2))
        for number, variant in enumerate(scenario.variants, start=1):
            result = judged(passed(), variant=variant, trial=number)
            journal.append(TrialEnded(result=result))
        journal.append(RunEnded(reason="finished"))
    return directory


ARTEFACTS = ArtefactManifest(
    base="debian-6.1", arch="arm64", release="6.1.0-1-arm64", page_size_bytes=4096, packages=(),
    kernel_sha256="0" * 64, busybox_sha256="1" * 64, agent_sha256="2" * 64, agent_compiler="cc",
    initramfs_sha256="3" * 64,
)  # fmt: skip


@pytest.mark.parametrize("name", ["validate", "run", "shell"])
def test_all_faults_of_a_file_are_told_with_place_and_nearest(command: Command, name: str) -> None:
    (command.directory / "spoilt.yaml").write_text(SPOILT)
    (command.directory / "absent.patches").touch()
    text = refusal(command(name, "spoilt.yaml"))
    assert "spoilt.yaml:2:31:" in text
    assert "a size needs a unit" in text
    assert "spoilt.yaml:4:" in text
    assert "no such patch file: 'absent.patch'" in text
    assert "spoilt.yaml:5:36:" in text
    assert "spoilt.yaml:6:10: unknown key 'bloks' in trials" in text
    assert "did you mean 'blocks'" in text
    assert list(command.directory.glob("runs*")) == []


def test_validate_tells_of_every_file(command: Command) -> None:
    (command.directory / "spoilt.yaml").write_text(SPOILT)
    text = refusal(command("validate", "spoilt.yaml", "binder-order3", "absent.yaml"))
    assert "binder-order3: valid" in text
    assert "absent.yaml" in text
    assert "unknown key 'bloks'" in text


@pytest.mark.parametrize(
    ("arguments", "pieces"),
    [
        (["run"], ["Missing argument 'SCENARIO'"]),
        (["run", "binder-order33"], ["no such file", "binder-order3"]),
        (["run", "binder-order3", "--sett", "x=1"], ["No such option: --sett", "--set"]),
        (["run", "binder-order3", "--set", "trials"], ["--set trials", "PATH=VALUE"]),
        (["run", "binder-order3", "--set", "trials.bloks=3"], ["--set trials.bloks=3", "trials.blocks"]),
        (["run", "binder-order3", "--set", "trials.blocks=x"], ["--set trials.blocks=x", "whole number"]),
        (["run", "binder-order3", "--set", "device.memory=1"], ["--set device.memory=1", "needs a unit"]),
        (["run", "binder-order3", "--patch", "absent"], ["--patch absent", "no such patch file"]),
        (["run", "binder-order3", "--patch", "prose"], ["prose holds no patch"]),
        (["run", "binder-order3", "--out", "full"], ["full exists and is not empty", "--out"]),
        (["run", "binder-order3", "--out", "prose"], ["prose exists and is not empty", "--out"]),
        (["run", "binder-order3", "--artefacts-from", "full"], ["full is no run directory"]),
        (["run", "binder-order3", "--lock", "prose"], ["prose is no lock file", "remove the file"]),
        (["run", "binder-order3", "--lock", "absent/a"], ["absent is no directory"]),
        (["run", "binder-order3", "--lock", "a", "--dry-run"], ["--lock cannot be given with --dry-run"]),
        (["run", "--resume", "full", "--lock", "a"], ["--lock cannot be given"]),
        (["run", "--resume", "full"], ["full is no run directory"]),
        (["run", "binder-order3", "--resume", "full", "--set", "x=1"], ["SCENARIO, --set cannot be given"]),
        (["clean", "full"], ["full is no run directory"]),
        (["report", "absent"], ["absent is no run directory", "runs/latest"]),
        (["shell", "binder-order3", "--variant", "x"], ["no variant 'x'", "kcalloc, kvcalloc"]),
        (["schema", "scenery"], ["'scenery' is not one of 'scenario'"]),
        (["images", "prune"], ["nothing to do", "--unused-for"]),
        (["images", "prune", "--keep", "3"], ["error: a size needs a unit"]),
        (["images", "prune", "--unused-for", "3"], ["error: a duration needs a unit"]),
        (["images", "build", "absent.yaml"], ["absent.yaml", "no such file"]),
        (["images", "show", "debain-6.1"], ["is no file, no base and no shipped scenario", "'debian-6.1'"]),
        (["images", "show", "binder-ordr3"], ["is no file", "did you mean 'binder-order3'"]),
        (["images", "show", "prose"], ["prose is a text file, not a kernel image"]),
        (["images", "show", "prose", "--arch", "arm64"], ["--arch cannot be given with an image"]),
        (["images", "show", "full"], ["full: is a directory, not a scenario file"]),
        (["images", "show", "debian-6.1", "--set", "x=1"], ["--set cannot be given with a base"]),
        (["images", "show", "debian-6.12-16k", "--arch", "x86_64"], ["does not exist for x86_64"]),
        (["test", "everything"], ["no tests are called 'everything'", "unit, browser, build, guest"]),
        (["frobnicate"], ["No such command 'frobnicate'"]),
    ],
)
def test_bad_input_is_refused_in_plain_words(
    command: Command, arguments: list[str], pieces: Sequence[str]
) -> None:
    (command.directory / "full").mkdir()
    (command.directory / "full/mine").write_text("precious")
    (command.directory / "prose").write_text("Dear list,\n")
    text = " ".join(refusal(command(*arguments)).split())
    assert [piece for piece in pieces if piece not in text] == []
    assert (command.directory / "full/mine").read_text() == "precious"


def test_a_finished_run_is_reported(command: Command, finished_run: RunDirectory) -> None:
    done = command("report", "run")
    assert done.returncode == ExitCode.MET, done.stderr
    assert b"Verdict: compared only: nothing was expected." in done.stdout
    done = command("report", "run", "--json")
    assert json.loads(done.stdout)["conclusion"] == "compared-only"
    assert done.stderr == b""


def test_a_cut_off_journal_leaves_the_verdict_open(command: Command, finished_run: RunDirectory) -> None:
    content = finished_run.journal.read_bytes()
    finished_run.journal.write_bytes(content[: content.rindex(b'"trial-ended"')])
    done = command("report", "run", "--json")
    assert done.returncode == ExitCode.VERDICT_MISSING, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["expectations_met"] is None
    assert verdict["missing"] == ["block 1 of kvcalloc was not run"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x00\xff\n", "journal.jsonl:1: no journal record"),
        (b'{"kind": "run-started"}\n', "journal.jsonl:1: no journal record"),
        (b'{"kind": "unheard-of"}\n', "journal.jsonl:1: no journal record"),
        (None, "journal.jsonl does not exist"),
    ],
)
def test_a_damaged_journal_is_refused(
    command: Command, finished_run: RunDirectory, content: bytes | None, what: str
) -> None:
    if content is None:
        finished_run.journal.unlink()
    else:
        finished_run.journal.write_bytes(content)
    assert what in refusal(command("report", "run"))


def old(manifest: dict[str, Any]) -> None:
    del manifest["accelerators"]
    manifest["oomlab_version"] = "0.0.1"


def of_the_future(manifest: dict[str, Any]) -> None:
    manifest["colour"] = "red"


def inconsistent(manifest: dict[str, Any]) -> None:
    manifest["artefacts"] = {}


@pytest.mark.parametrize(
    ("change", "what"), [(old, "accelerators: Field required"), (of_the_future, "colour: Extra inputs")]
)
def test_a_manifest_of_another_version_is_refused(
    command: Command, finished_run: RunDirectory, change: Any, what: str
) -> None:
    manifest = json.loads(finished_run.manifest.read_text())
    change(manifest)
    finished_run.manifest.write_text(json.dumps(manifest))
    for arguments in (["report", "run"], ["run", "binder-order3", "--artefacts-from", "run"]):
        text = refusal(command(*arguments))
        assert f"run/manifest.json cannot be read: {what}" in text
        assert "another version of oomlab" in text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_a_manifest_that_is_garbage_is_refused(
    command: Command, finished_run: RunDirectory, content: bytes
) -> None:
    finished_run.manifest.write_bytes(content)
    assert "run/manifest.json cannot be read" in refusal(command("report", "run"))


def test_a_manifest_without_its_artefacts_is_still_reported(
    command: Command, finished_run: RunDirectory
) -> None:
    manifest = json.loads(finished_run.manifest.read_text())
    inconsistent(manifest)
    finished_run.manifest.write_text(json.dumps(manifest))
    assert command("report", "run").returncode == ExitCode.MET


OUTPUTS = [["schema"], ["report", "run"], ["report", "run", "--json"], ["--version"]]


@pytest.mark.parametrize("arguments", OUTPUTS)
def test_a_reader_that_has_seen_enough_is_no_failed_expectation(
    command: Command, finished_run: RunDirectory, arguments: list[str]
) -> None:
    """As in `oomlab report run | head -1`, when head is quicker."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as gone:
        assert command.writing_to(gone, *arguments) == (ExitCode.COULD_NOT_RUN, "")


@pytest.mark.parametrize("arguments", OUTPUTS)
def test_a_full_disk_behind_stdout_is_told(
    command: Command, finished_run: RunDirectory, arguments: list[str]
) -> None:
    with Path("/dev/full").open("wb") as full:
        code, text = command.writing_to(full, *arguments)
    assert (code, text) == (ExitCode.COULD_NOT_RUN, "error: No space left on device\n")


def test_messages_that_nobody_reads_change_nothing(command: Command, finished_run: RunDirectory) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with (
        os.fdopen(write_end, "wb") as gone,
        start(command.argv("validate", "binder-order3"), env=command.environment, stderr=gone) as child,
    ):
        assert child.wait(60) == ExitCode.MET


def test_a_mirror_is_for_all_commands_and_wrong_ones_are_told_at_once(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OOMLAB_MIRROR", "http://elsewhere.example/debian")
    done = command("--mirror", "http://mirror.example/debian http://mirror.example/lts", "devices")
    assert done.returncode == ExitCode.MET
    assert [archive.uri for archive in read_archives()] == [
        "http://mirror.example/debian",
        "http://mirror.example/lts",
    ]
    refused = command("--mirror", "mirror.example", "devices")
    assert refused.returncode == ExitCode.BAD_INPUT
    assert b"'mirror.example' is not the URI of a Debian archive" in refused.stderr
