# SPDX-License-Identifier: Apache-2.0
"""Whole runs of kernels that are built: recorded, locked, resumed, reported, and refused where alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.images import prepare_images
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import read_journal, trial_results
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.run.asked import load_runnable
from orchestrator.run.dryrun import dry_run
from orchestrator.run.engine import RunOptions, resume_run, run_scenario
from orchestrator.run.observer import SilentObserver
from orchestrator.search.search import Search, SearchOptions
from orchestrator.search.varied import parse_varied
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from orchestrator.verdict.judgement import Conclusion
from tests.unit.kernels.built_source import in_memory
from tests.unit.run.conftest import Put
from tests.unit.run.stories import passes, runs_out_of_memory, story

SCENARIO = """\
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  base: {base: {source: linux-source-6.12, config: small}}
  patched: {base: {source: linux-source-6.12, config: small}, patches: [fix.patch]}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
audit: false
trials: {blocks: 2, timing: false}
expectations: {base: {outcome: oom}, patched: {outcome: passed}}
"""
STORY = story(base=runs_out_of_memory, patched=passes)
NOTHING = "base and patched run the same kernel 6.12.43 (SHA-256 "


class Watcher(SilentObserver):
    """Keeps what it was told, and gives this answer."""

    def __init__(self, answer: bool = False) -> None:
        self.answer, self.said, self.asked = answer, list[str](), list[str]()

    def progress(self, text: str) -> None:
        self.said.append(text)

    def ask(self, question: str) -> bool:
        self.asked.append(question)
        return self.answer


@pytest.fixture(autouse=True)
def _memory(put: Put, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    put(STORY)
    monkeypatch.setattr("orchestrator.run.environment.prepare_images", prepare_images)
    with in_memory(monkeypatch):
        yield


def scenario(folder: Path, comment: str = "") -> Path:
    (folder / "fix.patch").write_text(
        f"{comment}\n--- a/mm/page_alloc.c\n+++ b/mm/page_alloc.c\n@@ -1 +1 @@\n-a\n+b\n"
    )
    (folder / "example.yaml").write_text(SCENARIO)
    return folder / "example.yaml"


def run(
    file: Path, observer: Watcher | None = None, *, force: bool = False, lock: Path | None = None
) -> JudgedRun:
    options = RunOptions(command="oomlab run", out=file.with_name("run"), force=force, lock=lock)
    return run_scenario(load_runnable(file), observer or Watcher(), options)


def test_a_run_of_two_kernels_comes_to_its_verdict_unpaired(tmp_path: Path) -> None:
    judged = run(scenario(tmp_path))
    assert judged.verdict.conclusion is Conclusion.MET
    assert not judged.verdict.passes[0].paired
    artefacts = judged.manifest.artefacts
    assert [name.partition(" (")[0] for name in artefacts] == [
        "linux-source-6.12 small",
        "linux-source-6.12 small + fix.patch",
    ]
    assert judged.manifest.artefacts_of("patched") == list(artefacts.values())[1]
    assert load_judged_run(judged.directory.path).verdict == judged.verdict
    assert len(list((judged.directory.path / "patches").iterdir())) == 1
    for name in FORMATS:
        text = render(judged, name)
        assert name in ("csv", "gbench") or "patched runs another kernel image" in " ".join(text.split()), (
            name
        )
    built = "base, patched: built from linux-source-6.12 6.12.43"
    for name in ("terminal", "html", "markdown", "ktap"):
        assert built in " ".join(render(judged, name, verbose=True).split()), name
    assert "built from linux-source-6.12 6.12.43)" in " ".join(render(judged, "mail").split())
    for name in ("json", "junit", "gbench"):
        assert "linux-source-6.12 6.12.43" in render(judged, name), name
    assert judged.verdict.built_from["patched"] == "linux-source-6.12 6.12.43"
    assert "linux-source-6.12 small (6.12.43) with fix.patch" in render(judged, "markdown").replace("\\", "")


def test_it_is_resumed_with_the_very_same_kernels(tmp_path: Path) -> None:
    judged = run(scenario(tmp_path))
    journal = judged.directory.journal
    lines = journal.read_text().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(lines) if '"trial-ended"' in line)
    journal.write_text("".join(lines[: cut + 1]))
    again = resume_run(judged.directory.path, Watcher())
    assert again.verdict.conclusion is Conclusion.MET
    assert len(trial_results(read_journal(RunDirectory(judged.directory.path).journal))) == 4


def test_a_lock_is_written_and_honoured(tmp_path: Path) -> None:
    file, lock = scenario(tmp_path), tmp_path / "example.lock"
    first = run(file, lock=lock)
    (tmp_path / "run").rename(tmp_path / "first")
    assert "linux-source-6.12 small + fix.patch" in lock.read_text()
    assert run(file, lock=lock).manifest.artefacts == first.manifest.artefacts
    (tmp_path / "run").rename(tmp_path / "second")
    scenario(tmp_path, comment="another")
    with pytest.raises(InputError, match="the lock is not of this scenario"):
        run(file, lock=lock)


def test_kernels_that_do_not_differ_are_refused_before_anything_boots(tmp_path: Path, put: Put) -> None:
    backend = put(STORY)
    file = scenario(tmp_path, comment="no effect")
    watcher = Watcher()
    with pytest.raises(InputError) as caught:
        run(file, watcher)
    assert caught.value.message.startswith(NOTHING)
    assert caught.value.message.endswith("): the patch changes nothing in the binary")
    assert "--force" in caught.value.hint
    assert len(watcher.asked) == 1
    assert (backend.started, file.with_name("run").exists()) == (0, False)


@pytest.mark.parametrize("force", [True, False])
def test_whoever_says_so_runs_them_all_the_same(tmp_path: Path, *, force: bool) -> None:
    watcher = Watcher(answer=not force)
    judged = run(scenario(tmp_path, comment="no effect"), watcher, force=force)
    assert judged.verdict.trials
    assert len(watcher.asked) == (0 if force else 1)
    assert any(line.startswith(NOTHING) for line in [*watcher.said, *watcher.asked])


def test_a_search_asks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watcher = Watcher(answer=True)
    options = SearchOptions(command="oomlab search", out=tmp_path / "search", blocks=1, points=3)
    work = Search(scenario(tmp_path, comment="no effect"), parse_varied("trigger.count=20..600"), options)
    work.run(watcher)
    assert len(watcher.asked) == 1


def test_a_dry_run_says_what_is_known_from_the_cache(tmp_path: Path) -> None:
    file = scenario(tmp_path, comment="no effect")
    before = dry_run(load_runnable(file).scenario)
    assert before.remarks == ("nothing is real",)
    assert any(line.startswith("make Image") for line in before.commands)
    run(file, force=True)
    remark, _assumed = dry_run(load_runnable(file).scenario).remarks
    assert remark.startswith(NOTHING)
