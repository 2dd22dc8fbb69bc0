# SPDX-License-Identifier: Apache-2.0
"""What every test can rely on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

ENDING_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE)

CHECKOUT = Path(__file__).resolve().parent.parent

# The machines that run this are shared and often emulating: how long examples take says nothing.
hypothesis.settings.register_profile(
    "oomlab", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("oomlab")


def let_children_heed_signals() -> None:
    """The programs under test heed every signal, however the tests were started.

    A shell's background job ignores SIGINT, `nohup` SIGHUP, some runners SIGPIPE or SIGQUIT, others block
    them; children inherit that, and a test that sends one would wait for ever. What a handler catches is at
    its default again in a program that is started (execve(2)), and these tests ignore it as they were told.
    """
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) in (signal.SIG_IGN, None):
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)


let_children_heed_signals()

# The page of the job that runs these tests is not that of the runs in them.
os.environ.pop("GITHUB_STEP_SUMMARY", None)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are called by their number: those that several processes collect must have the same names.

    What gzip made has the time in it, for one.
    """
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return CHECKOUT


@pytest.fixture(autouse=True)
def _signals_are_heeded_as_before() -> Iterator[None]:
    """A command that ends by Ctrl-C ignores further signals, and here the process lives on.

    The next test that interrupts a run in the same process would wait for ever.
    """
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
