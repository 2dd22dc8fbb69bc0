# SPDX-License-Identifier: Apache-2.0
"""What patches, and the programs that work on them, say on the way to a refusal."""

from __future__ import annotations

import pytest

from tests.hostile.test_text import acting
from tests.unit.commands.test_cli import Command

pytestmark = pytest.mark.build

_OWNED = "\x1b]0;PWNED\x07\x1b[31mred\x1b[2J\u202e\u200b"
_MAKEFILE = f"""\
--- a/drivers/android/Makefile
+++ b/drivers/android/Makefile
@@ -5,3 +5,4 @@
 binder_linux-y := binder.o binder_alloc.o
 binder_linux-$(CONFIG_ANDROID_BINDERFS)\t+= binderfs.o
 binder_linux-$(CONFIG_ANDROID_BINDER_IPC_SELFTEST) += binder_alloc_selftest.o
+$(error {_OWNED} error: evil)
"""
_REJECTED = f"""\
--- a/drivers/android/binder_alloc.c
+++ b/drivers/android/binder_alloc.c
@@ -1,3 +1,3 @@
-{_OWNED}
-{_OWNED}
-{_OWNED}
+x
"""


@pytest.mark.parametrize(("patch", "named"), [(_MAKEFILE, "<U+001B>[31mred"), (_REJECTED, "")])
def test_a_refusal_quotes_and_does_not_act(command: Command, patch: str, named: str) -> None:
    (command.directory / "evil\x1b[31m.patch").write_text(patch)
    done = command("run", "binder-order3", "--patch", "evil\x1b[31m.patch", "--out", "run")
    said = (done.stdout + done.stderr).decode()
    assert (done.returncode, acting(said)) == (2, set()), said
    assert named in said
    assert "evil<U+001B>[31m.patch" in said
