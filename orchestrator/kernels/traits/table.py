# SPDX-License-Identifier: Apache-2.0
"""Kernels beside a phone's: a row for each trait, those first that mean something here. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.kernels.traits.rows import ROWS, UNKNOWN, Row
from orchestrator.kernels.traits.traits import KernelTraits
from orchestrator.text.amounts import count_of

ARRAY = "binder page array"
_NOT_A_SETTING = "by its source"


class TraitRow(Frozen):
    """One trait of all kernels. `cells`, `differs`, `means` have an item for each kernel, in their order."""

    trait: str = Field(description="its name in reports")
    reference: str = Field(description="of the phone-like kernel")
    cells: tuple[str, ...] = Field(description="`unknown` where it is not known")
    differs: tuple[bool, ...] = Field(description="from the reference; false where one is unknown")
    means: tuple[str, ...] = Field(description="what a difference leads to, or what a load asks; else empty")
    unknown: tuple[str, ...] = Field((), description="why a cell is unknown, each reason once")


class KernelTable(Frozen):
    """How the kernels of a run differ from a phone's, as the run's device sets them."""

    reference: str = Field(description="the configuration that stands for a phone's")
    kernels: tuple[str, ...] = Field(description="names of the bases")
    rows: tuple[TraitRow, ...] = Field(description="those that differ come first, then what the load asks")

    @property
    def differing(self) -> tuple[TraitRow, ...]:
        """The rows that differ."""
        return tuple(row for row in self.rows if any(row.differs))

    @property
    def telling(self) -> tuple[TraitRow, ...]:
        """The rows that differ, and what the load asks: the first ones."""
        return tuple(row for row in self.rows if any(row.means))


def kernel_table(
    kernels: Mapping[str, KernelTraits],
    reference: KernelTraits,
    reference_name: str,
    asks: Mapping[str, str] | None = None,
) -> KernelTable:
    """The table of kernels by name. `asks`: what a load asks of the allocator of each, in words."""
    rows = [_row(row, kernels, reference, reference_name) for row in ROWS]
    rows.append(_array(kernels, asks or {}))
    rows.sort(key=lambda row: not any(row.means))
    return KernelTable(reference=reference_name, kernels=tuple(kernels), rows=tuple(rows))


def _row(
    row: Row, kernels: Mapping[str, KernelTraits], reference: KernelTraits, reference_name: str
) -> TraitRow:
    differs = tuple(row.differ(traits, reference) for traits in kernels.values())
    reasons = {name: row.why_unknown(traits) for name, traits in kernels.items()}
    reasons[reference_name] = row.why_unknown(reference)
    return TraitRow(
        trait=row.label,
        reference=row.text(reference),
        cells=tuple(row.text(traits) for traits in kernels.values()),
        differs=differs,
        means=tuple(
            row.means(traits, reference) if unlike else ""
            for traits, unlike in zip(kernels.values(), differs, strict=True)
        ),
        unknown=_reasons(reasons),
    )


def _array(kernels: Mapping[str, KernelTraits], asks: Mapping[str, str]) -> TraitRow:
    """The element of the page array: of the source, so that no configuration can be held against it."""
    sizes = {name: traits.element.size_bytes for name, traits in kernels.items()}
    return TraitRow(
        trait=ARRAY,
        reference=_NOT_A_SETTING,
        cells=tuple(
            UNKNOWN if size is None else f"{count_of('byte', size)} a page ({kernels[name].element.source})"
            for name, size in sizes.items()
        ),
        differs=(False,) * len(kernels),
        means=tuple(asks.get(name, "") for name in kernels),
        unknown=_reasons(
            {name: traits.element.source for name, traits in kernels.items() if sizes[name] is None}
        ),
    )


def _reasons(by_name: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}: {why}" for name, why in by_name.items() if why)
