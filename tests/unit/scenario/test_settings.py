# SPDX-License-Identifier: Apache-2.0
"""Settings of a variant: what may be said, and what each of a block's forks is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.guests.qemu.boot import block_boot
from orchestrator.guests.qemu.command_line_room import longest_line
from orchestrator.plan import are_paired, plan_blocks, shares_boot
from orchestrator.protocol.recipe import block_recipe
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB, sysctls: {vm.swappiness: 60}}
variants:
  plain: {base: debian-6.12}
  again: {base: debian-6.12, twin_of: plain}
  low: {base: debian-6.12, sysctls: {vm.swappiness: 1, vm.laptop_mode: 5}}
  off: {base: debian-6.12, sysfs: {/sys/kernel/mm/lru_gen/enabled: n}}
trigger: {kind: command, command: "true"}
"""


def load(text: str = TEXT) -> Scenario:
    return load_text(text, Path("x.yaml")).scenario


def told(scenario: Scenario, mode: Mode, *names: str) -> str | None:
    line = block_recipe(scenario, mode=mode, variants=names, seed=1, control_tty="ttyS0", slowdown=1.0)
    words = (word.removeprefix("oomlab.").partition("=")[::2] for word in line.split(" "))
    return dict(words).get("settings")


def test_variants_that_differ_in_settings_fork_from_one_block() -> None:
    scenario = load()
    assert are_paired(scenario, scenario.variants)
    (block,) = plan_blocks(scenario)
    assert {trial.variant for trial in block.trials} == {"plain", "again", "low", "off"}


def test_each_fork_is_told_its_own_by_its_place_among_the_variants() -> None:
    assert told(load(), Mode.BLOCK, "plain", "low", "off") == (
        "1:vm.swappiness:1,1:vm.laptop_mode:5,2:/sys/kernel/mm/lru_gen/enabled:n"
    )
    assert told(load(), Mode.TRIAL, "off") == "0:/sys/kernel/mm/lru_gen/enabled:n"
    assert told(load(), Mode.TRIAL, "plain") is None


def test_another_command_line_is_another_boot() -> None:
    scenario = load(TEXT.replace("sysfs: {/sys/kernel/mm/lru_gen/enabled: n}", "command_line: [nosmp, a=b]"))
    assert shares_boot(scenario) == [("plain", "again", "low"), ("off",)]
    assert not are_paired(scenario, ["plain", "off"])
    lines = {
        block.variants: block_boot(
            scenario, block, kernel=Path(), initramfs=Path(), accelerator="tcg", slowdown=1.0
        ).command_line
        for block in plan_blocks(scenario)
    }
    assert " nosmp a=b oomlab." in lines["off",]
    assert "nosmp" not in lines["plain", "again", "low"]
    assert len(longest_line(scenario)) >= max(map(len, lines.values()))


def test_swap_of_a_variant_is_made_ready_for_all_and_used_by_one() -> None:
    scenario = load(TEXT.replace("sysctls: {vm.swappiness: 1, vm.laptop_mode: 5}", "zram: 64MiB"))
    line = block_recipe(
        scenario, mode=Mode.BLOCK, variants=["plain", "low", "off"], seed=1, control_tty="ttyS0", slowdown=1.0
    )
    assert "oomlab.zrams=1:65536 " in line
    with pytest.raises(ScenarioInvalid, match="the device has swap from its boot"):
        load(
            TEXT.replace("sysctls: {vm.swappiness: 1, vm.laptop_mode: 5}", "zram: 64MiB").replace(
                "memory: 256MiB", "memory: 256MiB, zram: 64MiB"
            )
        )


@pytest.mark.parametrize("word", ["console=ttyS0", "a b", "oomlab.seed=1", "quiet"])
def test_words_of_the_harness_are_no_variants_to_say(word: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        load(TEXT.replace("sysfs: {/sys/kernel/mm/lru_gen/enabled: n}", f"command_line: ['{word}']"))
    assert refused.value.problems[0].line == 8


def test_a_proof_has_no_variant_and_no_settings() -> None:
    assert told(load(), Mode.PROOF, "off") is None


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("sysctls: {swappiness: 1}", "not the name of a sysctl"),
        ("sysctls: {kernel.panic: 1}", "kernel.panic is oomlab's own"),
        ("sysfs: {/proc/sys/vm/swappiness: 1}", "below /sys/kernel/mm or /sys/module"),
        ("sysfs: {/sys/kernel/mm/../../block/zram0/reset: 1}", "below /sys/kernel/mm or /sys/module"),
        ("sysfs: {/sys/kernel/mm: 1}", "below /sys/kernel/mm or /sys/module"),
        ("sysfs: {/sys/kernel/mm/lru_gen/enabled: 'a,b'}", "text without commas"),
        ("sysfs: {/sys/kernel/mm/lru_gen/enabled: true}", "a whole number, or text"),
    ],
)
def test_what_is_no_setting_is_refused(setting: str, says: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        load(TEXT.replace("sysfs: {/sys/kernel/mm/lru_gen/enabled: n}", setting))
    (problem,) = refused.value.problems
    assert says in problem.what
    assert problem.line == 8


def test_a_twin_has_the_settings_of_its_original() -> None:
    with pytest.raises(ScenarioInvalid, match="settings are not those of 'plain'"):
        load(TEXT.replace("twin_of: plain", "twin_of: plain, sysctls: {vm.swappiness: 1}"))


def test_what_a_picture_sets_is_no_variants_to_set() -> None:
    picture = "fragmentation: {target: {picture: {active_anon: 4MiB, watermarks: {min: 4MiB}}}}\n"
    with pytest.raises(ScenarioInvalid, match="the picture's 'watermarks' set it"):
        load(TEXT.replace("vm.laptop_mode", "vm.min_free_kbytes") + picture)


@pytest.mark.parametrize("of", ["low", "device"])
@pytest.mark.parametrize(
    ("said", "what", "nearest"),
    [
        ("vm.swapiness: 1", "no kernel is known to have a sysctl 'vm.swapiness'", "vm.swappiness"),
        ("vm.swappiness: 201", "vm.swappiness takes 0 to 200, not 201", None),
        ("vm.watermark_scale_factor: 0", "vm.watermark_scale_factor takes 1 to 3000, not 0", None),
        ("vm.compaction_proactiveness: '0x65'", "takes 0 to 100, not 0x65", None),
    ],
)
def test_slips_and_values_that_no_kernel_takes_are_told_before_a_boot(
    of: str, said: str, what: str, nearest: str | None
) -> None:
    old = "vm.swappiness: 60" if of == "device" else "vm.swappiness: 1"
    with pytest.raises(ScenarioInvalid) as refused:
        load(TEXT.replace(f"{{{old}", f"{{{said}"))
    (problem,) = refused.value.problems
    assert what in problem.what
    assert (problem.nearest, problem.line) == (nearest, 3 if of == "device" else 7)


def test_names_of_others_are_left_to_the_kernel() -> None:
    load(TEXT.replace("vm.swappiness: 1,", "vm.vendor_boost: 1, vm.swappiness: '200', vm.defrag_mode: 1,"))
