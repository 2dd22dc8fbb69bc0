# SPDX-License-Identifier: Apache-2.0
"""What the guest is told is exactly what the scenario says."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.plan import block_seed, plan_blocks
from orchestrator.protocol.recipe import block_recipe, device_recipe, probe_recipe
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import BinderMapCycle, Scenario
from orchestrator.stage import Mode, Stage

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
audit: false
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
        block_recipe(subject, mode=mode, variants=["b"], seed=42, control_tty="ttyS0", slowdown=slowdown)
    )


def test_a_trial_with_everything() -> None:
    assert recipe(scenario(), slowdown=2.0) == {
        "protocol": "4",
        "mode": "trial",
        "control": "ttyS0",
        "seed": "42",
        "variant": "b",
        "target_ms": "60000",
        "trigger_ms": "120000",
        "trace": "0",
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
    line = block_recipe(subject, mode=Mode.TRIAL, variants=["a"], seed=1, control_tty="ttyS0", slowdown=1.0)
    assert words(line)["command"] == "echo%20%22a%20b%22%20%7C%20cat%20%3D%20%25"
    assert words(line)["stop"] == "end"


def test_forbidden_is_proven_on_a_boot_of_its_own_and_unchecked_in_trials() -> None:
    subject = scenario(hard="forbidden")
    assert recipe(subject)["hard"] == "unchecked"
    proof = recipe(subject, Mode.PROOF)
    assert (proof["mode"], proof["hard"], proof["trigger"]) == ("trial", "prove", "none")
    modes = [block.mode for block in plan_blocks(subject)]
    assert modes == [Mode.PROOF] + [Mode.BLOCK] * 3


def test_a_block_is_told_all_that_its_forks_may_choose_from() -> None:
    line = block_recipe(
        scenario(), mode=Mode.BLOCK, variants=["a", "b"], seed=1, control_tty="ttyS0", slowdown=1.0
    )
    assert words(line)["mode"] == "block"
    assert words(line)["variants"] == "a,b"
    assert "variant" not in words(line)


def test_a_probe_needs_little() -> None:
    assert probe_recipe("ttyS1") == "oomlab.protocol=4 oomlab.mode=probe oomlab.control=ttyS1"


def test_blocks_hold_every_variant_and_fork_once_with_one_seed() -> None:
    subject = load_text(
        TEXT.replace("HARD", "required").replace("TRIGGER", MMAP).replace("blocks: 3", "blocks: 3, forks: 2"),
        Path("example.yaml"),
    ).scenario
    planned = plan_blocks(subject)
    assert [block.number for block in planned] == [1, 2, 3]
    for block in planned:
        assert sorted((trial.variant, trial.fork) for trial in block.trials) == [
            ("a", 1), ("a", 2), ("b", 1), ("b", 2),
        ]  # fmt: skip
        assert {trial.seed for trial in block.trials} == {block_seed(subject, block.number)}
    assert len({block.seed for block in planned}) == 3
    assert [trial.number for block in planned for trial in block.trials] == list(range(1, 13))


def test_never_all_of_one_variant_first() -> None:
    text = TEXT.replace("HARD", "required").replace("TRIGGER", MMAP).replace("blocks: 3", "blocks: 20")
    orders = {
        tuple(trial.variant for trial in block.trials)
        for block in plan_blocks(load_text(text, Path("x")).scenario)
    }
    assert orders == {("a", "b"), ("b", "a")}


def test_variants_with_other_kernels_get_blocks_of_their_own() -> None:
    text = (
        TEXT.replace("HARD", "required")
        .replace("TRIGGER", MMAP)
        .replace("b: {base: debian-6.1}", "b: {base: debian-6.12}")
    )
    planned = plan_blocks(load_text(text, Path("x")).scenario)
    assert sorted((block.number, block.variants) for block in planned) == [
        (number, (name,)) for number in (1, 2, 3) for name in ("a", "b")
    ]


def test_each_clock_is_a_pass_and_a_deterministic_block_has_one_fork() -> None:
    text = TEXT.replace("HARD", "required").replace("TRIGGER", MMAP)
    text = text.replace("blocks: 3", "blocks: 2, forks: 5, clock: [realtime, deterministic]")
    planned = plan_blocks(load_text(text, Path("x")).scenario)
    assert [block.clock for block in planned] == ["realtime"] * 2 + ["deterministic"] * 2
    assert [len(block.trials) for block in planned] == [10, 10, 2, 2]


def test_plans_repeat_with_the_seed_and_only_with_it() -> None:
    assert plan_blocks(scenario()) == plan_blocks(scenario())
    other = scenario().model_copy(update={"trials": scenario().trials.model_copy(update={"seed": 8})})
    assert plan_blocks(other) != plan_blocks(scenario())


def test_a_picture_becomes_lines_units_and_watermarks() -> None:
    text = TEXT.replace("TRIGGER", MMAP)
    begin, end = text.index("fragmentation:"), text.index("trigger:")
    picture = (
        "fragmentation: {target: {picture: {active_anon: 23548KiB, kernel_stack: 10620KiB,"
        " shadow_call_stack: 2668KiB, free_cma: 0, free_blocks: [3313, 165, 35, 15],"
        " watermarks: {min: 8MiB, low: 42616KiB, high: 46164KiB}}}}\n"
    )
    told = recipe(load_text(text[:begin] + picture + text[end:], Path("example.yaml")).scenario)
    # These kernels have no shadow call stacks: ordinary ones stand in.
    assert told["picture"] == "active_anon:23548,kernel_stack:13288,free_cma:0"
    assert told["units"] == "0:3513:4293,1:266:324,2:59:71,3:11:19,4::0"
    assert told["watermarks"] == "8192:42616"
    assert told["stressors"] == ""


def test_stressors_for_single_lines_have_their_amounts() -> None:
    text = TEXT.replace("TRIGGER", MMAP).replace("HARD", "required")
    text = text.replace("[high_order, pipes, ", "[{kind: slab, size: 8MiB}, {kind: threads, size: 1MiB}, ")
    told = recipe(load_text(text, Path("example.yaml")).scenario)
    assert told["stressors"] == "slab:8192,threads:1024,ballast:32768"


@pytest.mark.parametrize(
    ("stage", "told", "traced"),
    [
        ("trigger", None, "0"),
        ("relaxed", "relaxed", "0"),
        ("target", "target", "0"),
        ("audit-trigger", None, "1"),
        ("audit-relaxed", "relaxed", "1"),
        ("audit-target", "target", "1"),
    ],
)
def test_a_boot_that_goes_straight_through_is_told_its_stage(
    stage: Stage, told: str | None, traced: str
) -> None:
    maps = BinderMapCycle.model_validate({"kind": "binder-mmap", "sizes": ["4MiB"]})
    benchmarks = scenario().model_copy(update={"benchmarks": (maps,)})
    found = words(
        block_recipe(
            benchmarks, mode=Mode.TRIAL, variants=["b"], seed=1, control_tty="ttyS0", slowdown=1, stage=stage
        )
    )
    assert (found.get("stage"), found["trace"]) == (told, traced)


def test_nodes_and_what_is_wanted_of_one() -> None:
    text = TEXT.replace("memory: 256MiB", "memory: 256MiB, nodes: 2".replace(", ", "\n  "))
    text = text.replace("{order: 1, min: 600}", "{order: 3, max: 20, node: 1}, {order: 1, min: 600, node: 0}")
    text = text.replace("HARD", "required").replace("TRIGGER", MMAP)
    told = recipe(load_text(text, Path("example.yaml")).scenario)
    assert told["nodes"] == "2"
    assert told["units"] == "3::300,3::20:1,1:600::0"


def test_a_device_is_told_the_same_but_where_to_talk() -> None:
    subject = scenario()
    told = recipe(subject, slowdown=2.0)
    del told["control"]
    line = device_recipe(subject, mode=Mode.TRIAL, variants=["b"], seed=42, slowdown=2.0)
    assert words(line) == told


def test_a_device_is_told_which_driver_must_be_there_where_one_is_needed() -> None:
    def told(trigger: str) -> str | None:
        line = device_recipe(
            scenario(trigger=trigger), mode=Mode.TRIAL, variants=["b"], seed=1, slowdown=1.0, binder="c"
        )
        return words(line).get("binder")

    assert told(MMAP) == "c"
    assert told("{kind: command, command: 'true'}") is None
