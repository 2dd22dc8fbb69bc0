# SPDX-License-Identifier: Apache-2.0
"""`oomlab mail` as it is called, with bases at hand: its page, its JSON, and the patches that it writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.errors import HostError, InputError
from orchestrator.files.mails import MAX_FILES, expanded, names_of
from orchestrator.kernels.cache import Cache
from orchestrator.mail.contents import read_contents
from orchestrator.patch_review import bases, review
from orchestrator.patch_review.applicability import Applicability, Kind
from orchestrator.patch_review.bases import Checked
from orchestrator.patch_review.checkpatch import CheckpatchWarning
from orchestrator.patch_review.review import Review, Reviewed, _file_text, file_name
from orchestrator.patch_review.sources import BaseSource
from orchestrator.patch_review.tree_files import Files
from orchestrator.patch_review.unified import unified
from tests.unit.mail.texts import BASE, DATA, FILES, LINES, PATH, changed_file, diff_to, mail_of, only_patch

FIRST = changed_file([line.replace("int ret1 = 0;", "int ret1 = 1;") for line in LINES])
MAIL = mail_of(diff_to(FIRST))
FINDINGS = [
    CheckpatchWarning(PATH, 7, "WARNING", "LONG_LINE", "too long", judgeable=False),
    CheckpatchWarning(PATH, 8, "CHECK", "OTHER", "odd", judgeable=True),
]


class Bases:
    """Two bases: one before the patch and one that has it."""

    def __init__(self) -> None:
        self.files: dict[str, Files] = {"debian-6.1": FILES, "debian-6.12": {PATH: FIRST}}
        self.failures: list[str] = []
        self.findings: list[CheckpatchWarning] = FINDINGS
        self.broken = ""

    def load(
        self, cache: Cache, arch: str, progress: Any, failures: list[str], *, offline: bool
    ) -> list[Any]:
        assert isinstance(cache, Cache)
        assert (arch, offline) == ("arm64", False)
        progress("loading")
        failures += self.failures
        scripts: Any = lambda: "scripts"  # noqa: E731
        found = [BaseSource(name, files, scripts) for name, files in self.files.items()]
        return [SimpleNamespace(driver=lambda source=source: source) for source in found]

    def checkpatch(self, scripts: object, verdict: Applicability) -> list[CheckpatchWarning]:
        assert scripts == "scripts"
        assert verdict.kind in (Kind.APPLIES, Kind.ADAPTED)
        if self.broken:
            raise HostError(self.broken)
        return self.findings


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> Bases:
    made = Bases()
    monkeypatch.setattr(review, "load_columns", made.load)
    monkeypatch.setattr(review, "run_checkpatch", made.checkpatch)
    monkeypatch.setattr(bases, "_proven", lambda verdict, _files, _target, _scope: verdict)
    return made


def mail(tmp_path: Path, text: str, *options: str) -> Result:
    file = tmp_path / "mail.txt"
    file.write_text(text)
    return CliRunner().invoke(app, ["mail", str(file), *options])


def page_of(tmp_path: Path, text: str, *options: str) -> list[str]:
    result = mail(tmp_path, text, *options)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_the_page_of_a_patch(tmp_path: Path, at_hand: Bases) -> None:
    assert page_of(tmp_path, MAIL) == [
        "Mail: [PATCH] pages: change something",
        "",
        "OOM reports: none",
        "",
        "Benchmark tables: none",
        "",
        "Patches: 1",
        "  1. line 6: [PATCH] pages: change something",
        f"     1 hunk, +1 -1: {PATH}",
        "     debian-6.1: applies",
        "     debian-6.12: already in this base; its reverse is offered, to compare with",
        "     checkpatch --strict of debian-6.1: 2 findings",
        f"       - {PATH}:7: not judgeable: restored: too long (LONG_LINE)",
        f"       - {PATH}:8: CHECK: odd (OTHER)",
    ]
    assert not [line for line in page_of(tmp_path, MAIL, "--no-checkpatch") if "checkpatch" in line]


@pytest.mark.parametrize(
    ("findings", "broken", "line"),
    [
        (0, "", "debian-6.1: no findings"),
        (1, "", "debian-6.1: 1 finding"),
        (0, "perl is gone", "debian-6.1: not run: perl is gone"),
    ],
)
def test_what_checkpatch_said(tmp_path: Path, at_hand: Bases, findings: int, broken: str, line: str) -> None:
    at_hand.findings, at_hand.broken = FINDINGS[:findings], broken
    assert f"     checkpatch --strict of {line}" in page_of(tmp_path, MAIL)


def test_a_base_that_could_not_be_had_is_said_and_ends_in_3(tmp_path: Path, at_hand: Bases) -> None:
    at_hand.failures = ["debian-5.10: gone"]
    result = mail(tmp_path, MAIL)
    assert result.exit_code == 3
    assert "  not checked: debian-5.10: gone\n" in result.stdout


def test_a_quoted_patch_undone_series_and_follow_ups(tmp_path: Path, at_hand: Bases) -> None:
    second = changed_file([line.replace("int ret2 = 0;", "int ret2 = 1;") for line in FIRST.lines])
    third = changed_file([line.replace("int ret3 = 0;", "int ret3 = 1;") for line in second.lines])
    steps = [BASE, FIRST, second, third]
    mails = []
    for number in (1, 3):
        body = MAIL.partition("---\n")[2].partition("diff --git")[0]
        diff = unified(steps[number - 1], steps[number])
        mails.append(
            f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\n"
            f"Subject: [PATCH v2 {number}/3] pages\n\nWords.\n---\n{body}{diff}-- \n2.34.1\n\n"
        )
    old = mails[0].replace("v2 1/3", "1/2").replace("ret1 = 1", "ret1 = 9")
    at_hand.files = {"debian-6.1": FILES}
    lines = page_of(tmp_path, "".join([*mails, old]), "--no-checkpatch")
    assert "  series [PATCH v2 n/3]: patches 1,3; part 2 of [PATCH v2 n/3] missing" in lines
    assert "  [PATCH n/2]: patches 4, replaced by a newer version" in lines
    assert "     debian-6.1: applies, after patch 1" in lines
    found = json.loads(mail(tmp_path, "".join([*mails, old]), "--json", "--no-checkpatch").stdout)
    assert [
        (each["version"], each["parts"], each["missing"], each["replaced_by_newer"])
        for each in found["series"]
    ] == [
        (2, 3, [2], False),
        (1, 2, [2], True),
    ]
    quoted = "".join(f"> > {line}\n" for line in MAIL.splitlines())
    lines = page_of(tmp_path, quoted, "--no-checkpatch")
    assert "  1. line 6, quoted 2 deep: [PATCH] pages: change something" in lines
    assert not [line for line in lines if "series" in line]


def test_what_was_undone_and_patches_without_subject(tmp_path: Path, at_hand: Bases) -> None:
    text = "".join(f"    {line}\n" for line in diff_to(FIRST).splitlines())
    lines = page_of(tmp_path, text, "--no-checkpatch")
    assert lines[:2] == ["  undone: indentation taken off", ""]
    assert "  1. line 1: no subject" in lines


def test_the_report_on_the_page_names_its_line_and_among_several_files_its_file(
    tmp_path: Path, at_hand: Bases
) -> None:
    text = (DATA / "kvcalloc-quoted.txt").read_text()
    lines = page_of(tmp_path, text, "--no-checkpatch")
    at = lines.index("OOM reports: 1")
    assert lines[at + 1].startswith("  line ")
    assert lines[at + 1].endswith(": oom")
    assert lines[at + 2].startswith("    ")
    (tmp_path / "more.txt").write_text(MAIL)
    result = CliRunner().invoke(app, ["mail", str(tmp_path), "--no-checkpatch"])
    assert f"  mail.txt, {lines[at + 1].strip()}" in result.stdout.splitlines()
    assert "more.txt, line 6: [PATCH] pages" in result.stdout


def test_tables_on_the_page(tmp_path: Path, at_hand: Bases) -> None:
    text = (
        "before:\nBenchmark-old Time CPU Iterations\nBM_x/4096 2048 ns 2000 ns 7\nBM_y 10 ns 10 ns 4 x=2\n\n"
        "Benchmark-new Time CPU Iterations\nBM_x/4096 1024 ns 1000 ns 14\nBM_y 40 ns 20 ns 4 x=3\n"
    )
    lines = page_of(tmp_path, text)
    at = lines.index("Benchmark tables: 2")
    assert lines[at + 1 : at + 9] == [
        "  line 2: old, after 'before', 2 rows",
        "  line 6: new, 2 rows",
        "",
        "  new against old (assumed from the order: the first is the base); above 1 means that new is faster",
        "                   Time    CPU  Iterations  printed  one way MB/s new / old",
        "  BM_x/4096       2.000  2.000       2.000        -  4000.0 / 2000.0",
        "  BM_y            0.250  0.500       1.000    1.500  - / -",
        "  geometric mean  0.707  1.000                    -",
    ]


def test_no_more_than_50_of_each_are_shown(tmp_path: Path, at_hand: Bases) -> None:
    at_hand.findings = FINDINGS * 30
    assert sum(PATH in line and "- " in line for line in page_of(tmp_path, MAIL)) == 50
    rows = "".join(f"BM_{number} 10 ns 10 ns 5\n" for number in range(60))
    tables = "".join(f"Benchmark-{name} Time CPU Iterations\n{rows}" for name in ("a", "b"))
    assert sum("BM_" in line for line in page_of(tmp_path, tables)) == 50


def test_the_object_for_scripts(tmp_path: Path, at_hand: Bases) -> None:
    result = mail(tmp_path, MAIL, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    (patch,) = found["patches"]
    assert found["messages"] == [{"subject": "[PATCH] pages: change something", "undone": []}]
    assert found["series"] == [
        {"patches": [1], "version": 1, "parts": 1, "missing": [], "replaced_by_newer": False}
    ]
    texts = [base.pop("patch") for base in patch["bases"]]
    assert [text.count("\n") for text in texts] == [diff_to(FIRST).count("\n")] * 2
    assert texts[0] == diff_to(FIRST) != texts[1]
    common: dict[str, object] = {
        "remarks": [], "follows": [], "rebuilt_lines": [], "builds": "module", "base_to_build": None,
        "building_remarks": [],
    }  # fmt: skip
    assert patch == {
        "number": 1, "file": None, "line": 6, "quoted": 0, "subject": "[PATCH] pages: change something",
        "files": [PATH], "hunks": 1, "missing": [], "notes": [],
        "bases": [
            {"base": "debian-6.1", "verdict": "applies", "reverse": False, **common},
            {"base": "debian-6.12", "verdict": "already in this base", "reverse": True, **common},
        ],
        "checkpatch": [
            {
                "base": "debian-6.1", "failure": None,
                "findings": [
                    {"path": PATH, "line": 7, "level": "WARNING", "kind": "LONG_LINE", "text": "too long",
                     "judgeable": False},
                    {"path": PATH, "line": 8, "level": "CHECK", "kind": "OTHER", "text": "odd",
                     "judgeable": True},
                ],
            }
        ],
    }  # fmt: skip


def test_tables_for_scripts(tmp_path: Path, at_hand: Bases) -> None:
    text = (
        "Benchmark-old Time CPU Iterations GB/s\nBM_x/4096 2048 ns 2000 ns 7 3.5\n\n"
        "Benchmark-new Time CPU Iterations GB/s\nBM_x/4096 1024 ns 1000 ns 14 7\n"
    )
    found = json.loads(mail(tmp_path, text, "--json").stdout)
    assert (found["patches"], found["series"], found["bases_not_checked"]) == ([], [], [])
    assert found["tables"][0] == {
        "line": 1, "label": "old", "title": "",
        "rows": [{"line": 2, "name": "BM_x/4096", "size_bytes": 4096, "time_ns": 2048, "cpu_ns": 2000,
                  "iterations": 7, "printed": {"GB/s": 3.5}, "one_way_mb_s": 2000}],
    }  # fmt: skip
    (comparison,) = found["comparisons"]
    assert comparison["rows"] == [
        {"name": "BM_x/4096", "time_ratio": 2, "cpu_ratio": 2, "iterations_ratio": 2, "printed_ratio": 2}
    ]
    assert (comparison["time_mean"], comparison["cpu_mean"], comparison["printed_mean"]) == (2, 2, 2)
    assert comparison["printed_column"] == "GB/s"


def test_patches_are_written_whole_and_in_reverse(tmp_path: Path, at_hand: Bases) -> None:
    directory = tmp_path / "a" / "b"
    result = mail(tmp_path, MAIL, "--no-checkpatch", "--write-patch", str(directory))
    assert result.exit_code == 0
    written = {path.name: path.read_text() for path in directory.iterdir()}
    assert set(written) == {
        "01-pages-change-something-debian-6.1.patch",
        "01-pages-change-something-debian-6.12-reverse.patch",
    }
    assert written["01-pages-change-something-debian-6.1.patch"] == (
        "[PATCH] pages: change something\n\nThe patch, restored from a mail for debian-6.1.\n---\n"
        + diff_to(FIRST)
    )
    assert (
        "The reverse of the patch, restored" in written["01-pages-change-something-debian-6.12-reverse.patch"]
    )
    assert "wrote " in result.stderr
    result = mail(tmp_path, MAIL, "--no-checkpatch", "--write-patch", str(tmp_path / "mail.txt"))
    assert result.exit_code == 2


def test_patches_are_called_by_their_number() -> None:
    one, two = reviewed("[PATCH] a"), reviewed("[PATCH] b")
    both = Review((replace(one, number=1), replace(two, number=2)))
    assert [both.numbered(number).patch.subject for number in (1, 2)] == ["[PATCH] a", "[PATCH] b"]


def reviewed(subject: str) -> Reviewed:
    return Reviewed(7, only_patch(MAIL.replace("[PATCH] pages: change something", subject).encode()), (), ())


@pytest.mark.parametrize(
    ("subject", "slug"),
    [
        ("Re: [PATCH v2] A: b/c!", "a-b-c"),
        ("[PATCH] ...", "patch"),
        ("[PATCH] " + "x" * 60, "x" * 50),
        ("[PATCH] " + "x" * 49 + " yy", "x" * 49),
    ],
)
def test_names_of_files(subject: str, slug: str) -> None:
    assert (
        file_name(reviewed(subject), Checked("base", Applicability(Kind.ADAPTED))) == f"07-{slug}-base.patch"
    )


@pytest.mark.parametrize("start", ["---", "+++ x", "diff x", "Index: x", "rename x", "copy x", "@@ x"])
def test_no_remark_looks_like_the_head_of_a_diff(start: str) -> None:
    checked = Checked("base", Applicability(Kind.ADAPTED, (f"{start}\x1b",), "text\n"), (1, 2))
    item = reviewed("[PATCH] x")
    text = _file_text(item, checked)
    assert "Comes after: 1, 2.\n" in text
    assert text.endswith(f"-  {start}?\n---\ntext\n")


def test_what_holds_nothing_is_refused(tmp_path: Path, at_hand: Bases) -> None:
    result = mail(tmp_path, "words\n")
    assert result.exit_code == 2
    assert "mail.txt holds no OOM report" in "".join(result.stderr.splitlines()).replace("  ", " ")
    (tmp_path / "other").write_text("more words\n")
    result = CliRunner().invoke(app, ["mail", str(tmp_path)])
    assert "these 2 files hold no OOM report" in " ".join(result.stderr.split())


def test_a_directory_stands_for_its_files_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).write_text("x")
    (tmp_path / "sub").mkdir()
    assert expanded([tmp_path / "b", tmp_path]) == [tmp_path / "b", tmp_path / "a"]
    with pytest.raises(InputError, match="without a file"):
        expanded([tmp_path / "sub"])
    with pytest.raises(InputError, match=f"{MAX_FILES + 1} files; at most 1000 are read"):
        expanded([Path(str(number)) for number in range(MAX_FILES + 1)])
    assert len(expanded([Path(str(number)) for number in range(MAX_FILES)])) == 1000


@pytest.mark.parametrize(
    ("files", "names"),
    [(["a/x"], [""]), (["a/x", "b/y"], ["x", "y"]), (["a/x", "b/x"], ["a/x", "b/x"])],
)
def test_files_are_named_where_there_are_several(files: Sequence[str], names: list[str]) -> None:
    assert names_of([Path(file) for file in files]) == names


def test_contents_are_empty_without_anything_of_use() -> None:
    assert read_contents(b"words\n").empty
    assert not read_contents(MAIL.encode()).empty
    assert not read_contents(b"Benchmark Time CPU Iterations\nBM_x 1 ns 1 ns 7\n").empty
    assert read_contents((DATA / "kvcalloc-quoted.txt").read_bytes()).reports
