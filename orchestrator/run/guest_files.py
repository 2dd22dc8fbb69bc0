# SPDX-License-Identifier: Apache-2.0
"""The scenario's files for its guests: examined here, whoever makes guests of them."""

from __future__ import annotations

from orchestrator.arch import ARCHS
from orchestrator.bases import GivenImage
from orchestrator.errors import InputError
from orchestrator.guest_files.archive import GuestFiles, read_files
from orchestrator.guest_files.collected import Collected, GuestKind, collect
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.models import Scenario


def file_problems(scenario: Scenario) -> list[Cross]:
    """What cannot be in the guests, each at its key. Reads headers of files, and libraries of this host."""
    return [
        Cross(("files",) if each.key is None else ("files", each.key), each.words)
        for each in _collected(scenario).troubles
    ]


def guest_files(scenario: Scenario) -> GuestFiles:
    """All of them with their checksums. InputError where one cannot be had any more."""
    collected = _collected(scenario)
    if collected.troubles:
        first, *others = collected.troubles
        raise InputError(first.what, hint=first.instead, evidence=[each.what for each in others])
    return read_files(collected)


def _collected(scenario: Scenario) -> Collected:
    if not scenario.files:
        return Collected()
    return collect(
        scenario.files,
        ARCHS[scenario.device.arch],
        memory_bytes=scenario.device.memory,
        guest=_kind_of(scenario),
    )


def _kind_of(scenario: Scenario) -> GuestKind:
    """Whose root the guests have."""
    if scenario.device.backend == "cuttlefish":
        return "android"
    made = (base.made_from for base in scenario.bases.values())
    return "open" if any(isinstance(each, GivenImage) and each.initramfs for each in made) else "own"
