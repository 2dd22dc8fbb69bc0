# SPDX-License-Identifier: Apache-2.0
"""`oomlab report` in every format: where it goes, what is refused, and what a guest cannot do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.commands import reports
from orchestrator.errors import ExitCode, InputError
from orchestrator.outcome import Outcome
from orchestrator.report.formats.registry import FORMATS, known_format, render
from orchestrator.text.plain import named, one_line
from orchestrator.verdict.verdict import Verdict
from tests.unit.report.factory import HOSTILE, Made, run_directory, run_report

Report = Callable[..., Result]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """The command on a small run in the current directory."""
    run_directory(tmp_path / "run", Made(blocks=1))
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["report", "run", *arguments])

    return command


def refusal(result: Result) -> str:
    assert result.exit_code == ExitCode.BAD_INPUT, result.output
    assert result.stdout == ""
    return result.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_goes_to_stdout_or_into_a_file(report: Report, tmp_path: Path, name: str) -> None:
    printed, written = report("--format", name), report("-f", name, "-o", "out")
    assert (printed.exit_code, written.exit_code) == (0, 0), printed.output + written.output
    assert written.stdout == ""
    text = (tmp_path / "out").read_text()
    assert text.endswith("\n")
    if name != "terminal":  # which is as wide as the terminal
        assert text == printed.stdout


def test_the_help_names_the_formats_that_there_are() -> None:
    assert reports._FORMATS.replace(" or ", ", ").split(", ") == list(FORMATS)


def test_json_is_the_verdict_by_either_name(report: Report, tmp_path: Path) -> None:
    text = report("--json").stdout
    assert text == report("--format", "json").stdout == report("--json", "-o", "-").stdout
    assert Verdict.model_validate_json(text).expectations_met
    assert "contradict" in refusal(report("--json", "--format", "csv"))


def test_the_exit_code_is_the_verdicts_in_every_format(tmp_path: Path) -> None:
    for outcome, code in ((Outcome.PANIC, ExitCode.NOT_MET), (Outcome.LOST, ExitCode.VERDICT_MISSING)):
        directory = run_directory(tmp_path / outcome, Made(blocks=1, benchmarks=False, spoil=outcome))
        for name in ("mail", "junit", "json"):
            arguments = ["report", str(directory.path), "-f", name, "-o", str(tmp_path / "out")]
            assert CliRunner().invoke(app, arguments).exit_code == code


@pytest.mark.parametrize(
    ("word", "meant"), [("junt", "junit"), ("htm", "html"), ("md", "markdown"), ("xml", "junit")]
)
def test_an_unknown_format_is_told_with_the_nearest(report: Report, word: str, meant: str) -> None:
    text = refusal(report("--format", word))
    assert f"no format '{word}'" in text
    assert f"did you mean '{meant}'?" in text
    assert all(name in text for name in FORMATS)


def test_a_word_like_none_gets_no_hint() -> None:
    with pytest.raises(InputError) as refused:
        known_format("zzz\x1b[2J")
    assert refused.value.hint == ""
    assert "\x1b" not in refused.value.message


def test_places_that_cannot_be_are_refused(report: Report, tmp_path: Path) -> None:
    assert "is a directory" in refusal(report("-f", "csv", "-o", "."))
    assert "is no directory" in refusal(report("-f", "csv", "-o", "absent/out"))
    before = (tmp_path / "run" / "journal.jsonl").read_bytes()
    assert "file of the run" in refusal(report("-f", "json", "-o", "run/journal.jsonl"))
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == before
    assert "side by side" in refusal(report("-f", "mail", "--variant", "kcalloc"))


def test_a_report_replaces_a_file_and_follows_a_link(report: Report, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "link").symlink_to("old")
    report("-f", "csv", "-o", "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "old").read_text().startswith("trial,")
    assert {path.name for path in tmp_path.iterdir()} == {"run", "old", "link"}


def test_a_device_is_written_to_and_not_replaced(report: Report) -> None:
    assert report("-f", "csv", "-o", os.devnull).exit_code == 0
    assert not Path(os.devnull).is_file()


def test_a_search_has_text_and_json_alone(tmp_path: Path) -> None:
    (tmp_path / "search.json").write_text("{}")
    result = CliRunner().invoke(app, ["report", str(tmp_path), "--format", "html"])
    assert "is a search" in refusal(result)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_a_guest_says_reaches_a_terminal_as_a_command(tmp_path: Path, name: str) -> None:
    made = Made(blocks=1, hostile=True, clocks=("realtime", "deterministic"))
    text = render(run_report(tmp_path / "run", made), name)
    assert named(text) == text
    if name not in ("html", "junit"):  # whose elements hold the console's own lines
        assert not any(line.startswith("ok 9 forged") for line in text.splitlines())


def test_harmless_text_stays_as_it_is() -> None:
    for text in ("GFP_KERNEL|__GFP_ZERO", "größer", "a\nb"):
        assert named(text) == text
    assert one_line("a\nb\u2028\u202ec") == "a<U+000A>b<U+2028><U+202E>c"
    assert json.dumps(one_line(HOSTILE), ensure_ascii=False).isprintable()
