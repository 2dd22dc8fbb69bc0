# SPDX-License-Identifier: Apache-2.0
"""What `--patch` expects where nothing is said of it: the base fails as the file says, the patch mends it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.scenario.loading.files import shipped_scenarios
from orchestrator.scenario.loading.loader import LoadedScenario, Repeat, load_scenario, load_text
from orchestrator.scenario.loading.patched import expectations_taken
from orchestrator.scenario.loading.problems import ScenarioInvalid
from tests.unit.scenario.conftest import GOOD, Load, Refuse

HEAD = GOOD.partition("expectations:")[0]
PASSES = {"outcome": "passed", "requests_failed": 0}
BINDER = {"order": 3, "caller": "binder_alloc_mmap_handler"}


@pytest.fixture
def patch(tmp_path: Path) -> Path:
    """A patch file."""
    file = tmp_path / "mine.patch"
    file.write_text("x")
    return file


def expected(loaded: LoadedScenario) -> dict[str, Any]:
    """What is expected of each variant, defaults left out."""
    found = loaded.scenario.expectations.items()
    return {name: each.model_dump(mode="json", exclude_defaults=True) for name, each in found}


@pytest.mark.parametrize(
    ("name", "base", "patched"),
    [
        ("binder-order3", {"outcome": "oom", "first_oom": BINDER}, PASSES),
        # There the unpatched kernel is the one that passes.
        ("binder-order3-6.12", PASSES, PASSES),
        (
            "binder-compactable",
            {
                "outcome": "passed", "requests_failed": 0,
                "vmstat": {"compact_stall": {"min": 1}, "compact_success": {"min": 1}},
            },
            PASSES,
        ),
        # A kernel bug that the shipped patch meets with is nothing that another one should.
        ("binder-review", {"outcome": "oom", "first_oom": BINDER}, PASSES),
    ],
)  # fmt: skip
def test_a_shipped_scenario_gives_its_expectations(
    patch: Path, name: str, base: dict[str, Any], patched: dict[str, Any]
) -> None:
    assert expected(load_scenario(Path(name), patches=[patch])) == {"base": base, "patched": patched}


def test_every_shipped_scenario_expects_a_patch_to_pass(patch: Path) -> None:
    for name in shipped_scenarios():
        loaded = load_scenario(Path(name), patches=[patch])
        if loaded.scenario.benchmarks and not loaded.scenario.uses_binder:
            continue  # it makes no requests
        plain = load_scenario(Path(name)).scenario
        counted = {"requests_failed": 0} if plain.trigger.request is not None else {}
        assert expected(loaded)["patched"].items() >= {"outcome": "passed", **counted}.items()
        first = next(iter(plain.variants.values()))
        fails = any(
            each.is_failure and not variant.patches and variant.settings == first.settings
            for variant, each in ((plain.variants[name], each) for name, each in plain.expectations.items())
        )
        assert loaded.scenario.expectations["base"].is_failure is fails


@pytest.mark.parametrize(
    ("expectations", "found", "taken"),
    [
        ("", {}, {}),
        ("expectations: {}", {}, {}),
        (
            "expectations: {kcalloc: {outcome: panic}}",
            {"base": {"outcome": "panic"}, "patched": {"outcome": "passed", "requests_failed": 0}},
            {"base": "kcalloc", "patched": None},
        ),
        (
            "expectations: {kvcalloc: {oom: never, killed: null}}",
            {"patched": {"outcome": "passed", "oom": "never", "requests_failed": 0}},
            {"patched": "kvcalloc"},
        ),
        (
            "expectations: {kvcalloc: {kernel_bug: true}}",
            {"base": {"kernel_bug": True}, "patched": {"outcome": "passed", "requests_failed": 0}},
            {"base": "kvcalloc", "patched": None},
        ),
        (
            "expectations: {kcalloc: {requests_failed: 3}, kvcalloc: {outcome: passed, requests_failed: 0}}",
            {"base": {"requests_failed": 3}, "patched": {"outcome": "passed", "requests_failed": 0}},
            {"base": "kcalloc", "patched": "kvcalloc"},
        ),
    ],
)
def test_the_rule(
    load: Load, patch: Path, expectations: str, found: dict[str, Any], taken: dict[str, str | None]
) -> None:
    loaded = load(HEAD + expectations, (), [patch])
    assert (expected(loaded), loaded.taken) == (found, taken)


@pytest.mark.parametrize(
    ("sets", "found", "taken"),
    [
        (["expectations={}"], {}, set()),
        (["expectations={patched: {outcome: passed}}"], {"patched": {"outcome": "passed"}}, set()),
        (
            ["expectations.patched.outcome=oom"],
            {"base": {"outcome": "oom", "first_oom": {"order": 3}}, "patched": {"outcome": "oom"}},
            {"base"},
        ),
        (
            ["trigger={kind: command, command: x}"],
            {"base": {"outcome": "oom", "first_oom": {"order": 3}}, "patched": {"outcome": "passed"}},
            {"base", "patched"},
        ),
    ],
)
def test_what_is_said_counts_and_nothing_else_of_that_variant(
    load: Load, patch: Path, sets: Sequence[str], found: dict[str, Any], taken: set[str]
) -> None:
    loaded = load(GOOD, sets, [patch])
    assert (expected(loaded), set(loaded.taken)) == (found, taken)


def test_a_twin_shares_what_is_expected_of_the_patch(patch: Path) -> None:
    file = patch.with_name("x.yaml")
    loaded = load_text(GOOD, file, (), [patch], Repeat("base"))
    one, twin = expected(loaded).items()
    assert (one[0], twin[0], one[1]) == ("base", "base-again", twin[1])
    assert loaded.taken == {"base": "kcalloc", "base-again": "kcalloc"}


def test_a_file_s_own_mistakes_are_told_where_they_are(refuse: Refuse, patch: Path) -> None:
    (wrong,) = refuse(GOOD.replace("{outcome: oom,", "{outcom: oom,"), (), [patch])
    assert (wrong.line, wrong.nearest) == (12, "outcome")
    (stranger,) = refuse(GOOD.replace("  kvcalloc: {outcome", "  kvaclloc: {outcome"), (), [patch])
    assert (stranger.line, stranger.nearest) == (13, "kvcalloc")
    assert "kcalloc, kvcalloc" in stranger.what
    with pytest.raises(ScenarioInvalid):
        load_text(HEAD + "expectations: [1]", Path("x.yaml"), (), [patch])


def test_people_are_told_what_is_expected(load: Load, patch: Path) -> None:
    loaded = load(GOOD, (), [patch])
    assert list(expectations_taken(loaded.scenario.expectations, loaded.taken)) == [
        "base is expected to end as kcalloc of the scenario: {outcome: oom, first_oom: {order: 3}}",
        "patched is expected to end as kvcalloc of the scenario: {outcome: passed, requests_failed: 0}",
    ]
