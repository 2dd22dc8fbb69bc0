# SPDX-License-Identifier: Apache-2.0
"""A kernel that is built whole, laid out in a directory: the command that a dry run prints for it.

    python -m orchestrator.kernels.by_hand REQUEST DIRECTORY

REQUEST is JSON, as `kernels.source_build.by_hand` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.errors import OomlabError
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.source_build.by_hand import lay_out, read_request
from orchestrator.kernels.sources import source_of
from orchestrator.paths import cache_dir

_ARGUMENTS = 2


def main() -> None:
    """Build, and lay out; what is done goes to stderr."""
    if len(sys.argv) != _ARGUMENTS + 1:
        sys.exit("usage: python -m orchestrator.kernels.by_hand REQUEST DIRECTORY")
    try:
        request = read_request(sys.argv[1])
        lay_out(source_of(request.base).obtain(Cache(cache_dir()), request, _tell), Path(sys.argv[2]))
    except OomlabError as error:
        sys.stderr.write("\n".join([f"error: {error.message}", *error.evidence, error.hint, ""]))
        sys.exit(error.exit_code)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
