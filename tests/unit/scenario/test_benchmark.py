# SPDX-License-Identifier: Apache-2.0
"""What a scenario may say of benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario

TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants: {a: {base: debian-6.1}}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
trials: TRIALS
benchmarks:
BENCHMARKS
"""


def scenario(*benchmarks: str, trials: str = "{blocks: 1}") -> Scenario:
    lines = "\n".join(f"  - {benchmark}" for benchmark in benchmarks)
    text = TEXT.replace("TRIALS", trials).replace("BENCHMARKS", lines)
    return load_text(text, Path("example.yaml")).scenario


def refused(*benchmarks: str, trials: str = "{blocks: 1}") -> str:
    with pytest.raises(InputError) as caught:
        scenario(*benchmarks, trials=trials)
    return str(caught.value)


def names(benchmark: str) -> tuple[str, ...]:
    return scenario(benchmark).benchmarks[0].names


def test_they_are_called_as_google_benchmark_calls_them() -> None:
    assert names("{kind: binder-transaction, sizes: [4, 4096]}") == (
        "BM_sendVec_binder/4", "BM_sendVec_binder/4096",
    )  # fmt: skip
    assert names("{kind: binder-transaction, mode: raw, sizes: [8]}") == ("BM_sendVec_binder_raw/8",)
    assert names("{kind: binder-mmap, sizes: [4MiB]}") == ("BM_mmap_binder/4194304",)


def test_another_map_and_other_company_are_another_name() -> None:
    assert names("{kind: binder-mmap, sizes: [4MiB], held: 300}") == ("BM_mmap_binder/4194304/held:300",)
    assert names("{kind: binder-transaction, sizes: [4], map: 4MiB}") == ("BM_sendVec_binder/4/map:4194304",)


def test_without_sizes_all_fifteen_of_the_real_one_are_measured() -> None:
    (benchmark,) = scenario("{kind: binder-transaction}").agent_benchmarks
    assert len(benchmark.sizes) == 15
    assert (benchmark.sizes[0], benchmark.sizes[-1]) == (4, 65536)


def test_the_end_is_a_number_of_iterations_or_the_stop_rule() -> None:
    fixed, by_rule, default = scenario(
        "{kind: binder-mmap, sizes: [4MiB], iterations: 7}",
        "{kind: binder-mmap, sizes: [2MiB], min_time: 50ms}",
        "{kind: binder-mmap, sizes: [1MiB]}",
    ).agent_benchmarks
    assert (fixed.rounds, by_rule.rounds, default.rounds) == (7, None, 200)
    assert by_rule.min_time == 0.05


@pytest.mark.parametrize(
    ("benchmark", "words"),
    [
        ("{kind: binder-mmap, sizes: [4MiB], iterations: 7, min_time: 1s}", "cannot both"),
        ("{kind: binder-transaction, sizes: [6]}", "multiple of 4"),
        ("{kind: binder-transaction, sizes: [4, 4]}", "given twice"),
        ("{kind: binder-mmap}", "'sizes' is missing"),
        ("{kind: binder-mmap, sizes: []}", "at least one"),
        ("{kind: binder-mmap, sizes: [4MiB], when: [now]}", "relaxed, target, after"),
        ("{kind: rpc}", "binder-transaction"),
        ("{kind: thp, sizes: [48KiB]}", "a power of two from 16KiB to 2MiB, not 48KiB"),
        ("{kind: thp, sizes: [4MiB]}", "with pages of 4KiB a huge page has a power of two"),
        ("{kind: thp, sizes: [2MiB], advise: false}", "a size that is named is asked for"),
        ("{kind: thp, min_time: 1s}", "min_time"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(benchmark: str, words: str) -> None:
    assert words in refused(benchmark)


def test_one_name_under_one_memory_is_measured_once() -> None:
    twice = "{kind: binder-mmap, sizes: [4MiB], when: WHEN}"
    assert "BM_mmap_binder/4194304 (after) is there already" in refused(
        twice.replace("WHEN", "[target, after]"), twice.replace("WHEN", "[after]")
    )
    assert len(scenario(*(twice.replace("WHEN", when) for when in ("[target]", "[after]"))).benchmarks) == 2


def test_times_of_guests_side_by_side_are_refused() -> None:
    assert "one at a time" in refused("{kind: binder-transaction}", trials="{timing: false}")
    subject = scenario("{kind: binder-transaction}", trials="{timing: false, clock: deterministic}")
    assert len(subject.benchmarks) == 1


def test_huge_pages_are_of_the_sizes_that_pages_of_the_base_allow() -> None:
    assert names("{kind: thp}") == ("BM_thp_fault/pmd",)
    assert names("{kind: thp, advise: false}") == ("BM_thp_fault_plain/pmd",)
    assert names("{kind: thp, sizes: [2MiB]}") == ("BM_thp_fault/2097152",)
    assert "Linux 6.1 has huge pages of 2MiB alone; other sizes take 6.8" in refused(
        "{kind: thp, sizes: [64KiB, 2MiB]}"
    )
    with pytest.raises(InputError) as caught:
        load_text(
            TEXT.replace("TRIALS", "{blocks: 1}")
            .replace("debian-6.1", "debian-6.12-16k")
            .replace("BENCHMARKS", "  - {kind: thp, sizes: [2MiB, 16KiB]}"),
            Path("example.yaml"),
        )
    assert "with pages of 16KiB a huge page has a power of two from 64KiB to 32MiB, not 16KiB" in str(
        caught.value
    )


def test_a_huge_page_of_more_than_half_the_memory_is_refused() -> None:
    built = "{source: linux-source-6.12, config: small, page_size: 64KiB}"
    text = (
        TEXT.replace("TRIALS", "{blocks: 1}")
        .replace("base: debian-6.1", f"base: {built}")
        .replace("BENCHMARKS", "  - {kind: thp}")
    )
    with pytest.raises(InputError) as caught:
        load_text(text, Path("example.yaml"))
    assert "a huge page of 512MiB (pages of 64KiB) needs a guest of at least twice as much memory" in str(
        caught.value
    )
    load_text(text.replace("memory: 256MiB", "memory: 1GiB"), Path("example.yaml"))


def test_only_benchmarks_of_binder_need_its_driver() -> None:
    command = "trigger: {kind: command, command: 'true'}"
    for benchmark, uses in (("{kind: thp}", False), ("{kind: binder-mmap, sizes: [4MiB]}", True)):
        text = TEXT.replace("TRIALS", "{blocks: 1}").replace("BENCHMARKS", f"  - {benchmark}")
        text = text.replace("trigger: {kind: binder-mmap, size: 4MiB, count: 600}", command)
        assert load_text(text, Path("example.yaml")).scenario.uses_binder is uses
