# SPDX-License-Identifier: Apache-2.0
"""What no guest takes is told before a boot, with its line and the limit; what is largest is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.arch import ArchName
from orchestrator.guests.qemu.command_line_room import (
    MOST_BESIDE,
    long_parts,
    longest_line,
    room_problems,
)
from orchestrator.guests.qemu.limits import MACHINE_LIMITS, machine_problems
from orchestrator.scenario.limits import agent_limits
from orchestrator.scenario.loading.loader import load_scenario, load_text, refuse
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.units import MIB
from tests.limits import LIMITS, SCENARIO, scenario_text


@pytest.mark.parametrize("name", LIMITS)
def test_the_largest_is_accepted_and_one_more_refused(name: str) -> None:
    """The agent's side of the same table is tests/build/test_limits.py."""
    most = agent_limits()[name]
    load_text(scenario_text(name, most), Path("x.yaml"))
    with pytest.raises(ScenarioInvalid) as told:
        load_text(scenario_text(name, most + (4 if name == "payload" else 1)), Path("x.yaml"))
    (problem,) = told.value.problems
    assert problem.line is not None
    shown = {str(most), f"{most:,}", f"{most // MIB}MiB", f"{most // (1024 * MIB)}GiB"}
    assert any(text in problem.what for text in shown), problem.what


def test_every_limit_of_the_agent_is_tried() -> None:
    # Kinds of stressors are fewer than may be given, and each may be given once.
    assert set(LIMITS) == set(agent_limits()) - {"stressors"}


@pytest.mark.parametrize(("arch", "machine"), [("arm64", "virt"), ("x86_64", "q35")])
def test_a_machine_has_so_many_processors(arch: ArchName, machine: str) -> None:
    most = MACHINE_LIMITS[arch].most_cpus
    text = SCENARIO.replace("arch: arm64", f"arch: {arch}")
    _on_qemu(text.replace("memory:", f"cpus: {most}\n  memory:"))
    with pytest.raises(ScenarioInvalid) as told:
        _on_qemu(text.replace("memory:", f"cpus: {most + 1}\n  memory:"))
    (problem,) = told.value.problems
    assert problem.line == 5
    assert str(most) in problem.what
    if arch == "arm64":
        assert f"'{machine}'" in problem.what


def test_x86_64_needs_more_memory_to_boot() -> None:
    small = SCENARIO.replace("256MiB", "95MiB")
    _on_qemu(small)
    with pytest.raises(ScenarioInvalid, match="less than 96MiB"):
        _on_qemu(small.replace("arch: arm64", "arch: x86_64"))


def _on_qemu(text: str) -> None:
    loaded = load_text(text, Path("x.yaml"))
    refuse(loaded, machine_problems(loaded.scenario))


def _runnable(text: str) -> None:
    loaded = load_text(text, Path("x.yaml"))
    refuse(loaded, room_problems(loaded.scenario))


def test_what_does_not_fit_on_the_command_line_is_told_at_its_longest_part() -> None:
    names = "".join(f"    vm.a{number:03}{'b' * 60}: 1\n" for number in range(30))
    text = SCENARIO.replace("  memory:", f"  sysctls:\n{names}  memory:")
    with pytest.raises(ScenarioInvalid) as told:
        _runnable(text)
    (problem,) = told.value.problems
    assert problem.line == 5
    assert "the kernel command line is" in problem.what
    assert "(2047 fit)" in problem.what


def test_quotes_take_three_bytes_each() -> None:
    command = "'" + '"' * 490 + "'"
    text = SCENARIO.replace("trigger:", f"x: y\ntrigger: {{kind: command, command: {command}}}\n#")
    fits = load_text(text.replace("x: y\n", ""), Path("x.yaml")).scenario
    assert room_problems(fits) == []
    words = "".join(f"    - word{number}={'x' * 30}\n" for number in range(10))
    crowded = text.replace("x: y\n", "").replace("  memory:", f"  cmdline:\n{words}  memory:")
    with pytest.raises(ScenarioInvalid, match="the kernel command line"):
        _runnable(crowded)


def test_what_is_not_counted_is_never_long() -> None:
    """Else a line that is too long would pass the quick look."""
    for path in Path("scenarios").glob("*.yaml"):
        scenario = load_scenario(path).scenario
        assert len(longest_line(scenario)) < sum(long_parts(scenario).values()) + MOST_BESIDE
