# SPDX-License-Identifier: Apache-2.0
"""What variants were told is said with what was there before, and nobody signs for a setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.record.result import SettingWritten, TrialResult
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.alike import without_effect
from orchestrator.verdict.settings import settings_alone, settings_seen, without_change
from tests.unit.evidence.guest_output import judged, passed

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  plain: {base: debian-6.12}
  low: {base: debian-6.12, sysctls: {vm.swappiness: 10}, zram: 64MiB}
  always: {base: debian-6.12, sysfs: {/sys/kernel/mm/transparent_hugepage/enabled: always}}
  booted: {base: debian-6.12, command_line: [slub_max_order=0, nosmp]}
trigger: {kind: command, command: "true"}
"""
THP = "/sys/kernel/mm/transparent_hugepage/enabled"


@pytest.fixture
def scenario() -> Scenario:
    """Variants that differ in every kind of setting."""
    return load_text(TEXT, Path("x.yaml")).scenario


def trial(variant: str, *written: tuple[str, str, str]) -> TrialResult:
    settings = tuple(
        SettingWritten(name=name, value="", before=before, after=after) for name, before, after in written
    )
    result = judged(passed(), "[    5.100000] oomlab: phase trigger\n", variant=variant)
    return result.model_copy(update={"settings": settings})


def test_each_setting_is_told_with_what_it_replaced(scenario: Scenario) -> None:
    trials = [
        trial("low", ("vm.swappiness", "60", "10"), ("zram", "0 kB of swap", "65532 kB of swap")),
        trial("always", (THP, "always [madvise] never", "[always] madvise never")),
    ]
    assert {each.variant: each.words for each in settings_seen(scenario, trials)} == {
        "low": "vm.swappiness=10 (before: 60), zram=64MiB (before: 0 kB of swap)",
        "always": f"{THP}=always (before: madvise)",
        "booted": "booted with slub_max_order=0 nosmp",
    }


def test_without_a_trial_nothing_is_said_of_before(scenario: Scenario) -> None:
    (low, *_) = settings_seen(scenario, [])
    assert low.words == "vm.swappiness=10, zram=64MiB"
    assert list(without_change([low])) == []


def test_a_setting_that_was_so_before_changes_nothing(scenario: Scenario) -> None:
    same = trial("always", (THP, "[always] madvise never", "[always] madvise never"))
    half = trial("low", ("vm.swappiness", "10", "10"), ("zram", "0 kB of swap", "65532 kB of swap"))
    found = settings_seen(scenario, [same, half])
    assert list(without_change(found)) == [
        f"the settings of always change nothing: {THP} was always before, too"
    ]
    assert found[0].words == "vm.swappiness=10 (as before: 10), zram=64MiB (before: 0 kB of swap)"


def test_variants_of_one_kernel_are_nobodys_test(scenario: Scenario) -> None:
    assert settings_alone(scenario.variants) == "its variants differ in settings alone, and in no kernel"
    one = load_text(TEXT.split("  low:")[0] + TEXT[TEXT.index("trigger") :], Path("x.yaml")).scenario
    assert settings_alone(one.variants) is None


@pytest.mark.parametrize(("told", "obstacle"), [(("", "1"), True), (("1", "1"), False), (("", ""), False)])
def test_a_patch_is_tested_beside_a_kernel_with_its_settings(
    tmp_path: Path, told: tuple[str, str], *, obstacle: bool
) -> None:
    (tmp_path / "mine.patch").write_text("x")
    plain, patched = (f", sysctls: {{vm.swappiness: {value}}}" if value else "" for value in told)
    text = f"""
name: example
device: {{arch: arm64, memory: 256MiB}}
variants:
  plain: {{base: debian-6.12{plain}}}
  patched: {{base: debian-6.12, scope: drivers/android, patches: [mine.patch]{patched}}}
trigger: {{kind: command, command: "true"}}
"""
    variants = load_text(text, tmp_path / "x.yaml").scenario.variants
    found = settings_alone(variants)
    assert (found is not None) is obstacle
    assert found is None or found.startswith("what was seen of patched may be its settings' doing")


def test_a_patch_beside_other_settings_is_not_said_to_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.patch").write_text("x")
    text = TEXT.replace("low: {base: debian-6.12,", "low: {base: debian-6.12, patches: [mine.patch],")
    text = text.replace("patches: [", "scope: drivers/android, patches: [")
    scenario = load_text(text, tmp_path / "x.yaml").scenario
    assert list(without_effect(scenario, [trial("plain"), trial("low")], ())) == []
