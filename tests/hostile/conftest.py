# SPDX-License-Identifier: Apache-2.0
"""A command line that must come to an end by itself, and a home that must stay as it is."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from orchestrator.run import clean
from tests.hostile.home import Home
from tests.unit.commands.test_cli import Command

_LONGEST_S = 60


@pytest.fixture(autouse=True)
def _own_places(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    if _takes_its_time(request):
        return
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(clean, "memory_parent", lambda _: None)  # the scratch of the whole machine


@pytest.fixture(autouse=True)
def _comes_to_an_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """What waits for ever fails, instead of the job that runs the tests."""
    if _takes_its_time(request):
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"still at it after {_LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(_LONGEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _takes_its_time(request: pytest.FixtureRequest) -> bool:
    """Tests that build or boot have the user's cache, and deadlines of their own."""
    return any(request.node.get_closest_marker(name) for name in ("build", "guest"))


@pytest.fixture
def command(checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(checkout, tmp_path, capsys)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.made(tmp_path / "home")
