# SPDX-License-Identifier: Apache-2.0
"""The agent's parser, compiled for this machine, takes what the models take and refuses one more."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.kernels.build.guest_agent import agent_sources
from orchestrator.paths import resource_dir
from orchestrator.scenario.limits import agent_limits
from tests.limits import LIMITS

pytestmark = pytest.mark.build

COMPILERS = {"x86_64": "x86_64-linux-gnu-gcc", "aarch64": "aarch64-linux-gnu-gcc"}
MAIN = """\
#include <stdio.h>
#include "agent/recipe.h"

/* A recipe a line: its problem, or nothing, a line. */
int main(void)
{
	static char line[1 << 16];
	static struct recipe recipe;

	while (fgets(line, sizeof(line), stdin)) {
		recipe_parse(line, &recipe);
		puts(recipe.problem);
	}
	return 0;
}
"""


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent with another main()."""
    place = tmp_path_factory.mktemp("parser")
    (place / "main.c").write_text(MAIN)
    root = resource_dir("images") / "guest"
    sources = [root / path for path in agent_sources() if path.suffix == ".c" and path.name != "main.c"]
    command = [
        COMPILERS[platform.machine()], "-std=gnu11", "-Wall", "-Wextra", "-Werror",
        "-I", str(root), "-o", str(place / "parser"), str(place / "main.c"), *map(str, sources),
    ]  # fmt: skip
    run(command, deadline=Deadline.after(120, "compiling the parser"), env={"TMPDIR": str(place)})
    return place / "parser"


def problems(parser: Path, *words: str) -> list[str]:
    text = "".join(f"oomlab.protocol=4 oomlab.{word}\n" for word in words)
    done = run([parser], input_bytes=text.encode(), deadline=Deadline.after(20, "the parser"))
    return done.stdout.decode().splitlines()


@pytest.mark.parametrize("name", LIMITS)
def test_the_agent_takes_the_largest_and_refuses_one_more(parser: Path, name: str) -> None:
    most = agent_limits()[name]
    words = LIMITS[name].words
    largest, more = problems(parser, words(most), words(most + 1))
    assert largest == ""
    assert more.startswith("recipe: not understood: ")


def test_the_agent_refuses_one_stressor_more(parser: Path) -> None:
    most = agent_limits()["stressors"]
    largest, more = problems(parser, *("stressors=" + ",".join(["pipes"] * n) for n in (most, most + 1)))
    assert (largest, bool(more)) == ("", True)
