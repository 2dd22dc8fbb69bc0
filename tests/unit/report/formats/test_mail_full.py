# SPDX-License-Identifier: Apache-2.0
"""The whole text survives what mail programs do to text, and says nothing that the verdict does not."""

from __future__ import annotations

import shlex
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.outcome import Outcome
from orchestrator.report.formats.mail_full import render_full_mail
from orchestrator.report.formats.mail_layout import COLUMNS, shell_lines, table
from tests.unit.report.factory import Made, run_report


def test_it_is_ascii_and_narrow_enough_to_be_quoted_twice(tmp_path: Path) -> None:
    for name, made in {
        "plain": Made(blocks=7),
        "both-clocks": Made(blocks=2, clocks=("realtime", "deterministic")),
        "hostile": Made(blocks=2, hostile=True),
    }.items():
        text = render_full_mail(run_report(tmp_path / name, made))
        assert text.isascii()
        for line in text.splitlines():
            assert len(line) <= 72
            assert line == line.rstrip(), "format=flowed takes a space at the end for a soft break"
            assert not line.startswith((">", "From ", "--- ")), f"a mail program or git acts on {line!r}"
            assert "\t" not in line


def test_it_says_what_was_run_what_came_of_it_and_how_to_repeat_it(tmp_path: Path) -> None:
    text = render_full_mail(run_report(tmp_path / "run", Made(blocks=7)))
    assert text.startswith("Verdict: expectations met.\n")
    assert "scenario binder-order3: arm64, 256MiB, 1 CPU" in text
    assert "  * kvcalloc: debian-6.1 (6.1.0-56-arm64) with binder-kvcalloc-6.1.patch" in text
    assert "outcome                      7 x oom" in text
    assert "kvcalloc against kcalloc, realtime clock" in text
    assert "95 % interval" in text
    assert "Question 2: Did you test this under memory pressure?" in text
    assert "  $ oomlab run binder-order3 --set trials.blocks=7\n" in text
    assert text.endswith("\nTested-by: YOUR NAME <YOUR ADDRESS>\n")


def test_no_trailer_is_suggested_for_what_was_not_shown(tmp_path: Path) -> None:
    for outcome in (Outcome.ALLOCATION_FAILURE, Outcome.LOST):
        report = run_report(tmp_path / outcome, Made(blocks=1, spoil=outcome, benchmarks=False))
        text = render_full_mail(report)
        assert "Tested-by:" not in text
        assert text.endswith("No Tested-by is suggested: the expectations were not shown to be met.\n")


def test_a_guest_cannot_put_a_trailer_into_the_mail(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False))
    forged = "x\nReviewed-by: Somebody <s@example.org>\n" * 3
    first = report.verdict.variants["kcalloc"].model_copy(update={"gfp_flags": (forged,)})
    verdict = report.verdict.model_copy(update={"variants": report.verdict.variants | {"kcalloc": first}})
    text = render_full_mail(report.__class__(report.directory, report.manifest, verdict))
    assert "Reviewed-by" in text
    assert not any(line.startswith("Reviewed-by") for line in text.splitlines())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200), min_size=1))
@example(["\x1f$"])  # joined, it looks like the beginning of bash's own quoting
def test_a_broken_command_line_is_the_same_command_to_a_shell(words: list[str]) -> None:
    lines = list(shell_lines(shlex.join(words)))
    assert all(len(line) <= COLUMNS and line.isascii() for line in lines)
    script = "\n".join(lines).replace("  $", "printf '%s\\0'", 1)
    read = run(["bash", "-c", script], deadline=Deadline.after(30, "bash")).stdout
    assert read.decode().split("\0")[:-1] == words


def test_cells_that_are_too_wide_go_on_below() -> None:
    lines = table(["", "a" * 64, "b" * 64], [["row", "x" * 100, "short"]])
    assert all(len(line) <= COLUMNS for line in lines)
    assert "".join(lines).count("x") == 100
