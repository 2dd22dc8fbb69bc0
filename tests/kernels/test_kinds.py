# SPDX-License-Identifier: Apache-2.0
"""Every kind of kernel that can be built is built, boots, and carries a binder trigger to its end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import run
from tests.guest.built_kernel import built_kernel

pytestmark = pytest.mark.kernels

_BUILD_S = 4 * 3600.0
_SCENARIO = """
name: a-kernel
device: {{arch: {arch}, memory: 512MiB, cpus: 1}}
variants:
  it: {{base: {base}}}
fragmentation: {{target: {{usable_units: {{order: 3, max: 3000}}, free: {{min: 64MiB}}}}, stressors: [pipes]}}
trigger: {{kind: binder-mmap, size: 1MiB, count: 8, hold: true}}
trials: {{blocks: 1, forks: 1, seed: 1}}
expectations:
  it: {{outcome: passed, requests_failed: 0}}
"""


@pytest.mark.parametrize(
    ("arch", "base"),
    [
        ("arm64", "{source: linux-source-6.12, config: gki-like}"),
        ("arm64", "{source: linux-source-6.12, config: small, page_size: 16KiB}"),
        ("arm64", "{source: linux-source-6.12, config: small, page_size: 64KiB}"),
        ("arm64", "{source: linux-source-6.1, config: small}"),
        ("arm64", "{source: linux-source-6.1, config: gki-like}"),
        ("arm64", "{source: linux-source, suite: sid, config: small}"),
        ("x86_64", "{source: linux-source-6.12, config: small}"),
        ("arm64", "{source: linux-source-6.12, config: ./my.config}"),
        ("arm64", "{source: linux-source-6.12, config: debian-6.12}"),
    ],
)
def test_a_kernel_is_built_and_serves_a_trigger(arch: str, base: str, checkout: Path, tmp_path: Path) -> None:
    if "my.config" in base:
        (tmp_path / "my.config").write_bytes(built_kernel().image.file("config").read_bytes())
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(_SCENARIO.format(arch=arch, base=base))
    done = run(
        [sys.executable, "-m", "orchestrator", "run", scenario],
        cwd=tmp_path,
        env={"PYTHONPATH": str(checkout)},
        deadline=Deadline.after(_BUILD_S, base),
        check=False,
    )
    assert done.returncode == ExitCode.MET, (done.stdout + done.stderr).decode()
