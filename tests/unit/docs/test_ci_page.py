# SPDX-License-Identifier: Apache-2.0
"""docs/ci.md: every snippet is run from the page, with a stand-in for guests (tests/guest has real ones)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from orchestrator.errors import ExitCode
from orchestrator.host.process import Completed
from orchestrator.outcome import Outcome
from tests.build.mini_kernel import make_tree
from tests.git import git_in
from tests.unit.docs.ci_page import lay_out, run_as_a_job, snippet, snippets
from tests.unit.report.factory import Made, run_directory

LAUNCHER = """#!/bin/sh
[ "$1" != --yes ] || shift
PYTHONPATH={checkout} exec {python} -P {place}/stand-in.py "$@"
"""
# Each command line is read by the real program; of a run, all that comes before guests is done.
STAND_IN = """
import contextlib, io, os, subprocess, sys
from pathlib import Path
from orchestrator.cli import app

words, status = sys.argv[1:], int(os.environ.get("STATUS", "0"))
with open(os.environ["ASKED"], "a") as asked:
    print(*words, file=asked)

def real(*words):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        try:
            app(list(words), prog_name="oomlab")
        except SystemExit as end:
            if end.code:
                sys.exit(end.code)
    return output.getvalue()

def of(name):
    return [words[place + 1] for place, word in enumerate(words) if word == name]

if words[0] != "run":
    real(*words, "--help")
    if words[0] == "bisect-step":
        sys.exit(1 if (Path(of("--tree")[0]) / "fault").exists() else 0)
    sys.exit(3 if words[0] == "doctor" else 0)
real(*words, "--help")
for lock in of("--lock"):
    place = words.index("--lock")
    del words[place : place + 2]
    Path(lock).touch()
assert "-kernel" in real(*words, "--dry-run")
for out in of("--out"):
    Path(out).mkdir(parents=True)
for report in of("--report"):
    name, _, file = report.partition("=")
    made = [os.environ["MADE"], "--format", name, "--output", file]
    subprocess.run([sys.executable, "-P", "-m", "orchestrator", "report", *made])
print("Verdict: expectations met." if not status else "Verdict: expectations NOT met.")
sys.exit(status)
"""
# What no stand-in can show: this is run for real by tests/build/test_minimal_host.py.
ELSEWHERE = {"Bisecting"}


@pytest.fixture(name="place")
def _place(tmp_path: Path, checkout: Path) -> Path:
    """A clone as far as snippets look at it, a kernel tree, a patch, and a run to report."""
    place = tmp_path / "clone"
    place.mkdir()
    lay_out(place, checkout, LAUNCHER.format(checkout=checkout, python=sys.executable, place=place))
    (place / "stand-in.py").write_text(STAND_IN)
    shipped = checkout / "images" / "patches" / "binder-kvcalloc-6.1.patch"
    (place / "my-change.patch").write_bytes(shipped.read_bytes())
    run_directory(tmp_path / "made", Made(blocks=1, benchmarks=False, spoil=Outcome.PANIC))
    return place


def ran(text: str, place: Path, environment: Mapping[str, str] = {}) -> Completed:
    """A snippet after its end."""
    known = {"ASKED": os.fspath(place / "asked.txt"), "MADE": os.fspath(place.parent / "made")}
    return run_as_a_job(text, place, {**known, **environment})


def asked(place: Path) -> list[str]:
    """What the program was called with."""
    return (place / "asked.txt").read_text().splitlines()


def history(place: Path) -> dict[str, str]:
    """A repository with a kernel's tree in which the fourth commit plants the fault."""
    tree = make_tree(place.parent)
    git_in(tree, "init", "-q")
    commits = []
    for number in range(6):
        (tree / ("fault" if number == 3 else f"file-{number}")).touch()
        git_in(tree, "add", ".")
        git_in(tree, "commit", "-q", "-m", f"change {number}")
        commits.append(git_in(tree, "rev-parse", "HEAD").strip())
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return {"LINUX": os.fspath(tree), "GOOD": commits[0], "BAD": commits[-1], "FAULT": commits[3], **quiet}


def test_every_script_on_the_page_is_a_file_or_is_run(checkout: Path) -> None:
    scripts = [path.read_text() for path in (checkout / "examples" / "ci").iterdir() if path.is_file()]
    shown = snippets(checkout, "sh")
    assert [each for each in shown if each.is_file and each.text not in scripts] == []
    assert len([each for each in shown if not each.is_file]) >= 6
    assert {each.language for each in snippets(checkout)} <= {"sh", "console", "yaml", "xml", "text"}


def test_every_snippet_does_what_its_section_says(place: Path, checkout: Path) -> None:
    environment = history(place)
    for each in snippets(checkout, "sh"):
        if not each.is_file:
            done = ran(each.text, place, environment)
            assert done.returncode == 0, f"{each.heading}: {done.stderr.decode()}"
            git_in(Path(environment["LINUX"]), "bisect", "reset")


def test_the_first_command_leaves_what_the_page_names_and_ends_with_the_verdict(
    place: Path, checkout: Path
) -> None:
    done = ran(snippet(checkout, "In a minute").text, place)
    (line,) = (each.text for each in snippets(checkout, "text") if each.heading == "In a minute")
    assert done.stdout.decode().splitlines()[-1] == line.strip()
    left = {path.name for path in (place / "results").iterdir()}
    table = (checkout / "docs" / "ci.md").read_text().partition("## What is left")[2].partition("## ")[0]
    assert left == {name.rstrip("/") for name in re.findall(r"^\| `(\S+?)` \|", table, re.MULTILINE)}


@pytest.mark.parametrize("status", list(ExitCode))
def test_the_job_ends_as_the_run_did_and_says_what_that_means(
    place: Path, checkout: Path, status: ExitCode
) -> None:
    script = snippet(checkout, "Exit codes").text
    done = ran(script, place, {"STATUS": str(int(status))})
    assert done.returncode == status
    said = done.stdout.decode()
    assert ("did not do what the scenario expects" in said) == (status == ExitCode.NOT_MET)
    assert ("run it again" in said) == (status == ExitCode.VERDICT_MISSING)
    looked = status in (ExitCode.BAD_INPUT, ExitCode.COULD_NOT_RUN, ExitCode.INTERRUPTED)
    assert ("doctor" in asked(place)) == looked
    table = (checkout / "docs" / "ci.md").read_text().partition("## Exit codes")[2].partition("## ")[0]
    assert f"\n| {int(status)} | " in table


def test_the_key_of_the_cache_follows_the_locks(place: Path, checkout: Path) -> None:
    text = snippet(checkout, "Minutes and caches").text
    first, second = ran(text, place).stdout, ran(text, place).stdout
    assert first == second
    assert re.search(rb"oomlab-[0-9a-f]{16}", first)
    (place / "mine.lock").write_text("lock: 1\n")
    assert ran(text, place).stdout != first
    assert asked(place)[0] == "images build binder-order3"


def test_a_bisection_names_the_commit(place: Path, checkout: Path) -> None:
    environment = history(place)
    done = ran(snippet(checkout, "Bisecting").text, place, environment)
    assert f"{environment['FAULT']} is the first bad commit" in done.stdout.decode(), done.stderr.decode()
    assert not Path(environment["LINUX"], "results").exists()


def test_what_is_shown_of_a_terminal_is_what_it_prints(place: Path, checkout: Path) -> None:
    shown = [each for each in snippets(checkout, "console") if each.heading not in ELSEWHERE]
    assert shown
    for each in shown:
        text = each.text.replace("/tmp/order3", f"{place}/order3")
        commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
        done = ran("set +e\n" + "\n".join(commands), place, {"STATUS": "1"})
        said = " ".join(done.stdout.decode().split())
        for line in text.splitlines():
            if not line.startswith("$ ") and line != "[...]":
                assert " ".join(line.split()) in said, f"{line}\n{done.stderr.decode()}"


def test_the_case_that_failed_looks_as_shown(place: Path, checkout: Path) -> None:
    ran(snippet(checkout, "In a minute").text, place)
    (shown,) = snippets(checkout, "xml")
    example = ET.fromstring(shown.text)
    real = next(
        case
        for case in ET.parse(place / "results/junit.xml").iter("testcase")
        if case.find("failure") is not None
    )
    assert (example.tag, set(example.attrib)) == (real.tag, set(real.attrib))
    assert [(part.tag, set(part.attrib), part.get("type")) for part in example] == [
        (part.tag, set(part.attrib), part.get("type")) for part in real
    ]
