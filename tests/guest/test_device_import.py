# SPDX-License-Identifier: Apache-2.0
"""What a device's files say, replayed in a guest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest


def test_a_phones_memory_is_replayed_from_what_its_terminal_printed(oomlab: Oomlab, checkout: Path) -> None:
    dump = checkout / "tests/data/dumps/phone-terminal.txt"
    made = oomlab("device", "import", dump, "--name", "phone", "--scale", "1")
    assert made.returncode == 0, made.stderr
    replay = made.stdout.decode().splitlines()[-1]
    run = oomlab("run", replay, "--set", "audit=false", "--out", "run")
    assert run.returncode == 0, run.stderr
    (judged,) = json.loads((oomlab.directory / "run/verdict.json").read_text())["passes"]
    assert [(name, each["outcomes"]) for name, each in judged["variants"].items()] == [
        ("kcalloc", {"oom": 1}), ("kvcalloc", {"passed": 1}),
    ]  # fmt: skip
    lines = {line["name"]: line for line in judged["picture"]["lines"]}
    for name in ("slab_unreclaimable", "active_anon", "pagetables", "min", "low"):
        assert lines[name]["start"] == pytest.approx(lines[name]["wanted"], rel=0.1)
