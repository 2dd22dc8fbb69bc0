# SPDX-License-Identifier: Apache-2.0
"""What a report says of who ran the guests, where one program did and where several did."""

from __future__ import annotations

from orchestrator.guests.accelerator_report import AcceleratorReport

QEMU = AcceleratorReport(
    accelerator="tcg", reason="", qemu_version="7.2.22", cpu_model="cortex-a76", boot_s=6, loops_per_s=1
)
CVD = AcceleratorReport(
    accelerator="kvm",
    reason="",
    program="cvd",
    qemu_version="1.55.4",
    programs={"host package": "1.54", "adb": ""},
)


def test_one_program_and_its_machine() -> None:
    assert (QEMU.programs_words, QEMU.machine_words) == ("QEMU 7.2.22", "tcg, cortex-a76")
    assert QEMU.slowdown == 2


def test_several_programs_and_no_probe() -> None:
    """A version that nobody can tell leaves no gap, nor does a CPU that nobody chose."""
    assert CVD.programs_words == "cvd 1.55.4, host package 1.54, adb"
    assert CVD.machine_words == "kvm"
    assert CVD.slowdown == 1


def test_reports_of_before_are_read() -> None:
    old = QEMU.model_dump(exclude={"programs"})
    assert AcceleratorReport.model_validate(old) == QEMU
