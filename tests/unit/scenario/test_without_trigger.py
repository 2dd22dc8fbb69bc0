# SPDX-License-Identifier: Apache-2.0
"""Benchmarks without a trigger: what is run, what may be expected, and what a scenario cannot mean."""

from __future__ import annotations

import pytest

from orchestrator.plan import plan_blocks
from orchestrator.protocol.recipe import block_recipe
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from tests.unit.scenario.conftest import Load, Refuse

HEAD = """\
name: alone
device: {arch: arm64, memory: 128MiB}
variants: {plain: {base: debian-6.1}}
"""
ALONE = HEAD + "benchmarks:\n  - {kind: command, name: mine, command: /mine}\n"


def test_benchmarks_alone_are_run_relaxed_and_at_the_target(load: Load) -> None:
    scenario = load(ALONE).scenario
    assert not scenario.trigger.runs
    (block,) = plan_blocks(scenario)
    assert sorted(trial.stage for trial in block.trials) == ["relaxed", "target"]
    recipe = block_recipe(
        scenario, mode=Mode.BLOCK, variants=["plain"], seed=1, control_tty="ttyS1", slowdown=1.0
    )
    assert "oomlab.trigger=none" in recipe.split()
    assert "oomlab.program=rt:mine:/mine" in recipe.split()


def test_those_of_binder_are_traced_all_the_same(load: Load) -> None:
    text = HEAD + "benchmarks: [{kind: binder-mmap, sizes: [4MiB], when: [target]}]\n"
    (block,) = plan_blocks(load(text).scenario)
    assert sorted(trial.stage for trial in block.trials) == ["audit-target", "target"]


@pytest.mark.parametrize("said", ["", "trigger: null\n"])
def test_no_trigger_is_written_as_none_and_read_again(load: Load, said: str) -> None:
    scenario = load(said + ALONE).scenario
    data = scenario.model_dump(mode="json")
    assert data["trigger"] is None
    assert Scenario.model_validate(data) == scenario
    assert load(yaml_text(data)).scenario == scenario


def test_a_trigger_can_be_taken_away_by_set(load: Load) -> None:
    trigger = "trigger: {kind: command, command: 'true'}\n"
    assert not load(trigger + ALONE, ["trigger=null"]).scenario.trigger.runs


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (HEAD, "nothing would be run"),
        (ALONE.replace("/mine}", "/mine, when: [after]}"), "no trigger that 'after' could follow"),
        (ALONE + "expectations: {plain: {outcome: oom}}\n", "'passed' alone"),
        (ALONE + "expectations: {plain: {killed: trigger}}\n", "the scenario has none"),
        (ALONE + "expectations: {plain: {requests_failed: 0}}\n", "the scenario has none"),
        (ALONE + "expectations: {plain: {vmstat: {compact_stall: {max: 1}}}}\n", "the scenario has none"),
        (ALONE + "expectations: {plain: {costs: {direct_reclaims: {max: 1}}}}\n", "has no trigger"),
    ],
)
def test_what_only_a_trigger_could_show_is_refused(refuse: Refuse, text: str, what: str) -> None:
    assert any(what in problem.what for problem in refuse(text))
