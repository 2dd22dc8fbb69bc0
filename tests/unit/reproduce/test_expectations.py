# SPDX-License-Identifier: Apache-2.0
"""What a scenario expects is what the text shows, and what the patch can change of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.mail.contents import read_contents
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.reproduce.draft import Draft, Wishes, arch_of, make_draft
from orchestrator.reproduce.page_array import ArrayChange, array_change
from orchestrator.reproduce.patches import Patched
from orchestrator.reproduce.source import Chosen, Source
from tests.unit.reproduce.texts import report

PATH = "drivers/android/binder_alloc.c"
SOURCE = """\
int binder_alloc_mmap_handler(struct binder_alloc *alloc)
{{
	alloc->pages = {call}(alloc->buffer_size / PAGE_SIZE, sizeof(alloc->pages[0]),
		GFP_KERNEL);
}}
"""


def sources(call: str) -> dict[str, SourceFile]:
    return {PATH: SourceFile(PATH, SOURCE.format(call=call))}


def patch(removed: str, added: str, section: str = "int binder_alloc_mmap_handler(struct x *x)") -> str:
    """One hunk; lines are separated by `|`, and those on both sides begin with a space."""
    old, new = removed.split("|"), added.split("|")
    lines = [f" {line}\n" for line in ("a;", "b;")]
    lines += [f"-{line}\n" for line in old] + [f"+{line}\n" for line in new] + [" c;\n"]
    head = f"--- a/{PATH}\n+++ b/{PATH}\n@@ -1,{len(old) + 3} +1,{len(new) + 3} @@ {section}\n"
    return head + "".join(lines)


def change(text: str, base: str = "kcalloc") -> ArrayChange:
    return array_change(read_contents(text.encode()).patches, sources(base))


def drafted(text: str, array: ArrayChange | None = None) -> Draft:
    (event,) = (event for event in read_events(text.encode()) if isinstance(event, MemoryEvent))
    contents = read_contents(text.encode())
    patched = None if array is None else Patched("debian-6.1", (), (("p.patch", ""),), (), array)
    chosen = Chosen(event, 1, 1, "the only one")
    return make_draft(
        Source(Path("x.txt"), contents), chosen, patched, arch_of(event, None, contents.text), Wishes()
    )


def expectations(draft: Draft) -> Any:
    return draft.data["expectations"]


def told(draft: Draft, what: str) -> list[str]:
    return [f"{fact.value} ({fact.why})" for fact in draft.facts if fact.what == what]


ALLOC = "	alloc->pages = {}(n, sizeof(alloc->pages[0]), {});"
KCALLOC, KVCALLOC = ALLOC.format("kcalloc", "GFP_KERNEL"), ALLOC.format("kvcalloc", "GFP_KERNEL")

OOM, PASSED = "oom", "passed"


@pytest.mark.parametrize(
    ("text", "base_has", "base", "patched"),
    [
        (patch(KCALLOC, KVCALLOC), "kcalloc", OOM, PASSED),
        (patch(KVCALLOC, KCALLOC), "kvcalloc", PASSED, OOM),  # a revert
        (patch(KCALLOC, ALLOC.format("vzalloc", "x")), "kcalloc", OOM, PASSED),
        (patch(KCALLOC, ALLOC.format("kcalloc", "GFP_KERNEL | __GFP_NORETRY")), "kcalloc", OOM, PASSED),
        (patch(KCALLOC, ALLOC.format("kmalloc_array", "GFP_KERNEL | __GFP_ZERO")), "kcalloc", OOM, OOM),
        (patch(KCALLOC, ALLOC.format("binder_pages", "x")), "kcalloc", OOM, None),
        (patch("	kfree(alloc->pages);", "	kvfree(alloc->pages);"), "kcalloc", OOM, OOM),
        (patch("	kfree(alloc->pages);", "	kvfree(alloc->pages);"), "kvcalloc", PASSED, PASSED),
        (patch("	if (alloc->pages == NULL)", "	if (!alloc->pages)"), "kcalloc", OOM, OOM),
        (patch(KCALLOC, KCALLOC.replace("n, ", "n,|	     ")), "kcalloc", OOM, OOM),  # white space
        (patch("	t = kzalloc(n, G);", "	t = kvzalloc(n, G);", "int open(void)"), "kcalloc", OOM, OOM),
        (patch("	alloc->buffer_size = a;", "	alloc->buffer_size = min(a, b);"), "kcalloc", OOM, None),
        (patch("	bool a;", "	int a;", "struct binder_lru_page {"), "kcalloc", OOM, None),
        (patch("	if (alloc->buffer_size == 1)", "	if (alloc->buffer_size == 2)"), "kcalloc", OOM, OOM),
    ],
)  # fmt: skip
def test_a_patch_is_expected_to_change_what_its_allocation_changes(
    text: str, base_has: str, base: str, patched: str | None
) -> None:
    found = expectations(drafted(report(), change(text, base_has)))
    assert found["base"]["outcome"] == base
    assert found.get("patched", {}).get("outcome") == patched


SAME = (
    "patched: an OOM at order 3 (as without it: it does not change the allocation of the page array that"
    " the trigger asks for)"
)


def test_what_is_expected_is_told_with_its_reason() -> None:
    same = drafted(report(), change(patch("	kfree(x);", "	kvfree(x);")))
    assert told(same, "expected") == [
        "base: an OOM at order 3 (the base asks with kcalloc; what the report shows)",
        SAME,
    ]
    fixed = drafted(report(), change(patch(KCALLOC, KVCALLOC)))
    assert told(fixed, "expected")[1] == "patched: no OOM (kvcalloc in place of kcalloc for the page array)"


def test_a_series_changes_what_one_of_its_patches_changes() -> None:
    text = patch(KCALLOC, KVCALLOC)
    later = f"--- a/{PATH}\n+++ b/{PATH}\n@@ -1,2 +1,2 @@\n {KCALLOC}\n-\ta;\n+\tb;\n"
    for series in (text + "-- \n2.39\n\n" + later, later + "-- \n2.39\n\n" + text):
        found = change(series)
        assert (found.before, found.after) == (change(text).before, change(text).after)
        assert found.changes


def test_no_patch_of_an_allocation_ends_a_process_that_grows() -> None:
    found = expectations(drafted(report(order=0, caller="filemap_fault"), change(patch(KCALLOC, KVCALLOC))))
    assert found == {name: {"outcome": "oom", "first_oom": {"order": 0}} for name in ("base", "patched")}


NOBODY = "[ 1.0] Out of memory and no killable processes...\n"
PANICS = [
    "[ 1.0] Kernel panic - not syncing: Out of memory and no killable processes...",
    NOBODY + "[ 1.0] Kernel panic - not syncing: System is deadlocked on memory",
    "[ 1.0] Kernel panic - not syncing: System is deadlocked on memory",
]


@pytest.mark.parametrize("end", PANICS)
@pytest.mark.parametrize("adj", [-900, 0, -1000])
def test_where_nobody_could_be_killed_the_panic_is_expected(end: str, adj: int) -> None:
    draft = drafted(report(adj=adj, end=end))
    assert "bystanders" not in draft.data
    assert draft.data["trigger"]["oom_score_adj"] == -1000
    assert expectations(draft)["base"]["panicked"] is True
    assert "killed" not in expectations(draft)["base"]
    assert told(draft, "bystanders") == []


def test_where_somebody_was_killed_no_panic_is_expected() -> None:
    draft = drafted(report(adj=-900, end="[ 1.0] Out of memory: Killed process 9 (app) total-vm:1kB"))
    assert draft.data["bystanders"]["count"] == 4
    assert expectations(draft)["base"]["killed"] == "bystander"
    assert "panicked" not in expectations(draft)["base"]


HIGHMEM = "[ 1.0] HighMem: 206*4kB (UM) 131*8kB (UM) 42*16kB (UM) 2*32kB (UM) = 2608kB"


def test_blocks_of_zones_out_of_reach_are_left_out_whatever_their_types() -> None:
    draft = drafted(report(end=HIGHMEM))
    (left_out,) = (text for text in told(draft, "free list") if text.startswith("without"))
    assert left_out.startswith("without HighMem (a request with GFP_KERNEL|__GFP_COMP cannot have pages of")
    assert "highatomic" not in left_out
    assert draft.data["fragmentation"]["target"]["usable_units"][0]["max"] < 131


def test_a_request_that_may_have_highmem_is_given_its_blocks() -> None:
    text = report(end=HIGHMEM).replace("GFP_KERNEL|__GFP_COMP", "GFP_HIGHUSER_MOVABLE")
    assert not [fact for fact in told(drafted(text), "free list") if "without" in fact]


ARM = "[ 1.0] (out_of_memory) from (__alloc_pages_nodemask+0xe9c/0xeb8)"


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (ARM, "is how 32-bit ARM prints one; no base has it"),
        ("[ 1.0] [<c00ff>] (f) from [<c0012345>] (dump_header+0x1/0x2)", "is how 32-bit ARM prints one"),
        (HIGHMEM, "a zone HighMem is of a 32-bit kernel; no base has it"),
    ],
)
def test_an_architecture_without_a_base_is_named(end: str, why: str) -> None:
    text = report(end=end).replace("[ 1.0]  __arm64_sys_mmap+0x1/0x2\n", "")
    (fact,) = told(drafted(text), "architecture")
    assert fact.startswith("arm64 (")
    assert why in fact


def test_what_is_divided_is_not_called_absolute() -> None:
    draft = drafted(report(free=200_000, blocks="50000*4kB (UME) 0*8kB = 200000kB"))
    assert told(draft, "free list and watermarks")[0].startswith("divided by 2")
    (scale,) = told(draft, "scale")
    assert scale.endswith("free list and watermarks are divided by 2 only)")
