# SPDX-License-Identifier: Apache-2.0
"""A mail's patch against the real sources. Uses the user's cache."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.bases import find_base
from orchestrator.cli import app
from orchestrator.kernels.base import KernelRequest
from orchestrator.kernels.build.module import module_tree
from orchestrator.kernels.build.patch import apply_patch, read_patch
from orchestrator.kernels.build.tree import TreeFile, read_tree
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.sources import source_of
from orchestrator.mail.contents import read_contents
from orchestrator.patch_review.applicability import Kind
from orchestrator.patch_review.checkpatch import FILES as CHECKPATCH_FILES
from orchestrator.patch_review.checkpatch import run_checkpatch
from orchestrator.patch_review.review import Review, patch_files, review
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.unified import unified
from orchestrator.paths import cache_dir, resource_dir
from tests.build.conftest import SCOPE, quiet

pytestmark = pytest.mark.build

QUOTED = Path(__file__).resolve().parents[1] / "data/mails/kvcalloc-quoted.txt"
FILE = f"{SCOPE}/binder_alloc.c"


@pytest.fixture(scope="module")
def reviewed() -> Review:
    return review(read_contents(QUOTED.read_bytes()), "arm64", quiet, with_checkpatch=False)


def files_of(base: str) -> dict[str, TreeFile]:
    found, arch = find_base(base, "arm64")
    kernel = source_of(found).obtain(Cache(cache_dir()), KernelRequest(found, arch, SCOPE), quiet)
    source = module_tree(kernel).source
    return read_tree(source.path, SCOPE)


def squeezed(content: bytes) -> bytes:
    return b"".join(content.split())


def test_the_quoted_patch_applies_to_one_base_and_is_in_the_other(reviewed: Review) -> None:
    (item,) = reviewed.patches
    verdicts = {checked.base: checked.verdict for checked in item.checked}
    assert {base: verdict.kind.value for base, verdict in verdicts.items()} == {
        "debian-6.1": "applies, adapted",
        "debian-6.12": "already in this base",
    }
    remarks = "\n".join(verdicts["debian-6.1"].remarks)
    assert "'spin_unlock(&alloc->lock);' is 'mutex_unlock(&alloc->mutex);' in the base" in remarks
    assert "white space rebuilt" in remarks
    assert "stands elsewhere in binder_alloc_deferred_release()" in verdicts["debian-6.12"].remarks[-1]
    assert item.notes == ()


@pytest.mark.parametrize(
    ("base", "shipped"),
    [("debian-6.1", "binder-kvcalloc-6.1.patch"), ("debian-6.12", "binder-kcalloc-6.12.patch")],
)
def test_restored_patches_make_the_same_source_as_the_shipped_ones(
    reviewed: Review, tmp_path: Path, base: str, shipped: str
) -> None:
    texts = {
        name.removesuffix(".patch").removesuffix("-reverse"): text for name, text in patch_files(reviewed)
    }
    file = tmp_path / "restored.patch"
    file.write_text(next(text for name, text in texts.items() if name.endswith(base)))
    before = files_of(base)
    restored = apply_patch(read_patch(file), before, SCOPE, target=base)
    wanted = apply_patch(read_patch(resource_dir("images") / "patches" / shipped), before, SCOPE, target=base)
    assert restored.remarks == ()
    assert squeezed(restored.tree[FILE].content) == squeezed(wanted.tree[FILE].content)


def test_a_shipped_patch_comes_back_as_it_went_in() -> None:
    path = resource_dir("images") / "patches" / "binder-kvcalloc-6.1.patch"
    (item,) = review(read_contents(path.read_bytes()), "arm64", quiet, with_checkpatch=False).patches
    assert item.checked[0].verdict.kind.value == "applies"
    hunks = path.read_text().partition("@@ -")[2]
    assert item.checked[0].verdict.text.partition("@@ -")[2] == hunks


def test_the_command_writes_patches_and_json(tmp_path: Path) -> None:
    arguments = ["mail", str(QUOTED), "--json", "--no-checkpatch", "--write-patch", str(tmp_path / "new")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["oom_events"], len(found["tables"]), len(found["patches"])) == (1, 2, 1)
    assert sorted(path.name.rpartition("debian-")[2] for path in (tmp_path / "new").iterdir()) == [
        "6.1.patch",
        "6.12-reverse.patch",
    ]


def test_checkpatch_runs_in_the_sandbox(reviewed: Review, tmp_path: Path) -> None:
    """With a stand-in for the script: it must see only what it was given."""

    class Entry:
        def file(self, name: str) -> Path:
            return tmp_path / name

    for name in CHECKPATCH_FILES:
        (tmp_path / name).write_text("")
    (tmp_path / "checkpatch.pl").write_text(
        'open(my $f, "<", $ARGV[-1]) or exit 3; exit 4 if -e "/etc/passwd" || -e "/root";\n'
        f'print "{FILE}:760: CHECK:PARENTHESIS_ALIGNMENT: Alignment\\n"; exit 1;\n'
    )
    verdict = reviewed.patches[0].checked[0].verdict
    (finding,) = run_checkpatch(Entry(), verdict)
    assert (finding.line, finding.judgeable) == (760, False)


def test_a_patch_of_a_series_may_need_the_one_before(tmp_path: Path) -> None:
    base = files_of("debian-6.1")[FILE].content.decode()
    once = base.replace("alloc->pages = kcalloc(", "alloc->pages = kvcalloc(", 1)
    twice = once.replace("alloc->pages = kvcalloc(", "alloc->pages = vcalloc(", 1)
    diffs = [unified(SourceFile(FILE, a), SourceFile(FILE, b)) for a, b in ((base, once), (once, twice))]
    text = "".join(f"Subject: [PATCH {n}/2] x\n\n---\n{diff}-- \n2\n" for n, diff in enumerate(diffs, 1))
    result = review(read_contents(text.encode()), "arm64", quiet, with_checkpatch=False)
    first, second = (item.checked[0] for item in result.patches)
    assert (first.verdict.kind, first.follows) == (Kind.APPLIES, ())
    assert (second.verdict.kind, second.follows) == (Kind.APPLIES, (1,))
