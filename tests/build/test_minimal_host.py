# SPDX-License-Identifier: Apache-2.0
"""The launcher, and the job for CI services, on a minimal Debian 13: no lists, no sudo, no git, nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from tests.build import mini_kernel
from tests.build.minimal_host import MinimalHost, host_directory, make_host, why_not
from tests.git import git_in

pytestmark = pytest.mark.build

JOB = "examples/ci/job"
SMALL = ("scenarios/binder-order3.yaml", "--set", "trials.blocks=1", "--set", "audit=false")
LEFT = {"run", "junit.xml", "summary.md", "report.html"}
LOOK = """
from pathlib import Path
from orchestrator.kernels.debian.apt import open_apt
from orchestrator.bases import find_base
from orchestrator.kernels.debian.origins import BaseSearch
from orchestrator.kernels.debian.resolve import host_libc
base, arch = find_base("debian-6.12", "arm64")
indexes = lambda origin: open_apt(Path("/tmp/indexes"), origin, arch, "amd64")
print(BaseSearch(base, arch, "amd64", host_libc(), indexes).find().suite)
"""


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Iterator[MinimalHost]:
    if reason := why_not():
        pytest.skip(f"A MINIMAL DEBIAN 13 IS NOT TRIED: {reason}")
    with host_directory(tmp_path_factory.mktemp("minimal")) as directory:
        yield make_host(directory / "trixie", "trixie", checkout)


def broken_tree(minimal: MinimalHost) -> str:
    """A commit that cannot be tested."""
    tree = mini_kernel.make_tree(minimal.root / "srv")
    (tree / "mm/slub.c").write_text("int slub(void) { return nothing; }\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "mm: break it")):
        git_in(tree, *words)
    return f"/srv/{tree.name}"


def test_from_nothing_to_a_verdict(minimal: MinimalHost) -> None:
    """One test, for each step rests on the one before, and making the host takes a minute."""
    assert not any(minimal.has(path) for path in ("/usr/bin/sudo", "/usr/bin/git", "/usr/bin/python3"))
    assert not list((minimal.root / "var/lib/apt/lists").glob("*_Packages*"))
    told = minimal("./oomlab", "--yes", "run", "binder-order3", uid=1234)
    assert told.returncode == ExitCode.COULD_NOT_RUN
    assert b"there is no sudo here; as root: apt-get install python3" in told.stderr
    assert minimal("examples/ci/prepare").returncode == 0
    done = minimal(JOB, *SMALL, RESULTS="/srv/left", LOCK="/srv/lock", GITHUB_STEP_SUMMARY="/srv/page")
    said = done.stderr.decode()
    assert done.returncode == ExitCode.MET, said[-5000:]
    assert "installing them with apt-get" in said
    assert "Verdict: expectations met" in done.stdout.decode() + said
    assert "binder-order3" in (minimal.root / "srv/page").read_text()
    assert minimal.has("/srv/lock")
    assert {path.name for path in (minimal.root / "srv/left").iterdir()} == LEFT
    step = minimal(JOB, "--bisect", broken_tree(minimal), "scenarios/binder-builtin.yaml")
    assert step.returncode == 125, step.stderr.decode()
    assert b"does not build" in step.stdout
    tests = minimal("./oomlab", "test", "unit", "--", "-q", "tests/unit/project/test_tree.py")
    assert tests.returncode == ExitCode.MET, tests.stderr.decode()[-5000:] + tests.stdout.decode()[-5000:]
    found = minimal("env", "PYTHONPATH=.", ".venv/bin/python", "-P", "-c", LOOK)
    assert found.stdout.decode().strip() == "trixie", found.stderr.decode()
