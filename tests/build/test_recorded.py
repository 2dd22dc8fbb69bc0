# SPDX-License-Identifier: Apache-2.0
"""A recorded kernel out of the real archive, into a cache that has nothing yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bases import find_base
from orchestrator.errors import HostError
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian import fetch
from orchestrator.kernels.debian.recorded import fetch_recorded, recorded_packages
from orchestrator.paths import cache_dir
from tests.build.conftest import quiet

pytestmark = pytest.mark.build

BASE, ARCH = find_base("debian-6.1", "arm64")


def test_exactly_the_recorded_busybox_is_fetched_and_another_is_named(tmp_path: Path) -> None:
    warm = Cache(cache_dir())
    known = fetch.fetch_base(warm, BASE, ARCH, scope=None, progress=quiet)
    resolved = known.resolved
    recorded = recorded_packages(BASE.name, ARCH.name, resolved.release, [resolved.image, resolved.busybox])
    # Sixty megabytes of kernel are not fetched for this: the cache has its kernel already.
    cache = Cache(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "kernel").symlink_to(warm.root / "store" / "kernel")
    found = fetch_recorded(cache, BASE, ARCH, recorded, scope=None, progress=quiet)
    assert found.busybox.sha256("busybox") == known.busybox.sha256("busybox")
    assert found.busybox.path.is_relative_to(tmp_path)
    assert fetch.recorded_base(cache, BASE, ARCH) is None, "what this host takes by itself stays"

    version = "1:0.60.0-1"
    older = resolved.busybox.model_copy(update={"version": version, "sha256": "0" * 64})
    with pytest.raises(HostError) as caught:
        fetch_recorded(
            cache, BASE, ARCH, recorded.model_copy(update={"busybox": older}), scope=None, progress=quiet
        )
    evidence = "\n".join(caught.value.evidence)
    assert f"{older.name} {version}" in caught.value.message
    assert f"offered are {resolved.busybox.version}" in evidence
