# SPDX-License-Identifier: Apache-2.0
"""Device profiles: devices that a scenario names, each figure with where it comes from.

A profile is a file beside the scenario or in `scenarios/devices/`. Its figures become the scenario's own;
what the scenario says of the device itself wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from orchestrator.errors import InputError
from orchestrator.scenario.device import Device
from orchestrator.scenario.fields import Cross, Model, Name, Prose, refuse
from orchestrator.scenario.loading.document import Document, Position, read_document
from orchestrator.scenario.loading.files import read_scenario_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.loading.profile_files import find_profile, known_names, places
from orchestrator.scenario.loading.wording import Complaint, complaints, shown
from orchestrator.text.nearest import nearest

Kind = Literal["text", "public", "assumption"]
_BY_KEY = ("sysctls",)
_KEY = "profile"
_NEEDED = {
    "description": "which device this is",
    "device": "the keys of a scenario's 'device'",
    "provenance": "for each figure of 'device' its kind (text, public, assumption) and source",
}
_KEYS = (*_NEEDED, "facts")
_HINT = "docs/scenarios.md, 'Device profiles', has the form; 'oomlab devices mission-phone' shows one"


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
    facts: dict[str, DeviceFact] = Field(default_factory=dict, description="what is known beside, by name")

    @property
    def figures(self) -> dict[str, Any]:
        """Every value of `device` by its dotted name."""
        return dict(_figures(self.device))

    @model_validator(mode="after")
    def _check(self) -> Self:
        Device.model_validate(self.device)
        figures = self.figures
        unfounded = [
            Cross(
                ("device", *name.split(".", 1)),
                f"'{name}' has no provenance: nothing says where it comes from",
            )
            for name in figures
            if name not in self.provenance
        ]
        strangers = [
            Cross(
                ("provenance", name),
                f"provenance of '{name}', which 'device' does not have",
                nearest(name, figures),
            )
            for name in self.provenance
            if name not in figures
        ]
        refuse([*unfounded, *strangers])
        return self


def _figures(device: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in device.items():
        if key in _BY_KEY:
            yield from ((f"{key}.{name}", below) for name, below in value.items())
        else:
            yield key, value


def name_profile(document: Document) -> None:
    """Write `device: NAME` out as `device: {profile: NAME}`, in place, so that keys can stand beside."""
    name = document.data.get("device")
    if isinstance(name, str):
        document.data["device"] = {_KEY: name}
        if ("device",) in document.values:
            document.values["device", _KEY] = document.values["device",]


def fill_in(document: Document, folders: Sequence[Path]) -> list[Complaint]:
    """Add the profile's figures to the scenario's device, in place, where it has none of its own.

    The profile is looked for in `folders`, then among the shipped ones. Returns what is wrong with its name;
    ScenarioInvalid, with places in the profile's file, for what is wrong in it.
    """
    name_profile(document)
    device = document.data.get("device")
    name = device.get(_KEY) if isinstance(device, dict) else None
    if not isinstance(device, dict) or name is None:
        return []
    file = find_profile(name, folders) if isinstance(name, str) else None
    if file is None:
        what = f"no device profile is called {shown(name)}; {places(folders)}"
        return [Complaint(("device", _KEY), what, nearest(name, known_names(folders)))]
    device[_KEY] = file.stem  # `device: mine.yaml` means the same
    for key, value in deepcopy(read_profile(file).device).items():
        own = device.get(key)
        if key in _BY_KEY and isinstance(own, dict):
            device[key] = {**value, **own}
        else:
            device.setdefault(key, value)
    return []


def load_profile(name: str) -> Profile:
    """The shipped profile of that name, or the one in the file that `name` says, or beside it here.

    Raises InputError when there is none, ScenarioInvalid when something is wrong in it.
    """
    folders = [Path()]
    file = find_profile(name, folders)
    if file is None:
        near = nearest(name, known_names(folders))
        raise InputError(
            f"no device profile is called {shown(name)}",
            hint=f"{f'did you mean {near}? ' if near else ''}{places(folders)}",
        )
    return read_profile(file)


def read_profile(file: Path) -> Profile:
    """The profile in a file; ScenarioInvalid with every place in it where something is wrong."""
    document = read_document(read_scenario_text(file), str(file))
    if not isinstance(document.data, dict):
        if not document.problems:
            document.complain(Position(1, 1), f"a profile is a section with keys, not {shown(document.data)}")
        raise ScenarioInvalid(document.problems, hint=_HINT)
    profile, found = _validated(document.data, file.stem)
    for each in found:
        seek = document.key_place if each.at_key else document.value_place
        document.complain(seek(each.path) or Position(1, 1), each.what, each.nearest)
    if document.problems or profile is None:
        raise ScenarioInvalid(document.problems, hint=_HINT)
    return profile


def _validated(data: dict[str, Any], name: str) -> tuple[Profile | None, list[Complaint]]:
    """The profile, and what is wrong with it: keys first, for what they mean depends on them."""
    unknown = [
        Complaint((key,), f"unknown key '{key}' in a profile; the keys are {', '.join(_KEYS)}", near, True)
        for key in data
        if key not in _KEYS
        for near in [nearest(key, _KEYS)]
    ]
    missing = [
        Complaint((), f"the key '{key}' is missing: {why}") for key, why in _NEEDED.items() if key not in data
    ]
    found = [*unknown, *missing, *_device_complaints(data)]
    if found:
        return None, found
    whole = {"name": name, **data}
    try:
        return Profile.model_validate(whole), []
    except ValidationError as error:
        return None, complaints(error, whole)


def _device_complaints(data: dict[str, Any]) -> list[Complaint]:
    device = data.get("device")
    if not isinstance(device, dict):
        return [Complaint(("device",), f"must be a section with keys, not {shown(device)}")][
            : "device" in data
        ]
    if _KEY in device:
        return [
            Complaint(
                ("device", _KEY), "a profile has figures of its own, and builds on no other", at_key=True
            )
        ]
    try:
        Device.model_validate(device)
    except ValidationError as error:
        below = complaints(error, device)
        return [
            replace(
                each,
                path=("device", *each.path),
                what=re.sub(r"unknown key '(.*?)'.*", r"unknown key '\1' in device", each.what),
                nearest=nearest(str(each.path[-1]), Device.model_fields)
                if "unknown key" in each.what and len(each.path) == 1
                else each.nearest,
            )
            for each in below
        ]
    return []
