# SPDX-License-Identifier: Apache-2.0
"""A guest's memory and its NUMA nodes as QEMU is told of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.units import KIB


@dataclass(frozen=True)
class MemoryNode:
    """One NUMA node: its memory, and the processors that are near it (none: memory alone)."""

    memory_bytes: int
    cpus: tuple[int, ...]


@dataclass(frozen=True)
class GuestRam:
    """Guest memory in files of ours, one descriptor a node: shared by a template, private to a fork."""

    descriptors: tuple[int, ...]
    private: bool


def parts_of(memory_bytes: int, nodes: Sequence[MemoryNode]) -> tuple[int, ...]:
    """The sizes of the pieces that memory consists of, in the order of guest addresses."""
    return tuple(node.memory_bytes for node in nodes) or (memory_bytes,)


def machine_option(nodes: Sequence[MemoryNode], ram: GuestRam | None) -> str:
    """What `-machine` says of memory: where it is in one piece, that piece."""
    return ",memory-backend=ram" if ram is not None and not nodes else ""


def memory_args(memory_bytes: int, nodes: Sequence[MemoryNode], ram: GuestRam | None) -> list[str]:
    """Backends and nodes. Nothing where QEMU may allocate one piece by itself.

    A node takes a backend of its own (`-numa node,memdev=`): the older `mem=` is gone from machines since
    QEMU 5.1. All processors are named, because QEMU would spread the others over all nodes.
    """
    if not nodes:
        return [] if ram is None else ["-object", _file("ram", memory_bytes, ram.descriptors[0], ram.private)]
    argv = []
    for number, node in enumerate(nodes):
        name = f"ram{number}"
        argv += ["-object", _backend(name, node.memory_bytes, ram, number)]
        cpus = "".join(f",cpus={cpu}" for cpu in node.cpus)
        argv += ["-numa", f"node,nodeid={number}{cpus},memdev={name}"]
    return argv


def _backend(name: str, size_bytes: int, ram: GuestRam | None, number: int) -> str:
    if ram is None:
        return f"memory-backend-ram,id={name},size={size_bytes // KIB}k"
    return _file(name, size_bytes, ram.descriptors[number], ram.private)


def _file(name: str, size_bytes: int, descriptor: int, private: bool) -> str:
    share = "off" if private else "on"
    return (
        f"memory-backend-file,id={name},size={size_bytes // KIB}k,"
        f"mem-path=/proc/self/fd/{descriptor},share={share}"
    )
