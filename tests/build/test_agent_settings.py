# SPDX-License-Identifier: Apache-2.0
"""Settings that the agent wrote are put back as the kernel takes them, compiled for this machine."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.paths import resource_dir
from tests.build.test_limits import COMPILERS

pytestmark = pytest.mark.build

MAIN = """\
#include <stdio.h>
#include "agent/settings.h"

int main(int count, char **words)
{
	for (int i = 1; i < count; i++)
		settings_write(words[i], "written");
	settings_restore(NULL);
	return 0;
}
"""


def test_of_a_list_of_choices_the_one_that_held_is_written_back(tmp_path: Path) -> None:
    root = resource_dir("images") / "guest"
    (tmp_path / "main.c").write_text(MAIN)
    sources = [tmp_path / "main.c", root / "agent/settings.c", root / "agent/file.c"]
    compiler = COMPILERS[platform.machine()]
    deadline = Deadline.after(60, "compiling the settings")
    program = tmp_path / "settings"
    run([compiler, "-I", str(root), "-o", str(program), *map(str, sources)], deadline=deadline,
        env={"TMPDIR": str(tmp_path)})  # fmt: skip
    files = {"choices": "always defer [madvise] never\n", "number": "60\n", "odd": "a ] b ["}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    run([program, *(str(tmp_path / name) for name in files)], deadline=deadline)
    # A file keeps what lay beyond a shorter text; one of /sys does not.
    assert (tmp_path / "choices").read_text().startswith("madvise")
    assert (tmp_path / "number").read_text().startswith("60\n")
    assert (tmp_path / "odd").read_text().startswith("a ] b [")
