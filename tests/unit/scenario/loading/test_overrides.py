# SPDX-License-Identifier: Apache-2.0
"""`--set` reaches every field and is answerable for its faults; `--patch` replaces the variants."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.scenario.models import Scenario
from orchestrator.scenario.triggers.binder_mmap import BinderMmap
from orchestrator.scenario.triggers.command import Command
from orchestrator.units import MIB
from tests.unit.scenario.conftest import GOOD, Load, Refuse


def scenario(load: Load, *sets: str) -> Scenario:
    return load(GOOD, sets).scenario


def test_a_number_a_size_a_list_and_a_section(load: Load) -> None:
    changed = scenario(
        load,
        "trials.blocks=3",
        "device.memory=512MiB",
        "device.cmdline=[slub_debug=F]",
        "fragmentation.target.usable_units.max=20",
        "fragmentation.stressors.0=high_order",
        "fragmentation.stressors.1={kind: ballast, size: 64MiB}",
        "bystanders={count: 2, memory: 4MiB}",
    )
    assert changed.trials.blocks == 3
    assert changed.device.memory == 512 * MIB
    assert changed.device.cmdline == ("slub_debug=F",)
    assert changed.fragmentation is not None
    assert changed.fragmentation.target.usable_units[0].max == 20
    assert [stressor.kind for stressor in changed.fragmentation.stressors] == ["high_order", "ballast"]
    assert changed.bystanders is not None


def test_missing_sections_are_made(load: Load) -> None:
    changed = scenario(
        load,
        "deadlines.boot=5min",
        "device.sysctls.vm.min_free_kbytes=4096",
        "bystanders.count=3",
        "bystanders.memory=1MiB",
        "expectations.kvcalloc.vmstat.compact_stall.min=1",
    )
    assert changed.deadlines.boot == 300
    assert changed.device.sysctls == {"vm.min_free_kbytes": 4096}
    assert changed.bystanders is not None
    assert changed.bystanders.count == 3
    assert changed.expectations["kvcalloc"].vmstat["compact_stall"].min == 1


def test_keys_below_a_chosen_name_are_single_words(load: Load) -> None:
    changed = scenario(
        load, "expectations.kvcalloc.requests_failed=0", "expectations.kvcalloc.vmstat.a={min: 1}"
    )
    assert changed.expectations["kvcalloc"].requests_failed == 0
    more = scenario(load, "expectations.kcalloc=null", "expectations.kcalloc.vmstat.b.min=2")
    assert more.expectations["kcalloc"].vmstat["b"].min == 2
    assert scenario(load, "device.sysctls.vm.a.b=1").device.sysctls == {"vm.a.b": 1}


def test_names_with_dots_are_found(load: Load) -> None:
    text = GOOD.replace("  kcalloc:", "  v6.1:")
    assert load(text, ["variants.v6.1.base=debian-6.12"]).scenario.variants["v6.1"].base == "debian-6.12"


def test_null_takes_a_section_away(load: Load) -> None:
    assert scenario(load, "fragmentation=null").fragmentation is None
    assert scenario(load, "fragmentation=").fragmentation is None


def test_a_whole_variant_may_be_added_but_not_by_a_slip(load: Load, refuse: Refuse) -> None:
    assert list(scenario(load, "variants.third={base: debian-6.12}").variants) == [
        "kcalloc",
        "kvcalloc",
        "third",
    ]
    (problem,) = refuse(GOOD, ["variants.kcaloc.base=debian-6.12"])
    assert (problem.nearest, problem.what) == (
        "variants.kcalloc",
        "no variant is called 'kcaloc'; there are: kcalloc, kvcalloc",
    )


def test_the_kind_of_trigger_may_change(load: Load) -> None:
    changed = scenario(load, "trigger={kind: command, command: sleep 1}")
    assert isinstance(changed.trigger, Command)


def test_the_later_one_wins(load: Load) -> None:
    assert scenario(load, "trials.blocks=3", "trials.blocks=4").trials.blocks == 4


@pytest.mark.parametrize(
    ("text", "what", "nearest"),
    [
        ("trials.bloks=3", "unknown key 'bloks' in trials", "trials.blocks"),
        ("trails.blocks=3", "unknown key 'trails'", "trials"),
        ("trials.blocks=x", "must be a whole number, not 'x'", None),
        ("trials.blocks=0", "must be at least 1, not 0", None),
        ("trials.blocks.more=0", "'trials.blocks' has no keys below it", None),
        ("name.x=3", "'name' has no keys below it", None),
        ("trials.blocks", "must look like PATH=VALUE", None),
        ("=3", "must look like PATH=VALUE", None),
        ("trials.blocks=[1", "not readable as YAML", None),
        ("trials..blocks=1", "unknown key ''", None),
        ("fragmentation.stressors.7=pipes", "is a list; its items are 0 to 0, not '7'", None),
        ("fragmentation.stressors.first=pipes", "is a list; its items are 0 to 0", None),
        ("device.memory=512", "a size needs a unit", "512MiB"),
        ("expectations.kvcaloc.oom=never", "no variant is called 'kvcaloc'", "expectations.kvcalloc"),
        ("trigger.cuont=3", "unknown key 'cuont' in trigger", "trigger.count"),
        ("bystanders.count=3", "the key 'memory' is missing", None),
        ("trigger.processes=65", "must be at most 64, not 65", None),
        ("variants.kvcalloc.patches=[gone.patch]", "no such patch file", None),
        ("trials=3", "must be a section with keys, not 3", None),
    ],
)
def test_a_fault_is_told_with_its_option(refuse: Refuse, text: str, what: str, nearest: str | None) -> None:
    (problem,) = refuse(GOOD, [text])
    assert problem.file == f"--set {text}"
    assert problem.line is None
    assert what in problem.what
    assert problem.nearest == nearest
    assert str(problem).startswith(f"--set {text}: ")


@pytest.mark.parametrize("place", range(4))
def test_the_option_at_fault_is_found_among_others(refuse: Refuse, place: int) -> None:
    options = ["trials.seed=7", "trigger.count=5", "audit=false"]
    options.insert(place, "trials.blocks=0")
    (problem,) = refuse(GOOD, options)
    assert problem.file == "--set trials.blocks=0"


def test_of_two_options_for_one_place_the_later_is_at_fault(refuse: Refuse) -> None:
    (problem,) = refuse(GOOD, ["trials.blocks=0", "trials.blocks=-1"])
    assert problem.file == "--set trials.blocks=-1"


def test_faults_of_options_and_of_the_file_come_together(refuse: Refuse) -> None:
    problems = refuse(GOOD.replace("seed: 7", "sed: 7"), ["trials.blocks=0", "trigger.cuont=3"])
    assert [problem.line for problem in problems] == [None, None, 10]


def test_patch_replaces_the_variants(load: Load, tmp_path: Path) -> None:
    patch = tmp_path / "change.patch"
    patch.write_text("x")
    loaded = load(GOOD, (), [patch])
    base, patched = loaded.scenario.variants.values()
    assert list(loaded.scenario.variants) == ["base", "patched"]
    assert (base.base, base.scope, base.patches) == ("debian-6.1", "drivers/android", ())
    assert (patched.base, patched.scope, patched.patches) == ("debian-6.1", "drivers/android", (patch,))


def test_patch_is_looked_for_where_one_is(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "elsewhere"
    here.mkdir()
    (here / "change.patch").write_text("x")
    monkeypatch.chdir(here)
    assert load(GOOD, (), [Path("change.patch")]).scenario.variants["patched"].patches == (
        here / "change.patch",
    )
    sets = ["variants.kvcalloc.patches=[change.patch]"]
    assert load(GOOD, sets).scenario.variants["kvcalloc"].patches == (here / "change.patch",)


def test_a_missing_patch_names_the_nearest(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "change.patch").write_text("x")
    (problem,) = refuse(GOOD, (), [tmp_path / "chnage.patch"])
    assert problem.file == f"--patch {tmp_path / 'chnage.patch'}"
    assert problem.nearest == "change.patch"


def test_a_patch_leaves_the_rest_to_overrides(load: Load, tmp_path: Path) -> None:
    loaded = load(GOOD, ["trigger.count=700"], [tmp_path / "mine.patch"])
    assert isinstance(loaded.scenario.trigger, BinderMmap)
    assert loaded.scenario.trigger.count == 700
