# SPDX-License-Identifier: Apache-2.0
"""A patch to other code than the driver's becomes a scenario with kernels that are built whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.mail.contents import read_contents
from orchestrator.patch_review.applicability import Applicability, Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.building import NO_PART, Building, Way
from orchestrator.patch_review.review import Review, Reviewed
from orchestrator.reproduce.draft import Draft, Wishes, arch_of, make_draft
from orchestrator.reproduce.patches import choose_patch, no_patch_words
from orchestrator.reproduce.source import Source
from orchestrator.run.asked import load_runnable

DIFF = "--- a/fs/exfat/balloc.c\n+++ b/fs/exfat/balloc.c\n@@ -1 +1 @@\n-a\n+b\n"
WHOLE = Building(Way.WHOLE, "linux-source-6.12", ("EXFAT_FS",), ("whether x.c is compiled is not known",))


def draft_of(*checked: tuple[Kind, Building], total: int = 1) -> Draft | None:
    text = "".join(
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\n"
        f"Subject: [PATCH {number}/{total}] part {number}\n\nWords.\n---\n{DIFF}-- \n2.43.0\n\n"
        for number in range(1, total + 1)
    )
    contents = read_contents(text.encode())
    reviewed = tuple(
        Reviewed(number, patch, (), (Checked("debian-6.12", Applicability(kind, (), DIFF), (), building),))
        for (number, patch), (kind, building) in zip(contents.arranged.patches.items(), checked, strict=True)
    )
    patched = choose_patch(Review(reviewed, (), contents.arranged), (), None)
    if patched is None:
        return None
    return make_draft(Source(Path("x.mbox"), contents), None, patched, arch_of(None, None), Wishes())


def test_both_variants_are_built_whole_with_what_compiles_the_patch(tmp_path: Path) -> None:
    draft = draft_of((Kind.APPLIES, WHOLE))
    assert draft is not None
    base = {"source": "linux-source-6.12", "config": "small", "options": {"EXFAT_FS": "y"}}
    assert draft.data["variants"]["base"] == {"base": base}
    assert draft.data["variants"]["patched"] == {"base": base, "patches": list(draft.files)}
    assert "patched" not in draft.data["expectations"]
    told = {fact.what: fact for fact in draft.facts}
    assert told["kernels"].value == "two, built from linux-source-6.12, small"
    assert "minutes of CPU" in told["build"].value
    assert told["options"].value == "CONFIG_EXFAT_FS=y"
    assert any("whether x.c is compiled" in fact.why for fact in draft.facts)
    for name, text in draft.files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "x.yaml").write_text(draft.text("x.mbox"))
    load_runnable(tmp_path / "x.yaml")


def test_a_series_is_built_whole_with_all_that_goes_on_it() -> None:
    draft = draft_of((Kind.APPLIES, Building()), (Kind.APPLIES, WHOLE), (Kind.APPLIES, NO_PART), total=3)
    assert draft is not None
    assert len(draft.files) == 3
    draft = draft_of((Kind.APPLIES, WHOLE), (Kind.REFUSED, NO_PART), total=2)
    assert draft is not None
    assert len(draft.files) == 1
    assert any(fact.value == "left out: [PATCH 2/2] part 2" for fact in draft.facts)


@pytest.mark.parametrize(
    "checked",
    [
        ((Kind.APPLIES, NO_PART),),
        ((Kind.APPLIES, Building()), (Kind.REFUSED, WHOLE)),
        ((Kind.ELSEWHERE, WHOLE),),
    ],
)
def test_what_makes_no_kernel_makes_no_scenario(checked: tuple[tuple[Kind, Building], ...]) -> None:
    found = draft_of(*checked, total=len(checked))
    assert found is None or found.files == {}


def test_what_of_a_driver_patch_is_left_out_of_the_module_is_told() -> None:
    draft = draft_of((Kind.APPLIES, Building(remarks=("left out: Documentation/x.rst",))))
    assert draft is not None
    assert [fact.why for fact in draft.facts if fact.value == "in part"] == ["left out: Documentation/x.rst"]


def test_a_patch_of_nothing_that_is_built_is_not_said_to_go_on_no_base() -> None:
    contents = read_contents(f"Subject: [PATCH] x\n\nWords.\n---\n{DIFF}".encode())
    (patch,) = contents.patches
    for building, words in ((NO_PART, "nothing to run"), (WHOLE, "goes on a base kernel")):
        checked = Checked("debian-6.12", Applicability(Kind.REFUSED, (), ""), (), building)
        reviewed = Review((Reviewed(1, patch, (), (checked,)),), (), contents.arranged)
        assert words in no_patch_words(reviewed)
