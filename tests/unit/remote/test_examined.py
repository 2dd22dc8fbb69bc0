# SPDX-License-Identifier: Apache-2.0
"""What is said of another machine before a run goes there."""

from __future__ import annotations

import pytest

from orchestrator.doctor.condition import Condition
from orchestrator.remote.examined import judge_survey
from orchestrator.remote.survey import parse_survey
from tests.unit.remote.test_setup import FRESH, PYTHON, QEMU

SOURCE = "5" * 64


def _judged(*lines: str, archs: tuple[str, ...] = ("arm64", "x86_64")) -> dict[str, Condition]:
    kept = [line for line in FRESH if not line.startswith("kills")]
    return {each.what: each for each in judge_survey(parse_survey([*lines, *kept]), SOURCE, archs)}


def test_a_fresh_machine_lacks_everything_and_setting_it_up_mends_all() -> None:
    found = _judged()
    faults = {what for what, each in found.items() if each.state == "fault"}
    assert faults == {"qemu-system-aarch64", "qemu-system-x86_64", "Python", "oomlab there"}
    assert {found[what].remedy for what in faults} == {"oomlab host setup HOST"}
    assert found["other machine"].detail.startswith(
        "Debian GNU/Linux 12 (bookworm), x86_64, 2 cores, 3.8 GiB"
    )


def test_one_that_is_set_up_has_no_fault() -> None:
    found = _judged(*PYTHON, *QEMU, f"source {SOURCE}")
    assert {each.state for each in found.values()} == {"ok"}


def test_only_the_architecture_that_was_asked_for_is_missed() -> None:
    found = _judged(*PYTHON, QEMU[0], f"source {SOURCE}", archs=("arm64",))
    assert {each.state for each in found.values()} == {"ok"}


def test_another_source_is_a_fault() -> None:
    assert _judged(*PYTHON, *QEMU, "source 1234")["oomlab there"].state == "fault"


@pytest.mark.parametrize(
    ("lines", "state", "words"),
    [
        ((), "ok", "no logind"),
        (("kills false",), "ok", "a run outlives its connection"),
        (("kills true",), "warning", "for which the user has to linger"),
        (("kills true", "lingers yes"), "ok", "runs are given to systemd"),
    ],
)
def test_whether_a_run_outlives_its_connection(lines: tuple[str, ...], state: str, words: str) -> None:
    found = _judged(*lines)["KillUserProcesses"]
    assert (found.state, words in found.detail) == (state, True)
    assert found.remedy.endswith("sudo loginctl enable-linger me" if state == "warning" else "")
