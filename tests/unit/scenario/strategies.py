# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies: any valid scenario, as the data of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from orchestrator.scenario.triggers.kinds import KINDS
from orchestrator.units import format_size

Data = st.SearchStrategy[dict[str, Any]]

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True).filter(lambda name: name != "common")
ADJ = st.integers(-1000, 1000)
STOPS = st.sampled_from(["first-oom", "end"])
DURATIONS = st.floats(0.1, 3600).map(lambda seconds: f"{seconds:.9f}s") | st.sampled_from(
    ["1h", "7min", "250ms", "1.5s"]
)
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.sampled_from("\n\t"), max_size=60
)


def sizes(low_kib: int, high_kib: int, step_kib: int = 1) -> st.SearchStrategy[str]:
    """Texts of sizes from `low_kib` to `high_kib`."""
    whole = st.integers(low_kib // step_kib, high_kib // step_kib).map(lambda n: n * step_kib * 1024)
    return whole.map(lambda size: format_size(size)) | whole.map(lambda size: f"{size}B")


def optional(required: dict[str, Any], others: dict[str, Any]) -> Data:
    """A section with all of `required` and any of `others`."""
    return st.fixed_dictionaries(required, optional=others)


DEVICES = optional(
    {"arch": st.just("arm64"), "memory": sizes(512 * 1024, 8 * 1024 * 1024, 4 * 1024)},
    {
        "backend": st.just("qemu"),
        "cpus": st.integers(1, 8),
        "nodes": st.sampled_from([1, 2, 4]),
        "cma": sizes(0, 64 * 1024, 1024),
        "zram": sizes(1024, 256 * 1024),
        "sysctls": st.dictionaries(
            st.sampled_from(
                ["vm.vfs_cache_pressure", "vm.lowmem_reserve_ratio", "kernel.pid_max", "net.core.x-y"]
            ),
            st.integers() | st.sampled_from(["1 2 3", "yes", "0x10", "1e3", "~", "a: b", "#"]),
        ),
        "cmdline": st.lists(st.sampled_from(["slub_debug=F", "nosmp", "a,b", "x=#1"]), max_size=3),
    },
)


def bounds(low: int, high: int) -> Data:
    """A lower bound, an upper one, or both."""
    pair = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    both = pair.map(lambda two: {"min": two[0], "max": two[1]})
    return both | both.map(lambda two: {"min": two["min"]}) | both.map(lambda two: {"max": two["max"]})


UNITS = st.builds(lambda order, limits: {"order": order, **limits}, st.integers(0, 10), bounds(0, 10))
STRESSORS = st.lists(
    st.sampled_from(["pipes", "high_order", "page_cache", "anonymous"])
    | st.builds(
        lambda kind, size: {"kind": kind, "size": size},
        st.sampled_from(["ballast", "page_cache", "anonymous", "slab", "page_tables", "threads"]),
        sizes(64, 64 * 1024),
    ),
    unique_by=lambda stressor: stressor if isinstance(stressor, str) else str(stressor["kind"]),
    max_size=4,
)
TARGETS = optional(
    # A list with one entry a file may also give without the list.
    {"usable_units": UNITS | UNITS.map(lambda units: [units])},
    {
        "free": optional({"min": sizes(0, 1024)}, {"max": sizes(1024, 4096)}),
        "hard": st.sampled_from(["required", "forbidden", "unchecked"]),
    },
)
PICTURES = optional(
    {"inactive_file": sizes(64, 8192), "slab_unreclaimable": sizes(0, 8192)},
    {
        "active_anon": sizes(0, 8192),
        "shadow_call_stack": sizes(0, 8192),
        "mapped": sizes(0, 63),
        "free_blocks": st.lists(st.integers(0, 300), min_size=1, max_size=5),
        "watermarks": optional(
            {"min": sizes(0, 1024)}, {"low": sizes(1024, 2048), "high": sizes(2048, 4096)}
        ),
    },
)
_KEYS_OF_TRIGGERS: dict[str, st.SearchStrategy[Any]] = {
    "size": sizes(4, 8192),
    "count": st.integers(100, 1_000_000),
    "processes": st.integers(1, 64),
    "hold": st.booleans(),
    "pause": DURATIONS,
    "command": TEXT.filter(bool),
    "oom_score_adj": ADJ,
    "stop": STOPS,
}

_KEYS_OF_KINDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {"network": {"size": sizes(1, 63)}}
"""Where a kind's key of a name that others have, too, takes less than theirs."""


def _triggers_of(kind: str) -> Data:
    keys = {name: key for name, key in KINDS[kind].model_fields.items() if name != "kind"}
    known = _KEYS_OF_TRIGGERS | _KEYS_OF_KINDS.get(kind, {})
    valid = {name: known.get(name, st.sampled_from(key.examples or [])) for name, key in keys.items()}
    needed = {name: valid[name] for name, key in keys.items() if key.is_required()}
    others = {name: valid[name] for name in keys if name not in needed}
    return optional({"kind": st.just(kind), **needed}, others)


TRIGGERS = st.sampled_from(sorted(KINDS)).flatmap(_triggers_of)
WHENS = st.lists(st.sampled_from(["relaxed", "target", "after"]), min_size=1, max_size=3, unique=True)
_ROUNDS: dict[str, Any] = {
    "warmup": st.integers(0, 9),
    "when": WHENS,
    "pin": st.booleans(),
    "held": st.integers(0, 9),
}
# One a kind: two with one name would be refused.
BENCHMARKS = st.lists(
    optional(
        {"kind": st.just("binder-transaction"), "mode": st.sampled_from(["libbinder", "raw"])},
        _ROUNDS
        | {
            "sizes": st.lists(st.integers(1, 1024).map(lambda n: 4 * n), min_size=1, max_size=4, unique=True),
            "map": sizes(4, 4096),
            "iterations": st.integers(1, 100_000),
        },
    )
    | optional(
        {"kind": st.just("binder-mmap"), "sizes": st.lists(sizes(4, 8192), min_size=1, max_size=1)},
        _ROUNDS | {"min_time": st.sampled_from(["50ms", "0.5s", "1min"])},
    ),
    max_size=2,
    unique_by=lambda benchmark: str(benchmark["kind"]),
)
EXPECTATIONS = optional(
    {"outcome": st.just("oom")},
    {
        "oom": st.just("always"),
        "panicked": st.booleans(),
        "first_oom": optional(
            {"order": st.integers(0, 10)}, {"caller": st.just("f"), "trigger": st.just("x")}
        ),
        "max_order_without_noretry": st.integers(0, 10),
        "vmstat": st.dictionaries(st.sampled_from(["compact_stall", "oom_kill"]), bounds(-5, 5)),
        "costs": st.dictionaries(st.sampled_from(["refaults", "direct_reclaims"]), bounds(0, 5)),
        "killed": st.just("trigger"),
        "kernel_bug": st.booleans(),
    },
) | st.sampled_from(
    [{"outcome": "passed"}, {"oom": "never"}, {"outcome": "hang"}, {"outcome": "kernel-crash"}]
)


def _pictured_nodes(data: dict[str, Any]) -> bool:
    """A picture is of one node."""
    target = data.get("fragmentation", {}).get("target", {})
    return "picture" in target and data["device"].get("nodes", 1) > 1


@st.composite
def scenarios(draw: st.DrawFn, patch: Path) -> dict[str, Any]:
    """The data of a valid scenario; its patches are `patch`, which must exist."""
    built: dict[str, Any] = {"scope": "drivers/android", "patches": [str(patch)]}
    variant = optional({"base": st.sampled_from(["debian-6.1", "debian-6.12", "debian-6.12-16k"])}, {})
    variants = draw(
        st.dictionaries(NAMES, variant | variant.map(lambda data: data | built), min_size=1, max_size=4)
    )
    replayed = st.fixed_dictionaries({"target": st.fixed_dictionaries({"picture": PICTURES})})
    fragmentation = optional({"target": TARGETS}, {"stressors": STRESSORS}) | replayed
    bystanders = optional({"count": st.integers(1, 9), "memory": sizes(4, 1024)}, {"oom_score_adj": ADJ})
    trials = optional({}, {"blocks": st.integers(1, 10_000), "seed": st.integers(0, 2**64 - 1)})
    deadlines = optional({}, dict.fromkeys(("boot", "target", "trigger"), DURATIONS))
    expectations = st.dictionaries(st.sampled_from(sorted(variants)), EXPECTATIONS)
    return draw(
        optional(
            {"name": NAMES, "device": DEVICES, "variants": st.just(variants), "trigger": TRIGGERS},
            {
                "description": TEXT,
                "fragmentation": fragmentation,
                "bystanders": bystanders,
                "benchmarks": BENCHMARKS,
                "trials": trials,
                "deadlines": deadlines,
                "expectations": expectations,
            },
        ).filter(lambda data: not _pictured_nodes(data))
    )
