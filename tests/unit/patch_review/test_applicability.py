# SPDX-License-Identifier: Apache-2.0
"""Verdicts that are not "applies", notes, and series."""

from __future__ import annotations

from orchestrator.mail.contents import read_contents
from orchestrator.mail.diff import find_patches
from orchestrator.mail.message import read_messages
from orchestrator.patch_review.applicability import Kind, check
from orchestrator.patch_review.checkpatch import read_warnings
from orchestrator.patch_review.notes import notes
from orchestrator.patch_review.source_file import SourceFile
from tests.unit.mail.texts import (
    BASE,
    DATA,
    FILES,
    LINES,
    PATH,
    SCOPE,
    changed_file,
    diff_to,
    mail_of,
    only_patch,
)


def one_change(old: str, new: str) -> SourceFile:
    lines = list(LINES)
    lines[lines.index(old)] = new
    return changed_file(lines)


SIMPLE = one_change("\tint ret1 = 0;", "\tint ret1 = 1;")


def test_the_mail_holds_one_whole_patch_in_its_quotation() -> None:
    (patch,) = read_contents((DATA / "kvcalloc-quoted.txt").read_bytes()).patches
    assert (patch.depth, patch.missing, len(patch.files[0].hunks)) == (1, (), 3)
    assert patch.files[0].hunks[0].function == "binder_alloc_mmap_handler"


def test_files_elsewhere_are_not_judged() -> None:
    text = mail_of(diff_to(SIMPLE).replace(SCOPE, "mm/slab"))
    assert check(only_patch(text.encode()), FILES, SCOPE).kind is Kind.ELSEWHERE
    both = mail_of(diff_to(SIMPLE) + diff_to(SIMPLE).replace(SCOPE, "mm/slab"))
    assert check(only_patch(both.encode()), FILES, SCOPE).kind is Kind.OUTSIDE


def test_paths_that_climb_out_are_outside() -> None:
    text = mail_of(diff_to(SIMPLE).replace(PATH, f"{SCOPE}/../../../etc/passwd"))
    assert check(only_patch(text.encode()), FILES, SCOPE).kind is Kind.OUTSIDE


def test_a_file_that_the_base_lacks_is_named() -> None:
    text = mail_of(diff_to(SIMPLE).replace("pages.c", "newer.c"))
    verdict = check(only_patch(text.encode()), FILES, SCOPE)
    assert (verdict.kind, verdict.remarks) == (Kind.LACKS, (f"{SCOPE}/newer.c",))


def test_a_new_file_is_made_as_the_mail_says() -> None:
    diff = f"--- /dev/null\n+++ b/{SCOPE}/new.c\n@@ -0,0 +1,2 @@\n+int x;\n+\tint y;\n"
    verdict = check(only_patch(mail_of(diff).encode()), FILES, SCOPE)
    assert verdict.kind is Kind.APPLIES
    assert verdict.result[f"{SCOPE}/new.c"].text == "int x;\n\tint y;\n"


def test_removed_lines_that_the_base_lacks_are_named() -> None:
    other = BASE.text.replace("int ret1 = 0;", "int ret1 = 7;").replace("ret1 = -EINVAL", "ret1 = -EIO")
    verdict = check(only_patch(mail_of(diff_to(SIMPLE)).encode()), {PATH: SourceFile(PATH, other)}, SCOPE)
    assert verdict.kind is Kind.REFUSED
    assert any("the base has no line 'int ret1 = 0;'" in remark for remark in verdict.remarks)


def test_two_places_that_fit_equally_are_no_place() -> None:
    lines = ["w();", "a();", "b();", "c();", "x();", "a();", "b();", "c();"]
    diff = f"--- a/{PATH}\n+++ b/{PATH}\n@@ -3,4 +3,4 @@\n other();\n a();\n-b();\n+d();\n c();\n"
    verdict = check(only_patch(mail_of(diff).encode()), {PATH: changed_file(lines)}, SCOPE)
    assert verdict.kind is Kind.REFUSED
    assert "fit equally well" in verdict.remarks[0]


def rename(to: str, *more: str) -> str:
    names = f"rename from {PATH}\nrename to {to}\n"
    return f"diff --git a/{PATH} b/{to}\nsimilarity index 90%\n{names}{''.join(more)}"


def test_a_renamed_file_goes_and_comes_under_its_new_name() -> None:
    new = f"{SCOPE}/x.c"
    change = diff_to(SIMPLE).partition("\n")[2].replace(f"+++ b/{PATH}", f"+++ b/{new}")
    diff = rename(new, change[change.index("--- ") :])
    verdict = check(only_patch(mail_of(diff).encode()), FILES, SCOPE)
    assert verdict.kind is Kind.APPLIES
    assert PATH not in verdict.result
    assert verdict.result[new].text == SIMPLE.text
    again = check(only_patch(mail_of(diff).encode()), verdict.result, SCOPE)
    assert again.kind is Kind.ALREADY
    assert again.result[PATH].text == BASE.text
    only = check(only_patch(mail_of(rename(new)).encode()), FILES, SCOPE)
    assert (only.kind, only.result[new].text) == (Kind.APPLIES, BASE.text)


def test_a_binary_change_is_refused_and_a_mode_left_alone() -> None:
    binary = f"diff --git a/{PATH} b/{PATH}\nindex 1..2 100644\nGIT binary patch\ndelta 10\nzcmabc\n"
    verdict = check(only_patch(mail_of(binary).encode()), FILES, SCOPE)
    assert (verdict.kind, verdict.remarks) == (Kind.REFUSED, (f"binary, no change of text: {PATH}",))
    mode = f"diff --git a/{PATH} b/{PATH}\nold mode 100644\nnew mode 100755\n"
    verdict = check(only_patch(mail_of(mode).encode()), FILES, SCOPE)
    assert verdict.kind is Kind.REFUSED
    assert verdict.remarks[-1] == "nothing else is changed: there is nothing to build"
    both = mode + "".join(diff_to(SIMPLE).partition("--- ")[1:])
    verdict = check(only_patch(mail_of(both).encode()), FILES, SCOPE)
    assert (verdict.kind, verdict.remarks) == (Kind.ADAPTED, (f"{PATH}: its mode stays as it is",))
    assert "mode" not in verdict.text


def test_what_is_in_already_is_left_out_of_the_rest() -> None:
    lines = list(LINES)
    lines[lines.index("\tint ret1 = 0;")] = "\tint ret1 = 1;"
    lines[lines.index("\tint ret2 = 0;")] = "\tint ret2 = 1;"
    whole = changed_file(lines)
    patch = only_patch(mail_of(diff_to(whole)).encode())
    verdict = check(patch, {PATH: SIMPLE}, SCOPE)
    assert verdict.kind is Kind.PARTLY
    assert verdict.result[PATH].text == whole.text
    assert any("is in already" in remark for remark in verdict.remarks)
    assert check(patch, {PATH: whole}, SCOPE).kind is Kind.ALREADY


def test_a_file_that_is_removed_and_not_there_is_in_already() -> None:
    removal = f"--- a/{SCOPE}/old.c\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-int x;\n-int y;\n"
    there = {**FILES, f"{SCOPE}/old.c": SourceFile(f"{SCOPE}/old.c", "int x;\nint y;\n")}
    verdict = check(only_patch(mail_of(removal).encode()), there, SCOPE)
    assert verdict.kind is Kind.APPLIES
    assert f"{SCOPE}/old.c" not in verdict.result
    assert check(only_patch(mail_of(removal).encode()), FILES, SCOPE).kind is Kind.ALREADY


def test_a_series_in_one_file_is_several_patches() -> None:
    second = one_change("\tint ret2 = 0;", "\tint ret2 = 1;")
    mbox = "".join(
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\n"
        f"Subject: [PATCH {number}/2] x\n\n"
        f"Words.\n---\n{diff_to(after)}-- \n2.34.1\n\n"
        for number, after in enumerate((SIMPLE, second), 1)
    )
    patches = [patch for message in read_messages(mbox.encode()) for patch in find_patches(message)]
    assert [patch.subject for patch in patches] == ["[PATCH 1/2] x", "[PATCH 2/2] x"]
    pasted = mail_of(diff_to(SIMPLE)) + mail_of(diff_to(second))
    assert len(read_contents(pasted.encode()).patches) == 2


def test_a_quotation_of_the_same_patch_is_no_second_one() -> None:
    text = mail_of(diff_to(SIMPLE))
    quoted = "".join(f"> {line}\n" for line in text.splitlines())
    assert len(read_contents((text + "\nOn Monday A wrote:\n" + quoted).encode()).patches) == 1


def test_text_cut_out_of_a_quotation_makes_it_incomplete() -> None:
    two = SIMPLE.text.replace("int ret3 = 0;", "int ret3 = 1;")
    first, second = diff_to(SourceFile(PATH, two)).split("@@ -")[1:]
    head = diff_to(SIMPLE).partition("@@ -")[0]
    text = mail_of(f"{head}@@ -{first}[...]\n")
    assert check(only_patch(text.encode()), FILES, SCOPE).kind is Kind.INCOMPLETE
    assert second


def test_a_patch_that_only_silences_is_noted() -> None:
    line = "\t\t\t\tsizeof(pages->array1[0]), GFP_KERNEL);"
    after = one_change(line, line.replace("GFP_KERNEL", "GFP_KERNEL | __GFP_NOWARN"))
    (note,) = notes(only_patch(mail_of(diff_to(after)).encode()), ())
    assert "only silences the warning" in note


def test_a_patch_that_leaves_the_failing_call_alone_is_noted() -> None:
    report = (DATA / "kvcalloc-quoted.txt").read_text()
    contents = read_contents(report.encode())
    assert len(contents.reports) == 1
    (note,) = notes(only_patch(mail_of(diff_to(SIMPLE)).encode()), contents.reports)
    assert note.startswith("it does not touch binder_alloc_mmap_handler")
    assert notes(contents.patches[0], contents.reports) == []
    unknown = contents.reports[0].model_copy(update={"stack_first_caller": None})
    assert notes(only_patch(mail_of(diff_to(SIMPLE)).encode()), [unknown]) == []


def test_findings_about_restored_white_space_are_not_the_authors() -> None:
    output = (
        f"{PATH}:760: CHECK:PARENTHESIS_ALIGNMENT: Alignment should match open parenthesis\n"
        f"{PATH}:761: WARNING:LINUX_VERSION_CODE: LINUX_VERSION_CODE should be avoided\n"
    )
    assert [finding.judgeable for finding in read_warnings(output, {PATH})] == [False, True]
    assert [finding.judgeable for finding in read_warnings(output, set())] == [True, True]


def test_paths_without_a_prefix_are_understood() -> None:
    text = mail_of(diff_to(SIMPLE).replace("a/drivers", "drivers").replace("b/drivers", "drivers"))
    assert check(only_patch(text.encode()), FILES, SCOPE).kind is Kind.APPLIES


def test_a_patch_without_hunks_is_not_taken_for_a_copy() -> None:
    lost = f"--- a/{SCOPE}/other.c\n+++ b/{SCOPE}/other.c\n"
    patches = read_contents((mail_of(diff_to(SIMPLE)) + mail_of(lost)).encode()).patches
    assert [bool(patch.missing) for patch in patches] == [False, True]


def test_a_thread_holds_a_patch_once() -> None:
    mail = f"From a@b Fri Jun 14 14:38:47 2024\nFrom: A <a@b>\nSubject: x\n\n{mail_of(diff_to(SIMPLE))}\n"
    assert len(read_messages((mail * 2).encode())) == 2
    assert len(read_contents((mail * 2).encode()).patches) == 1


def test_an_indented_mail_is_read() -> None:
    text = "".join(f"    {line}\n" for line in mail_of(diff_to(SIMPLE)).splitlines())
    assert check(only_patch(text.encode()), FILES, SCOPE).kind is Kind.APPLIES
