# SPDX-License-Identifier: Apache-2.0
"""`--report FORMAT=FILE` of the commands that make runs, and the verdict as a line for programs."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from junitparser import JUnitXml
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import ExitCode, HostError
from orchestrator.host.process import start
from orchestrator.outcome import Outcome
from orchestrator.record.directory import RunDirectory
from orchestrator.report.formats.registry import FORMATS
from orchestrator.run import engine as running
from orchestrator.verdict.judged_run import load_judged_run
from tests.unit.report.factory import Made, run_directory
from tests.unit.search.test_search import Engine, engine

__all__ = ["engine"]

NOT_MET = "Verdict: expectations NOT met."
STAND_IN = """\
import sys
from orchestrator.run import engine
from orchestrator.verdict.judged_run import load_judged_run
engine.resume_run = lambda path, *_, **__: load_judged_run(path)
from orchestrator.__main__ import start
start()
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that are gone on with have no trials left to be made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "resume_run", lambda path, *_, **__: load_judged_run(path))


@pytest.fixture(name="spoilt")
def _spoilt(tmp_path: Path) -> RunDirectory:
    """A finished run that did not meet what was expected."""
    return run_directory(tmp_path / "run", Made(blocks=1, benchmarks=False, spoil=Outcome.PANIC))


def concluded(*reports: str, status: int = ExitCode.NOT_MET, more: Sequence[str] = ()) -> tuple[str, str]:
    """stdout and stderr of a run that ends with these reports."""
    words = ["run", "--resume", "run", *more, *(part for each in reports for part in ("--report", each))]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == status, done.stderr
    return done.stdout, done.stderr


@pytest.mark.usefixtures("spoilt")
def test_reports_are_written_as_the_command_for_them_writes_them_also_when_nothing_is_met() -> None:
    concluded(*(f"{name}=of a run.{name}" for name in FORMATS if name != "html"))
    for name in FORMATS:
        if name not in ("html", "mail"):
            CliRunner().invoke(app, ["report", "run", "--format", name, "-o", "again"])
            assert Path(f"of a run.{name}").read_bytes() == Path("again").read_bytes(), name
    assert JUnitXml.fromfile("of a run.junit").failures


@pytest.mark.usefixtures("spoilt")
def test_the_last_line_of_stdout_is_the_verdict_where_it_is_no_terminal() -> None:
    assert concluded() == (f"{NOT_MET}\n", concluded()[1])
    assert NOT_MET in concluded()[1]
    stdout, _ = concluded("junit=junit.xml")
    assert stdout == f"{NOT_MET}\n"
    for alone in (concluded(more=["--json"])[0], concluded("json=-")[0]):
        assert json.loads(alone)["conclusion"] == "not-met"


def test_a_terminal_has_the_verdict_once(spoilt: RunDirectory, checkout: Path) -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", STAND_IN, "run", "--resume", os.fspath(spoilt.path)]
    with start(words, env={"PYTHONPATH": os.fspath(checkout)}, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:
                break
        assert child.wait(60) == ExitCode.NOT_MET
    os.close(ours)
    assert shown.decode().count(NOT_MET) == 1


@pytest.mark.usefixtures("spoilt")
def test_a_reader_that_has_gone_changes_no_verdict(checkout: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = [sys.executable, "-c", STAND_IN, "run", "--resume", "run"]
    with (
        os.fdopen(write_end, "wb") as gone,
        start(words, env={"PYTHONPATH": os.fspath(checkout)}, stdout=gone, stderr=-3) as child,
    ):
        assert child.wait(60) == ExitCode.NOT_MET


@pytest.mark.usefixtures("spoilt")
def test_a_place_that_filled_up_meanwhile_is_told_and_hides_neither_verdict_nor_other_reports() -> None:
    _, told = concluded("markdown=/dev/full", "json=verdict-too.json")
    assert "/dev/full cannot be written: No space left on device" in told
    assert json.loads(Path("verdict-too.json").read_text())["conclusion"] == "not-met"


def test_a_report_that_is_missing_is_no_success(tmp_path: Path) -> None:
    run_directory(tmp_path / "run", Made(blocks=1, benchmarks=False))
    concluded("markdown=/dev/full", status=ExitCode.COULD_NOT_RUN)


@pytest.mark.usefixtures("spoilt")
def test_a_report_may_lie_in_the_run_and_a_link_stays_one(tmp_path: Path) -> None:
    Path("link.md").symlink_to("pointed-to.md")
    concluded("csv=run/trials.csv", "markdown=link.md")
    assert Path("run/trials.csv").read_text().count("\n") > 1
    assert Path("link.md").is_symlink()
    assert NOT_MET in Path("pointed-to.md").read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), HostError("no memory")])
def test_a_run_that_is_cut_short_leaves_reports_of_what_there_is(
    spoilt: RunDirectory, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    lines = spoilt.journal.read_bytes().splitlines(keepends=True)
    spoilt.journal.write_bytes(b"".join(lines[:-2]))

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(running, "resume_run", broken)
    interrupted = isinstance(error, KeyboardInterrupt)
    concluded("json=so-far.json", status=ExitCode.INTERRUPTED if interrupted else ExitCode.COULD_NOT_RUN)
    assert json.loads(Path("so-far.json").read_text())["conclusion"] == "missing"


@pytest.mark.usefixtures("spoilt")
def test_a_job_on_github_has_the_report_on_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("page").write_text("of an earlier step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "page")
    concluded("markdown=own.md")
    assert Path("page").read_text() == f"of an earlier step\n{Path('own.md').read_text()}\n"
    concluded("markdown=page")
    assert Path("page").read_text() == Path("own.md").read_text(), "a report in that file is all of it"


@pytest.mark.usefixtures("spoilt")
def test_a_page_that_would_be_too_large_has_the_verdict_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("page").write_bytes(b"x" * (2**20 - 200))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "page")
    concluded()
    assert Path("page").read_text().lstrip("x") == f"{NOT_MET}\n\n"


@pytest.mark.usefixtures("spoilt")
def test_a_page_that_cannot_be_written_changes_no_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "nowhere/page")
    _, told = concluded("json=x.json")
    assert "GITHUB_STEP_SUMMARY: nowhere/page cannot be written: No such file or directory" in told
    assert Path("x.json").is_file()


REFUSED = [
    (["htlm=x"], "there is no format 'htlm'", "did you mean 'html'?"),
    (["md=x"], "there is no format 'md'", "did you mean 'markdown'?"),
    (["html"], "FORMAT=FILE", "--report html=FILE"),
    (["results/junit.xml"], "FORMAT=FILE", "--report junit=results/junit.xml"),
    (["page.html"], "FORMAT=FILE", "--report html=page.html"),
    (["my.report"], "FORMAT=FILE", "formats: terminal, json"),
    (["html="], "the file is missing", "`-` is stdout"),
    (["html=nowhere/x.html"], "nowhere is no directory", "make it first"),
    (["html=folder"], "folder is a directory", "give a file in it"),
    (["html=/proc/x.html"], "/proc/x.html cannot be written", ""),
    (["html=prose/x.html"], "prose is no directory", ""),
    (["html=x", "junit=./x"], "another report goes there, too", ""),
    (["json=-", "csv=-"], "another report goes there, too", ""),
    (["json=earlier/verdict.json"], "is a file of the run itself", ""),
    (["json=out/journal.jsonl"], "is a file of the run itself", ""),
]  # fmt: skip


@pytest.mark.parametrize(("reports", "said", "hint"), REFUSED)
@pytest.mark.parametrize("command", ["run binder-order3", "reproduce log", "run binder-order3 --dry-run"])
def test_what_could_not_be_written_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, reports: list[str], said: str, hint: str
) -> None:
    monkeypatch.setattr(running, "run_scenario", None)
    run_directory(tmp_path / "earlier", Made(blocks=1, benchmarks=False))
    Path("folder").mkdir()
    Path("prose").write_text("Dear list,\n")
    before = sorted(Path().iterdir())
    words = [*command.split(), "--out", "out", *(part for each in reports for part in ("--report", each))]
    done = CliRunner().invoke(app, words)
    told = " ".join(done.stderr.split())
    assert done.exit_code == ExitCode.BAD_INPUT, told
    assert said in told
    assert hint in told
    assert sorted(Path().iterdir()) == before


def test_a_report_may_go_into_a_directory_that_the_run_will_make() -> None:
    words = ["run", "binder-order3", "--dry-run", "--out", "out", "--report", "html=out/report.html"]
    assert CliRunner().invoke(app, words).exit_code == ExitCode.MET
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "binder-order3", "--json", "--report", "csv=-"], "--json goes there, too"),
        (["run", "binder-order3", "--host", "m", "--detach", "--report", "csv=x"], "with --detach"),
        (["reproduce", "log", "--host", "m", "--detach", "--report", "csv=x"], "with --detach"),
        (["reproduce", "log", "--write-only", "--report", "csv=x"], "which --write-only leaves out"),
        (["search", "binder-order3", "--vary", "trigger.count=1..9", "--report", "csv=x"], "terminal, json"),
        (["attach", "--host", "m", "--report", "cvs=x"], "did you mean 'csv'?"),
    ],
)
def test_reports_that_make_no_sense_are_refused(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == ExitCode.BAD_INPUT
    assert said in " ".join(done.stderr.split())


def test_a_search_has_reports_of_its_own_and_says_what_it_found(engine: Engine) -> None:
    words = ["search", "binder-order3", "--vary", "trigger.count=20..600", "--out", "s"]
    done = CliRunner().invoke(app, [*words, "--report", "json=s.json", "--report", "terminal=s/search.txt"])
    assert done.exit_code == ExitCode.MET, done.stderr
    found = json.loads(Path("s.json").read_text())
    assert Path("s/search.txt").read_text().count(found["margins"][0]["text"]) == 1
    assert done.stdout.splitlines() == [f"{name}: {each['text']}" for name, each in found["variants"].items()]
    assert engine.counts
