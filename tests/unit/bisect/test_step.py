# SPDX-License-Identifier: Apache-2.0
"""A step over simulated runs of a real work tree: how many blocks, which answer, what stops it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.bisect import step as module
from orchestrator.bisect.answer import Answer
from orchestrator.bisect.place import LOG
from orchestrator.bisect.result import StepResult
from orchestrator.bisect.sequential import Blocks, Trust
from orchestrator.bisect.step import Step, StepOptions
from orchestrator.bisect.wording import result_line
from orchestrator.errors import BuildBroken, DeadlinePassed, HostError, InputError
from orchestrator.outcome import Outcome
from orchestrator.report.console.live import PlainObserver
from orchestrator.scenario.loading.problems import ScenarioInvalid
from tests.unit.bisect.conftest import Git
from tests.unit.bisect.engine import Engine

GOOD, BAD = Outcome.PASSED, Outcome.OOM


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, git: Git) -> Engine:
    engine = Engine()
    monkeypatch.setattr(module, "run_scenario", engine.run)
    return engine


def stepped(scenario: Path, tree: Path, **options: Any) -> StepResult:
    step = Step(scenario, StepOptions("oomlab bisect-step", tree, **options))
    return step.run(PlainObserver(Console(quiet=True)))


@pytest.mark.parametrize(
    ("outcomes", "answer", "rounds", "blocks"),
    [
        ([GOOD] * 3, Answer.GOOD, [3], Blocks(3, 0)),
        ([BAD] * 3, Answer.BAD, [3], Blocks(0, 3)),
        ([BAD, GOOD, BAD, BAD, BAD], Answer.BAD, [3, 2], Blocks(1, 4)),
        ([GOOD, BAD, GOOD, BAD, GOOD, GOOD, GOOD], Answer.GOOD, [3, 2, 2], Blocks(5, 2)),
        # What is no evidence has to be made up for.
        ([GOOD, Outcome.TARGET_MISSED, GOOD, GOOD], Answer.GOOD, [3, 1], Blocks(3, 0)),
        ([BAD, Outcome.HANG, Outcome.PANIC], Answer.BAD, [3], Blocks(0, 3)),
    ],
)
def test_blocks_are_made_until_the_answer_can_be_trusted(
    engine: Engine, scenario: Path, tree: Path, outcomes: list[Any], answer: Answer, rounds: list[int],
    blocks: Blocks,
) -> None:  # fmt: skip
    engine.outcomes = outcomes
    result = stepped(scenario, tree)
    assert (result.answer, engine.rounds, result.counted.blocks) == (answer, rounds, blocks)
    assert engine.outcomes == []
    assert engine.seeds == [7 + number for number in range(len(rounds))]
    assert (engine.tree, engine.variant) == (tree, "sound")


def test_blocks_that_never_agree_are_no_answer(engine: Engine, scenario: Path, tree: Path) -> None:
    engine.outcomes = [GOOD, BAD] * 20
    result = stepped(scenario, tree, most_blocks=12)
    assert result.answer is Answer.SKIP
    assert sum(engine.rounds) <= 12
    assert "no answer with an error of 0.01 within 12 blocks" in result.why


def test_a_kernel_that_does_not_boot_is_given_up_after_one_round(
    engine: Engine, scenario: Path, tree: Path
) -> None:
    engine.outcomes = [Outcome.BOOT_FAILED] * 20
    result = stepped(scenario, tree)
    assert (result.answer, engine.rounds) == (Answer.SKIP, [3])
    assert result.why == "no block said anything: boot-failed: it ended as boot-failed"


def test_a_proof_that_failed_is_no_evidence_either(engine: Engine, scenario: Path, tree: Path) -> None:
    engine.outcomes, engine.missing = [GOOD] * 3, ("the proof boot: target-missed",)
    result = stepped(scenario, tree)
    assert (result.answer, result.why) == (Answer.SKIP, "the proof boot: target-missed")


@pytest.mark.parametrize(
    "error", [BuildBroken("mm/slub.c:1: no"), DeadlinePassed("deadline passed: building")]
)
def test_what_cannot_be_built_is_skipped(
    engine: Engine, scenario: Path, tree: Path, error: Exception
) -> None:
    engine.outcomes = [error]
    result = stepped(scenario, tree)
    assert (result.answer, result.why) == (Answer.SKIP, str(error))
    assert "skip" in (tree.parent / "linux.bisect" / LOG).read_text()


@pytest.mark.parametrize(
    "error", [InputError("no kernel tree"), HostError("no compiler"), OSError(28, "full")]
)
def test_what_is_wrong_at_every_revision_is_no_answer(
    engine: Engine, scenario: Path, tree: Path, error: Exception
) -> None:
    engine.outcomes = [error]
    with pytest.raises(type(error)):
        stepped(scenario, tree)


def test_a_line_says_what_was_seen_and_steps_lie_beside_the_tree(
    engine: Engine, scenario: Path, tree: Path, git: Git
) -> None:
    engine.outcomes = [BAD, BAD, Outcome.PANIC, GOOD, GOOD, GOOD]
    commit = git("rev-parse", "HEAD").strip()[:12]
    line = result_line(stepped(scenario, tree))
    place = tree.parent / "linux.bisect"
    assert line == (
        f"bad: [{commit}] mm: a first commit: 3 of 3 blocks not as expected (2 x oom, 1 x panic);"
        f" outcome oom instead of passed: it ended as oom; {place}/0001-{commit}"
    )
    assert result_line(stepped(scenario, tree)).endswith(f"(3 x passed); {place}/0002-{commit}")
    assert (place / LOG).read_text().splitlines()[0] == line
    assert len((place / LOG).read_text().splitlines()) == 2
    assert (place / f"0001-{commit}" / "round-1").is_dir()
    assert git("status", "--porcelain") == ""


def test_runs_do_not_lie_where_git_would_see_them(
    engine: Engine, scenario: Path, tree: Path, git: Git
) -> None:
    (tree / "mm").mkdir()
    for given, out in ((tree, tree / "runs"), (tree / "mm", tree / "runs"), (tree, tree)):
        with pytest.raises(InputError, match="lies in the tree"):
            stepped(scenario, given, out=out)
    engine.outcomes = [GOOD] * 3
    assert stepped(scenario, tree / "mm").directory.parent == tree.parent / "linux.bisect"


def test_what_cannot_be_bisected_is_said_before_anything_is_built(
    engine: Engine, scenario: Path, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputError, match="is no git work tree"):
        stepped(scenario, tmp_path / "bare")
    with pytest.raises(InputError, match="is no git work tree"):
        stepped(scenario, tmp_path / "nowhere")
    with pytest.raises(InputError, match="expects nothing of variant 'free'") as caught:
        stepped(scenario, tree, variant="free")
    assert "--set expectations.free.outcome=passed" in caught.value.hint
    with pytest.raises(ScenarioInvalid, match="no variant is called 'soun'"):
        stepped(scenario, tree, variant="soun")
    with pytest.raises(InputError, match=r"--blocks 2: .* before 3 blocks"):
        stepped(scenario, tree, most_blocks=2)
    assert not (tree.parent / "linux.bisect").exists()
    assert engine.rounds == []


def test_another_variant_and_another_trust(engine: Engine, scenario: Path, tree: Path) -> None:
    engine.outcomes = [BAD] * 2
    trust = Trust(stray=0.1, shows=0.9, error=0.02)
    result = stepped(scenario, tree, variant="faulty", trust=trust)
    assert (result.answer, engine.variant, engine.rounds) == (Answer.GOOD, "faulty", [2])
    engine.outcomes = [BAD] * 3
    result = stepped(scenario, tree, variant="free", overrides=["expectations.free.outcome=passed"])
    assert (result.answer, engine.variant) == (Answer.BAD, "free")
