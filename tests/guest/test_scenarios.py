# SPDX-License-Identifier: Apache-2.0
"""Every shipped scenario, run as a user runs it, ends as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.commands.schemas import json_schema
from orchestrator.errors import ExitCode
from orchestrator.scenario.loading.files import shipped_scenarios
from orchestrator.scenario.loading.loader import load_scenario
from tests.guest.built_kernel import built_kernel
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

# The whole phone takes more memory and time than tests may (its eighth is here), the review minutes
# (test_benchmarks.py runs a part of it), the phone of 12 GiB is smaller in test_host_memory.py, and the
# crash has tests of its own (test_list_lru_crash.py).
TOO_LARGE = {"mission-phone", "mission-phone-device", "benchmark-phone", "binder-review", "list-lru-crash"}
# test_huge_pages.py runs it.
ELSEWHERE = {"thp-fragmented"}
# Devices of others: tests/guest/cuttlefish/test_scenarios.py.
ON_DEVICES = {"cuttlefish-binder", "cuttlefish-low-memory"}
SHIPPED = {path.stem for path in (Path(__file__).parents[2] / "scenarios").glob("*.yaml")}
# Whose variants differ by something else than kcalloc and kvcalloc: below, and in tests/kernels.
OTHER_VARIANTS = {"costly-order", "compaction-off"}
SCENARIOS = sorted(SHIPPED - TOO_LARGE - ELSEWHERE - ON_DEVICES - OTHER_VARIANTS)
BUILT_WHOLE = {"binder-builtin"}
FEW = ("--set", "trials.blocks=1", "--set", "trials.timing=false")
TIMED = {"binder-order3", "fork-memory-full"}
DIES_AT_ORDER = {
    "binder-builtin": 3,
    "binder-order3": 3,
    "binder-order3-6.12": 3,
    "binder-order3-x86_64": 3,
    "binder-two-nodes": 3,
    "binder-default-map-exhausted": 1,
    "binder-movable-no-reclaim": 3,
    "mission-phone-eighth": 3,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_shipped_scenario_ends_as_it_says(name: str, oomlab: Oomlab) -> None:
    # The one of the README as it is; of the others two blocks, and but for one no latencies, for time's sake:
    # trials that take them run one at a time.
    if name in BUILT_WHOLE:
        built_kernel()  # from nothing it takes longer than a command may
    # Where both variants are other kernels, each has blocks of its own.
    blocks = 1 if name.startswith("syscall-") else 2
    fewer = () if name == "binder-order3" else ("--set", f"trials.blocks={blocks}")
    untimed = () if name in TIMED else ("--set", "trials.timing=false")
    completed = oomlab("run", name, *fewer, *untimed, "--out", "run", "--json")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    verdict = json.loads(completed.stdout)
    check_files(oomlab.directory / "run", verdict)
    check_blocks(oomlab.directory / "run")
    check_driver(oomlab.directory / "run", built_in=name in BUILT_WHOLE)
    check_picture(name, verdict)
    if load_scenario(shipped_scenarios()[name]).scenario.trigger.kind == "binder-mmap":
        check_variants(name, verdict["variants"])
        check_audit(verdict)
        trials = verdict["variants"]["kcalloc"]["trials"]
        check_console(oomlab.directory / "run", DIES_AT_ORDER.get(name), trials)


def test_a_request_above_the_costly_order_fails_and_nobody_is_killed(oomlab: Oomlab) -> None:
    built_kernel()
    completed = oomlab("run", "costly-order", *FEW, "--out", "run", "--json")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    trials = json.loads(completed.stdout)["trials"]
    failed = [trial["trial"] for trial in trials if trial["variant"] == "costly-2"]
    for number in failed:
        console = (oomlab.directory / f"run/trials/{number:04}/console.log").read_text(errors="replace")
        assert "page allocation failure: order:3" in console
        assert "invoked oom-killer" not in console
    assert len(failed) == 2  # once more with tracing


def check_files(run: Path, verdict: dict[str, Any]) -> None:
    for name in ("manifest", "verdict"):
        content = json.loads((run / f"{name}.json").read_text())
        jsonschema.validate(content, json_schema(name))
    assert json.loads((run / "verdict.json").read_text()) == verdict
    for line in (run / "journal.jsonl").read_text().splitlines():
        jsonschema.validate(json.loads(line), json_schema("journal"))
    for trial in (run / "trials").iterdir():
        assert {"console.log", "console.jsonl", "control.jsonl", "samples.jsonl"} <= {
            path.name for path in trial.iterdir()
        }


def check_blocks(run: Path) -> None:
    """The page allocator was shuffled, and to effect: no two blocks are one state of memory."""
    entries = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    results = [entry["result"] for entry in entries if entry["kind"] == "block-ended"]
    assert all(result["shuffled"] for result in results)
    fingerprints = [result["fingerprint"] for result in results if result["mode"] == "block"]
    assert len(set(fingerprints)) == len(fingerprints) > 1


def check_driver(run: Path, *, built_in: bool) -> None:
    """How binder was there in every guest: a module of a distribution, or as phones have it."""
    lines = [line for path in run.glob("trials/*/control.jsonl") for line in path.read_text().splitlines()]
    records = [json.loads(line) for line in lines if '"event":"module"' in line]
    there = {(record["driver"], record["device"]) for record in records}
    assert there == ({("built-in", "binderfs")} if built_in else {("module", "devtmpfs")})


def check_picture(name: str, verdict: dict[str, Any]) -> None:
    """A memory picture: the large lines within a tenth when the trigger started, the free list near."""
    (one,) = verdict["passes"]
    if not name.startswith("mission-phone"):
        assert one["picture"] is None
        return
    lines = {line["name"]: line for line in one["picture"]["lines"]}
    assert {name for name, line in lines.items() if line["judged"]} >= {"slab_unreclaimable", "mapped", "low"}
    assert all(abs(line["start_percent"]) <= 10 for line in lines.values() if line["judged"])
    assert abs(lines["free"]["start_percent"]) <= 12
    assert lines["order 3"]["start"] <= 20
    assert all(line["later"] is not None for line in lines.values() if line["name"] != "shadow_call_stack")
    assert one["picture"]["later_s"] >= 1


def check_variants(name: str, variants: dict[str, Any]) -> None:
    """Which variant really ran, and which way its requests went."""
    assert "__GFP_NORETRY" not in "".join(variants["kcalloc"]["gfp_flags"])
    if name != "binder-16k-pages":  # there the array is one page or less: kvmalloc changes no flags
        assert all("__GFP_NORETRY" in flags for flags in variants["kvcalloc"]["gfp_flags"])
    assert variants["kcalloc"]["fell_back"] == 0
    if name in DIES_AT_ORDER:
        assert variants["kvcalloc"]["fell_back"] > 0


def check_audit(verdict: dict[str, Any]) -> None:
    """Every mmap that was made is found among the page arrays that were traced, once."""
    totals = [total for each in verdict["passes"] for total in each["audit"]["totals"]]
    assert {total["phase"] for total in totals} >= {"trigger"}
    assert [total["made"] for total in totals] == [total["requests"] for total in totals]


def check_console(run: Path, order: int | None, trials: int) -> None:
    consoles = [path.read_text(errors="replace") for path in run.glob("trials/*/console.log")]
    ooms = [text for text in consoles if "invoked oom-killer" in text]
    if order is None:
        assert not ooms
    else:
        assert len(ooms) == 2 * trials  # each once more with tracing
        assert all(f"order={order}" in text for text in ooms)
        assert all("binder_alloc_mmap_handler" in text for text in ooms)
