# SPDX-License-Identifier: Apache-2.0
"""Device profiles, for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from orchestrator.report.tables import PlainTable
from orchestrator.scenario.loading.profile import Profile


def print_profiles(profiles: Sequence[Profile], console: Console) -> None:
    """One line a profile."""
    table = PlainTable("profile", "arch", "memory", "zram", "what it is", "assumed")
    for profile in profiles:
        figures = profile.figures
        assumed = [name for name, origin in profile.provenance.items() if origin.kind == "assumption"]
        table.add_row(
            Text(profile.name, no_wrap=True),
            str(figures["arch"]),
            str(figures["memory"]),
            str(figures.get("zram", "none")),
            Text(profile.description),
            f"{len(assumed)} of {len(figures)}",
        )
    console.print(table)


def print_profile(profile: Profile, console: Console) -> None:
    """Every figure of a profile with its source, and what else is known of the device."""
    console.print(Text(f"{profile.name}: {profile.description}"))
    table = PlainTable("figure", "value", "kind", "source")
    for name, value in profile.figures.items():
        origin = profile.provenance[name]
        table.add_row(name, str(value), origin.kind, Text(origin.source))
    console.print(table)
    if profile.facts:
        known = PlainTable("known beside", "value", "kind", "source")
        for name, fact in profile.facts.items():
            known.add_row(name, str(fact.value), fact.kind, Text(fact.source))
        console.print(known)
