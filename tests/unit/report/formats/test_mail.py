# SPDX-License-Identifier: Apache-2.0
"""The mail for a maintainer: short whatever the run was, nothing in it broken or of this machine alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.evidence.crash_count import CrashCount
from orchestrator.oom.records import KernelCrash
from orchestrator.outcome import Outcome
from orchestrator.report.formats.kernel_excerpt import head_and_stack, shortened
from orchestrator.report.formats.mail import MOST_LINES, SIGNATURE, render_mail
from orchestrator.report.formats.mail_parts import Part, fitted
from orchestrator.report.formats.placeless import placeless, repeat_command
from orchestrator.report.formats.registry import render
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from tests.unit.report.factory import Made, run_report

KINDS = {
    "met": Made(blocks=7),
    "few": Made(blocks=2, benchmarks=False),
    "both-clocks": Made(blocks=2, clocks=("realtime", "deterministic")),
    "not-met": Made(blocks=3, spoil=Outcome.ALLOCATION_FAILURE),
    "missing": Made(blocks=3, spoil=Outcome.LOST),
    "crashed": Made(blocks=3, spoil=Outcome.KERNEL_CRASH),
    "compared-only": Made(blocks=2, expected=False),
    "cold": Made(blocks=3, cold=True),
    "other-kernel": Made(blocks=6, other_kernel=True),
    "hostile": Made(blocks=2, hostile=True),
    "hostile-crashed": Made(blocks=2, hostile=True, spoil=Outcome.KERNEL_CRASH, clocks=("realtime",)),
}
RECORDED = Path(__file__).parents[3] / "data" / "run-format-1"
ARM64_OOM = """\
[    1.97] oomlab-trigger invoked oom-killer: gfp_mask=0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), order=3
[    1.97] CPU: 0 PID: 77 Comm: oomlab-trigger Tainted: G OE 6.1.0-50-arm64 #1 Debian 6.1.176-1
[    1.97] Hardware name: linux,dummy-virt (DT)
[    1.97] Call trace:
[    1.97]  dump_backtrace+0xe4/0x140
[    1.97]  show_stack+0x20/0x30
[    1.97]  dump_header+0x50/0x21c
[    1.97]  oom_kill_process+0x2ec/0x2f0
[    1.97]  __kmalloc+0x128/0x1d0
[    1.97]  binder_alloc_mmap_handler+0xc8/0x1f4 [binder_linux]
[    1.97]  binder_mmap+0xa4/0xf4 [binder_linux]
[    1.97]  mmap_region+0x218/0x740
[    1.97] Mem-Info:
[    1.97] active_anon:65 inactive_anon:1317 isolated_anon:0""".splitlines()


def _body(text: str) -> list[str]:
    lines = text.removesuffix("\n").split("\n")
    assert lines.count(SIGNATURE) == 1
    return lines[: lines.index(SIGNATURE)]


def _fit_for_a_list(text: str) -> list[str]:
    body = _body(text)
    assert len(body) <= MOST_LINES
    assert text.isascii()
    for line in body:
        assert line == line.rstrip(), "format=flowed takes a space at the end for a soft break"
        assert not line.startswith((">", "From ", "--- ", "diff ")), f"a mail program or git acts on {line!r}"
        assert "\t" not in line
        assert len(line) <= 998, "RFC 5321 carries no more"
    for prose in _prose(body):
        assert len(prose) <= 72 or " " not in prose.strip(" *"), "wrapped, but within no word"
    return body


def _prose(body: list[str]) -> Iterator[str]:
    """What is not a log line, a row of a table, or a command."""
    ruled = {index for index, line in enumerate(body) if re.fullmatch("-+", line)}
    in_table = False
    for index, line in enumerate(body):
        in_table = bool(line) and (in_table or index + 1 in ruled)
        if (not in_table and not line.startswith("  ")) or line.startswith("  * "):
            yield line


@pytest.fixture(scope="module", params=KINDS)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    return run_report(tmp_path_factory.mktemp("mail") / "run", KINDS[request.param])


def test_it_is_short_and_whole_whatever_the_run_came_to(report: JudgedRun) -> None:
    body = _fit_for_a_list(render_mail(report))
    assert any(line.startswith("variant ") for line in body)
    assert "Full report attached." in body
    assert any(line.startswith("Tested on arm64, 256MiB, 1 CPU (QEMU") for line in body)


def test_a_trailer_is_suggested_for_what_was_expected_and_seen_alone(report: JudgedRun) -> None:
    body = _body(render_mail(report))
    earned = report.verdict.exit_code == 0 and report.verdict.expected and not report.verdict.crashes
    assert ("Tested-by: YOUR NAME <YOUR ADDRESS>" in body) is earned
    assert any(line.startswith("No Tested-by is suggested: ") for line in body) is not earned


def test_a_recorded_run_of_an_older_version_whose_consoles_are_gone() -> None:
    body = _fit_for_a_list(render_mail(load_judged_run(RECORDED)))
    assert "  $ oomlab run binder-order3 --set trials.blocks=2" in body
    assert "First event (kcalloc, trial 2):" in body
    assert "  oomlab-trigger (pid 77) requested 32 KiB of physically contiguous" in body


def test_the_first_event_is_quoted_as_the_kernel_printed_it(tmp_path: Path) -> None:
    body = _body(render_mail(run_report(tmp_path / "run", Made(blocks=3, benchmarks=False))))
    heads = [line for line in body if "invoked oom-killer" in line]
    assert len(heads) == 1
    assert len(heads[0]) > 76, "a log line is never wrapped"
    assert any("binder_alloc_mmap_handler+0x" in line for line in body)
    assert not any("Mem-Info" in line for line in body)


def test_kernels_are_told_with_package_and_patch_each_once(tmp_path: Path) -> None:
    text = "\n".join(_body(render_mail(run_report(tmp_path / "run", Made()))))
    assert "  * kcalloc: debian-6.1 (6.1.0-56-arm64)\n" in text
    assert "  * kvcalloc: the kernel of kcalloc with binder-kvcalloc-6.1.patch" in text


def test_a_kernel_that_crashed_gets_no_trailer_though_all_was_as_expected(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=3))
    crash = KernelCrash(kind="oops", line=1, message="Oops", what="Oops", pc="list_lru_add")
    crashed = CrashCount(variant="kvcalloc", crash=crash, times=1, trials=(2,), of=6)
    verdict = report.verdict.model_copy(update={"crashes": (crashed,)})
    text = render_mail(replace(report, verdict=verdict))
    assert "Tested-by:" not in text
    assert "the kernel crashed with kvcalloc" in text.replace("\n", " ")


def test_no_path_or_host_of_this_machine_is_in_it(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made())
    command = "oomlab run /home/me/my files/x.yaml --host me@box --patch=/srv/a/mm.patch --report mail=/tmp/m"
    command = command.replace("/home/me/my files/x.yaml", "'/home/me/my files/x.yaml'")
    manifest = report.manifest.model_copy(update={"command": command})
    body = _body(render_mail(replace(report, manifest=manifest)))
    assert "  $ oomlab run x.yaml --patch=mm.patch" in body
    assert not any(word in line for line in body for word in ("/home", "/srv", "box", str(tmp_path)))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/me/linux v6.12, commit 1a2b", "linux v6.12, commit 1a2b"),
        ("~/src/Image and ../x/y.patch", "Image and y.patch"),
        ("mm/slub.c reads /proc/meminfo of /dev/binder", "mm/slub.c reads /proc/meminfo of /dev/binder"),
        ("[/a/b.patch, ./c.patch]", "[b.patch, c.patch]"),
    ],
)
def test_directories_of_this_machine_are_left_out_and_no_others(text: str, left: str) -> None:
    assert placeless(text) == left


def test_a_command_that_only_a_shell_can_take_apart_is_not_given() -> None:
    assert repeat_command("oomlab run $'\\x01'") is None
    assert repeat_command("oomlab run 'x") is None


def test_of_a_report_head_and_stack_are_taken() -> None:
    assert list(head_and_stack(ARM64_OOM)) == ARM64_OOM[:-2]
    assert shortened(ARM64_OOM[:-2], "binder_alloc_mmap_handler") == [
        *ARM64_OOM[:2], ARM64_OOM[3], "[...]", *ARM64_OOM[7:11], "[...]",
    ]  # fmt: skip


def test_what_stands_between_head_and_stack_is_marked() -> None:
    lines = [
        "Unable to handle",
        "Mem abort info:",
        "pc : f+0x1/0x2",
        "x1: 0",
        "Call trace:",
        " f+0x1/0x2",
        "Code:",
    ]
    assert list(head_and_stack(lines)) == [
        "Unable to handle", "[...]", "pc : f+0x1/0x2", "[...]", "Call trace:", " f+0x1/0x2",
    ]  # fmt: skip


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 80), st.integers(2, 6)), min_size=1, max_size=8), st.integers(56, 90)
)
def test_parts_give_way_until_all_fit(sizes: list[tuple[int, int]], most: int) -> None:
    parts = [Part([f"{size}"] * size, least) for size, least in sizes]
    lines = fitted(parts, most)
    assert len(lines) <= most
    whole = sum(size for size, _ in sizes) + sum(bool(size) for size, _ in sizes) - 1
    assert any("in the full report" in line for line in lines) is (whole > most)


def test_all_of_it_is_to_be_had_too(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=7))
    assert "Question 2: Did you test this" in render(report, "mail", full=True)
    assert "Question 2" not in render(report, "mail")
    with pytest.raises(InputError, match="--full is for --format mail"):
        render(report, "html", full=True)


def test_what_weakens_the_evidence_stands_below_the_outcomes(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made())
    verdict = report.verdict.model_copy(update={"disagreements": ("the console tells of 2, vmstat of 3",)})
    body = _fit_for_a_list(render_mail(replace(report, verdict=verdict)))
    assert "  * disagreement: the console tells of 2, vmstat of 3" in body
