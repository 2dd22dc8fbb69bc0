# SPDX-License-Identifier: Apache-2.0
"""Where things are: the user's cache, and the files shipped with the program."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from orchestrator.errors import HostError

_PACKAGE = Path(__file__).resolve().parent


def cache_dir() -> Path:
    """The directory of everything that can be made again; `OOMLAB_CACHE` overrides it.

    Raises HostError for a user without a home directory.
    """
    override = os.environ.get("OOMLAB_CACHE")
    if override:
        return Path(override).absolute()
    try:
        path = platformdirs.user_cache_path("oomlab")
    except RuntimeError:
        path = Path("~")
    if not path.is_absolute():  # a user without HOME and without an account
        raise HostError("there is no home directory to keep a cache in", hint="set OOMLAB_CACHE or HOME")
    return path


def resource_dir(name: str) -> Path:
    """The shipped directory `name` ("images" or "scenarios").

    A checkout has it beside the package, an installed wheel inside it.
    Raises HostError when neither is there.
    """
    for candidate in (_PACKAGE.parent / name, _PACKAGE / name):
        if candidate.is_dir():
            return candidate
    raise HostError(
        f"the shipped directory '{name}' is missing", hint="reinstall oomlab, or run it from a whole checkout"
    )
