# SPDX-License-Identifier: Apache-2.0
"""Runs without a guest: the in-memory backend in QEMU's place, and images that nobody has to build."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bases import Base
from orchestrator.guests.registry import BACKENDS
from orchestrator.host import interrupts
from orchestrator.kernels.images import GuestImages
from orchestrator.kernels.variants import VariantRecipe
from tests.unit.report.factory import artefacts_of
from tests.unit.run.memory_backend import ALL, MemoryBackend, Story

Put = Callable[..., MemoryBackend]


@pytest.fixture(autouse=True)
def _signal_handlers_of_a_program_that_just_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Else an interrupt soon after another test's would pass for the same key, held down."""
    monkeypatch.setattr(interrupts, "_interrupt", interrupts._Interrupt())
    before = {number: signal.getsignal(number) for number in interrupts._SIGNALS}
    interrupts.install_signal_handlers()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """`put(story)` has `backend: qemu` mean a backend whose guests say that."""
    for name in ("kernel", "initramfs"):
        (tmp_path / name).write_bytes(b"")

    def prepare(arch: str, recipes: Sequence[VariantRecipe], **_: Any) -> dict[str, GuestImages]:
        def made(base: Base) -> GuestImages:
            names = [each.name for each in recipes if each.base == base]
            manifest = artefacts_of(base.name, arch, *names)
            return GuestImages(tmp_path / "kernel", tmp_path / "initramfs", "6.1.0", 4096, manifest)

        return {recipe.name: made(recipe.base) for recipe in recipes}

    monkeypatch.setattr("orchestrator.run.environment.prepare_images", prepare)
    monkeypatch.setattr("orchestrator.run.environment.image_needs", lambda *_: ())
    monkeypatch.chdir(tmp_path)

    def backend(story: Story, capabilities: Any = ALL) -> MemoryBackend:
        made = MemoryBackend(story, capabilities)
        monkeypatch.setitem(BACKENDS, "qemu", lambda _device: made)
        return made

    return backend
