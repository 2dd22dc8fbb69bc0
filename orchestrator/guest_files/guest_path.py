# SPDX-License-Identifier: Apache-2.0
"""Where in the guest a file of the user's may lie. Pure."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

LIBRARIES = "/lib"
"""Where libraries that were found for programs are put; the other places that loaders look into lead here."""

_LONGEST_BYTES = 255
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TAKEN = {
    "/init": "the guest's agent is there",
    "/bin/busybox": "the guest's shell is there",
    "/bin/sh": "the guest's shell is there",
    "/modules": "the kernels' modules are there",
    "/proc": "the kernel's own files are there",
    "/sys": "the kernel's own files are there",
    "/dev": "the guest's devices are there",
    "/tmp": "an empty file system is mounted there when the guest starts",
}


def default_path(name: str) -> str:
    """Where a file goes that is given no place: into the root, under its name."""
    return f"/{name}"


def path_problem(path: str) -> str | None:
    """Why nothing can be put at `path` in a guest; None where it can."""
    if any(unicodedata.category(character) in _CONTROL for character in path):
        return "a path in the guest is UTF-8 text without control characters"
    if not path.startswith("/"):
        return "a path in the guest begins with '/'"
    steps = path[1:].split("/")
    if any(step in ("", ".", "..") for step in steps):
        return (
            "a path in the guest is written plainly: a name between two '/', no '.', '..' or '/' at its end"
        )
    if len(path.encode()) > _LONGEST_BYTES:
        return f"a path in the guest has at most {_LONGEST_BYTES} bytes"
    for place, why in _TAKEN.items():
        if path == place or path.startswith(f"{place}/") or place.startswith(f"{path}/"):
            return (
                f"not {path} in the guest: {why}"
                if not place.startswith(f"{path}/")
                else (f"not {path} in the guest: it is a directory there")
            )
    return None


def android_path_problem(path: str) -> str | None:
    """As `path_problem`, for a device with an Android of its own."""
    if PurePosixPath(path).is_relative_to("/data"):
        return None
    return (
        f"not {path} on an Android device, whose root nobody can write to: name a place below /data/local/tmp"
    )
