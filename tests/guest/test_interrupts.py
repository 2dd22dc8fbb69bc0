# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C in every phase: exit code 130, nothing left running, nothing half-made, all files readable."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import Child, run
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.verified import file_sha256
from orchestrator.outcome import Outcome
from orchestrator.paths import cache_dir
from orchestrator.record.directory import open_run_directory
from orchestrator.record.journal import RunEnded, TrialStarted, block_results, read_journal, trial_results
from orchestrator.record.manifest import RunManifest
from orchestrator.verdict.verdict import Verdict
from tests.guest.conftest import Oomlab, descendants, lay_out_index, process_name, qemu_pids, signal_guests

pytestmark = pytest.mark.guest

AGAIN_S = 0.15
"""How soon an impatient user presses Ctrl-C again."""
PATIENCE_S = 180.0

RUN = (
    "run",
    "binder-order3",
    "--verbose",
    "--out",
    "run",
    "--set",
    "trials.blocks=1",
    "--set",
    "audit=false",
)
ENDLESS = ("--set", "fragmentation=null", "--set", "trigger={kind: command, command: 'sleep 600'}",
           "--set", "expectations={}")  # fmt: skip
AT_ONCE = (*ENDLESS[:3], "trigger={kind: command, command: 'true'}", *ENDLESS[4:])
SOON = (*ENDLESS[:3], "trigger={kind: command, command: 'sleep 2'}", *ENDLESS[4:])
"""Late enough for a test on a busy host to be there before the trigger ends."""


def passes(seconds: float) -> None:
    """Let time pass: a signal shall come in the midst of something that shows no event."""
    threading.Event().wait(seconds)


def nothing_more() -> None:
    """The line alone tells that the phase has begun."""


def powered_on() -> None:
    """QEMU runs."""
    deadline = Deadline.after(PATIENCE_S, "QEMU starts")
    while not qemu_pids():
        deadline.check()


class Session:
    """The command line with temporary files of its own, and a hand on Ctrl-C."""

    def __init__(self, oomlab: Oomlab) -> None:
        self._oomlab = oomlab
        self.directory = oomlab.directory
        self.temporary = oomlab.directory / "temporary"
        self.temporary.mkdir()
        oomlab.environment["TMPDIR"] = str(self.temporary)

    def environment(self, **variables: str) -> None:
        """Change the command's environment."""
        self._oomlab.environment.update(variables)

    def run(self, *arguments: str | Path) -> str:
        """A command that must succeed; what it said."""
        completed = self._oomlab(*arguments)
        assert completed.returncode == ExitCode.MET, completed.stderr.decode()
        return completed.stderr.decode()

    def interrupt(
        self, line: str, *arguments: str | Path, signals: Sequence[signal.Signals] = (signal.SIGINT,),
        until: Callable[[], None] = nothing_more,
    ) -> str:  # fmt: skip
        """Start a command, send it signals once it has said `line`; all it said. Nothing of it is left."""
        before = set(descendants(os.getpid()))
        with self._oomlab.started(*arguments) as child:
            said = read_until(child, line.encode())
            until()
            for number in signals:
                child.send_signal(number)
                passes(AGAIN_S)
            said += read_until(child, None)
            code = child.wait(PATIENCE_S)
        assert code == ExitCode.INTERRUPTED, said
        assert "interrupted" in said
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        wait_until_only(before)
        assert not list(self.temporary.iterdir())
        return said

    def hang_up(self, line: str, *arguments: str | Path, until: Callable[[], None]) -> tuple[int, str]:
        """Start a command under nohup, close its terminal once it has said `line`: its end, its words."""
        with self._oomlab.started(*arguments, under=["nohup"]) as child:
            said = read_until(child, line.encode())
            until()
            os.killpg(child.pid, signal.SIGHUP)
            said += read_until(child, None)
            return child.wait(PATIENCE_S), said


def read_until(child: Child, what: bytes | None) -> str:
    """The child's messages up to and with a text (None: up to the end)."""
    assert child.stderr is not None
    said = b""
    deadline = Deadline.after(PATIENCE_S, f"the command says {what!r}")
    while what is None or what not in said:
        ready, _, _ = select.select([child.stderr], [], [], deadline.remaining())
        assert ready, f"{deadline.what}; it said {said!r}"
        chunk = os.read(child.stderr.fileno(), 4096)
        if not chunk:
            assert what is None, f"it ended without {what!r}: {said!r}"
            break
        said += chunk
    return said.decode()


def wait_until_only(before: set[int]) -> None:
    deadline = Deadline.after(3, "all processes of the command are gone")
    while left := set(descendants(os.getpid())) - before:
        assert not deadline.passed, [process_name(pid) for pid in left]


@pytest.fixture
def session(oomlab: Oomlab) -> Session:
    return Session(oomlab)


@pytest.fixture
def run_of(session: Session) -> Iterator[Path]:
    """The directory of the interrupted run; checked afterwards, whatever the phase was."""
    path = session.directory / "run"
    yield path
    directory = open_run_directory(path)
    assert directory.load(directory.manifest, RunManifest).scenario.name == "binder-order3"
    entries = read_journal(directory.journal)
    assert directory.journal.read_bytes().endswith(b"\n")
    assert isinstance(entries[-1], RunEnded)
    assert entries[-1].reason == "interrupted"
    verdict = directory.load(directory.verdict, Verdict)
    assert verdict.expectations_met is None
    assert verdict.missing
    assert not [file.name for file in path.rglob(".*")]
    for file in path.rglob("*.jsonl"):
        lines = file.read_text().splitlines()
        for line in lines[:-1]:  # the guest may have been cut off in the last one
            json.loads(line)


def outcomes(run: Path) -> list[Outcome]:
    """Of all trials. Each that was begun must have been judged."""
    entries = read_journal(run / "journal.jsonl")
    results = trial_results(entries)
    assert len(results) == sum(isinstance(entry, TrialStarted) for entry in entries)
    return [result.outcome for result in results]


def check_block_was_cut_off(run: Path) -> None:
    """The guest that all trials fork from did not get to its target, and nothing came after it."""
    (block,) = block_results(read_journal(run / "journal.jsonl"))
    assert not block.frozen
    assert set(outcomes(run)) <= {Outcome.INTERRUPTED}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_while_booting(session: Session, environment: object, run_of: Path, number: signal.Signals) -> None:
    session.interrupt(": booting", *RUN, *ENDLESS, signals=[number], until=powered_on)
    check_block_was_cut_off(run_of)


def test_a_hangup_does_not_end_what_nohup_started(session: Session, environment: object) -> None:
    code, said = session.hang_up(": booting", *RUN, *AT_ONCE, until=powered_on)
    assert code == ExitCode.MET, said
    assert set(outcomes(session.directory / "run")) == {Outcome.PASSED}


def test_while_fragmenting_and_again_while_cleaning_up(
    session: Session, environment: object, run_of: Path
) -> None:
    session.interrupt(
        ": fragmenting memory", *RUN,
        signals=[signal.SIGINT, signal.SIGINT, signal.SIGTERM],
    )  # fmt: skip
    check_block_was_cut_off(run_of)
    assert (run_of / "blocks/0001/samples.jsonl").read_text()


def test_while_the_trigger_runs(session: Session, environment: object, run_of: Path) -> None:
    session.interrupt(": trigger running", *RUN, *ENDLESS)
    assert outcomes(run_of) == [Outcome.INTERRUPTED]
    assert "oomlab: phase trigger" in (run_of / "trials/0001/console.log").read_text(errors="replace")


def test_while_collecting(session: Session, environment: object, run_of: Path) -> None:
    control = run_of / "trials/0001/control.jsonl"

    def the_guest_is_held_at_its_report() -> None:
        deadline = Deadline.after(PATIENCE_S, "the trigger's end")
        while '"trigger-end"' not in control.read_text():
            deadline.check()
        signal_guests(signal.SIGSTOP)

    session.interrupt(
        ": trigger running", *RUN, *SOON,
        until=the_guest_is_held_at_its_report,
    )  # fmt: skip
    assert outcomes(run_of) == [Outcome.INTERRUPTED]


def test_between_two_trials(session: Session, environment: object, run_of: Path) -> None:
    session.interrupt(": passed after", *RUN, *AT_ONCE)
    assert outcomes(run_of)[0] is Outcome.PASSED
    started = [entry for entry in read_journal(run_of / "journal.jsonl") if isinstance(entry, TrialStarted)]
    assert len(started) <= 2


def test_while_probing(session: Session, environment: object) -> None:
    cache = session.directory / "cache"
    cache.mkdir()
    for part in ("store", "bases", "apt"):
        (cache / part).symlink_to(cache_dir() / part)
    session.environment(OOMLAB_CACHE=str(cache))
    session.interrupt("probing the accelerator", "run", "binder-order3")
    assert not list(cache.glob("probe/*"))
    assert not (session.directory / "runs").exists()


def check_whole(root: Path) -> None:
    """Nothing half-made in a cache."""
    cache = Cache(root)
    assert not list(root.glob("tmp/*"))
    assert not [path.name for path in root.glob("store/*/.*")]
    entries = cache.entries()
    assert len(entries) == len(list(root.glob("store/*/*")))
    assert all(entry.is_whole() for entry in entries)


def test_while_looking_for_packages(session: Session) -> None:
    cache = session.directory / "cache"
    session.environment(OOMLAB_CACHE=str(cache))
    session.interrupt("looking for packages", "images", "build", "binder-order3")
    check_whole(cache)
    assert not list(cache.glob("bases/*"))
    assert not list(cache.glob("apt/*/updated"))


class Archive:
    """A cache in which only busybox and the module are missing, and an archive that has busybox.

    `apt-get` and `dpkg-deb` on PATH hang while their file in `hanging` exists; only what apt-get is asked of
    the host's own package lists is answered at once.
    """

    def __init__(self, directory: Path) -> None:
        self.cache = directory / "cache"
        self.programs = directory / "programs"
        self.hanging = directory / "hanging"
        for path in (self.cache / "store", self.cache / "bases", self.programs, self.hanging):
            path.mkdir(parents=True)
        for kind in ("kernel", "headers", "source"):
            (self.cache / "store" / kind).symlink_to(cache_dir() / "store" / kind)
        record = json.loads((cache_dir() / "bases/debian-6.1-arm64.json").read_text())
        deb = self._pack(directory / "package", record["busybox"])
        record["busybox"] |= {"sha256": file_sha256(deb), "size_bytes": deb.stat().st_size}
        (self.cache / "bases/debian-6.1-arm64.json").write_text(json.dumps(record))
        wanted = f"-c {lay_out_index(self.cache) / 'apt.conf'} -qq download "
        wanted += f"{record['busybox']['name']}:arm64={record['busybox']['version']}"
        self._program(
            "apt-get", f'[ "$*" = "{wanted}" ] || {{ echo "refused: $*" >&2; exit 100; }}\ncp {deb} .'
        )
        self._program("dpkg-deb", f'exec {shutil.which("dpkg-deb")} "$@"')

    def _pack(self, root: Path, package: dict[str, str]) -> Path:
        (root / "DEBIAN").mkdir(parents=True)
        (root / "bin").mkdir()
        busybox = next((cache_dir() / "store/busybox").glob("*/busybox"))
        shutil.copy(busybox, root / "bin/busybox")
        name, version = package["name"], package["version"]
        fields = {"Package": name, "Version": version, "Architecture": "arm64", "Maintainer": "tests",
                  "Description": "tests"}  # fmt: skip
        (root / "DEBIAN/control").write_text("".join(f"{key}: {text}\n" for key, text in fields.items()))
        deb = root.parent / f"{name}_{version.replace(':', '%3a')}_arm64.deb"
        run(["dpkg-deb", "--build", "-Znone", root, deb], deadline=Deadline.after(60, "packing busybox"))
        return deb

    def _program(self, name: str, script: str) -> None:
        file = self.programs / name
        hang = self.hanging / name
        file.write_text(
            f'#!/bin/sh\n[ "$1" != indextargets ] || exit 0\nif [ -e {hang} ]; then sleep 600; fi\n{script}\n'
        )
        file.chmod(0o755)


SCENARIO = """\
name: one-variant
device: {arch: arm64, memory: 256MiB}
variants:
  mine: {base: debian-6.1, scope: drivers/android}
trigger: {kind: binder-mmap, size: 4MiB, count: 1}
"""


def test_while_downloading_unpacking_compiling_building_and_packing(
    session: Session, environment: object
) -> None:
    archive = Archive(session.directory)
    session.environment(OOMLAB_CACHE=str(archive.cache), PATH=f"{archive.programs}:{os.environ['PATH']}")
    (session.directory / "mine.yaml").write_text(SCENARIO)
    build = ("images", "build", "mine.yaml")

    def for_a_while() -> None:
        passes(0.5)

    for program, line in (("apt-get", "downloading"), ("dpkg-deb", "unpacking busybox")):
        (archive.hanging / program).touch()
        signals = [signal.SIGINT, signal.SIGINT, signal.SIGTERM]
        session.interrupt(line, *build, signals=signals, until=for_a_while)
        (archive.hanging / program).unlink()
        check_whole(archive.cache)
        assert not list(archive.cache.glob("store/busybox/*"))
    session.interrupt("compiling the guest agent", *build)
    check_whole(archive.cache)
    said = session.interrupt("building binder_linux", *build, until=for_a_while)
    assert "downloading" not in said, "what was whole is used again"
    check_whole(archive.cache)
    assert not list(archive.cache.glob("store/module/*"))
    session.interrupt("packing the initramfs", *build)
    check_whole(archive.cache)
    assert "one-variant: ready" in session.run(*build)
    check_whole(archive.cache)
    assert len(list(archive.cache.glob("store/initramfs/*"))) == 1
