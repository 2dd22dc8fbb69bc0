# SPDX-License-Identifier: Apache-2.0
"""A scenario's own files for the guest, by their paths here and there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from orchestrator.guest_files.guest_path import android_path_problem, default_path, path_problem
from orchestrator.scenario.fields import Cross, Prose

_MOST_FILES = 64
_LONGEST_PATH = 4096


def _guest_path(value: str) -> str:
    if (problem := path_problem(value)) is not None:
        raise ValueError(problem)
    return value


def with_places(value: Any) -> Any:
    """A file that is given no place goes into the root of the guest, under its own name."""
    if not isinstance(value, dict):
        return value
    return {
        here: default_path(PurePath(here).name) if there is None and isinstance(here, str) else there
        for here, there in value.items()
    }


HostFile = Annotated[Prose, Field(min_length=1, max_length=_LONGEST_PATH)]
GuestPath = Annotated[str, AfterValidator(_guest_path)]
Files = Annotated[
    dict[HostFile, GuestPath],
    Field(max_length=_MOST_FILES),
    BeforeValidator(with_places, json_schema_input_type=dict[HostFile, GuestPath | None]),
]
"""By path on the host the path in the guest."""


def file_place_problems(files: Mapping[str, str], backend: str) -> Iterator[Cross]:
    """Two files for one place, and places that a device of others does not give away."""
    taken: dict[str, str] = {}
    for here, there in files.items():
        if there in taken:
            yield Cross(("files", here), f"{taken[there]} is {there} in the guest already")
        taken.setdefault(there, here)
        if backend == "cuttlefish" and (problem := android_path_problem(there)) is not None:
            yield Cross(("files", here), problem)
