# SPDX-License-Identifier: Apache-2.0
"""Device profiles: shipped devices that a scenario names, each figure with where it comes from.

A profile is a file in `scenarios/devices/`. Its figures become the scenario's own; what the scenario
says of the device itself wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from orchestrator.errors import InputError
from orchestrator.paths import resource_dir
from orchestrator.scenario.device import Device
from orchestrator.scenario.fields import Model, Name, Prose
from orchestrator.scenario.loading.document import Document, read_document
from orchestrator.scenario.loading.files import read_scenario_text
from orchestrator.scenario.loading.wording import Complaint, shown
from orchestrator.text.nearest import nearest

Kind = Literal["text", "public", "assumption"]
_BY_KEY = ("sysctls",)
_KEY = "profile"


class Provenance(Model):
    """Where a figure comes from."""

    kind: Kind = Field(
        description="`text`: read in a report or mail of the device, or computed from it; `public`: a public"
        " file or document; `assumption`: neither, our choice"
    )
    source: Annotated[Prose, Field(min_length=1, max_length=1000)] = Field(
        description="which report, file or document; for an assumption, why this figure"
    )


class DeviceFact(Provenance):
    """Something known of the device that no guest of ours has, for people to read."""

    value: int | str = Field(description="the figure, as its source has it")


class Profile(Model):
    """A device, and for each of its figures where it comes from."""

    name: Name = Field(description="the file's name without its suffix")
    description: Annotated[Prose, Field(max_length=4000)] = Field(description="which device this is")
    device: dict[str, Any] = Field(description="the keys of a scenario's `device`")
    provenance: dict[str, Provenance] = Field(
        description="by figure; a sysctl's figure is called `sysctls.NAME`"
    )
    facts: dict[str, DeviceFact] = Field(description="what is known beside, by name")

    @property
    def figures(self) -> dict[str, Any]:
        """Every value of `device` by its dotted name."""
        return dict(_figures(self.device))

    @model_validator(mode="after")
    def _check(self) -> Self:
        Device.model_validate(self.device)
        unfounded = self.figures.keys() ^ self.provenance.keys()
        if unfounded:
            raise ValueError(f"figures without provenance, or provenance without figure: {sorted(unfounded)}")
        return self


def _figures(device: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in device.items():
        if key in _BY_KEY:
            yield from ((f"{key}.{name}", below) for name, below in value.items())
        else:
            yield key, value


@cache
def profile_files() -> dict[str, Path]:
    """The shipped profiles' files by name."""
    return {path.stem: path for path in sorted((resource_dir("scenarios") / "devices").glob("*.yaml"))}


@cache
def load_profile(name: str) -> Profile:
    """The shipped profile of that name. Raises InputError when there is none."""
    file = profile_files().get(name)
    if file is None:
        near = nearest(name, profile_files())
        raise InputError(
            f"no device profile is called {shown(name)}",
            hint=f"{f'did you mean {near}? ' if near else ''}there are: {', '.join(profile_files())}",
        )
    document = read_document(read_scenario_text(file), str(file))
    return Profile.model_validate({"name": name, **document.data})


def name_profile(document: Document) -> None:
    """Write `device: NAME` out as `device: {profile: NAME}`, in place, so that keys can stand beside."""
    name = document.data.get("device")
    if isinstance(name, str):
        document.data["device"] = {_KEY: name}
        if ("device",) in document.values:
            document.values["device", _KEY] = document.values["device",]


def fill_in(document: Document) -> list[Complaint]:
    """Add the profile's figures to the scenario's device, in place, where it has none of its own.

    Returns what is wrong with the profile's name.
    """
    name_profile(document)
    device = document.data.get("device")
    name = device.get(_KEY) if isinstance(device, dict) else None
    if not isinstance(device, dict) or name is None:
        return []
    if not isinstance(name, str) or name not in profile_files():
        what = f"no device profile is called {shown(name)}; there are: {', '.join(profile_files())}"
        return [Complaint(("device", _KEY), what, nearest(name, profile_files()))]
    for key, value in deepcopy(load_profile(name).device).items():
        own = device.get(key)
        if key in _BY_KEY and isinstance(own, dict):
            device[key] = {**value, **own}
        else:
            device.setdefault(key, value)
    return []
