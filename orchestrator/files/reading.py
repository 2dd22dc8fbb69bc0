# SPDX-License-Identifier: Apache-2.0
"""Files that people name, read whole: never more of them than was allowed.

A name may stand for /dev/zero or for a pipe that never ends, whose size nobody knows before.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.units import MIB


def read_bounded(path: Path, limit_bytes: int, *, what: str = "", hint: str = "") -> bytes:
    """The content of a file of at most `limit_bytes`, whatever kind of file it is.

    `what` is what messages call it ("patch"), `hint` what to do with one that is larger. InputError when it
    is larger or cannot be read.
    """
    name = f"the {what} {path}" if what else str(path)
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        raise InputError(f"cannot read {name}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > limit_bytes:
        raise InputError(f"{name} is larger than {limit_bytes // MIB} MiB, or does not end", hint=hint)
    return data
