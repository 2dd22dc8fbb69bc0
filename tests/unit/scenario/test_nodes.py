# SPDX-License-Identifier: Apache-2.0
"""NUMA nodes of a device: what may be said of them, and what it comes to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.scenario.device import Device
from orchestrator.scenario.dump import to_yaml
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.units import MIB

SCENARIO = """
name: nodes
device: {{arch: arm64, memory: 256MiB, cpus: {cpus}, nodes: {nodes}}}
variants: {{kcalloc: {{base: debian-6.12}}}}
trigger: {{kind: command, command: 'true'}}
"""


def device(nodes: Any, cpus: int = 1) -> Device:
    return Device.model_validate({"arch": "arm64", "memory": "256MiB", "cpus": cpus, "nodes": nodes})


def shape(nodes: Any, cpus: int = 1) -> list[tuple[int, tuple[int, ...]]]:
    return [(node.memory // MIB, node.cpus) for node in device(nodes, cpus).numa_nodes]


def test_a_device_has_one_node_with_everything() -> None:
    plain = Device.model_validate({"arch": "arm64", "memory": "256MiB", "cpus": 2})
    assert [(node.memory, node.cpus) for node in plain.numa_nodes] == [(256 * MIB, (0, 1))]


@pytest.mark.parametrize(
    ("nodes", "cpus", "wanted"),
    [
        (2, 1, [(128, (0,)), (128, ())]),
        (2, 4, [(128, (0, 1)), (128, (2, 3))]),
        (2, 3, [(128, (0, 1)), (128, (2,))]),
        (["192MiB", "64MiB"], 2, [(192, (0,)), (64, (1,))]),
        ([{"memory": "64MiB", "cpus": [0, 1]}, "192MiB"], 2, [(64, (0, 1)), (192, ())]),
    ],
)
def test_nodes_share_memory_and_processors(nodes: Any, cpus: int, wanted: Any) -> None:
    assert shape(nodes, cpus) == wanted


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ("3", "256MiB cannot be shared by 3 nodes in whole MiB"),
        ("9", "at most 8"),
        ("0", "at least 1"),
        ("many", "whole number"),
        ("[128MiB, 64MiB]", "the nodes have 192MiB together, the device has 256MiB"),
        ("[240MiB, 16MiB]", "a size from 32MiB to 64GiB is possible here, not 16MiB"),
        ("[128MiB, {memory: 128MiB, cpus: [3]}]", "there is no processor 3: the device has 2 CPUs"),
        ("[{memory: 128MiB, cpus: [0, 1]}, {memory: 128MiB, cpus: [1]}]", "processor 1 is named twice"),
        ("[{memory: 128MiB, cpus: [0]}, 128MiB]", "processor 1 is in no node"),
        ("[128MiB, {memory: 128MiB, cpus: [0, 1]}]", "those of memory alone last"),
        ("[{memory: 128MiB, cpu: 0}, 128MiB]", "unknown key 'cpu'"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(nodes: str, what: str) -> None:
    with pytest.raises(ScenarioInvalid) as refused:
        load_text(SCENARIO.format(nodes=nodes, cpus=2), Path("nodes.yaml"))
    assert what in str(refused.value)
    assert "Input should" not in str(refused.value)


@pytest.mark.parametrize("nodes", ["2", "[192MiB, 64MiB]", "[{memory: 64MiB, cpus: [0, 1]}, 192MiB]"])
def test_nodes_are_written_as_they_are_read(nodes: str) -> None:
    scenario = load_text(SCENARIO.format(nodes=nodes, cpus=2), Path("nodes.yaml")).scenario
    again = load_text(to_yaml(scenario), Path("nodes.yaml")).scenario
    assert again.device.numa_nodes == scenario.device.numa_nodes


TARGETED = """
name: targeted
device: {arch: arm64, memory: 256MiB, nodes: [192MiB, 64MiB]}
variants: {kcalloc: {base: debian-6.1}}
fragmentation:
  target: TARGET
  stressors: [pipes]
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
expectations: {kcalloc: {outcome: oom}}
"""


def target(text: str) -> str:
    return TARGETED.replace("TARGET", text)


@pytest.mark.parametrize(
    ("wanted", "what", "line"),
    [
        ("{usable_units: {order: 3, max: 9, node: 2}}", "there is no node 2: the device has 2 nodes", 6),
        ("{usable_units: {order: 3, min: 2048, node: 1}}", "64MiB hold fewer than 2048 units of order 3", 6),
        (
            "{usable_units: [{order: 3, max: 9, node: 1}, {order: 3, max: 8, node: 1}]}",
            "order 3 of node 1 is given twice",
            6,
        ),
        (
            "{usable_units: [{order: 3, max: 9}, {order: 3, min: 10, node: 1}]}",
            "at least 10 units of order 3 remain where there are 10 of order 3 of node 1",
            6,
        ),
        (
            "{usable_units: [{order: 3, max: 9, node: 1}, {order: 4, min: 5, node: 1}]}",
            "at least 10 units of order 3 remain where there are 5 of order 4 of node 1",
            6,
        ),
        ("{picture: {active_anon: 32MiB, free_blocks: [4000]}}", "no line of it can be put into one node", 6),
    ],
)
def test_targets_that_nodes_cannot_have(wanted: str, what: str, line: int) -> None:
    text = target(wanted)
    if "picture" in wanted:  # which brings stressors of its own
        text = text.replace("  stressors: [pipes]\n", "")
    with pytest.raises(ScenarioInvalid) as refused:
        load_text(text, Path("nodes.yaml"))
    (problem,) = refused.value.problems
    assert what in problem.what
    assert problem.line == line


def test_bounds_of_different_nodes_do_not_contradict() -> None:
    text = target("{usable_units: [{order: 3, max: 9, node: 1}, {order: 3, min: 10, node: 0}]}")
    assert load_text(text, Path("nodes.yaml")).warnings


@pytest.mark.parametrize(
    ("wanted", "warned"),
    [
        ("{usable_units: [{order: 3, max: 300, node: 0}, {order: 3, max: 200, node: 1}]}", False),
        ("{usable_units: [{order: 3, max: 300, node: 0}, {order: 3, max: 300, node: 1}]}", True),
        # Node 1 may keep all of its 2048 blocks.
        ("{usable_units: {order: 3, max: 10, node: 0}}", True),
        ("{usable_units: {order: 3, max: 10}}", False),
    ],
)
def test_what_all_nodes_together_may_leave_decides_whether_a_variant_could_fail(
    wanted: str, *, warned: bool
) -> None:
    found = load_text(target(wanted), Path("nodes.yaml")).warnings
    assert any("could not fail" in each.what for each in found) == warned
