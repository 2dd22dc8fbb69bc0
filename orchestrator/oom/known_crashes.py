# SPDX-License-Identifier: Apache-2.0
"""Crashes that are understood, with a page each: the one table of them.

Whoever meets one should learn at once that it is known, which kernels have it, and where the whole story
is. An entry is recognised by where it happens alone: what it faults on differs with the architecture.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.oom.records import KernelCrash


@dataclass(frozen=True)
class KnownCrash:
    """One such crash: how it is recognised, and what is known of it."""

    places: frozenset[str]
    """Functions of which one is where it happens."""
    below: str
    """How a function begins that has called it, at whatever depth."""
    what: str
    affected: str
    spared: str
    page: str
    """Of the documentation, from the root of the project."""

    def is_it(self, crash: KernelCrash) -> bool:
        """Whether a crash is this one."""
        callers = [crash.caller, *(frame.function for frame in crash.stack if frame.sure)]
        return (
            crash.fatal
            and crash.pc in self.places
            and any(caller is not None and caller.startswith(self.below) for caller in callers)
        )

    @property
    def words(self) -> str:
        """What is known, in one paragraph."""
        return (
            f"This crash is known: {self.what}. Affected: {self.affected}. Not affected: {self.spared}."
            f" See {self.page}."
        )


KNOWN_CRASHES = (
    KnownCrash(
        places=frozenset({"list_lru_add", "list_lru_add_obj", "list_lru_del", "list_lru_del_obj"}),
        below="binder_",
        what="binder's array of pages came from vmalloc, and list_lru looks for the node of its entries as if"
        " they were slab memory",
        affected="kernels before 6.14 with CONFIG_NUMA whose driver takes that array with kvcalloc (so since"
        " 6.11)",
        spared="6.14 and later, kernels without CONFIG_NUMA (those of phones), drivers with kcalloc",
        page="docs/list-lru-crash.md",
    ),
)


def known_crash(crash: KernelCrash) -> KnownCrash | None:
    """The entry that a crash is, None for one that nobody has explained yet."""
    return next((known for known in KNOWN_CRASHES if known.is_it(crash)), None)
