# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.remote.connection import in_any_shell


def test_a_script_reaches_sh_whatever_shell_is_between() -> None:
    script = """printf '%s\\n' "it's!" 'a\\b' "$0"
for each in ü '"'; do echo "$each"; done"""
    command = in_any_shell(script)
    # What csh, fish and sh read alike: one word in single quotes, with nothing in it that ends or changes it.
    assert re.fullmatch(r"""sh -c '[A-Za-z0-9+/=|$()" -]+'""", command)
    plain = run(["sh", "-c", script, "sh"], deadline=Deadline.after(10, "sh"))
    assert run(["sh", "-c", command], deadline=Deadline.after(10, "sh")).stdout == plain.stdout
    assert plain.stdout.decode().splitlines() == ["it's!", "a\\b", "sh", "ü", '"']
