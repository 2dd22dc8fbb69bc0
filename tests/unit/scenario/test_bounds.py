# SPDX-License-Identifier: Apache-2.0
"""Every bound of a scenario's own at both of its ends, every default, and numbers that must be numbers.

Bounds that the guest's agent sets are those of test_limits.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.scenario.fields import CROSS_FIELD, Cross, refuse
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.loading.overrides import repeat_variant
from orchestrator.scenario.loading.profile import Profile
from orchestrator.scenario.loading.wording import shown
from orchestrator.scenario.models import Scenario
from orchestrator.text.nearest import nearest
from tests.unit.scenario.conftest import GOOD, Load, Refuse

MMAP = "benchmarks.0={{kind: binder-mmap, sizes: [4MiB], {}}}"
SEND = "benchmarks.0={{kind: binder-transaction, {}}}"
BYSTANDERS = "bystanders={{count: 1, memory: {}}}"
FIRST_OOM = "expectations.kcalloc.first_oom={{{}}}"
PICTURE = "fragmentation={{target: {{picture: {{active_anon: 1MiB, {}}}}}}}"

PLAIN = GOOD.replace(", free: {min: 64MiB}", "")
BOUNDS = [
    ("device.memory={}", "64MiB", "63MiB"),
    ("device.memory={}", "64GiB", "65GiB"),
    ("device.memory={}", "257MiB", "263169KiB"),
    ("device.cma={}", "0", None),
    ("device.cma={}", "255MiB", "256MiB"),
    ("device.cma={}", "1MiB", "1025KiB"),
    ("device.cpus={}", "1", "0"),
    ("device.zram={}", "1028KiB", "1048577B"),
    ("device.cmdline={}", f"[{', '.join(f'a{number}' for number in range(64))}]", None),
    ("device.cmdline={}", None, f"[{', '.join(f'a{number}' for number in range(65))}]"),
    ("device.cmdline={}", None, "[a=" + "x" * 999 + "]"),
    ("trials.blocks={}", "1", "0"),
    ("trials.blocks={}", "10000", "10001"),
    ("trials.forks={}", "1", "0"),
    ("trials.forks={}", "10000", "10001"),
    ("trials.seed={}", "0", "-1"),
    ("trials.seed={}", str(2**64 - 1), str(2**64)),
    ("trials.clock={}", "[realtime]", "[]"),
    ("deadlines.boot={}", "100ms", "99ms"),
    ("deadlines.boot={}", "24h", "86401s"),
    ("trigger.size={}", "4KiB", "3KiB"),
    ("trigger.count={}", "1", "0"),
    ("trigger.processes={}", "1", "0"),
    ("trigger.pause={}", "0s", None),
    ("trigger.pause={}", "1h", "3601s"),
    ("trigger.oom_score_adj={}", "-1000", "-1001"),
    (BYSTANDERS, "4KiB", "3KiB"),
    (BYSTANDERS, "255MiB", "256MiB"),
    ("bystanders={{count: {}, memory: 4KiB}}", "1", "0"),
    ("fragmentation.stressors=[{{kind: ballast, size: {}}}]", "64KiB", "63KiB"),
    ("fragmentation.stressors=[{{kind: ballast, size: {}}}]", "255MiB", "256MiB"),
    ("fragmentation.target.free={{max: {}}}", "0", None),
    ("fragmentation.target.free={{max: {}}}", "64GiB", "65GiB"),
    ("fragmentation.target.usable_units={{order: {}, max: 1}}", "0", "-1"),
    ("fragmentation.target.usable_units={{order: 3, max: {}}}", "0", "-1"),
    ("fragmentation.target.usable_units={{order: 3, min: {}}}", "0", "-1"),
    # 256 MiB are 8192 units of order 3, and some of them hold the kernel.
    ("fragmentation.target.usable_units={{order: 3, min: {}}}", "8191", "8192"),
    (PICTURE, "free_blocks: [0]", "free_blocks: []"),
    (PICTURE, f"free_blocks: {[0] * 11}", f"free_blocks: {[0] * 12}"),
    (PICTURE, "free_blocks: [40000]", "free_blocks: [100001]"),
    (PICTURE, "free_blocks: [0]", "free_blocks: [-1]"),
    (PICTURE, "watermarks: {min: 8MiB, low: 8MiB, high: 8MiB}", "watermarks: {min: 8MiB, low: 7MiB}"),
    (PICTURE, "watermarks: {min: 8MiB, high: 8MiB}", "watermarks: {min: 8MiB, high: 7MiB}"),
    (
        PICTURE,
        "watermarks: {min: 1MiB, low: 9MiB, high: 9MiB}",
        "watermarks: {min: 1MiB, low: 9MiB, high: 8MiB}",
    ),
    (FIRST_OOM, "order: 0", "order: -1"),
    (FIRST_OOM, "order: 10", "order: 11"),
    (FIRST_OOM, "caller: f", "caller: ''"),
    (FIRST_OOM, f"caller: {'f' * 128}", f"caller: {'f' * 129}"),
    (FIRST_OOM, "trigger: c", "trigger: ''"),
    (FIRST_OOM, f"trigger: {'c' * 15}", f"trigger: {'c' * 16}"),
    ("expectations.kvcalloc.requests_failed={}", "0", "-1"),
    ("expectations.kvcalloc.requests_failed={}", "600", "601"),
    ("expectations.kvcalloc.max_order_without_noretry={}", "0", "-1"),
    ("expectations.kvcalloc.max_order_without_noretry={}", "10", "11"),
    ("expectations.kvcalloc.vmstat={{x: {{min: {}, max: 3}}}}", "3", "4"),
    (MMAP, "iterations: 1", "iterations: 0"),
    (MMAP, "warmup: 0", "warmup: -1"),
    (MMAP, "held: 0", "held: -1"),
    (MMAP, "min_time: 1ms", "min_time: 999us"),
    (MMAP, "min_time: 60s", "min_time: 61s"),
    (MMAP, "when: [after]", "when: []"),
    (MMAP, "when: [after]", "when: [after, after]"),
    ("benchmarks.0={{kind: binder-mmap, sizes: [{}]}}", "4KiB", "3KiB"),
    (SEND, "sizes: [4]", "sizes: [0]"),
    (SEND, "sizes: [4]", "sizes: []"),
    (SEND, "map: 4KiB", "map: 3KiB"),
    ("description={}", "x" * 4000, "x" * 4001),
    ("name={}", "a" * 64, "a" * 65),
]


@pytest.mark.parametrize(("form", "possible", "beyond"), BOUNDS)
def test_both_ends_of_a_bound(
    load: Load, refuse: Refuse, form: str, possible: str | None, beyond: str | None
) -> None:
    text = PLAIN + "benchmarks: []\n" * ("benchmarks" in form)
    if possible is not None:
        load(text, [form.format(possible)])
    if beyond is not None:
        assert len(refuse(text, [form.format(beyond)])) == 1


def command(key: str, value: object, outcome: str = "") -> str:
    return (
        GOOD.partition("trigger:")[0] + "trigger: {kind: command, command: 'true'}\n"
        f"expectations: {{kcalloc: {{{key}: {value}{outcome}}}}}\n"
    )


@pytest.mark.parametrize(
    ("key", "possible", "beyond"),
    [("exit_status", 0, -1), ("exit_status", 255, 256), ("signal", "SIGKILL", "''")],
)
def test_how_a_command_may_end(
    load: Load, refuse: Refuse, key: str, possible: object, beyond: object
) -> None:
    load(command(key, possible))
    assert refuse(command(key, beyond))


@pytest.mark.parametrize(
    ("key", "value", "outcome"),
    [
        ("exit_status", 3, ", outcome: passed"),
        ("exit_status", 0, ", outcome: command-failed"),
        ("signal", "SIGKILL", ", outcome: passed"),
        ("signal", "SIGKILL", ", exit_status: 0"),
    ],
)
def test_what_contradicts_itself(refuse: Refuse, key: str, value: object, outcome: str) -> None:
    assert refuse(command(key, value, outcome))


@pytest.mark.parametrize(
    "form",
    [
        "device.cpus={}",
        "trials.blocks={}",
        "trials.forks={}",
        "trials.seed={}",
        "trigger.count={}",
        "trigger.processes={}",
        "trigger.oom_score_adj={}",
        "bystanders={{count: {}, memory: 4KiB}}",
        "fragmentation.target.usable_units={{order: {}, max: 1}}",
        "fragmentation.target.usable_units={{order: 3, max: {}}}",
        "expectations.kvcalloc.requests_failed={}",
        "benchmarks.0={{kind: binder-mmap, sizes: [4MiB], iterations: {}}}",
        "benchmarks.0={{kind: binder-mmap, sizes: [4MiB], warmup: {}}}",
        "benchmarks.0={{kind: binder-mmap, sizes: [4MiB], held: {}}}",
        "benchmarks.0={{kind: binder-transaction, sizes: [{}]}}",
    ],
)
@pytest.mark.parametrize("value", ["'4'", "4.0", "true"])
def test_only_a_whole_number_is_one(refuse: Refuse, form: str, value: str) -> None:
    text = PLAIN + "benchmarks: []\n" * ("benchmarks" in form)
    (problem,) = refuse(text, [form.format(value)])
    assert "must be a whole number" in problem.what


@pytest.mark.parametrize(
    "form",
    [
        "audit={}",
        "trials.timing={}",
        "trigger.hold={}",
        "expectations.kcalloc.panicked={}",
        "expectations.kcalloc.kernel_bug={}",
        "benchmarks.0={{kind: binder-mmap, sizes: [4MiB], pin: {}}}",
    ],
)
@pytest.mark.parametrize("value", ["'true'", "1"])
def test_only_true_and_false_are_so(refuse: Refuse, form: str, value: str) -> None:
    text = PLAIN + "benchmarks: []\n" * ("benchmarks" in form)
    (problem,) = refuse(text, [form.format(value)])
    assert "must be true or false" in problem.what


LEAST = """
name: least
device: {arch: arm64, memory: 256MiB}
variants: {a: {base: debian-6.1}}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
bystanders: {count: 1, memory: 4MiB}
benchmarks: [{kind: binder-transaction}, {kind: binder-mmap, sizes: [4MiB]}]
fragmentation: {target: {usable_units: {order: 3, max: 300}}}
"""


def least() -> Scenario:
    return load_text(LEAST, Path("least.yaml")).scenario


def test_what_is_left_out_has_its_default() -> None:
    benchmark = {
        "iterations": None, "min_time": None, "warmup": 20, "when": ["relaxed", "target", "after"], "held": 0,
        "pin": True,
    }  # fmt: skip
    assert least().model_dump(mode="json", exclude={"name", "variants", "fragmentation"}) == {
        "description": None,
        "device": {
            "profile": None, "backend": "qemu", "cuttlefish": None, "arch": "arm64", "memory": "256MiB",
            "cpus": 1, "nodes": 1, "cma": "0", "zram": None, "sysctls": {}, "cmdline": [],
        },
        "trigger": {
            "kind": "binder-mmap", "size": "4MiB", "count": 600, "processes": 1, "transactions": 0,
            "hold": True, "pause": "0s", "oom_score_adj": 0, "stop": "first-oom",
        },
        "files": {},
        "audit": True,
        "bystanders": {"count": 1, "memory": "4MiB", "oom_score_adj": 0},
        "benchmarks": [
            {
                **benchmark, "kind": "binder-transaction", "mode": "libbinder", "map": None,
                "sizes": [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536],
            },
            {**benchmark, "kind": "binder-mmap", "sizes": ["4MiB"]},
        ],
        "trials": {"blocks": 1, "fork": True, "forks": 1, "seed": 1, "clock": ["realtime"], "timing": True},
        "deadlines": {"boot": "1min", "target": "2min", "trigger": "2min", "benchmarks": "2min"},
        "expectations": {},
    }  # fmt: skip
    assert [each.rounds for each in least().agent_benchmarks] == [200, 200]


def test_nothing_wrong_is_no_error() -> None:
    refuse([])
    with pytest.raises(ValueError, match="one; two") as told:
        refuse([Cross(("a",), "one"), Cross(("b",), "two")])
    assert told.value.type == CROSS_FIELD  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "candidates", "found"),
    [
        ("amd64", ("arm64", "x86_64"), "x86_64"),
        ("aarch64", ("arm64", "x86_64"), "arm64"),
        ("KCALOC ", ("kcalloc", "kvcalloc"), "kcalloc"),
        ("kcaloc", ("KCALLOC",), "KCALLOC"),
        ("zzz", ("kcalloc",), None),
        ("ram", ("memory",), "memory"),
        ("ram", ("arm",), "arm"),
        (7, (), None),
    ],
)
def test_the_nearest_word(word: object, candidates: tuple[str, ...], found: str | None) -> None:
    assert nearest(word, candidates) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"), (True, "true"), (False, "false"), ({}, "a section with keys"), ([], "a list"),
        (12, "12"), ("a", "'a'"), ("x" * 78, f"'{'x' * 78}'"), ("x" * 79, f"'{'x' * 76}..."),
    ],
)  # fmt: skip
def test_values_are_shown_short(value: object, text: str) -> None:
    assert shown(value) == text
    assert len(shown(value)) <= 80


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("512", "512MiB"), ("512k", "512KiB"), ("2 G", "2GiB"), ("1T", "1TiB"), ("512m", "512MiB"),
        ("1" * 21, "1" * 20 + "MiB"), ("1e3", None), ("true", None),
    ],
)  # fmt: skip
def test_a_size_without_its_unit_is_guessed(refuse: Refuse, value: str, hint: str | None) -> None:
    (problem,) = refuse(GOOD, [f"device.memory={value}"])
    assert problem.nearest == hint


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("10", "10s"),
        ("10m", "10min"),
        ("10 minutes", "10min"),
        ("10ms ", None),
        ("3hours", "3h"),
        ("5usec", "5us"),
    ],
)
def test_a_duration_without_its_unit_is_guessed(
    load: Load, refuse: Refuse, value: str, hint: str | None
) -> None:
    if hint is None:
        load(GOOD, [f"trigger.pause={value}"])
    else:
        (problem,) = refuse(GOOD, [f"trigger.pause={value}"])
        assert problem.nearest == hint


@pytest.mark.parametrize(
    ("source", "description", "fine"),
    [("x" * 1000, "x" * 4000, True), ("x" * 1001, "x", False), ("", "x", False), ("x", "x" * 4001, False)],
)
def test_a_profile_says_where_its_figures_come_from(source: str, description: str, *, fine: bool) -> None:
    data = {
        "name": "phone",
        "description": description,
        "device": {"arch": "arm64", "memory": "256MiB"},
        "provenance": {key: {"kind": "text", "source": source} for key in ("arch", "memory")},
        "facts": {},
    }
    if fine:
        Profile.model_validate(data)
        return
    with pytest.raises(ValueError, match="should have at"):
        Profile.model_validate(data)


def test_a_twin_is_built_as_the_others_of_its_kernel_are() -> None:
    """`--aa` of a variant that is the base's own module, where another of that base is built from source."""

    def scopes(**others: dict[str, Any]) -> list[object]:
        data = {"variants": {"a": {"base": "debian-6.1"}, **others}, "expectations": {"a": {"oom": "never"}}}
        assert repeat_variant(data, None) == []
        assert list(data["variants"]) == ["a", "a-again"]
        assert list(data["expectations"]) == ["a", "a-again"]
        return [variant.get("scope") for variant in data["variants"].values()]

    built = {"scope": "drivers/android"}
    assert scopes(b={"base": "debian-6.1", **built}) == ["drivers/android"] * 2
    assert scopes(b={"base": "debian-6.12", **built}) == [None, None]
    assert scopes(b={"base": "debian-6.1"}) == [None, None]
