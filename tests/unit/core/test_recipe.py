# SPDX-License-Identifier: Apache-2.0
"""What the guest is told is exactly what the scenario says."""

from __future__ import annotations

from pathlib import Path

from orchestrator.plan import block_seed, plan_trials
from orchestrator.recipe import Mode, probe_recipe, trial_recipe
from orchestrator.scenario import Scenario, load_text

TEXT = """
name: example
device:
  arch: arm64
  memory: 256MiB
  zram: 64MiB
  sysctls: {vm.watermark_boost_factor: 0, vm.swappiness: 100}
variants:
  a: {base: debian-6.1}
  b: {base: debian-6.1}
fragmentation:
  target: {usable_units: [{order: 3, max: 300}, {order: 1, min: 600}], free: {min: 64MiB}, hard: HARD}
  stressors: [high_order, pipes, {kind: ballast, size: 32MiB}]
trigger: TRIGGER
bystanders: {count: 4, memory: 4MiB, oom_score_adj: 900}
trials: {blocks: 3, seed: 7}
deadlines: {target: 30s, trigger: 1min}
"""
MMAP = (
    "{kind: binder-mmap, size: 4MiB, count: 600, processes: 2, hold: false, pause: 1ms, oom_score_adj: -950}"
)


def scenario(hard: str = "required", trigger: str = MMAP) -> Scenario:
    text = TEXT.replace("HARD", hard).replace("TRIGGER", trigger)
    return load_text(text, Path("example.yaml")).scenario


def words(line: str) -> dict[str, str]:
    pairs = (word.removeprefix("oomlab.").partition("=")[::2] for word in line.split(" "))
    return dict(pairs)


def recipe(subject: Scenario, mode: Mode = Mode.TRIAL, slowdown: float = 1.0) -> dict[str, str]:
    return words(
        trial_recipe(subject, mode=mode, variant="b", seed=42, control_tty="ttyS0", slowdown=slowdown)
    )


def test_a_trial_with_everything() -> None:
    assert recipe(scenario(), slowdown=2.0) == {
        "protocol": "1",
        "mode": "trial",
        "control": "ttyS0",
        "seed": "42",
        "variant": "b",
        "target_ms": "60000",
        "trigger_ms": "120000",
        "sysctl": "vm.watermark_boost_factor:0,vm.swappiness:100",
        "zram_kb": "65536",
        "hard": "required",
        "stressors": "high_order,pipes,ballast:32768",
        "units": "3::300,1:600:",
        "free_kb": "65536:",
        "bystanders": "4:4096:900",
        "trigger": "binder-mmap",
        "adj": "-950",
        "stop": "first-oom",
        "size": "4194304",
        "count": "600",
        "processes": "2",
        "hold": "0",
        "pause_us": "1000",
    }


def test_a_command_is_encoded_so_that_no_shell_or_kernel_splits_it() -> None:
    subject = scenario(trigger="{kind: command, command: 'echo \"a b\" | cat = %', stop: end}")
    line = trial_recipe(subject, mode=Mode.TRIAL, variant="a", seed=1, control_tty="ttyS0", slowdown=1.0)
    assert words(line)["command"] == "echo%20%22a%20b%22%20%7C%20cat%20%3D%20%25"
    assert words(line)["stop"] == "end"


def test_forbidden_is_proven_on_a_boot_of_its_own_and_unchecked_in_trials() -> None:
    subject = scenario(hard="forbidden")
    assert recipe(subject)["hard"] == "unchecked"
    proof = recipe(subject, Mode.PROOF)
    assert (proof["mode"], proof["hard"], proof["trigger"]) == ("trial", "prove", "none")
    modes = [trial.mode for trial in plan_trials(subject)]
    assert modes == [Mode.PROOF] + [Mode.TRIAL] * 6


def test_a_probe_needs_little() -> None:
    assert probe_recipe("ttyS1") == "oomlab.protocol=1 oomlab.mode=probe oomlab.control=ttyS1"


def test_blocks_hold_every_variant_once_with_one_seed() -> None:
    subject = scenario()
    planned = plan_trials(subject)
    for block in (1, 2, 3):
        members = [trial for trial in planned if trial.block == block]
        assert sorted(trial.variant for trial in members) == ["a", "b"]
        assert {trial.seed for trial in members} == {block_seed(subject, block)}
    assert len({trial.seed for trial in planned}) == 3


def test_plans_repeat_with_the_seed_and_only_with_it() -> None:
    assert plan_trials(scenario()) == plan_trials(scenario())
    other = scenario().model_copy(update={"trials": scenario().trials.model_copy(update={"seed": 8})})
    assert plan_trials(other) != plan_trials(scenario())
