# SPDX-License-Identifier: Apache-2.0
"""Boots are counted by the kernel's banner, in whatever pieces it comes, and by nothing that only looks like
it.
"""

from __future__ import annotations

import pytest

from orchestrator.guests.cuttlefish.device import Boots

BANNER = b"[    0.000000] Linux version 6.12.30 (oomlab@host) (gcc 12) #1 SMP\n"
CONSOLE = b"U-Boot 2024.01\n" + BANNER + b"[    0.000000] Machine model\n[    9.1] reboot\n"


@pytest.mark.parametrize("step", [1, 2, 7, 40, 1000])
def test_each_boot_is_counted_once_in_pieces_of_any_size(step: int) -> None:
    boots, console = Boots(), CONSOLE * 3
    fresh = [boots.feed(console[at : at + step]) for at in range(0, len(console), step)]
    assert boots.count == 3
    if step < len(CONSOLE):
        assert sum(begin is not None for begin in fresh) == 3


def test_where_a_boot_begins_is_told() -> None:
    boots = Boots()
    assert boots.feed(CONSOLE) == CONSOLE.index(b"[    0.000000] Linux")
    assert boots.feed(b"last words\n" + BANNER) == len(b"last words\n")
    assert boots.feed(b"quiet\n") is None


def test_a_banner_that_came_in_two_pieces_begins_before_the_second() -> None:
    boots = Boots()
    assert boots.feed(BANNER[:20]) is None
    assert boots.feed(BANNER[20:]) == 0


@pytest.mark.parametrize(
    "banner",
    [
        b"Linux version 6.1.0\n",
        b"<5>[    0.000000] Linux version 6.1\n",
        b"[    0.000000][    T0] Linux version 6\n",
    ],
)
def test_the_banner_is_known_with_whatever_printk_puts_before_it(banner: bytes) -> None:
    boots = Boots()
    boots.feed(banner)
    assert boots.count == 1


@pytest.mark.parametrize(
    "line",
    [
        b"[    4.2] init: Linux version 6.12 is running\n",
        b"oomlab: output: Linux version 6.12\n",
        b"x" * 300 + b"Linux version 6\n",
    ],
)
def test_what_quotes_the_banner_is_no_boot(line: bytes) -> None:
    whole, pieces = Boots(), Boots()
    whole.feed(line)
    for octet in line:
        pieces.feed(bytes([octet]))
    assert (whole.count, pieces.count) == (0, 0)
