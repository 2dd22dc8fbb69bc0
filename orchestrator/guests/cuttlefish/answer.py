# SPDX-License-Identifier: Apache-2.0
"""What `cvd` answers, read strictly. Pure.

Its JSON is on stdout, and cvds of old log there before it. Fields that are not named here change with
versions and with a device's state, so they are let pass; those that are must be there and be what they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import HostError

FIRST_ADB_PORT = 6520
"""Of instance 1; instance N has the N-1st after it."""
_SHOWN_CHARS = 2000


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Instance(_Answer):
    """One device of a group."""

    instance_name: str
    status: str
    instance_dir: str = ""
    adb_port: int | None = Field(None, ge=1, le=65535)
    """Only while it is active."""


class GroupAnswer(_Answer):
    """One group, as `create` and `fleet` tell it."""

    group_name: str
    instances: list[Instance] = Field(min_length=1)


class Fleet(_Answer):
    """All groups of a user."""

    groups: list[GroupAnswer]

    def named(self, name: str) -> GroupAnswer | None:
        """The group of that name."""
        return next((group for group in self.groups if group.group_name == name), None)


def read_group(stdout: bytes, name: str) -> GroupAnswer:
    """What `cvd create` tells of the group that it made; HostError for anything else."""
    data = _json(stdout, "cvd create")
    try:
        group = GroupAnswer.model_validate(data)
    except ValidationError as error:
        raise _unexpected("cvd create", stdout, error) from None
    if group.group_name != name or len(group.instances) != 1:
        raise HostError(
            f"cvd was asked for the group {name} of one device, and tells of {group.group_name}",
            evidence=[_shown(stdout)],
        )
    return group


def read_fleet(stdout: bytes) -> Fleet:
    """What `cvd fleet` tells; HostError for anything else."""
    data = _json(stdout, "cvd fleet")
    try:
        return Fleet.model_validate(data)
    except ValidationError as error:
        raise _unexpected("cvd fleet", stdout, error) from None


def adb_port(instance: Instance, number: int) -> int:
    """The port that the device's adbd is reached at. (`adb_serial` names other addresses in each version.)"""
    return instance.adb_port or FIRST_ADB_PORT + number - 1


def logs(instance_dir: Path) -> Path:
    """Where an instance keeps its logs."""
    return instance_dir / "logs"


def _json(stdout: bytes, what: str) -> Any:
    text = stdout.decode(errors="replace")
    start = text.find("{")
    try:
        return json.loads(text[start:]) if start >= 0 else None
    except ValueError as error:
        raise _unexpected(what, stdout, error) from None


def _unexpected(what: str, stdout: bytes, error: Exception) -> HostError:
    why = (
        "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        if isinstance(error, ValidationError)
        else str(error)
    )
    return HostError(f"{what} did not answer as expected: {why}", evidence=[_shown(stdout)])


def _shown(stdout: bytes) -> str:
    return stdout.decode(errors="replace")[:_SHOWN_CHARS]
