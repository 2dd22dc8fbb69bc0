# SPDX-License-Identifier: Apache-2.0
"""What kernels ask of the allocator, as far as it can be told before anything is fetched or built."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.run.known_elements import known_elements
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario

HEADER = "struct binder_alloc { struct page **pages; };\n"
TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants:
  mine: {base: {source: ./linux, config: small}}
  patched: {base: {source: ./linux, config: small}, patches: [mine.patch]}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
"""
PATCH = "--- a/{0}\n+++ b/{0}\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario's directory with a tree in it; nothing is cached."""
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path / "cache"))
    header = tmp_path / "linux/drivers/android/binder_alloc.h"
    header.parent.mkdir(parents=True)
    header.write_text(HEADER)
    (tmp_path / "mine.patch").write_text(PATCH.format("mm/page_alloc.c"))
    return tmp_path


def scenario(place: Path, text: str = TEXT) -> Scenario:
    return load_text(text, place / "example.yaml").scenario


def test_a_directory_is_looked_into(place: Path) -> None:
    assert known_elements(scenario(place)) == {"mine": 8, "patched": 8}


def test_a_patch_of_the_header_leaves_it_for_the_build(place: Path) -> None:
    (place / "mine.patch").write_text(PATCH.format("drivers/android/binder_alloc.h"))
    assert known_elements(scenario(place)) == {"mine": 8}


def test_what_is_not_there_yet_is_not_known(place: Path) -> None:
    (place / "linux/drivers/android/binder_alloc.h").unlink()
    assert known_elements(scenario(place)) == {}
    text = TEXT.replace("{source: ./linux, config: small}", "debian-6.1")
    text = text.replace("patches: [", "scope: drivers/android, patches: [")
    assert known_elements(scenario(place, text)) == {}


def test_a_trigger_without_page_arrays_needs_none(place: Path) -> None:
    text = TEXT.replace("{kind: binder-mmap, size: 4MiB, count: 600}", "{kind: fork, count: 4}")
    assert known_elements(scenario(place, text)) == {}
