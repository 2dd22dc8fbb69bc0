# SPDX-License-Identifier: Apache-2.0
"""A crash of the kernel is told in every report, first and once, and its names are the guest's: harmless."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.oom.records import KernelCrash, Process
from orchestrator.outcome import Outcome
from orchestrator.record.journal import RunStarted, TrialEnded, open_journal, read_journal, trial_results
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.report.rows import variant_rows
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from orchestrator.verdict.variant import RequestTotals
from tests.unit.report.factory import HOSTILE, Made, run_directory

CRASH = KernelCrash(
    kind="oops", line=5, message="Unable to handle kernel paging request", what="paging request",
    pc="list_lru_add", caller="binder_update_page_range", caller_module="binder_linux",
    task=Process(comm="oomlab-bench", pid=79), tainted="GOE", times=7,
)  # fmt: skip


def report(path: Path, crash: KernelCrash) -> JudgedRun:
    """A run whose every trial of kvcalloc had this crash."""
    directory = run_directory(path, Made(blocks=2, benchmarks=False))
    results = trial_results(read_journal(directory.journal))
    directory.journal.unlink()
    change = {"outcome": Outcome.KERNEL_CRASH, "crashes": (crash,), "kernel_bugs": ("Oops",)}
    with open_journal(directory.journal) as journal:
        journal.append(RunStarted(scenario="binder-order3", planned=len(results)))
        for result in results:
            own = change if result.variant == "kvcalloc" else {}
            journal.append(TrialEnded(result=result.model_copy(update=own)))
    return load_judged_run(path)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_it(tmp_path: Path, name: str) -> None:
    text = render(report(tmp_path / "run", CRASH), name)
    words = " ".join(text.replace("\\", "").replace("\n#", "\n").split())
    assert "list_lru_add() called from binder_update_page_range()" in words
    if name == "mail":
        assert words.startswith("kvcalloc: the kernel crashed 14 times, in 2 of")
        assert "with kcalloc in 0 of" in words, "the sentence says whom it spared"
        words = " ".join(render(report(tmp_path / "again", CRASH), name, full=True).split())
    if name in {"terminal", "mail", "markdown", "html"}:
        assert words.index("the kernel crashed 14 times, in 2 of") < words.index("usable")
        # Whom it spared, and what is known of it, stand there, too.
        assert words.index("The kernel did not crash with kcalloc (in ") < words.index("usable")
        assert words.index("See docs/list-lru-crash.md.") < words.index("usable")


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_its_names_act(tmp_path: Path, name: str) -> None:
    hostile = CRASH.model_copy(
        update={"pc": HOSTILE, "what": HOSTILE, "message": HOSTILE, "task": Process(comm=HOSTILE)}
    )
    text = render(report(tmp_path / "run", hostile), name)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_variant_whose_guests_could_not_count_does_not_take_the_others_word(tmp_path: Path) -> None:
    run = report(tmp_path / "run", CRASH)
    one = run.verdict.variants["kcalloc"]
    gone = one.model_copy(update={"requests": RequestTotals()})
    labels = [label for label, _ in variant_rows([gone, one])]
    assert "mmaps succeeded / failed / in flight" in labels
    assert not any("mmap" in label for label, _ in variant_rows([gone]))
    assert not any("in flight" in label for label, _ in variant_rows([gone])), "nobody counted anything"
