# SPDX-License-Identifier: Apache-2.0
"""The shipped scenarios, their schema and their page agree with the models and say what they are for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from orchestrator.outcome import Outcome
from orchestrator.scenario.loading.files import shipped_scenarios
from orchestrator.scenario.loading.loader import load_scenario, load_text
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.picture_demand import scaled
from orchestrator.scenario.reference import renewed
from orchestrator.scenario.schema import MODELINE, schema_text
from orchestrator.scenario.shape import SCHEMA_FILE
from orchestrator.scenario.triggers.binder_mmap import BinderMmap

SHIPPED = sorted(shipped_scenarios())
BINDER_ENDS = {
    "binder-order3": ("oom", "passed"),
    "binder-order3-6.12": ("oom", "passed"),
    "binder-order3-x86_64": ("oom", "passed"),
    "binder-16k-pages": ("passed", "passed"),
    "binder-default-map": ("passed", "passed"),
    "binder-default-map-exhausted": ("oom", "passed"),
    "binder-compactable": ("passed", "passed"),
    "binder-movable-no-reclaim": ("oom", "passed"),
    "binder-two-nodes": ("oom", "passed"),
    "binder-builtin": ("oom", "passed"),
    "mission-phone": ("oom", "passed"),
    "mission-phone-eighth": ("oom", "passed"),
    "binder-review": ("oom", "passed"),
    "cuttlefish-binder": ("oom", "passed"),
    "cuttlefish-low-memory": ("passed", "passed"),
    "mission-phone-device": ("oom", "passed"),
    "benchmark-phone": ("oom", "passed"),
}
OTHER_VARIANTS = ("list-lru-crash", "costly-order", "compaction-off")
"""They have others than the two."""


def shipped(name: str) -> Scenario:
    return load_scenario(shipped_scenarios()[name]).scenario


def mmaps(scenario: Scenario) -> BinderMmap:
    assert isinstance(scenario.trigger, BinderMmap)
    return scenario.trigger


def test_what_is_known_of_every_scenario_of_the_binder_driver() -> None:
    of_binder = [name for name in SHIPPED if isinstance(shipped(name).trigger, BinderMmap)]
    assert of_binder == sorted([*BINDER_ENDS, *OTHER_VARIANTS])


@pytest.mark.parametrize("name", SHIPPED)
def test_something_is_expected_of_each_variant_but_twins(name: str) -> None:
    scenario = shipped(name)
    originals = {name for name, variant in scenario.variants.items() if variant.twin_of is None}
    assert set(scenario.expectations) >= originals
    assert scenario.description


@pytest.mark.parametrize("name", SHIPPED)
def test_it_loads_without_a_warning_under_its_own_name(name: str) -> None:
    loaded = load_scenario(shipped_scenarios()[name])
    assert loaded.scenario.name == name
    assert loaded.warnings == ()
    assert loaded.text.splitlines()[0] == MODELINE


@pytest.mark.parametrize("name", BINDER_ENDS)
def test_it_expects_what_is_known_of_it(name: str) -> None:
    scenario = shipped(name)
    variants = [variant for variant, recipe in scenario.variants.items() if recipe.twin_of is None]
    assert variants == ["kcalloc", "kvcalloc"]
    outcomes = tuple(scenario.expectations[variant].expected_outcome for variant in variants)
    assert outcomes == tuple(Outcome(end) for end in BINDER_ENDS[name])
    survivors = [e for e in scenario.expectations.values() if e.expected_outcome is Outcome.PASSED]
    assert [survivor.requests_failed for survivor in survivors] == [0] * len(survivors)


@pytest.mark.parametrize("name", [name for name, ends in BINDER_ENDS.items() if "oom" in ends])
def test_the_kill_comes_from_binder_and_at_the_order_of_the_array(name: str) -> None:
    first = shipped(name).expectations["kcalloc"].first_oom
    assert first is not None
    assert first.caller == "binder_alloc_mmap_handler"
    assert first.order == (1 if name == "binder-default-map-exhausted" else 3)


@pytest.mark.parametrize("name", ["binder-default-map", "binder-default-map-exhausted"])
def test_the_default_map_is_that_of_an_android_process(name: str) -> None:
    assert mmaps(shipped(name)).size == 1024 * 1024 - 2 * 4096


def test_the_default_map_has_twice_the_units_it_needs() -> None:
    scenario = shipped("binder-default-map")
    assert scenario.fragmentation is not None
    (least,) = [u.min for u in scenario.fragmentation.target.usable_units if u.order == 1]
    assert least is not None
    assert least >= 2 * mmaps(scenario).count
    assert {e.max_order_without_noretry for e in scenario.expectations.values()} == {2}


def test_compactable_memory_holds_page_cache_and_fewer_units_than_mmaps() -> None:
    scenario = shipped("binder-compactable")
    assert scenario.fragmentation is not None
    (cache,) = [s for s in scenario.fragmentation.stressors if s.kind == "page_cache"]
    assert cache.size is not None
    assert cache.size >= 16 * 1024 * 1024
    (units,) = [u for u in scenario.fragmentation.target.usable_units if u.order == 3]
    assert units.max is not None
    assert units.max < mmaps(scenario).count
    assert any(counter.startswith("compact_") for counter in scenario.expectations["kcalloc"].vmstat)


def test_movable_without_reclaim_has_neither_swap_nor_cache() -> None:
    scenario = shipped("binder-movable-no-reclaim")
    assert scenario.fragmentation is not None
    assert {stressor.kind for stressor in scenario.fragmentation.stressors} <= {
        "anonymous",
        "high_order",
        "ballast",
    }
    assert scenario.device.zram is None


_SIZES_OF_THE_MAIL = (4096, 8192, 16384, 32768, 65536)


def test_the_review_has_what_its_four_questions_need() -> None:
    scenario = shipped("binder-review")
    assert scenario.trials.clock == ("realtime", "deterministic")
    smallest_p = 2 / 2**scenario.trials.blocks
    assert smallest_p * len(_SIZES_OF_THE_MAIL) < 0.05, "after Holm's correction no claim would be possible"
    assert [variant.twin_of for variant in scenario.variants.values()] == [None, "kcalloc", None]
    measured = {(name, when) for b in scenario.benchmarks for name in b.names for when in b.when}
    for when in ("relaxed", "target", "after"):
        assert {(f"BM_sendVec_binder/{size}", when) for size in _SIZES_OF_THE_MAIL} <= measured
        assert ("BM_mmap_binder/4194304", when) in measured


def test_the_committed_schema_is_current(checkout: Path) -> None:
    assert (checkout / "scenarios" / SCHEMA_FILE).read_text() == schema_text()


def yaml_data(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_committed_schema_accepts_the_shipped_files(checkout: Path, name: str) -> None:
    schema = json.loads((checkout / "scenarios" / SCHEMA_FILE).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml_data(shipped_scenarios()[name]))


def test_the_page_lists_every_key_as_the_models_have_it(checkout: Path) -> None:
    page = (checkout / "docs" / "scenarios.md").read_text()
    assert renewed(page) == page


def test_the_example_on_the_page_loads(checkout: Path) -> None:
    page = (checkout / "docs" / "scenarios.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert examples
    for example in examples:
        assert load_text(example, checkout / "scenarios" / "example.yaml").warnings == ()


def test_the_eighth_is_an_eighth() -> None:
    whole, eighth = (shipped(name).fragmentation for name in ("mission-phone", "mission-phone-eighth"))
    assert whole is not None
    assert eighth is not None
    assert whole.target.picture is not None
    assert scaled(whole.target.picture, 8) == eighth.target.picture
