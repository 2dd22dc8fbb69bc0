# SPDX-License-Identifier: Apache-2.0
"""NUMA nodes of the virtual device: the memory and the processors of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, Discriminator, Field, Tag

from orchestrator.scenario.fields import Cross, Model, Size, size_between
from orchestrator.scenario.limits import limit
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB, format_size

LEAST_NODE_BYTES = 32 * MIB
"""The kernel's own share of a node and a pageblock or two of each migratetype must fit into it."""


class NumaNode(Model):
    """One NUMA node; in a scenario file its size alone will do."""

    memory: Annotated[Size, size_between(LEAST_NODE_BYTES, 64 * 1024 * MIB, MIB)] = Field(
        description="memory of the node, at least 32MiB in whole MiB; all nodes together are `device.memory`",
        examples=["128MiB"],
    )
    cpus: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = Field(
        (),
        description="the processors of the node, counted from 0; where any node names some, each processor is"
        " named once, and a node without is one of memory alone",
        examples=[[0]],
    )


def _as_node(value: Any) -> Any:
    return value if isinstance(value, dict | NumaNode) else {"memory": value}


def _form(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "number"


def _as_choice(schema: dict[str, Any]) -> None:
    schema["anyOf"] = schema.pop("oneOf")


_Listed = Annotated[NumaNode, BeforeValidator(_as_node, json_schema_input_type=Size | NumaNode)]

Nodes = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=limit("nodes")), Tag("number")]
    | Annotated[tuple[_Listed, ...], Field(min_length=1, max_length=limit("nodes")), Tag("list")],
    Discriminator(_form),
    Field(json_schema_extra=_as_choice),
]
"""How many nodes there are, or the memory (and processors) of each."""


def listed(nodes: int | Sequence[NumaNode], memory_bytes: int, cpus: int) -> tuple[NumaNode, ...]:
    """The nodes one by one: a number stands for equal shares, processors are shared where none is named."""
    if isinstance(nodes, int):
        nodes = [_node(memory_bytes // nodes) for _ in range(nodes)]
    if any(node.cpus for node in nodes):
        return tuple(nodes)
    return tuple(
        _node(node.memory, _share(range(cpus), number, len(nodes))) for number, node in enumerate(nodes)
    )


def node_words(nodes: Sequence[NumaNode]) -> str:
    """How many, the memory of each, and where the processors are."""
    each = ", ".join(
        format_size(node.memory) + (f" with CPU {' '.join(map(str, node.cpus))}" if node.cpus else "")
        for node in nodes
    )
    return f"{count_of('NUMA node', len(nodes))} ({each})"


def node_problems(nodes: int | Sequence[NumaNode], memory_bytes: int, cpus: int) -> list[Cross]:
    """What cannot be of these nodes on a device with so much memory and so many processors."""
    if isinstance(nodes, int):
        return _share_problems(nodes, memory_bytes)
    return [*_sum_problems(nodes, memory_bytes), *_cpu_problems(nodes, cpus), *_order_problems(nodes)]


def _node(memory_bytes: int, cpus: tuple[int, ...] = ()) -> NumaNode:
    """Made of figures that are right already; read from a file, a size has a unit."""
    return NumaNode.model_construct(memory=ByteSize(memory_bytes), cpus=cpus)


def _share(cpus: range, number: int, nodes: int) -> tuple[int, ...]:
    """Neighbours together; of more nodes than processors the first have one each."""
    each, more = divmod(len(cpus), nodes)
    first = number * each + min(number, more)
    return tuple(cpus[first : first + each + (number < more)])


def _share_problems(nodes: int, memory_bytes: int) -> list[Cross]:
    if nodes == 1:
        return []
    share = memory_bytes // nodes
    if share < LEAST_NODE_BYTES:
        most = max(1, memory_bytes // LEAST_NODE_BYTES)
        what = f"a node has at least {format_size(LEAST_NODE_BYTES)}: {format_size(memory_bytes)} make"
        return [Cross(("nodes",), f"{what} {count_of('node', most)} at most, not {nodes}", str(most))]
    if memory_bytes % (nodes * MIB):
        what = f"{format_size(memory_bytes)} cannot be shared by {nodes} nodes in whole MiB"
        return [Cross(("nodes",), f"{what}: say the memory of each in a list")]
    return []


def _sum_problems(nodes: Sequence[NumaNode], memory_bytes: int) -> list[Cross]:
    total = sum(node.memory for node in nodes)
    if total == memory_bytes:
        return []
    what = f"the nodes have {format_size(total)} together, the device has {format_size(memory_bytes)}"
    return [Cross(("nodes",), what)]


def _cpu_problems(nodes: Sequence[NumaNode], cpus: int) -> list[Cross]:
    named = [cpu for node in nodes for cpu in node.cpus]
    if not named:
        return []
    found = [
        Cross(
            ("nodes", number, "cpus"), f"there is no processor {cpu}: the device has {count_of('CPU', cpus)}"
        )
        for number, node in enumerate(nodes)
        for cpu in node.cpus
        if cpu >= cpus
    ]
    twice = sorted({cpu for cpu in named if named.count(cpu) > 1})
    nowhere = sorted(set(range(cpus)) - set(named))
    found += [Cross(("nodes",), f"processor {cpu} is named twice") for cpu in twice]
    found += [Cross(("nodes",), f"processor {cpu} is in no node") for cpu in nowhere]
    return found


def _order_problems(nodes: Sequence[NumaNode]) -> list[Cross]:
    """x86_64 numbers nodes as it finds them in the firmware's table, where processors come first (acpi_numa).

    In any other order a node would have another number in the guest than here.
    """
    firsts = [min(node.cpus) for node in nodes if node.cpus]
    if not firsts:
        return []
    with_cpus = [number for number, node in enumerate(nodes) if node.cpus]
    if firsts == sorted(firsts) and with_cpus == list(range(len(with_cpus))):
        return []
    what = "kernels number nodes by their processors, and those of memory alone last: put them in that order"
    return [Cross(("nodes",), what)]
