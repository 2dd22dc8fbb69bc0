# SPDX-License-Identifier: Apache-2.0
"""Programs of the user's in the guest: compiled here, run there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import find_base
from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import run
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.record.journal import read_journal, trial_results
from tests.guest.conftest import Oomlab

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("environment")]

SMALL = ("binder-order3", "--out", "run", "--set", "fragmentation=null", "--set", "audit=false",
         "--set", "trials.blocks=1", "--set", "variants={plain: {base: debian-6.1}}")  # fmt: skip


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The program of the page, static and with its C library beside it."""
    directory = tmp_path_factory.mktemp("programs")
    compiler = find_compiler(ARCHS["arm64"], find_base("debian-6.1", "arm64")[0].compiler_major)
    found = {}
    for name, options in (("static", ["-static"]), ("dynamic", [])):
        found[name] = directory / name
        source = Path(__file__).parent / "own_program.c"
        run(
            [compiler.command, "-O2", *options, "-o", found[name], source],
            cwd=directory,
            deadline=Deadline.after(60, "compiling a test program"),
        )
    return found


def test_a_program_runs_static_and_with_the_libraries_that_were_found_for_it(
    oomlab: Oomlab, programs: dict[str, Path]
) -> None:
    ran = oomlab(
        "run", *SMALL, "--file", f"{programs['static']}:/mytest",
        "--file", f"{programs['dynamic']}:/opt/a/dyn", "--command", "/mytest 7; /opt/a/dyn 8",
    )  # fmt: skip
    assert ran.returncode == ExitCode.MET, ran.stderr.decode()
    assert "expectations are of its own trigger" in ran.stderr.decode()
    (output,) = oomlab.directory.glob("run/trials/*/output.log")
    assert [line for line in output.read_text().splitlines() if "rounds" in line] == [
        "rounds 7 rounds",
        "rounds 8 rounds",
    ]
    (artefacts,) = json.loads((oomlab.directory / "run/manifest.json").read_text())["artefacts"].values()
    kinds = {each["guest"]: each["kind"] for each in artefacts["files"]}
    assert kinds["/mytest"] == kinds["/opt/a/dyn"] == "program"
    assert kinds["/lib/libc.so.6"] == "library"


def test_a_run_goes_on_with_the_same_file_and_with_no_other(
    oomlab: Oomlab, programs: dict[str, Path]
) -> None:
    script = oomlab.directory / "mytest.sh"
    script.write_text("#!/bin/sh\necho one\n")
    first = oomlab("run", *SMALL, "--file", script, "--command", "/mytest.sh")
    assert first.returncode == ExitCode.MET, first.stderr.decode()
    journal = oomlab.directory / "run/journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    begun = next(number for number, line in enumerate(lines) if b'"trial-started"' in line)
    journal.write_bytes(b"".join(lines[:begun]))
    script.write_text("#!/bin/sh\necho two\n")
    refused = oomlab("run", "--resume", "run")
    assert refused.returncode == ExitCode.BAD_INPUT
    assert "mytest.sh" in refused.stderr.decode()
    assert "files are not what they were" in " ".join(refused.stderr.decode().split())
    script.write_text("#!/bin/sh\necho one\n")
    again = oomlab("run", "--resume", "run")
    assert again.returncode == ExitCode.MET, again.stderr.decode()


BENCHMARKS = """\
name: own
device: {arch: arm64, memory: 128MiB, cma: 0}
variants: {plain: {base: debian-6.1}}
files: {./static: /mytest, ./tests.sh: null}
trigger: {kind: command, command: 'true'}
audit: false
benchmarks:
  - {kind: command, name: mytest, command: /mytest 9, when: [target]}
  - {kind: command, name: tests, command: "/tests.sh >&2; /tests.sh", when: [target]}
  - {kind: command, name: words, command: "echo what it did: nothing", when: [target]}
  - {kind: command, name: flood, command: "yes flood | head -c 400000; exit 3", when: [target]}
  - {kind: command, name: endless, command: "sleep 100 & while :; do :; done", when: [target]}
deadlines: {benchmarks: 4s}
"""


def test_a_user_s_program_is_a_benchmark_and_its_figures_are_rows(
    oomlab: Oomlab, programs: dict[str, Path]
) -> None:
    directory = oomlab.directory
    (directory / "own.yaml").write_text(BENCHMARKS)
    (directory / "static").symlink_to(programs["static"])
    (directory / "tests.sh").write_text("#!/bin/sh\necho 1..2; echo ok 1 one; echo not ok 2 two\n")
    ran = oomlab("run", "own.yaml", "--out", "run")
    assert ran.returncode == ExitCode.MET, ran.stderr.decode()
    results = trial_results(read_journal(directory / "run/journal.jsonl"))
    (trial,) = [result for result in results if result.stage == "target"]
    rows = {row.name: row for row in trial.benchmarks}
    assert rows["mytest"].error is None
    assert rows["mytest/fault_16_pages"].real_ns > 0
    assert rows["mytest"].real_ns > rows["mytest/fault_16_pages"].real_ns
    assert 0 < rows["mytest"].cpu_ns <= rows["mytest"].real_ns
    assert (rows["mytest/rounds"].value, rows["mytest/rounds"].unit) == (9, "rounds")
    assert (rows["tests/one"].failed, rows["tests/two"].failed) == (0, 1)
    assert rows["words"].output == "unknown"
    assert rows["flood"].error == "the command ended with exit status 3"
    assert "deadline" in str(rows["endless"].error)
    assert any("137856 bytes of its output were not kept" in note for note in trial.notes)
    kept = directory / "run/trials" / trial.directory
    assert (kept / "benchmark-tests.stderr").read_bytes() == (kept / "benchmark-tests.stdout").read_bytes()
    assert (kept / "benchmark-flood.stdout").stat().st_size == 256 * 1024
    shown = oomlab("report", "run", "--format", "csv").stdout.decode()
    assert "mytest/rounds target rounds" in shown


def test_without_a_trigger_and_a_target_benchmarks_are_run_in_memory_as_it_is(oomlab: Oomlab) -> None:
    text = (
        "name: alone\ndevice: {arch: arm64, memory: 128MiB, cma: 0}\nvariants: {plain: {base: debian-6.1}}\n"
        "benchmarks: [{kind: command, name: mine, command: echo t 5 us}]\n"
        "expectations: {plain: {outcome: passed}}\n"
    )
    (oomlab.directory / "alone.yaml").write_text(text)
    ran = oomlab("run", "alone.yaml", "--out", "run")
    assert ran.returncode == ExitCode.MET, ran.stderr.decode()
    said = ran.stderr.decode()
    assert "With plain the benchmarks ran to their end in 2 of 2 trials." in said
    assert "memory as the boot left it" in said
    assert "trigger" not in said
    results = trial_results(read_journal(oomlab.directory / "run/journal.jsonl"))
    assert {result.stage for result in results} == {"relaxed", "target"}
    assert all(result.benchmarks[1].real_ns == 5000 for result in results)
