# SPDX-License-Identifier: Apache-2.0
"""What a report has to say of a run on devices of others, and what of it weakens the evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.memory.sample import ZoneState
from orchestrator.paths import resource_dir
from orchestrator.record.device_facts import DeviceFacts
from orchestrator.record.result import TrialResult
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.verdict.devices import LACKS, DeviceSummary, device_summary
from orchestrator.verdict.judged_run import load_judged_run
from orchestrator.verdict.judgement import TRACED, UNTRACED, judge_trial
from tests.unit.evidence.guest_output import judged, passed
from tests.unit.report.factory import Made, run_directory
from tests.unit.report.moments import moment

RAN = AcceleratorReport(
    accelerator="tcg", reason="", program="cvd", qemu_version="1.55.4", programs={"adb": "34.0.5"}
)


def facts(**changes: Any) -> DeviceFacts:
    said = {"root": True, "binder_impl": "c", "unkillable": True, "boot_id": "a", **changes}
    return DeviceFacts.model_validate(said)


def results(*devices: DeviceFacts | None) -> list[TrialResult]:
    trial = judged(passed())
    return [
        trial.model_copy(update={"trial": number, "device": device})
        for number, device in enumerate(devices, start=1)
    ]


def summary(made: Sequence[TrialResult], *settings: str) -> DeviceSummary:
    scenario = load_scenario(Path("binder-order3"), settings).scenario
    found = device_summary(scenario, made, RAN)
    assert found is not None
    return found


def test_a_run_on_guests_of_our_own_has_none() -> None:
    assert device_summary(load_scenario(Path("binder-order3")).scenario, results(None), RAN) is None


def test_a_plain_device() -> None:
    found = summary(results(facts(), facts(boot_id="b")))
    assert found.doubts == ()
    text = "\n".join(found.facts)
    assert "(cvd 1.55.4, adb 34.0.5): cold and unpaired" in text
    assert "binder driver, asked of the device: C\n" in text
    assert "the agent ran as root\n" in text
    assert "swap before the trial: none; the scenario asks for none" in text
    assert "no lmkd (Android's low memory killer) was seen" in text


def test_what_a_shell_without_root_takes_away_is_a_doubt() -> None:
    lacking = facts(root=False, unkillable=False, lacks=("tracefs", "adj"))
    found = summary(results(lacking, facts(boot_id="b")))
    assert "the agent ran without root in 1 trial, as root in 1 trial" in found.facts
    audit, stressors = found.doubts
    assert audit == "not possible on the device (in 1 trial): tracefs. Without it: the allocation audit"
    assert stressors.endswith("adj. Without it: all stressors; the OOM killer may take the agent")


@pytest.mark.parametrize(
    ("devices", "doubt"),
    [
        ([facts(), facts(boot_id="b", binder_impl="rust")], "not all trials ran the same binder driver"),
        ([facts(binder_impl="rust")], "which patches to the C driver do not touch"),
        ([facts(unkillable=False)], "the OOM killer could have taken the agent"),
        ([facts(), facts()], "2 trials ran in one and the same boot (a)"),
    ],
)
def test_what_weakens_the_evidence(devices: list[DeviceFacts], doubt: str) -> None:
    (found,) = summary(results(*devices)).doubts
    assert doubt in found


@pytest.mark.parametrize(
    ("kills", "words"),
    [
        ((3, 1), "ran in 2 trials and killed 4 processes while they lasted; no outcome and no OOM event is"),
        ((3, None), "ran in 2 trials; what it killed is not known of 1 trial, which left no logcat"),
    ],
)
def test_kills_by_lmkd_are_told_apart(kills: tuple[int | None, ...], words: str) -> None:
    devices = [facts(boot_id=str(index), lmkd=True, lmkd_kills=count) for index, count in enumerate(kills)]
    assert any(words in line for line in summary(results(*devices)).facts)


def test_memory_and_swap_are_told_against_what_the_scenario_asks_for() -> None:
    (result,) = results(facts(swap_kb={"/dev/block/zram0": 393216}))
    sample = moment("before", 2_000_000, 150_000).model_copy(update={"meminfo_kb": {"MemTotal": 225_280}})
    text = "\n".join(summary([result.model_copy(update={"memory": (sample,)})], "device.zram=128MiB").facts)
    assert "memory: 220 MiB for the system's use, of 256MiB that the scenario gives" in text
    assert "watermarks that" not in text, "nobody looked"
    assert "/dev/block/zram0 of 384 MiB; the scenario asks for 128MiB in zram" in text


@pytest.mark.parametrize(
    ("setting", "asked"),
    [
        ("device.sysctls.vm.min_free_kbytes=8192", "the scenario sets vm.min_free_kbytes to 8192"),
        ("device.sysctls.vm.swappiness=8", "the scenario leaves them to the device"),
    ],
)
def test_watermarks_are_those_that_the_trigger_met(setting: str, asked: str) -> None:
    """While memory is brought to its target they may be others."""
    (result,) = results(facts())
    zone = ZoneState(
        free_kb=1, boost_kb=0, min_kb=1024, low_kb=2048, high_kb=3072, present_kb=9, managed_kb=9, cma_kb=0,
        free_cma_kb=0, per_cpu_kb=0,
    )  # fmt: skip
    lower = zone.model_copy(update={"min_kb": 1, "low_kb": 1, "high_kb": 1})
    memory = tuple(
        moment("target", 1, 1).model_copy(update={"when": when, "zones": {"a": own, "b": own}})
        for when, own in (("before", lower), ("target", lower), ("trigger", zone))
    )
    text = "\n".join(summary([result.model_copy(update={"memory": memory})], setting).facts)
    assert f"min 2.0, low 4.0, high 6.0 MiB (median); {asked}" in text


def test_every_word_of_the_agent_is_explained() -> None:
    page = (resource_dir("images") / "guest" / "PROTOCOL.md").read_text()
    _, _, table = page.partition("| word of `lacks` |")
    assert list(LACKS) == re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_it(name: str, tmp_path: Path) -> None:
    device = facts(lacks=("tracefs",), binder_impl="c", lmkd=True, lmkd_kills=7)
    report = load_judged_run(run_directory(tmp_path / "run", Made(cold=True, device=device)).path)
    text = re.sub(r"[\s\\*]+", " ", render(report, name, verbose=True))
    if name == "csv":
        assert ",c,1,7," in text
        return
    assert "cold and unpaired" in text
    assert "not possible on the device" in text


def test_an_audit_that_could_not_be_made_is_not_said_to_have_been() -> None:
    (trial,) = results(facts(lacks=("tracefs",)))
    (why,) = judge_trial(None, trial.model_copy(update={"stage": "audit-trigger"})).why
    assert why == UNTRACED
    (told,) = judge_trial(None, judged(passed(), stage="audit-trigger")).why
    assert told == TRACED
