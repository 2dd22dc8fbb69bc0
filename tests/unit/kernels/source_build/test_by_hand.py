# SPDX-License-Identifier: Apache-2.0
"""A dry run of a whole build: one command, whose request is the one that was asked for."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import ConfigSpec, SourceBuild, TreeSpec, unlisted_bases
from orchestrator.kernels.base import KernelRequest
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.source_build import by_hand

_PATCH = b"--- a/mm/slub.c\n+++ b/mm/slub.c\n@@ -1 +1 @@\n-int 'old';\n+int new;\n"


@pytest.mark.parametrize(
    "made_from",
    [
        SourceBuild(TreeSpec("linux-source", suite="sid"), ConfigSpec("small", 16384, (("NUMA", "y"),))),
        SourceBuild(TreeSpec(Path("/a b/linux"), revision="v6.12"), ConfigSpec(Path("/a b/my.config"))),
    ],
)
def test_the_command_builds_what_was_asked_for(made_from: SourceBuild, tmp_path: Path) -> None:
    base = unlisted_bases([made_from])[made_from]
    request = KernelRequest(base, ARCHS["arm64"], None, (Patch("a.patch", _PATCH),))
    plan = by_hand.plan(request, made_from, tmp_path, has_module=False)
    assert all("\n" not in line for line in plan.kernel)
    assert plan.driver is None
    (tmp_path / "01-a.patch").write_bytes(_PATCH)
    again = by_hand.read_request(shlex.split(plan.kernel[-1])[-2])
    assert (again.base, again.arch) == (request.base, request.arch)
    assert [patch.content for patch in again.patches] == [_PATCH]
