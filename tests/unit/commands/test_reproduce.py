# SPDX-License-Identifier: Apache-2.0
"""`oomlab reproduce` as a user meets it: what it writes, what it says, and how it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.patch_review.applicability import Kind
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.units import MIB
from tests.unit.commands.reproducing import REVIEW, facts, mmaps, refused, reproduce, written
from tests.unit.reproduce.texts import CONSOLE, DIFF, MAIL, corpus_paths, report, reviewer, write

GOES_ON = (Kind.ADAPTED, Kind.ALREADY)


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(REVIEW, reviewer(*GOES_ON))


def test_the_mail_becomes_its_phone_its_request_and_its_patch() -> None:
    scenario = written(MAIL)
    assert scenario.device.memory == 472 * MIB
    trigger = mmaps(scenario)
    assert (trigger.size, trigger.oom_score_adj) == (4 * MIB, -950)
    assert scenario.fragmentation is not None
    picture = scenario.fragmentation.target.picture
    assert picture is not None
    assert picture.slab_unreclaimable == round(327084 / 8) * 1024
    assert picture.free_blocks == (3313, 165)  # without what is kept for atomic requests
    assert picture.watermarks is not None
    assert (picture.watermarks.min, picture.watermarks.low) == (8192 * 1024, 42616 * 1024)
    assert "vm.min_free_kbytes" not in scenario.device.sysctls
    assert trigger.count > 44 * 1024 // 32 // 4  # reclaim of the page cache makes room for some


def test_the_free_list_alone_is_built_with_the_watermarks_it_can_have() -> None:
    scenario = written(MAIL, "--free-list")
    assert scenario.device.memory == 472 * MIB
    assert scenario.device.sysctls["vm.min_free_kbytes"] == 8192
    trigger = mmaps(scenario)
    assert (trigger.size, trigger.oom_score_adj) == (4 * MIB, -950)
    assert scenario.fragmentation is not None
    target = scenario.fragmentation.target
    assert [(units.order, units.min, units.max) for units in target.usable_units] == [
        (1, 149, 181),
        (2, 0, 8),
        (3, None, 0),
    ]
    assert target.free is not None
    assert target.free.min is not None
    assert target.free.min < 14572 * 1024 < (target.free.max or 0)


def test_the_mail_s_own_diff_makes_the_variants_on_the_base_that_lacks_it() -> None:
    scenario = written(MAIL)
    assert {name: variant.base for name, variant in scenario.variants.items()} == dict.fromkeys(
        ("base", "patched"), "debian-6.1"
    )
    assert scenario.variants["base"].patches == ()
    (patch,) = scenario.variants["patched"].patches
    assert patch.read_text().endswith(DIFF)
    base, patched = scenario.expectations["base"], scenario.expectations["patched"]
    assert base.first_oom is not None
    assert (base.first_oom.order, base.first_oom.caller) == (3, "binder_alloc_mmap_handler")
    assert (str(patched.expected_outcome), patched.requests_failed) == ("passed", 0)


def test_others_die_where_the_asker_is_protected() -> None:
    scenario = written(MAIL)
    assert scenario.bystanders is not None
    assert scenario.bystanders.oom_score_adj == 0
    assert scenario.expectations["base"].killed == "bystander"


def test_what_was_read_inferred_and_unknown_is_told() -> None:
    found = facts(MAIL)
    assert found["memory"]["origin"] == "read"
    assert found["scale"]["value"] == "1/8"
    assert "ac3f3b0a5551" in reproduce(MAIL, "--json").stdout
    assert found["bystanders' oom_score_adj"]["origin"] == "unknown"
    assert (
        found["base"]["why"] == "the patch goes on it: applies, adapted (debian-6.12: already in this base)"
    )
    shown = reproduce(MAIL)
    assert "inferred" in shown.stderr
    assert shown.stdout == ""


def test_a_base_that_has_the_patch_takes_its_reverse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REVIEW, reviewer(Kind.REFUSED, Kind.ALREADY))
    scenario = written(MAIL)
    assert scenario.variants["base"].base == "debian-6.12"
    assert [path.name.endswith("-reverse.patch") for path in scenario.variants["base"].patches] == [True]
    assert scenario.variants["patched"].patches == ()


def test_a_console_without_a_patch_is_run_with_the_base_alone() -> None:
    scenario = written(CONSOLE)
    assert list(scenario.variants) == list(scenario.expectations) == ["base"]


def test_a_patch_without_a_report_takes_the_target_of_binder_order3(tmp_path: Path) -> None:
    mail = write(
        tmp_path, f"From: a@example.org\nSubject: [PATCH] binder: x\n\nWords.\n---\n{DIFF}-- \n2.34.1\n"
    )
    scenario = written(mail)
    assert scenario.device.memory == 256 * MIB
    assert mmaps(scenario).count == 600
    assert facts(mail)["report"]["value"] == "the target of binder-order3"


@pytest.mark.parametrize(("order", "size_kib"), [(1, 1016), (2, 2048), (3, 4096)])
def test_with_a_patch_to_binder_binder_asks_in_another_caller_s_place(
    order: int, size_kib: int, tmp_path: Path
) -> None:
    patch = f"From: a@example.org\nSubject: [PATCH] binder: x\n\nWords.\n---\n{DIFF}-- \n2.34.1\n"
    path = write(tmp_path, report(order=order, caller="copy_process") + "\n" + patch)
    assert mmaps(written(path)).size == size_kib * 1024
    assert "copy_process is not in the guest" in facts(path)["trigger"]["why"]


def test_a_shortage_grows_a_process(tmp_path: Path) -> None:
    scenario = written(write(tmp_path, report(order=0, caller="do_anonymous_page", free=1900)))
    assert scenario.trigger.kind == "command"
    first = scenario.expectations["base"].first_oom
    assert first is not None
    assert first.order == 0


def test_an_order_that_the_text_does_not_show_is_not_expected(tmp_path: Path) -> None:
    kill = "[ 1.1] Out of memory: Killed process 5 (victim) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
    path = write(tmp_path, kill)
    expected = written(path).expectations["base"]
    assert (str(expected.expected_outcome), expected.first_oom) == ("oom", None)
    assert facts(path)["order"]["origin"] == "unknown"
    assert written(path, "--overwrite").fragmentation is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"order": -1}, "by hand (sysrq)"),
        ({"blocks": "500*64kB (U) 0*128kB = 32000kB"}, "64 KiB pages"),
        ({"blocks": "500*16kB (U) 0*32kB = 8000kB"}, "16 KiB pages"),
    ],
)
def test_what_no_guest_can_repeat_is_said(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    assert words in refused(write(tmp_path, report(**change)))


def test_a_number_chooses_the_report(tmp_path: Path) -> None:
    first = report(order=2, comm="first", end="[ 1.1] Out of memory: Killed process 5 (victim)")
    second = report(comm="other", end="[ 1.1] Out of memory: Killed process 6 (victim)")
    path = write(tmp_path, first + second)
    assert "the first OOM with binder" in facts(path)["report"]["why"]
    assert mmaps(written(path, "--overwrite")).size == 2 * MIB
    assert mmaps(written(path, "--event", 2, "--overwrite")).size == 4 * MIB
    assert mmaps(written(path, "--event", 1, "--overwrite")).size == 2 * MIB
    assert "there are 2" in refused_beside(path, "--event", 3)


def refused_beside(*words: object) -> str:
    result = reproduce(*words)
    assert result.exit_code == ExitCode.BAD_INPUT
    return " ".join(result.stderr.split())


def test_a_number_chooses_the_patch_with_those_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = DIFF.replace("binder_alloc", "binder")
    mails = "".join(
        "From a@example.org Mon Sep 17 00:00:00 2001\n"
        f"Subject: [PATCH {n}/2] x{n}\n\nWords.\n---\n{diff}-- \n2.34\n\n"
        for n, diff in ((1, DIFF), (2, other))
    )
    path = write(tmp_path, mails)
    assert len(written(path, "--patch", 2).variants["patched"].patches) == 1
    monkeypatch.setattr(REVIEW, reviewer(*GOES_ON, follows=(1,)))
    names = [each.name for each in written(path, "--patch", 2, "--overwrite").variants["patched"].patches]
    assert [name[:2] for name in names] == ["01", "02"]
    assert "there are 1-2" in refused_beside(path, "--patch", 3)


def test_a_patch_that_goes_on_no_base_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REVIEW, reviewer(Kind.REFUSED, Kind.OUTSIDE))
    assert list(written(MAIL).variants) == ["base"]
    assert "does not apply" in facts(MAIL)["patch"]["why"] or "left out" in facts(MAIL)["patch"]["value"]
    assert "--patch 1 goes not on any base kernel" in refused_beside(MAIL, "--patch", 1)


def test_a_base_that_the_patch_does_not_go_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REVIEW, reviewer(Kind.ADAPTED, Kind.REFUSED))
    assert written(MAIL, "--base", "debian-6.1").variants["base"].base == "debian-6.1"
    assert "goes on debian-6.12" in refused_beside(MAIL, "--base", "debian-6.12")
    assert "unknown base 'debian-7'" in refused_beside(MAIL, "--base", "debian-7")
    assert "unknown architecture 'mips'" in refused_beside(CONSOLE, "--arch", "mips")


def test_what_makes_no_valid_scenario_is_said_without_a_place(tmp_path: Path) -> None:
    path = write(tmp_path, report(size=90_000_000_000))
    message = refused(path, "--scale", "1")
    assert "makes no valid scenario" in message
    assert "a size from 64MiB to 64GiB" in message
    assert "oomlab-" not in message


def test_the_scale_divides_the_size_and_leaves_the_free_list() -> None:
    whole = written(MAIL, "--scale", 1, "--free-list")
    small = written(MAIL, "--scale", "1/16", "--free-list", "--overwrite")
    assert whole.device.memory > 3550 * MIB
    assert small.device.memory < 300 * MIB
    assert whole.fragmentation == small.fragmentation
    assert "is no scale" in refused_beside(MAIL, "--scale", "8/1")


def test_free_cma_is_given_to_the_guest_and_to_its_picture(tmp_path: Path) -> None:
    text = MAIL.read_text().replace("free_cma:44kB", "free_cma:40960kB")
    scenario = written(write(tmp_path, text))
    assert scenario.device.cma == 40 * MIB
    assert scenario.fragmentation is not None
    picture = scenario.fragmentation.target.picture
    assert picture is not None
    assert picture.free_cma == 40 * MIB


def test_a_large_guest_has_more_time() -> None:
    assert written(MAIL).deadlines.target == written(CONSOLE).deadlines.target
    assert written(MAIL, "--scale", 1, "--overwrite").deadlines.target == 300


def test_a_picture_needs_a_mem_info(tmp_path: Path) -> None:
    path = write(tmp_path, report())
    assert "has no whole Mem-Info" in refused(path, "--picture")
    assert facts(path)["free list"]["value"].startswith("4000 0")


def test_a_shortage_has_no_picture(tmp_path: Path) -> None:
    assert "single pages were short" in refused(write(tmp_path, report(order=0)), "--picture")


def test_bystanders_fit_into_the_anonymous_memory_of_a_picture() -> None:
    scenario = written(MAIL, "--scale", "1/64")
    assert scenario.bystanders is not None
    assert scenario.fragmentation is not None
    picture = scenario.fragmentation.target.picture
    assert picture is not None
    assert picture.inactive_anon is not None
    assert scenario.bystanders.count * scenario.bystanders.memory <= picture.inactive_anon


def test_it_is_written_again_but_never_over_an_edit() -> None:
    reproduce(MAIL)
    assert reproduce(MAIL, "--scale", "1/16").exit_code == 0
    (file,) = Path("reproduce-kvcalloc-quoted").glob("*.yaml")
    file.write_text(file.read_text().replace("count: ", "count: 1"))
    assert "is there already, and edited" in refused_beside(MAIL)
    assert reproduce(MAIL, "--overwrite").exit_code == 0


def test_running_what_is_alike_is_not_writing_over_an_edit() -> None:
    """Two decisions, two names: that of the run is as with `oomlab run`, which has no part in the file."""
    assert "--force are for the run, which --write-only leaves out" in refused(MAIL, "--force")
    reproduce(MAIL)
    (file,) = Path("reproduce-kvcalloc-quoted").glob("*.yaml")
    file.write_text(file.read_text().replace("count: ", "count: 1"))
    done = CliRunner().invoke(app, ["reproduce", str(MAIL), "--force"])
    assert done.exit_code == 2
    assert "--overwrite over it" in done.stderr


def test_the_file_says_at_its_top_what_it_rests_on() -> None:
    reproduce(MAIL, "--write", "here")
    text = Path("here/reproduce-kvcalloc-quoted.yaml").read_text()
    assert "# Made by `oomlab reproduce` from kvcalloc-quoted.txt." in text
    assert "# read: memory: 3550144 kB managed (zones Normal)" in text
    assert str(Path.cwd()) not in text


def test_options_of_the_run_do_not_go_with_write_only() -> None:
    assert "--write-only leaves out" in refused(MAIL, "--set", "trials.blocks=1")


def test_what_is_no_input_is_refused_in_a_word(tmp_path: Path) -> None:
    assert "cannot read" in refused(tmp_path / "absent.txt")
    assert "is a directory" in refused(tmp_path)
    assert "is empty" in refused(write(tmp_path, "\n \n"))
    assert "is binary" in refused(write(tmp_path, b"\x7fELF" + bytes(5000)))
    assert "neither an OOM report nor a patch" in refused(write(tmp_path, "Hello,\n\nnothing.\n"))
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(65 * MIB)
    assert "larger than 64 MiB" in refused(tmp_path / "huge")
    Path("place").write_text("a file")
    assert "cannot write to place" in refused(CONSOLE, "--write", "place")


def test_a_log_with_runs_of_nul_is_read(tmp_path: Path) -> None:
    data = CONSOLE.read_bytes()
    assert mmaps(written(write(tmp_path, data[:500] + bytes(64) + data[500:]))).size == 4 * MIB


@pytest.mark.skipif(not corpus_paths, reason="THE REPORT CORPUS IS ABSENT: reproduce is not tried on it")
@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
def test_a_real_report_becomes_a_valid_scenario_or_is_refused_with_a_reason(path: Path) -> None:
    result = reproduce(path)
    assert result.exit_code in (0, ExitCode.BAD_INPUT), result.output
    files = list(Path().glob("reproduce-*/*.yaml"))
    if result.exit_code == 0:
        assert load_scenario(files[0]).warnings == ()
    else:
        assert not files
        assert "error: " in result.stderr


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_damage_to_a_text_makes_a_traceback(data: st.DataObject, tmp_path: Path) -> None:
    text = bytearray(data.draw(st.sampled_from([MAIL, CONSOLE])).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 400))
        text[at : at + cut] = data.draw(
            st.binary(max_size=12)
            | st.sampled_from([b"order=", b"9" * 30, b"managed:0kB", b"free:", b"-1", b"\n"])
        )
    result = reproduce(write(tmp_path, bytes(text)), "--overwrite")
    assert result.exit_code in (0, ExitCode.BAD_INPUT), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
