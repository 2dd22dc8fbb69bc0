# SPDX-License-Identifier: Apache-2.0
"""Which texts are tried for the one patch of a message, and why none is; the branch that it is from."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bases import BASES, ConfigSpec, SourceBuild, TreeSpec, unlisted_bases
from orchestrator.errors import InputError
from orchestrator.mail.contents import Contents
from orchestrator.patch_check import restored
from orchestrator.patch_check.branch import longer_series
from orchestrator.patch_check.restored import Restored, restore
from orchestrator.patch_review.applicability import Applicability, Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.building import NO_PART, Building, Way
from orchestrator.patch_review.review import Review, Reviewed
from tests.git import git_in

BASE = BASES["debian-6.1"]
DIFF = "--- a/drivers/android/x.c\n+++ b/drivers/android/x.c\n@@ -1 +1 @@\n-a\n+b\n"


def message(subject: str = "x") -> bytes:
    return f"From: A <a@example.org>\nSubject: [PATCH] {subject}\n\nWords.\n---\n{DIFF}-- \n2.43.0\n".encode()


def restored_with(monkeypatch: pytest.MonkeyPatch, *checked: tuple[Kind, Building]) -> Restored:
    """What is tried of a message whose patches were reviewed like this."""

    def review(contents: Contents, _arch: str, _progress: object, **_: object) -> Review:
        return Review(
            tuple(
                Reviewed(number, patch, (), (Checked("debian-6.1", Applicability(*verdict), (), building),))
                for (number, patch), (verdict, building) in zip(
                    contents.arranged.patches.items(), verdicts, strict=True
                )
            ),
            (),
            contents.arranged,
        )

    verdicts = [((kind, (f"remark on {kind}",), DIFF), building) for kind, building in checked]
    monkeypatch.setattr(restored, "review", review)
    return restore(message(), BASE, "arm64", ())


def test_a_patch_that_goes_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert restored_with(monkeypatch, (Kind.APPLIES, Building())) == Restored(patch=DIFF)


@pytest.mark.parametrize(
    ("kind", "building", "why"),
    [
        (Kind.REFUSED, Building(), "on debian-6.1: "),
        (Kind.ALREADY, Building(), "already in debian-6.1"),
        (Kind.APPLIES, Building(Way.WHOLE, "linux-source-6.1"), "to more than the driver"),
    ],
)
def test_one_that_is_not_says_why(
    monkeypatch: pytest.MonkeyPatch, kind: Kind, building: Building, why: str
) -> None:
    found = restored_with(monkeypatch, (kind, building))
    assert (found.patch, found.aside) == ("", False)
    assert why in found.why_not


def test_documentation_is_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert restored_with(monkeypatch, (Kind.APPLIES, NO_PART)).aside


def test_a_tree_that_somebody_brought_takes_it_as_it_is() -> None:
    (brought,) = unlisted_bases([SourceBuild(TreeSpec(Path("/a/linux")), ConfigSpec("small"))]).values()
    assert restore(message(), brought, "arm64", ()) == Restored(patch=message().decode())


def test_what_a_patch_needs_of_its_branch_is_in_both_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def of(raw: bytes, *_: object, **__: object) -> Restored:
        seen.append(raw)
        return Restored(("one",), "two") if raw == b"three" else Restored(why_not="no")

    monkeypatch.setattr(restored, "_of", of)
    assert restore(b"one", BASE, "arm64", (b"two", b"three", b"four")) == Restored(("one",), "two")
    assert seen == [b"one", b"two", b"three"]
    assert restore(b"one", BASE, "arm64", (b"two",)).why_not == "no"


def test_no_patch_at_all_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no patch in what came on standard input"):
        restore(b"hello\n", BASE, "arm64", ())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a base and three changes of one file below drivers/android, one of another beside."""
    tree = tmp_path / "tree"
    (tree / "drivers/android").mkdir(parents=True)
    git_in(tree, "init", "-q", "-b", "main")
    for number in range(4):
        (tree / "drivers/android/x.c").write_text(f"line {number}\n")
        git_in(tree, "add", "-A")
        git_in(tree, "commit", "-qm", f"change {number}")
        (tree / "README").write_text(f"{number}\n")
        git_in(tree, "add", "-A")
        git_in(tree, "commit", "-qm", f"words {number}")
    return tree


def test_the_commits_before_a_patch_come_one_by_one(tree: Path) -> None:
    last = git_in(tree, "format-patch", "--stdout", "-1", "HEAD~1").encode()
    series = list(longer_series(last, tree, "drivers/android"))
    assert [text.count(b"\n+++ b/drivers/android/x.c") for text in series] == [2, 3, 4]
    assert all(b"README" not in text and text.rstrip().count(b"change 3") == 1 for text in series)
    first = git_in(tree, "format-patch", "--stdout", "-1", "HEAD~7").encode()
    assert list(longer_series(first, tree, "drivers/android")) == []


def test_a_patch_of_nowhere_has_none_before_it(tree: Path, tmp_path: Path) -> None:
    assert list(longer_series(message(), tree, "drivers/android")) == []
    last = git_in(tree, "format-patch", "--stdout", "-1", "HEAD~1").encode()
    assert list(longer_series(last, tmp_path, "drivers/android")) == []
